"""Places: other homes of the truth, kept equal by reading the journal on from where each place stopped.

Invariant: a place's journal names only what is durable at the place; so it tells by itself how far it is.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockgroove.errors import DamageFound, UsageError
from lockgroove.journal import FIRST_PREV, Event, Journal, Position, line_digest, parse_line
from lockgroove.report import Report
from lockgroove.storage import BATCH_PREFIX, LocalStorage, Storage, require_available
from lockgroove.vault import ocfl
from lockgroove.vault.audit import walk

DECLARATION = "0=lockgroove_place_1"
_EVENTS_AT_ONCE = 50


@dataclass
class CaughtUp:
    """What was brought over."""

    events: int = 0
    objects: int = 0
    bytes: int = 0


def found(storage: LocalStorage, archive_id: str) -> None:
    """Make a folder a place of this archive. Raises UsageError when it belongs to another."""
    declared = storage.size(DECLARATION)
    if declared is not None:
        owner = b"".join(storage.read(DECLARATION)).decode("utf-8", "replace").strip()
        if owner != archive_id:
            raise UsageError(f"The folder is a place of another archive, {owner}", storage.root)
        return
    if storage.names(""):
        raise UsageError("The folder is not empty", storage.root, "Name an empty or a new folder.")
    for path, data in ocfl.root_files().items():
        storage.append(f"{ocfl.ROOT}/{path}", 0, [data])
    storage.append(DECLARATION, 0, [f"{archive_id}\n".encode()])


def positions(storage: Storage) -> dict[str, Position]:
    """How far each writer's journal reaches at a place."""
    last: dict[str, str] = {}
    for name in storage.names("journal"):
        if name.endswith(".jsonl"):
            last[name.rpartition("-")[0]] = name
    return {writer: _end(storage, name) for writer, name in last.items()}


def _end(storage: Storage, name: str) -> Position:
    path = f"journal/{name}"
    size = storage.size(path) or 0
    window = 1 << 18
    while True:
        start = max(0, size - window)
        data = b"".join(storage.read(path, start))
        whole = data.rfind(b"\n") + 1
        before = data.rfind(b"\n", 0, max(0, whole - 1)) + 1
        if whole and (before or start == 0):
            line = data[before:whole]
            return Position(name, start + whole, parse_line(line, path).n, line_digest(line))
        if start == 0:
            return Position(name, 0, 0, FIRST_PREV)
        window *= 4


def catch_up(source: LocalStorage, journal: Journal, target: LocalStorage, report: Report) -> CaughtUp:
    """Bring `target` up to the journal of `source`. Durable on return; harmless to repeat."""
    require_available(target)
    for batch in target.pending():
        target.publish(batch.name, batch.paths)
        target.finish(batch.name)
    done = CaughtUp()
    group: list[tuple[Event, Position]] = []
    for pair in journal.events(_agreed(source, target)):
        group.append(pair)
        if len(group) >= _EVENTS_AT_ONCE:
            _bring(source, target, group, done, report)
            group = []
    _bring(source, target, group, done, report)
    return done


def _agreed(source: LocalStorage, target: LocalStorage) -> dict[str, Position]:
    """The place's positions, each found again in our journal. Raises DamageFound when they part."""
    agreed = positions(target)
    for position in agreed.values():
        if position.n == 0:
            continue
        path = f"journal/{position.segment}"
        ours, theirs = source.size(path) or 0, target.size(path) or 0
        same = ours >= position.offset and _tail(source, path, position) == _tail(target, path, position)
        if not same or theirs < position.offset:
            raise DamageFound(
                "The place's journal is not a part of ours", f"{target.name}: {path}",
                "One of the two was changed or rolled back. Run: lockgroove audit",
            )  # fmt: skip
    return agreed


def _tail(storage: Storage, path: str, position: Position) -> bytes:
    start = max(0, position.offset - 4096)
    return b"".join(storage.read(path, start, position.offset - start))


def _bring(
    source: LocalStorage,
    target: LocalStorage,
    group: list[tuple[Event, Position]],
    done: CaughtUp,
    report: Report,
) -> None:
    if not group:
        return
    for event, _ in group:
        if event.type == "kept":
            _bring_objects(source, target, event, done)
        elif event.type in ("claims-added", "listens-added"):
            _bring_claims(source, target, event.subjects)
        report.progress(f"copy to {target.name}", done.bytes, None, "bytes")
    for segment, pairs in itertools.groupby(group, key=lambda pair: pair[1].segment):
        lines = [(event.line(), position) for event, position in pairs]
        start = lines[0][1].offset - len(lines[0][0])
        target.append(f"journal/{segment}", start, [line for line, _ in lines])
    done.events += len(group)


def _bring_objects(source: LocalStorage, target: LocalStorage, event: Event, done: CaughtUp) -> None:
    batch = f"{BATCH_PREFIX}{event.writer}-{event.n}"
    paths = []
    for subject in event.subjects["objects"]:
        base = f"{ocfl.ROOT}/{subject['path']}"
        if target.size(f"{base}/{ocfl.OBJECT_DECLARATION}") is not None:
            continue
        _copy_object(source, target, batch, base, subject)
        paths.append(base)
        done.objects += 1
        done.bytes += subject["bytes"]
    if paths:
        target.decide(batch, paths, {})
        target.publish(batch, paths)
        target.finish(batch)


def _copy_object(
    source: LocalStorage, target: LocalStorage, batch: str, base: str, subject: Mapping[str, Any]
) -> None:
    """Copy while checking: a place must never get bytes that rotted here."""
    inventory = b"".join(source.read(f"{base}/{ocfl.INVENTORY}"))
    if hashlib.sha512(inventory).hexdigest() != subject["inventory_sha512"]:
        raise _rotten(f"{base}/{ocfl.INVENTORY}")
    content = ocfl.content_of(inventory)
    for path in walk(source, base):
        digest = hashlib.sha512()
        target.stage(batch, path, _passing(source, path, digest))
        expected = content.get(path.removeprefix(f"{base}/"))
        if expected is not None and digest.hexdigest() != expected:
            raise _rotten(path)


def _passing(source: Storage, path: str, digest: Any) -> Iterator[bytes]:
    for chunk in source.read(path):
        digest.update(chunk)
        yield chunk


def _bring_claims(source: LocalStorage, target: LocalStorage, subject: Mapping[str, Any]) -> None:
    path = f"claims/{subject['pack']}"
    data = b"".join(source.read(path, subject["offset"], subject["length"]))
    if hashlib.sha256(data).hexdigest() != subject["sha256"]:
        raise _rotten(path)
    target.append(path, subject["offset"], [data])


def _rotten(where: str) -> DamageFound:
    return DamageFound(
        "Damaged here, and so not copied", where, "Run: lockgroove audit, then lockgroove repair."
    )


def restore(place: LocalStorage, target: LocalStorage, report: Report) -> CaughtUp:
    """Fill an empty archive folder with everything that a place holds."""
    require_available(place)
    if place.size(DECLARATION) is None:
        raise UsageError("The folder is not a place of an archive", place.root)
    for path, data in ocfl.root_files().items():
        target.append(f"{ocfl.ROOT}/{path}", 0, [data])
    journal = Journal(place.path("journal"), "")
    return catch_up(place, journal, target, report)
