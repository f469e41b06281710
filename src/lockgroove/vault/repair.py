"""Damaged bytes mended from another storage that still has them good.

The good bytes are fetched and verified first; the damaged ones stay in quarantine until what was put in
their place has been read again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lockgroove.errors import StorageFailed
from lockgroove.findings import Finding
from lockgroove.journal import Journal
from lockgroove.report import Report
from lockgroove.storage import BATCH_PREFIX, STAGING, LocalStorage, PendingBatch, Storage
from lockgroove.vault.audit import Expected, Stretch, check, digest_of

QUARANTINE = "quarantine"


@dataclass
class Repaired:
    """What was mended, and what no storage could mend."""

    mended: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def repair(
    damaged: LocalStorage,
    label: str,
    broken: Sequence[Expected],
    others: Sequence[Storage],
    journal: Journal,
    report: Report,
) -> Repaired:
    """Mend each broken file of `damaged` from what the others, and it itself, still have good."""
    done = Repaired()
    mended: list[Expected] = []
    prefix = f"{label}:" if label else ""
    for number, expected in enumerate(broken, 1):
        donors = _donors(expected, [damaged, *others])
        if donors is None and expected.literal is None:
            finding = Finding("unrepairable", prefix + expected.path)
            done.findings.append(finding)
            report.finding(finding)
            continue
        _mend(damaged, expected, donors, f"{journal.writer}-{number}")
        mended.append(expected)
        done.mended.append(prefix + expected.path)
        report.item({"mended": prefix + expected.path, "from": _names(donors, damaged)})
    if done.mended:
        outcome = {"outcome": "success", "unmended": [finding.where for finding in done.findings]}
        journal.append("repaired", {"place": label or "here", "paths": done.mended}, outcome)
        _empty_quarantine(damaged, mended)
    return done


def _donors(expected: Expected, storages: Sequence[Storage]) -> list[Storage] | None:
    """For each stretch the first storage that has it good; None when one is good nowhere."""
    donors = []
    for stretch in expected.stretches:
        good = next((s for s in storages if _good(s, expected.path, stretch)), None)
        if good is None:
            return None
        donors.append(good)
    return donors


def _good(storage: Storage, path: str, stretch: Stretch) -> bool:
    try:
        return storage.size(path) is not None and digest_of(storage, path, stretch) == stretch.digest
    except OSError:
        return False


def _names(donors: Sequence[Storage] | None, damaged: Storage) -> str:
    names = {donor.name for donor in donors or () if donor is not damaged}
    return ", ".join(sorted(names)) or ("itself" if donors else "its meaning")


def _mend(damaged: LocalStorage, expected: Expected, donors: Sequence[Storage] | None, serial: str) -> None:
    batch = f"{BATCH_PREFIX}repair-{serial}"
    damaged.stage(batch, expected.path, _good_bytes(expected, donors))
    _require(damaged, replace(expected, path=f"{STAGING}/{batch}/{expected.path}"))
    event = {"mends": expected.path}
    damaged.decide(batch, [expected.path], event)
    carry_repair(damaged, PendingBatch(batch, [expected.path], event))
    _require(damaged, expected)


def carry_repair(storage: LocalStorage, batch: PendingBatch) -> bool:
    """Carry a repair to its end, wherever it was cut; False when the batch is no repair."""
    path = batch.event.get("mends")
    if path is None:
        return False
    if os.path.lexists(storage.staged(batch.name, path)):
        storage.set_aside(path, _aside(storage, path))
    storage.publish(batch.name, [path])
    storage.finish(batch.name)
    return True


def _require(storage: Storage, expected: Expected) -> None:
    problem = check(storage, expected)
    if problem is not None:
        raise StorageFailed(f"What was just written reads wrong: {problem}", expected.path, "Check the disk.")


def _good_bytes(expected: Expected, donors: Sequence[Storage] | None) -> Iterator[bytes]:
    if donors is None:
        assert expected.literal is not None
        yield expected.literal
        return
    for stretch, donor in zip(expected.stretches, donors, strict=True):
        yield from donor.read(expected.path, stretch.offset, stretch.length)


def _aside_stem(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:16]


def _aside(storage: Storage, path: str) -> str:
    taken = {name.rstrip("/") for name in storage.names(QUARANTINE)}
    number = 1
    while f"{_aside_stem(path)}-{number}" in taken:
        number += 1
    return f"{QUARANTINE}/{_aside_stem(path)}-{number}"


def _empty_quarantine(storage: LocalStorage, mended: Sequence[Expected]) -> None:
    """Every mended file was read again and the journal says so: the damaged bytes may go."""
    stems = {_aside_stem(expected.path) for expected in mended}
    for aside in storage.names(QUARANTINE):
        if aside.partition("-")[0] in stems:
            storage.remove(f"{QUARANTINE}/{aside.rstrip('/')}")


def empty_quarantine(storage: LocalStorage) -> None:
    """All of it, once an audit has found nothing damaged: what an interrupted repair had left."""
    for aside in storage.names(QUARANTINE):
        storage.remove(f"{QUARANTINE}/{aside.rstrip('/')}")
