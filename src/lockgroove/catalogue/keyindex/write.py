"""Writing a key index of any size in bounded memory: records in any order in, the same bytes out.

What does not fit is parted by scheme and leading byte into files of a scratch folder; a part still too large
is parted again by the first byte in which its records differ. So no choice of keys fills the memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgroove.catalogue.keyindex.format import (
    BLOCK_FENCES,
    FENCE,
    KEY_BYTES,
    LEAF_RECORDS,
    PAGE_BYTES,
    RECORD,
    Bytes,
    Records,
    Rows,
    block_digest,
    header_page,
    sortable,
)
from lockgroove.errors import storage_failed

# 64 MiB of records wait in memory, as many are sorted at a time, and the work on them takes four times that.
WAITING_MAX = 1 << 22


class KeyIndexWriter:
    """Takes records in any order and writes them sorted, each once. Leaves nothing when it fails.

    The file is whole when `close` returns, and is no key index before. Syncing it is the caller's affair.
    """

    def __init__(self, path: str, scratch: str, waiting_max: int = WAITING_MAX) -> None:
        self._path = path
        self._buckets = _Buckets(scratch, waiting_max)

    def __enter__(self) -> KeyIndexWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._buckets.close()

    def add(self, scheme: str, keys: Bytes, rows: Rows) -> None:
        """Take records of one scheme (an ASCII character): n keys of 12 bytes, and their n row numbers.

        A row of NO_ROW says that the key leads nowhere any more. Raises StorageFailed.
        """
        if keys.shape != (len(rows), KEY_BYTES) or not (len(scheme) == 1 and scheme.isascii()):
            raise ValueError(f"scheme {scheme!r}: {keys.shape} keys for {len(rows)} rows")
        with _writing(self._path):
            self._buckets.add(scheme, _records(keys, rows))

    def add_columns(self, scheme: str, keys: Any, rows: Any) -> None:
        """The same from pyarrow columns: binary or text of 12 bytes each, and integers; no nulls."""
        self.add(scheme, key_array(keys), row_array(rows))

    def add_batch(self, batch: Any) -> None:
        """The same from three columns: scheme, key, row."""
        schemes = batch.column(0).cast(pa.string()).dictionary_encode()
        keys, rows = key_array(batch.column(1)), row_array(batch.column(2))
        for number, scheme in enumerate(schemes.dictionary.to_pylist()):
            chosen = np.asarray(schemes.indices) == number
            self.add(scheme, keys[chosen], rows[chosen])

    def close(self) -> int:
        """Write the file; how many records it has. Raises StorageFailed."""
        try:
            with _writing(self._path), open(self._path, "wb") as file:
                body = _Body(file)
                for scheme, records in self._buckets.sorted():
                    body.write(scheme, records)
                return body.finish()
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            raise
        finally:
            self._buckets.close()


def write_key_index(path: str, batches: Iterable[Any]) -> int:
    """Write an index from batches of (scheme, key, row); the number of records."""
    with KeyIndexWriter(path, os.path.dirname(path) or ".") as writer:
        for batch in batches:
            writer.add_batch(batch)
        return writer.close()


def key_array(column: Any) -> Bytes:
    """The values of a pyarrow column, each exactly 12 bytes, as an array of n times 12."""
    parts = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    arrays = [_fixed(part) for part in parts if len(part)]
    return np.concatenate(arrays) if arrays else np.empty((0, KEY_BYTES), np.uint8)


def _fixed(column: Any) -> Bytes:
    if column.null_count:
        raise ValueError("a key is null")
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    fixed = column.cast(pa.binary(KEY_BYTES))  # refuses values of any other length
    flat = np.frombuffer(fixed.buffers()[1], np.uint8)
    return flat[fixed.offset * KEY_BYTES : (fixed.offset + len(fixed)) * KEY_BYTES].reshape(-1, KEY_BYTES)


def row_array(column: Any) -> Rows:
    """Row numbers of a pyarrow column of integers, which must fit 32 bits."""
    if column.null_count:
        raise ValueError("a row number is null")
    rows: Rows = np.asarray(column.cast(pa.uint32()), np.uint32)
    return rows


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_failed(error, path) from error


def _records(keys: Bytes, rows: Rows) -> Records:
    records = np.empty(len(rows), RECORD)
    raw = records.view(np.uint8).reshape(-1, RECORD.itemsize)
    raw[:, :KEY_BYTES] = keys
    records["row"] = rows
    return records


def _joined(parts: Sequence[Records]) -> Records:
    return np.concatenate(parts, dtype=RECORD)  # said, because numpy would make them little-endian on the way


def sort_records(records: Records) -> Records:
    """Sorted by all 16 bytes, each once.

    The first 8 bytes nearly always decide. Where they tie, as ISRCs of one registrant do, the next 4 decide
    within each group of equals, then the row.
    """
    high = records["high"].astype(np.uint64)
    order = np.argsort(high)
    records, high = records.take(order), high[order]
    same = np.zeros(len(records), np.bool_)  # as the one before
    same[1:] = high[1:] == high[:-1]
    for field in ("low", "row"):
        tied = np.flatnonzero(same | np.append(same[1:], False))
        if len(tied) == 0:
            break
        group = np.cumsum(~same[tied]).astype(np.uint64)
        wanted = group << np.uint64(32) | records[field][tied]
        order = np.argsort(wanted)
        records[tied] = records.take(tied[order])
        wanted = wanted[order]
        same[tied[1:]] = wanted[1:] == wanted[:-1]
    return records[~same] if same.any() else records


class _Buckets:
    """Records by scheme: in memory while they fit, else parted into files by leading bytes."""

    def __init__(self, scratch: str, waiting_max: int) -> None:
        self._scratch = scratch
        self._max = waiting_max
        self._waiting: dict[str, list[Records]] = {}
        self._count = 0
        self._folder = ""
        self._parts: dict[str, int] = {}  # records in each file, by its name

    def add(self, scheme: str, records: Records) -> None:
        for start in range(0, len(records), self._max):
            piece = records[start : start + self._max]
            if self._count + len(piece) > self._max:
                self._spill()
            self._waiting.setdefault(scheme, []).append(piece)
            self._count += len(piece)

    def sorted(self) -> Iterator[tuple[str, Records]]:
        """All records, scheme by scheme, in parts that follow each other."""
        if not self._folder:
            for scheme in sorted(self._waiting):
                yield scheme, sort_records(_joined(self._waiting.pop(scheme)))
            return
        self._spill()
        for name in sorted(self._parts):
            for records in self._emit(name):
                yield chr(int(name[:2], 16)), records

    def close(self) -> None:
        """Remove the scratch files."""
        self._waiting.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _spill(self) -> None:
        if not self._folder:
            os.makedirs(self._scratch, exist_ok=True)
            self._folder = tempfile.mkdtemp(prefix="keys-", dir=self._scratch)
        while self._waiting:
            scheme, pieces = self._waiting.popitem()
            self._part(f"{ord(scheme):02x}", _joined(pieces), 0)
        self._count = 0

    def _part(self, name: str, records: Records, position: int) -> None:
        """Append records to the file of their byte at `position`."""
        column = records.view(np.uint8).reshape(-1, RECORD.itemsize)[:, position]
        parted = records.take(np.argsort(column, kind="stable"))  # a radix sort, for bytes
        ends = np.cumsum(np.bincount(column, minlength=256))
        for value in np.unique(column):
            piece = parted[ends[value - 1] if value else 0 : ends[value]]
            part = f"{name}-{value:02x}"
            with open(f"{self._folder}/{part}", "ab") as file:
                file.write(piece.data)
            self._parts[part] = self._parts.get(part, 0) + len(piece)

    def _emit(self, name: str) -> Iterator[Records]:
        """The records of a file, sorted. The file is gone then: the disk holds most things only once."""
        path = f"{self._folder}/{name}"
        if self._parts.pop(name) <= self._max:
            records = np.fromfile(path, RECORD)
            os.unlink(path)
            yield sort_records(records)
            return
        position = self._first_difference(path)
        for records in self._pieces(path):
            if position is None:
                yield records[:1]
                break
            self._part(name, records, position)
        os.unlink(path)
        for part in sorted(p for p in self._parts if p.startswith(f"{name}-")):
            yield from self._emit(part)

    def _pieces(self, path: str) -> Iterator[Records]:
        with open(path, "rb") as file:
            while len(records := np.fromfile(file, RECORD, self._max)):
                yield records

    def _first_difference(self, path: str) -> int | None:
        """The first byte in which the records of a file are not all alike; None when all are the same."""
        example: Bytes | None = None
        alike: npt.NDArray[np.bool_] = np.ones(RECORD.itemsize, np.bool_)
        for records in self._pieces(path):
            raw = records.view(np.uint8).reshape(-1, RECORD.itemsize)
            example = raw[0] if example is None else example
            alike &= (raw == example).all(axis=0)
        return None if alike.all() else int(np.argmin(alike))


class _Body:
    """The file as it grows: a page left free, leaves, then fences, and last of all the header."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest: Records = np.empty(0, RECORD)
        self._counts: dict[str, int] = {}
        self._firsts: list[Bytes] = []
        self._fences: list[npt.NDArray[np.void]] = []
        file.write(bytes(PAGE_BYTES))

    def write(self, scheme: str, records: Records) -> None:
        """Append records that follow those before."""
        self._counts[scheme] = self._counts.get(scheme, 0) + len(records)
        self._rest = _joined([self._rest, records])
        whole = len(self._rest) // LEAF_RECORDS * LEAF_RECORDS
        self._leaves(self._rest[:whole])
        self._rest = self._rest[whole:].copy()

    def finish(self) -> int:
        """Write what waits, the fences and the header; the number of records."""
        self._leaves(self._rest)
        fences = self._all_fences()
        self._file.write(fences.tobytes())
        counts = [(scheme, count) for scheme, count in sorted(self._counts.items()) if count]
        self._file.seek(0)
        self._file.write(header_page(counts, _root(fences)))
        return sum(self._counts.values())

    def _leaves(self, records: Records) -> None:
        if len(records) == 0:
            return
        starts = np.arange(0, len(records), LEAF_RECORDS)
        ends = np.minimum(starts + LEAF_RECORDS, len(records))
        raw = records.view(np.uint8).reshape(-1, RECORD.itemsize)
        fences = np.zeros(len(starts), FENCE)
        fences["key"] = raw[ends - 1, :KEY_BYTES]
        fences["digest"] = _digests(raw, LEAF_RECORDS)
        self._firsts.append(raw[starts, :KEY_BYTES])
        self._fences.append(fences)
        self._file.write(raw.data)

    def _all_fences(self) -> npt.NDArray[np.void]:
        """With `more` set where the next leaf begins with the key that this one ends with."""
        if not self._fences:
            return np.empty(0, FENCE)
        fences, firsts = np.concatenate(self._fences, dtype=FENCE), np.concatenate(self._firsts)
        section_starts = np.cumsum([count for _, count in sorted(self._counts.items())])
        borders = np.arange(1, len(fences)) * LEAF_RECORDS
        goes_on = sortable(fences["key"][:-1]) == sortable(firsts[1:])
        fences["more"][:-1] = goes_on & ~np.isin(borders, section_starts)
        return fences


def _digests(raw: Bytes, rows_each: int) -> Bytes:
    parts = (raw[start : start + rows_each].data for start in range(0, len(raw), rows_each))
    return np.frombuffer(b"".join(block_digest(part) for part in parts), np.uint8).reshape(-1, 16)


def _root(fences: npt.NDArray[np.void]) -> bytes:
    """One fence for each block of fences: its last key, and the digest of the block."""
    if len(fences) == 0:
        return b""
    ends = np.minimum(np.arange(BLOCK_FENCES, len(fences) + BLOCK_FENCES, BLOCK_FENCES), len(fences))
    root = np.zeros(len(ends), FENCE)
    root["key"] = fences["key"][ends - 1]
    root["digest"] = _digests(fences.view(np.uint8).reshape(-1, FENCE.itemsize), BLOCK_FENCES)
    return root.tobytes()
