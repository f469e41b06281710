"""Places: other homes of the truth, kept equal by reading the journal on from where each place stopped.

Invariant: a place's journal names only what is durable at the place; so it tells by itself how far it is.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgroove.errors import DamageFound, UsageError
from lockgroove.findings import Finding
from lockgroove.journal import FIRST_PREV, Event, Journal, Position, line_digest, parse_line
from lockgroove.report import Report
from lockgroove.storage import BATCH_PREFIX, LocalStorage, Storage, require_available
from lockgroove.vault import ocfl
from lockgroove.vault.audit import Lacking, reading, walk
from lockgroove.vault.repair import carry_repair

DECLARATION = "0=lockgroove_place_1"
_EVENTS_AT_ONCE = 50
_BRINGING = frozenset({"kept", "claims-added", "listens-added"})  # events that bytes belong to


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
    found: dict[str, Position] = {}
    for name in storage.names("journal"):
        if name.endswith(".jsonl"):
            end, writer = _end(storage, name), name.rpartition("-")[0]
            if end.n or writer not in found:  # a copy cut at its very beginning leaves an empty file
                found[writer] = end
    return found


def _end(storage: Storage, name: str, limit: int | None = None) -> Position:
    """Behind the last whole line of a segment, or of its first `limit` bytes."""
    path = f"journal/{name}"
    size = storage.size(path) or 0
    size = size if limit is None else min(size, limit)
    window = 1 << 18
    while True:
        start = max(0, size - window)
        data = b"".join(storage.read(path, start, size - start)) if size else b""
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
    settle(target)
    return _follow(journal.events(agreed(source, target)), _Bringing(source, target, report, _refuse))


def settle(place: LocalStorage) -> None:
    """Carry what was cut at a place to its end."""
    for batch in place.pending():
        if not carry_repair(place, batch):
            place.publish(batch.name, batch.paths)
            place.finish(batch.name)


def agreed(source: LocalStorage, target: LocalStorage) -> dict[str, Position]:
    """The place's positions, each found again in our journal. Raises DamageFound when they part."""
    reached = positions(target)
    for position in reached.values():
        if position.n and _end(source, position.segment, position.offset) != position:
            raise DamageFound(
                "The place's journal is not a part of ours", f"{target.name}: journal/{position.segment}",
                "One of the two was changed or rolled back. Run: lockgroove audit",
            )  # fmt: skip
    return reached


def lacking(source: LocalStorage, journal: Journal, target: LocalStorage) -> Lacking:
    """What a place need not hold yet. Raises DamageFound when its journal is not a part of ours."""
    events, since = 0, None
    objects: set[str] = set()
    parts: set[tuple[str, int]] = set()
    for event, _ in journal.events(agreed(source, target)):
        events += event.type in _BRINGING or event.type == "rights-decided"
        if event.type == "kept":
            since = since or event.at
            objects.update(subject["id"] for subject in event.subjects["objects"])
        elif event.type in _BRINGING:
            parts.add((f"claims/{event.subjects['pack']}", event.subjects["offset"]))
    return Lacking(events, frozenset(objects), frozenset(parts), since)


@dataclass
class _Bringing:
    """One catching up: from where to where, and what to do about bytes that rotted (told by path)."""

    source: LocalStorage
    target: LocalStorage
    report: Report
    rotten: Callable[[str], None]
    done: CaughtUp = field(default_factory=CaughtUp)


def _follow(events: Iterable[tuple[Event, Position]], bringing: _Bringing) -> CaughtUp:
    group: list[tuple[Event, Position]] = []
    for pair in events:
        group.append(pair)
        if len(group) >= _EVENTS_AT_ONCE:
            _bring(bringing, group)
            group = []
    _bring(bringing, group)
    return bringing.done


