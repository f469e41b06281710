"""What the door asks of vault and journal: digests, checks, audits, dumps, and where bytes can be read.

The index is one SQLite connection, so every question takes a lock. Nothing here writes to the truth.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lockgroove.access.shapes import Check, DumpLine, FindingCount, PlaceState
from lockgroove.archive import Archive
from lockgroove.config import PlaceConfig
from lockgroove.errors import LockgrooveError
from lockgroove.findings import CODES
from lockgroove.model import HeldFile
from lockgroove.storage import LocalStorage
from lockgroove.vault import ocfl

_SECONDS_BETWEEN_LOOKS = 1.0
_WHERE_MAX = 20


class VaultView:
    """Questions about what is held. With `operator`, paths of disks and damaged files are told as well."""

    def __init__(self, archive: Archive, operator: bool) -> None:
        self._archive = archive
        self._operator = operator
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._stamp: Sequence[tuple[str, int]] = ()
        self._places: Sequence[PlaceConfig] = archive.config.places

    def freshen(self) -> None:
        """Let the index take in what other processes wrote to the journal since."""
        with self._lock:
            if time.monotonic() - self._looked_at < _SECONDS_BETWEEN_LOOKS:
                return
            self._looked_at = time.monotonic()
            stamp = self._journal_stamp()
            if stamp == self._stamp:
                return
            self._stamp = stamp
        # On a connection of its own: while another process writes, requests go on with what is known.
        problems = contextlib.suppress(sqlite3.Error, LockgrooveError, OSError)
        with problems, Archive(self._archive.root) as fresh:
            self._places = fresh.config.places

    def _journal_stamp(self) -> Sequence[tuple[str, int]]:
        with os.scandir(f"{self._archive.root}/journal") as entries:
            return sorted((e.name, e.stat().st_size) for e in entries)

    def held(self, source: str, key: str, stamp: str) -> HeldFile | None:
        """A file by its claim, if it is held."""
        with self._lock:
            return self._archive.index.version(source, key, stamp)

    def checks(self, object_id: str) -> list[Check]:
        """When an object was last read, at each place."""
        with self._lock:
            rows = self._archive.index.last_checked(object_id)
        return [Check(place, at, bool(damaged)) for place, at, damaged in rows]

    def totals(self) -> tuple[int, int, int]:
        """Objects, files and bytes held."""
        with self._lock:
            return self._archive.index.totals()

    def storage_of(self, object_id: str, path: str, size_bytes: int) -> tuple[LocalStorage, str] | None:
        """Where a file can be read: here, else at a place that has it in its full length."""
        with self._lock:
            held = self._archive.index.object(object_id)
        if held is None:
            return None
        full = f"{ocfl.ROOT}/{held.path}/{ocfl.CONTENT}/{path}"
        storages = [self._archive.storage, *(LocalStorage(p.location, p.name) for p in self._places)]
        for storage in storages:
            with contextlib.suppress(OSError, ValueError):
                if storage.size(full) == size_bytes:
                    return storage, full
        return None

    def places(self) -> list[PlaceState]:
        """The archive and its places, each with its last audit."""
        with self._lock:
            audits = {e.subjects["place"]: e for e in self._archive.index.notable("audited")}
            locations = {"here": self._archive.root} | {p.name: p.location for p in self._places}
            unread = {name: self._archive.index.unread(name) for name in locations}
        states = []
        for name, (never, oldest) in unread.items():
            event = audits.get(name)
            outcome: Mapping[str, Any] = event.outcome if event else {}
            found = _counted(outcome.get("findings", []), self._operator)
            states.append(
                PlaceState(
                    name=name, location=locations[name] if self._operator else None,
                    audited_at=event.at if event else None, files_read=outcome.get("files", 0),
                    bytes_read=outcome.get("bytes", 0),
                    damaged=sum(f.count for f in found if f.severity == "damage"),
                    never_read=never, oldest_read_at=oldest, findings=found,
                )
            )  # fmt: skip
        return states

    def newest_dump(self) -> DumpLine | None:
        """The dump that was published last."""
        with self._lock:
            events = self._archive.index.notable("dumped")
        if not events:
            return None
        event = events[-1]
        told = {**event.subjects, **event.outcome}
        return DumpLine(str(told.get("dump", len(events))), event.at, told.get("root"))


def _counted(findings: Sequence[Mapping[str, Any]], operator: bool) -> list[FindingCount]:
    counts = Counter(str(f["code"]) for f in findings)
    lines = []
    for code, count in sorted(counts.items()):
        meaning = CODES.get(code)
        where = [str(f["where"]) for f in findings if f["code"] == code][:_WHERE_MAX] if operator else []
        severity = meaning.severity if meaning else "warning"
        lines.append(
            FindingCount(
                code,
                severity,
                meaning.meaning if meaning else code,
                meaning.advice if meaning else "",
                count,
                where,
            )
        )
    return lines
