"""Every byte read again, here or at a place, against digests that lie elsewhere. Damage is a finding.

In: what is expected (from the index and the journal) and a storage. Out: findings, each naming one file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from lockgroove.findings import Finding
from lockgroove.report import Report
from lockgroove.storage import Storage
from lockgroove.vault import ocfl
from lockgroove.vault.index import HeldIndex, HeldObject

_READERS = 2
_WAITING_MAX = 256


@dataclass(frozen=True)
class Stretch:
    """Bytes of a file and the digest they must have."""

    offset: int
    length: int
    algorithm: str
    digest: str


@dataclass(frozen=True)
class Expected:
    """One file as it must be: its stretches, whether it ends there, and what can write it anew."""

    path: str
    code: str
    stretches: Sequence[Stretch]
    object_id: str = ""
    ends: bool = True
    literal: bytes | None = None

    @property
    def size_bytes(self) -> int:
        """Where the last stretch ends."""
        return self.stretches[-1].offset + self.stretches[-1].length if self.stretches else 0


@dataclass(frozen=True)
class AuditResult:
    """What an audit of one storage read and found."""

    place: str
    files: int
    bytes: int
    findings: Sequence[tuple[Expected | None, Finding]]

    def outcome(self) -> dict[str, Any]:
        """For the journal: counts, and the objects with damage."""
        damaged = sorted(
            {e.object_id for e, f in self.findings if e and e.object_id and f.severity == "damage"}
        )
        return {
            "files": self.files,
            "bytes": self.bytes,
            "findings": [f.as_json() for _, f in self.findings[:1000]],
            "findings_count": len(self.findings),
            "damaged_objects": damaged,
        }


def expected_claims(index: HeldIndex) -> Iterator[Expected]:
    """The packs of claims: acknowledged stretches; what follows the last one is nobody's."""
    stretches: dict[str, list[Stretch]] = {}
    for path, offset, length, digest, *_ in index.claim_parts():
        stretches.setdefault(path, []).append(Stretch(offset, length, "sha256", digest))
    for path, parts in stretches.items():
        yield Expected(path, "claims-damaged", parts, ends=False)


def expected_of_object(index: HeldIndex, held: HeldObject) -> Iterator[Expected]:
    """An object's files: inventory by the journal, content by the index, the rest by their meaning."""
    base = f"{ocfl.ROOT}/{held.path}"
    size, digest = held.inventory_bytes, held.inventory_sha512
    for path in (ocfl.INVENTORY, f"v1/{ocfl.INVENTORY}"):
        whole = (Stretch(0, size, "sha512", digest),)
        yield Expected(f"{base}/{path}", "inventory-damaged", whole, held.id)
    sidecar = f"{digest}  {ocfl.INVENTORY}\n".encode()
    for path in (ocfl.SIDECAR, f"v1/{ocfl.SIDECAR}"):
        yield _literal(f"{base}/{path}", "inventory-damaged", sidecar, held.id)
    yield _literal(f"{base}/{ocfl.OBJECT_DECLARATION}", "file-damaged", b"ocfl_object_1.1\n", held.id)
    for file in index.files_of(held.id):
        whole = (Stretch(0, file.size_bytes, "blake3", file.blake3),)
        yield Expected(f"{base}/{ocfl.CONTENT}/{file.path}", "file-damaged", whole, held.id)


def _literal(path: str, code: str, data: bytes, object_id: str = "") -> Expected:
    whole = (Stretch(0, len(data), "sha256", hashlib.sha256(data).hexdigest()),)
    return Expected(path, code, whole, object_id, literal=data)


def audit(storage: Storage, index: HeldIndex, report: Report, label: str = "") -> AuditResult:
    """Read every byte of vault and claims in `storage`; name each file that is not as it must be."""
    findings: list[tuple[Expected | None, Finding]] = []
    counts = [0, 0]

    def tell(expected: Expected, problem: Finding | None) -> None:
        counts[0] += 1
        counts[1] += expected.size_bytes
        if problem is not None:
            findings.append((expected, problem))
            report.finding(problem)
        report.progress("audit", counts[1], total, "bytes")

    total = index.totals()[2]
    prefix = f"{label}:" if label else ""
    _checked(storage, _expected(storage, index), prefix, tell)
    for where in foreign(storage, index):
        finding = Finding("file-foreign", prefix + where)
        findings.append((None, finding))
        report.finding(finding)
    return AuditResult(label or "here", counts[0], counts[1], findings)


