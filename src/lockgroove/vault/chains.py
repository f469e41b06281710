"""Copies of the journal: compared line by line, and a damaged one mended from a whole one.

Invariant: nothing that reads as an event is lost; copies that tell different histories are left as they are.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence

from lockgroove import durable
from lockgroove.errors import DamageFound, FormatUnknown
from lockgroove.findings import Finding
from lockgroove.journal import FIRST_PREV, Journal, Position, line_digest, parse_line
from lockgroove.storage import LocalStorage, Storage
from lockgroove.vault.places import agreed

_FLIPPED_BYTES_MAX = 2  # a line that differs by more, and reads as an event, is another event


def check_copy(place: LocalStorage, source: LocalStorage | None) -> list[Finding]:
    """Damage to a place's journal: within itself, or against a sound one of ours where it ends."""
    findings = Journal(place.path("journal"), "").check()
    if source is not None and not any(f.severity == "damage" for f in findings):
        try:
            agreed(source, place)
        except (DamageFound, FormatUnknown) as damage:
            where = damage.where.removeprefix(f"{place.name}: ")
            findings.append(Finding("journal-damaged", where, damage.what))
        else:
            findings += _foreign_ends(place, source)
    return findings


def _foreign_ends(place: LocalStorage, source: LocalStorage) -> list[Finding]:
    """Segments whose last line has no end, and is not how ours begins: it was changed, and not cut."""
    findings = []
    for name in place.names("journal"):
        theirs = _read(place, name)
        torn = theirs[len(_whole(theirs)) :]
        if torn and not _read(source, name)[len(_whole(theirs)) :].startswith(torn):
            findings.append(Finding("journal-damaged", f"journal/{name}", "It ends in other bytes than ours"))
    return findings


def mend_writer(
    home: LocalStorage,
    writer: str,
    donors: Sequence[LocalStorage],
    known: Position | None = None,
    bounded: bool = False,
) -> list[str]:
    """Mend one writer's segments from the first donor that completes the chain; the damaged bytes' new paths.

    The chain must lead through `known`. A `bounded` copy gets no longer than it was: a place's journal may
    not name what was not brought there. Empty when no donor can.
    """
    for donor in donors:
        changed = _mended(home, writer, donor, known, bounded)
        if changed:
            return [_replace(home, name, data) for name, data in changed.items()]
    return []


def _mended(
    home: Storage, writer: str, donor: Storage, known: Position | None, bounded: bool
) -> dict[str, bytes]:
    """The segments that change, when the whole chain holds with them."""
    changed: dict[str, bytes] = {}
    prev, count, met = FIRST_PREV, 0, known is None
    held = _segments(home, writer)
    names = held if bounded else sorted({*held, *_segments(donor, writer)})
    for name in names:
        ours, theirs = _read(home, name), _whole(_read(donor, name))
        merged = theirs + ours[len(theirs) :]
        if bounded and name == names[-1]:
            merged = _whole(merged[: len(ours)])
        offset = 0
        for _, line in _lines(merged):
            if not _follows(line, prev, count):
                return {}
            prev, count, offset = line_digest(line), count + 1, offset + len(line)
            met = met or Position(name, offset, count, prev) == known
        if merged != ours:
            if _loses(ours, merged):
                return {}
            changed[name] = merged
    return changed if met else {}


def _follows(line: bytes, prev: str, count: int) -> bool:
    try:
        event = parse_line(line, "")
    except (DamageFound, FormatUnknown):
        return False
    return event.prev == prev and event.n == count + 1


def _loses(ours: bytes, merged: bytes) -> bool:
    """Whether a line of ours reads as an event and is in the merged ones neither as it is nor flipped."""
    kept = {line for _, line in _lines(merged)}
    return any(
        line not in kept
        and _reads(line)
        and _differing(line, merged[at : at + len(line)]) > _FLIPPED_BYTES_MAX
        for at, line in _lines(ours)
    )


def _reads(line: bytes) -> bool:
    try:
        parse_line(line, "")
    except FormatUnknown:
        return True
    except DamageFound:
        return False
    return True


def _differing(one: bytes, other: bytes) -> int:
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for line in io.BytesIO(data):
        yield at, line
        at += len(line)


def _segments(storage: Storage, writer: str) -> list[str]:
    return [n for n in storage.names("journal") if n.endswith(".jsonl") and n.rpartition("-")[0] == writer]


def _read(storage: Storage, name: str) -> bytes:
    try:
        return b"".join(storage.read(f"journal/{name}"))
    except OSError:
        return b""


def _whole(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _replace(home: LocalStorage, name: str, data: bytes) -> str:
    aside = f"quarantine/{hashlib.sha256(name.encode()).hexdigest()[:16]}-journal"
    home.append(aside, 0, [_read(home, name)])
    durable.replace_file(home.path(f"journal/{name}"), data)
    return aside
