"""Events on disk, as they came: what is not in the memory of the watch yet is read from here after a crash.

Invariant: a block is whole or is not there, and what `append` returned from survives a power cut. Segments
that are full become Parquet, which any engine reads. What is older than is to be kept is removed.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove import durable
from lockgroove.guard.events import EVENT, FIELDS, empty

_HEAD = struct.Struct("<4sII")  # magic, events, CRC-32 of their bytes
_MAGIC = b"LGE1"
_SEGMENT_BYTES_MAX = 64 << 20
_RAW, _SEALED = ".events", ".parquet"
_COLUMNS = [name for name in EVENT.names or () if name in FIELDS]


@dataclass(frozen=True, order=True)
class Position:
    """A place in the log: a segment, and a byte of it as it was written."""

    segment: int = 0
    offset: int = 0


def in_lots(batches: Iterable[np.ndarray], rows_min: int) -> Iterator[np.ndarray]:
    """The same rows in fewer arrays, of so many rows at least, but for the last."""
    waiting: list[np.ndarray] = []
    count = 0
    for rows in batches:
        waiting.append(rows)
        count += len(rows)
        if count >= rows_min:
            yield np.concatenate(waiting)
            waiting, count = [], 0
    if waiting:
        yield np.concatenate(waiting)


class EventLog:
    """The log in a folder; one writer at a time."""

    def __init__(self, folder: str, reading: bool = False) -> None:
        """With `reading` nothing is mended: somebody else may be writing."""
        self._folder = folder
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.damaged = 0  # blocks that could not be read
        raw = [number for number, kind in self._segments() if kind == _RAW]
        self.end = Position(max((number for number, _ in self._segments()), default=0) + 1, 0)
        if raw and raw[-1] == self.end.segment - 1 and not reading:
            self.end = Position(raw[-1], self._mended(raw[-1]))

    def append(self, rows: np.ndarray) -> None:
        """Write events; durable on return. Raises OSError, and nothing of them is there."""
        if self.end.offset >= _SEGMENT_BYTES_MAX:
            self.turn()
        body = rows.tobytes()
        path = self._path(self.end.segment, _RAW)
        is_new = not os.path.exists(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, self.end.offset)  # what an append that failed has left there
            os.lseek(descriptor, self.end.offset, os.SEEK_SET)
            durable.write_all(descriptor, _HEAD.pack(_MAGIC, len(rows), zlib.crc32(body)) + body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            durable.sync_file(self._folder)
        self.end = Position(self.end.segment, self.end.offset + _HEAD.size + len(body))

    def turn(self) -> None:
        """End the segment; the next event begins another."""
        if self.end.offset:
            self.end = Position(self.end.segment + 1, 0)

    def since(self, start: Position) -> Iterator[tuple[np.ndarray, Position]]:
        """Batches from a position on, each with the position after it. Damaged ones are counted and left out.

        Of a sealed segment all comes: segments are sealed only before the position that is remembered.
        """
        for number, kind in self._segments():
            if number < start.segment:
                continue
            first = start.offset if number == start.segment else 0
            try:
                yield from self._read(number, kind, first)
            except FileNotFoundError:  # sealed since it was listed, or old and gone
                with contextlib.suppress(FileNotFoundError):
                    yield from self._read(number, _SEALED, first)

    def _read(self, number: int, kind: str, offset: int) -> Iterator[tuple[np.ndarray, Position]]:
        if kind == _SEALED:
            yield _of_table(self._path(number, _SEALED)), Position(number + 1, 0)
        else:
            yield from self._blocks(number, offset)

    def seal(self, before: Position) -> int:
        """Turn whole segments before a position into Parquet; how many."""
        done = 0
        for number, kind in self._segments():
            if kind == _RAW and number < min(before.segment, self.end.segment):
                parts = [rows for rows, _ in self._blocks(number, 0)]
                self._write_sealed(number, np.concatenate(parts) if parts else empty(0))
                os.unlink(self._path(number, _RAW))
                done += 1
        return done

    def forget(self, before_ms: int) -> int:
        """Remove segments whose events are all older; how many."""
        stale = [
            (number, kind) for number, kind in self._segments()
            if kind == _SEALED and _last_ms(self._path(number, kind)) < before_ms
        ]  # fmt: skip
        for number, kind in stale:
            os.unlink(self._path(number, kind))
        return len(stale)

    def of_account(self, account: int) -> Iterator[np.ndarray]:
        """All events of an account that are still there."""
        for rows, _ in self.since(Position()):
            if len(mine := rows[rows["account"] == account]):
                yield mine

    def erase(self, account: int) -> int:
        """Take an account's events out of every whole segment; how many there were.

        The segment that is written to must have been ended with `turn`.
        """
        self.seal(Position(self.end.segment, 0))
        erased = 0
        for number, kind in self._segments():
            if kind == _SEALED:
                rows = _of_table(self._path(number, _SEALED))
                mine = rows["account"] == account
                if mine.any():
                    self._write_sealed(number, rows[~mine])
                    erased += int(np.count_nonzero(mine))
        return erased

    def tables(self) -> list[str]:
        """The files of Parquet, in order."""
        return [self._path(number, kind) for number, kind in self._segments() if kind == _SEALED]

    def _segments(self) -> list[tuple[int, str]]:
        """In order; where a crash left both kinds, the raw one, which is removed last."""
        found: dict[int, str] = {}
        for name in os.listdir(self._folder):
            stem, kind = os.path.splitext(name)
            if kind in (_RAW, _SEALED) and stem.isdigit() and found.get(int(stem)) != _RAW:
                found[int(stem)] = kind
        return sorted(found.items())

    def _path(self, number: int, kind: str) -> str:
        return f"{self._folder}/{number:010}{kind}"

    def _blocks(self, number: int, offset: int) -> Iterator[tuple[np.ndarray, Position]]:
        """Whole blocks from an offset on."""
        with open(self._path(number, _RAW), "rb") as file:
            file.seek(offset)
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                magic, count, crc = _HEAD.unpack(head)
                body = file.read(count * EVENT.itemsize) if magic == _MAGIC else b""
                if len(body) < count * EVENT.itemsize or magic != _MAGIC:
                    return  # the end was torn off
                if zlib.crc32(body) != crc:
                    self.damaged += 1
                    continue
                yield np.frombuffer(body, EVENT).copy(), Position(number, file.tell())

    def _mended(self, number: int) -> int:
        """The length of a segment, cut after its last whole block."""
        path = self._path(number, _RAW)
        whole = 0
        for _, position in self._blocks(number, 0):
            whole = position.offset
        if os.path.getsize(path) > whole:
            with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())
        return whole

    def _write_sealed(self, number: int, rows: np.ndarray) -> None:
        table = pa.table({name: np.ascontiguousarray(rows[name]) for name in _COLUMNS})
        path = self._path(number, _SEALED)
        pq.write_table(table, f"{path}.new", compression="zstd")
        durable.sync_file(f"{path}.new")
        os.replace(f"{path}.new", path)
        durable.sync_file(self._folder)


def _of_table(path: str) -> np.ndarray:
    table = pq.read_table(path)
    rows = empty(table.num_rows)
    for name in table.column_names:
        if name in FIELDS:
            rows[name] = table[name].to_numpy()
    return rows


def _last_ms(path: str) -> int:
    found = pq.ParquetFile(path)
    column = _COLUMNS.index("ts_ms")
    groups = [found.metadata.row_group(n).column(column).statistics for n in range(found.num_row_groups)]
    return max((int(group.max) for group in groups if group is not None and group.has_min_max), default=0)