def _expected(storage: Storage, index: HeldIndex) -> Iterator[Expected]:
    """What is expected, and each `deposit.json` by the digest in its object's inventory."""
    for path, data in ocfl.root_files().items():
        yield _literal(f"{ocfl.ROOT}/{path}", "root-damaged", data)
    for held in index.objects():
        yield from expected_of_object(index, held)
        deposit = expected_deposit(storage, held)
        if deposit is not None:
            yield deposit
    yield from expected_claims(index)


def expected_deposit(storage: Storage, held: HeldObject) -> Expected | None:
    """The object's `deposit.json` as a good copy of its inventory has it; None when no copy is good."""
    base = f"{ocfl.ROOT}/{held.path}"
    for path in (ocfl.INVENTORY, f"v1/{ocfl.INVENTORY}"):
        try:
            data = b"".join(storage.read(f"{base}/{path}"))
        except OSError:
            continue
        if hashlib.sha512(data).hexdigest() != held.inventory_sha512:
            continue
        name = f"{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}"
        digest = ocfl.content_of(data)[name]
        sizes = json.loads(data)["fixity"]["size"]
        size = next(int(size) for size, paths in sizes.items() if name in paths)
        whole = (Stretch(0, size, "sha512", digest),)
        return Expected(f"{base}/{name}", "file-damaged", whole, held.id)
    return None


def _checked(
    storage: Storage,
    items: Iterable[Expected],
    prefix: str,
    tell: Callable[[Expected, Finding | None], None],
) -> None:
    """Check with a few threads, in order, holding few results in memory."""
    waiting: list[tuple[Expected, Future[Finding | None]]] = []
    with ThreadPoolExecutor(_READERS) as pool:
        for item in items:
            waiting.append((item, pool.submit(check, storage, item, prefix)))
            if len(waiting) >= _WAITING_MAX:
                first, result = waiting.pop(0)
                tell(first, result.result())
        for item, result in waiting:
            tell(item, result.result())


def check(storage: Storage, expected: Expected, prefix: str = "") -> Finding | None:
    """The finding for one file, None when every byte is as it must be."""
    where = prefix + expected.path
    try:
        size = storage.size(expected.path)
        if size is None:
            return Finding("file-missing", where)
        if size < expected.size_bytes or (expected.ends and size != expected.size_bytes):
            return Finding(expected.code, where, f"{size} bytes, not {expected.size_bytes}")
        for stretch in expected.stretches:
            if digest_of(storage, expected.path, stretch) != stretch.digest:
                at = f" at {stretch.offset}" if stretch.offset else ""
                return Finding(expected.code, where, f"its {stretch.algorithm}{at} differs")
    except OSError as error:
        return Finding("file-unreadable", where, error.strerror or str(error))
    return None


def digest_of(storage: Storage, path: str, stretch: Stretch) -> str:
    """The digest that the stretch has now."""
    digest = blake3() if stretch.algorithm == "blake3" else hashlib.new(stretch.algorithm)
    for chunk in storage.read(path, stretch.offset, stretch.length):
        digest.update(chunk)
    return str(digest.hexdigest())


def foreign(storage: Storage, index: HeldIndex) -> Iterator[str]:
    """Paths in the vault that nobody acknowledged and no cut batch explains."""
    root_names = {path.split("/")[0] for path in ocfl.root_files()}
    for first in storage.names(ocfl.ROOT):
        if first.rstrip("/") in root_names:
            continue
        for second in storage.names(f"{ocfl.ROOT}/{first[:-1]}") if first.endswith("/") else [""]:
            if not second.endswith("/"):
                yield f"{ocfl.ROOT}/{first}{second}"
                continue
            yield from _foreign_below(storage, index, f"{ocfl.ROOT}/{first}{second[:-1]}")


def _foreign_below(storage: Storage, index: HeldIndex, tuple_folder: str) -> Iterator[str]:
    for name in storage.names(tuple_folder):
        path = f"{tuple_folder}/{name.rstrip('/')}"
        held = index.object(name.rstrip("/").replace("%3a", ":"))
        if held is None:
            yield path
            continue
        known = {f"{path}/{ocfl.CONTENT}/{f.path}" for f in index.files_of(held.id)}
        known |= {f"{path}/{p}" for p in ocfl.object_wrapping(b"")}
        known.add(f"{path}/{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}")
        yield from (found for found in walk(storage, path) if found not in known)


def walk(storage: Storage, folder: str) -> Iterator[str]:
    """Every file below a folder."""
    for name in storage.names(folder):
        if name.endswith("/"):
            yield from walk(storage, f"{folder}/{name[:-1]}")
        else:
            yield f"{folder}/{name}"