def _bring(bringing: _Bringing, group: list[tuple[Event, Position]]) -> None:
    target, done = bringing.target, bringing.done
    for event, _ in group:
        if event.type == "kept":
            _bring_objects(bringing, event)
        elif event.type in _BRINGING:
            _bring_claims(bringing, event.subjects)
        bringing.report.progress(f"copy to {target.name}", done.bytes, None, "bytes")
    for segment, pairs in itertools.groupby(group, key=lambda pair: pair[1].segment):
        lines = [(event.line(), position) for event, position in pairs]
        start = lines[0][1].offset - len(lines[0][0])
        target.append(f"journal/{segment}", start, [line for line, _ in lines])
    done.events += len(group)


def _bring_objects(bringing: _Bringing, event: Event) -> None:
    target = bringing.target
    batch = f"{BATCH_PREFIX}{event.writer}-{event.n}"
    paths = []
    for subject in event.subjects["objects"]:
        base = f"{ocfl.ROOT}/{subject['path']}"
        if target.size(f"{base}/{ocfl.OBJECT_DECLARATION}") is not None:
            continue
        if _copy_object(bringing, batch, base, subject):
            paths.append(base)
            bringing.done.objects += 1
            bringing.done.bytes += subject["bytes"]
    if paths:
        target.decide(batch, paths, {})
        target.publish(batch, paths)
        target.finish(batch)


def _copy_object(bringing: _Bringing, batch: str, base: str, subject: Mapping[str, Any]) -> int:
    """Copy what the inventory names, while checking: a place must never get bytes that rotted here.

    Returns the number of files.
    """
    inventory = ocfl.good_inventory(reading(bringing.source), base, subject["inventory_sha512"])
    if inventory is None:
        bringing.rotten(f"{base}/{ocfl.INVENTORY}")
        return sum(_copy_file(bringing, batch, path, None) for path in walk(bringing.source, base))
    for path, data in ocfl.object_wrapping(inventory).items():
        bringing.target.stage(batch, f"{base}/{path}", [data])
    content = ocfl.content_of(inventory)
    for path, expected in content.items():
        _copy_file(bringing, batch, f"{base}/{path}", expected)
    return len(content)


def _copy_file(bringing: _Bringing, batch: str, path: str, expected: str | None) -> bool:
    digest = hashlib.sha512()
    if bringing.source.size(path) is None:
        bringing.rotten(path)
        return False
    try:
        bringing.target.stage(batch, path, _passing(bringing.source, path, digest))
    except OSError:  # of the source: the target's are ours
        bringing.rotten(path)
        return True
    if expected is not None and digest.hexdigest() != expected:
        bringing.rotten(path)
    return True


def _passing(source: Storage, path: str, digest: Any) -> Iterator[bytes]:
    for chunk in source.read(path):
        digest.update(chunk)
        yield chunk


def _bring_claims(bringing: _Bringing, subject: Mapping[str, Any]) -> None:
    path = f"claims/{subject['pack']}"
    try:
        data = b"".join(bringing.source.read(path, subject["offset"], subject["length"]))
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != subject["sha256"]:
        bringing.rotten(path)
    bringing.target.append(path, subject["offset"], [data])


def _refuse(where: str) -> None:
    raise DamageFound(
        "Damaged here, and so not copied", where, "Run: lockgroove audit, then lockgroove repair."
    )


def restore(place: LocalStorage, target: LocalStorage, report: Report) -> CaughtUp:
    """Fill an empty archive folder with everything that a place holds.

    What rotted at the place comes along as it is, each a finding: it may be the last copy, and another
    place may mend it.
    """
    require_available(place)
    if place.size(DECLARATION) is None:
        raise UsageError("The folder is not a place of an archive", place.root)
    for path, data in ocfl.root_files().items():
        target.append(f"{ocfl.ROOT}/{path}", 0, [data])

    def told(where: str) -> None:
        report.finding(Finding("file-damaged", f"{place.name}:{where}"))

    def events() -> Iterator[tuple[Event, Position]]:
        try:
            yield from Journal(place.path("journal"), "").events(positions(target))
        except DamageFound as damage:
            report.finding(Finding("journal-damaged", f"{place.name}:{damage.where}", damage.what))

    return _follow(events(), _Bringing(place, target, report, told))
