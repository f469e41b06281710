"""The journal: what happened, in order, each line chained to the one before.

Invariant: an event that `append` returned from is on the disk, and so is everything it speaks of.
`docs/format.md`, "The journal".
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lockgroove import durable, locks
from lockgroove.errors import DamageFound, FormatUnknown, storage_failed
from lockgroove.findings import Finding

SEGMENT_BYTES_MAX = 64 << 20
FIRST_PREV = "0" * 64


@dataclass(frozen=True)
class Event:
    """One line: what happened (`type`), through whom (`agent`), to what (`subjects`), how it ended."""

    writer: str
    n: int
    at: str
    type: str
    agent: str
    subjects: Mapping[str, Any]
    outcome: Mapping[str, Any]
    prev: str

    def line(self) -> bytes:
        """The event as it stands in the file, with its LF."""
        return canonical({"v": 1} | self.__dict__) + b"\n"


@dataclass(frozen=True)
class Position:
    """The end of one writer's event: file, offset behind the line, number, digest of the line."""

    segment: str
    offset: int
    n: int
    digest: str


START = Position("", 0, 0, FIRST_PREV)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8.

    A byte of a name that is not UTF-8 (a lone surrogate to Python) stands as its JSON escape.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def now() -> str:
    """The time as the archive writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Journal:
    """The events of an archive: all writers' to read, one writer's to append."""

    def __init__(self, folder: str, writer: str, agent: str = "operator") -> None:
        self._folder = folder
        self._writer = writer
        self._agent = agent

    @property
    def writer(self) -> str:
        """Who appends here."""
        return self._writer

    def append(
        self, kind: str, subjects: Mapping[str, Any], outcome: Mapping[str, Any] | None = None
    ) -> Event:
        """Acknowledge: write the event and sync it. What it speaks of must be durable already."""
        with locks.hold(self._folder, "journal", wait_seconds_max=30):
            for name in self._mine()[-1:]:
                cut_torn_line(f"{self._folder}/{name}")
            last, path = self._tail()
            event = Event(
                writer=self._writer,
                n=last.n + 1 if last else 1,
                at=max(now(), last.at) if last else now(),
                type=kind,
                agent=self._agent,
                subjects=subjects,
                outcome=outcome or {},
                prev=line_digest(last.line()) if last else FIRST_PREV,
            )
            try:
                durable.append_durably(path, event.line())
            except OSError as error:
                raise storage_failed(error, path) from error
        return event

    def events(self, after: Mapping[str, Position] | None = None) -> Iterator[tuple[Event, Position]]:
        """Every event behind the positions, in the order (at, writer, n), each with its own position."""
        after = after or {}
        streams = (self._of_writer(writer, after.get(writer, START)) for writer in self.writers())
        yield from heapq.merge(*streams, key=lambda pair: (pair[0].at, pair[0].writer, pair[0].n))

    def writers(self) -> list[str]:
        """All who ever wrote here."""
        return sorted({name.rpartition("-")[0] for name in self.segments()})

    def segments(self) -> list[str]:
        """The names of the files, in order."""
        try:
            return sorted(name for name in os.listdir(self._folder) if name.endswith(".jsonl"))
        except FileNotFoundError:
            return []

    def head(self) -> Event | None:
        """The newest event of this writer. Nothing is cut: the line may be half written by another."""
        return self._tail()[0]

    def check(self, known: Mapping[str, Position] | None = None) -> list[Finding]:
        """Read every line again and follow the chain; of each writer the first damage is told.

        No line follows the newest one to vouch for it: `known` are positions that a reader remembers,
        at which the same lines must still end.
        """
        known = known or {}
        findings: list[Finding] = []
        for writer in sorted({*self.writers(), *known}):
            try:
                self._check_writer(writer, known.get(writer))
            except (DamageFound, FormatUnknown) as damage:
                findings.append(Finding("journal-damaged", damage.where, damage.what))
        for name in self.segments():
            path = f"{self._folder}/{name}"
            torn = os.path.getsize(path) - _end_of_last_line(path, os.path.getsize(path))
            if torn:
                findings.append(Finding("journal-torn", f"journal/{name}", f"{torn} bytes"))
        return findings

    def _check_writer(self, writer: str, known: Position | None) -> None:
        met = known is None
        for _, position in self._of_writer(writer, START):
            met = met or position == known
        if not met:
            assert known is not None
            raise DamageFound(
                f"Line {known.n} is not the one that was read before", f"journal/{known.segment}"
            )

    def _of_writer(self, writer: str, start: Position) -> Iterator[tuple[Event, Position]]:
        prev, count = start.digest, start.n
        for name in self.segments():
            if name.rpartition("-")[0] != writer or name < start.segment:
                continue
            offset = start.offset if name == start.segment else 0
            for line in whole_lines(f"{self._folder}/{name}", offset):
                event = parse_line(line, f"journal/{name}")
                if event.prev != prev or event.n != count + 1:
                    raise DamageFound(f"Line {count + 1} does not follow the one before", f"journal/{name}")
                offset += len(line)
                prev, count = line_digest(line), event.n
                yield event, Position(name, offset, count, prev)

    def _tail(self) -> tuple[Event | None, str]:
        mine = self._mine()
        if not mine:
            return None, f"{self._folder}/{self._writer}-000001.jsonl"
        path = f"{self._folder}/{mine[-1]}"
        line = _last_line(path)
        if line is None:
            return self._last_of(mine[-2]) if len(mine) > 1 else None, path
        event = parse_line(line, f"journal/{mine[-1]}")
        if os.path.getsize(path) >= SEGMENT_BYTES_MAX:
            path = f"{self._folder}/{self._writer}-{int(mine[-1][-12:-6]) + 1:06}.jsonl"
        return event, path

    def _mine(self) -> list[str]:
        return [name for name in self.segments() if name.rpartition("-")[0] == self._writer]

    def _last_of(self, name: str) -> Event:
        line = _last_line(f"{self._folder}/{name}")
        if line is None:
            raise DamageFound("The segment is empty", f"journal/{name}")
        return parse_line(line, f"journal/{name}")


def parse_line(line: bytes, where: str) -> Event:
    """The event of one line. Raises DamageFound or FormatUnknown."""
    try:
        fields = json.loads(line)
        version = fields.pop("v")
        if isinstance(version, int) and version > 1:
            raise FormatUnknown(f"The event has version {version}", where, "Use a newer Lockgroove.")
        event = Event(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamageFound(f"The line is not an event ({error})", where) from None
    if event.line() != line:
        raise DamageFound("The line is not in canonical form", where)
    return event


def whole_lines(path: str, offset: int = 0) -> Iterator[bytes]:
    """The lines from `offset` that end in LF; what stands behind the last was never acknowledged."""
    with open(path, "rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                yield line


def cut_torn_line(path: str) -> None:
    """Cut away what a killed write left behind the last whole line."""
    size = os.path.getsize(path)
    whole = _end_of_last_line(path, size)
    if whole < size:
        os.truncate(path, whole)
        durable.sync_file(path)


def _end_of_last_line(path: str, size: int) -> int:
    with open(path, "rb") as file:
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _last_line(path: str) -> bytes | None:
    size = _end_of_last_line(path, os.path.getsize(path))
    if size == 0:
        return None
    start = _end_of_last_line(path, size - 1)
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(size - start)


def line_digest(line: bytes) -> str:
    """What the next line's `prev` holds."""
    return hashlib.sha256(line).hexdigest()
