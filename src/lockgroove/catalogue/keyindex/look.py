"""The key index: from an id, ISRC or barcode to row numbers, in three ranges of 64 KiB, from disk or a host.

The first page, a block of fences, a leaf: each is checked against its digest in the one above before it is
believed. A key whose records go on in the next leaf takes a range more for each. `docs/format.md`, section 8.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lockgroove.catalogue.keyindex.format import (
    BLOCK_FENCES,
    FENCE,
    KEY_BYTES,
    LEAF_RECORDS,
    NO_ROW,
    PAGE_BYTES,
    RECORD,
    Bytes,
    Rows,
    Section,
    block_digest,
    damaged,
    parse_header,
    sortable,
)
from lockgroove.errors import storage_failed

ROWS_MAX = 1000
_PART_LEAVES = 64


class Ranges(Protocol):
    """A file that is read in pieces. `size_bytes` is None until it is known."""

    where: str
    size_bytes: int | None

    def read(self, offset: int, length: int) -> bytes:
        """These bytes; fewer only where the file ends. Threads may call it at once."""

    def close(self) -> None:
        """Let go of the file."""


class FileRanges:
    """A local file. It may be unlinked while open: a reader's generation stays whole."""

    def __init__(self, path: str) -> None:
        self.where = path
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size_bytes: int | None = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """See Ranges. Raises StorageFailed."""
        try:
            data = os.pread(self._descriptor, length, offset)
            while len(data) < length and (
                more := os.pread(self._descriptor, length - len(data), offset + len(data))
            ):
                data += more
        except OSError as error:
            raise storage_failed(error, self.where) from error
        return data

    def close(self) -> None:
        """See Ranges."""
        os.close(self._descriptor)


class KeyIndex:
    """Looks keys up in one index.

    Keeps the first page and the fences that it met: at most 8 MB for a billion records. Threads may share it.
    """

    def __init__(self, place: str | Ranges, sha256: str | None = None) -> None:
        """Open a local file, or any other by ranges. Raises FormatUnknown and DamageFound.

        With `sha256`, that of the first page, nothing is believed that was not written with it.
        """
        self._ranges = FileRanges(place) if isinstance(place, str) else place
        try:
            self._header = parse_header(self._ranges.read(0, PAGE_BYTES), self._ranges.where)
            self._check(sha256)
        except BaseException:
            self._ranges.close()
            raise
        self._fences: dict[int, bytes] = {}

    @classmethod
    def over(cls, ranges: Ranges, sha256: str | None = None) -> KeyIndex:
        """An index that is read by ranges, such as one on a static host."""
        return cls(ranges, sha256)

    def _check(self, sha256: str | None) -> None:
        if sha256 is not None and sha256 != self.sha256:
            raise damaged("This is another key index than was asked for", self._ranges.where)
        size = self._ranges.size_bytes
        if size is not None and size != self._header.size_bytes:
            what = f"The key index has {size} bytes and should have {self._header.size_bytes}"
            raise damaged(what, self._ranges.where)

    @property
    def sha256(self) -> str:
        """The digest of the first page, which proves every other byte."""
        return self._header.sha256

    @property
    def counts(self) -> dict[str, int]:
        """How many records each scheme has."""
        return {scheme: s.end - s.first for scheme, s in self._header.sections.items()}

    def close(self) -> None:
        """Let go of the file."""
        self._ranges.close()

    def rows(self, scheme: str, value: bytes, rows_max: int = ROWS_MAX) -> list[int]:
        """The row numbers for a key, ascending, at most `rows_max`; most have one. Raises DamageFound."""
        return self.told(scheme, value, rows_max) or []

    def told(self, scheme: str, value: bytes, rows_max: int = ROWS_MAX) -> list[int] | None:
        """The same, but None when this index does not speak of the key, and [] when it leads nowhere."""
        section = self._header.sections.get(scheme)
        if section is None or len(value) != KEY_BYTES:
            return None
        leaf, goes_on = self._leaf_of(section, value), True
        found: list[int] = []
        while goes_on and len(found) < rows_max:
            data, more = self._leaf(leaf)
            low, high = section.within(leaf)
            start = bisect.bisect_left(range(high), value, low, key=_key_in(data, RECORD.itemsize))
            end = bisect.bisect_right(range(high), value, start, key=_key_in(data, RECORD.itemsize))
            found += np.frombuffer(data, RECORD)["row"][start:end].tolist()
            goes_on = more and start < end == LEAF_RECORDS
            leaf += 1
        return [row for row in found if row != NO_ROW][:rows_max] if found else None

    def rows_of(self, scheme: str, keys: Bytes) -> Rows:
        """The lowest row of each of n keys (n times 12 bytes), NO_ROW where there is none."""
        return self.told_of(scheme, keys)[0]

    def told_of(self, scheme: str, keys: Bytes) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """The same, and whether this index speaks of each key at all.

        Leaves are read once each, by a few threads when they are many: a leaf costs more than the keys in it.
        """
        rows, told = np.full(len(keys), NO_ROW, np.uint32), np.zeros(len(keys), np.bool_)
        section = self._header.sections.get(scheme)
        if section is None or len(keys) == 0:
            return rows, told
        wanted = sortable(keys)
        order = np.argsort(wanted)
        wanted = wanted[order]
        spans = self._spans(section, wanted)

        def look(part: npt.NDArray[np.int64]) -> None:
            for leaf, span in map(spans.__getitem__, part.tolist()):
                found, known = self._in_leaf(section, leaf, wanted[span])
                rows[order[span]], told[order[span]] = found, known

        _spread(look, len(spans))
        return rows, told

    def pairs_of(self, scheme: str, keys: Bytes) -> tuple[npt.NDArray[np.int64], Rows]:
        """All rows of n distinct keys, as pairs of a key's place in `keys` and a row; in no order."""
        section = self._header.sections.get(scheme)
        if section is None or len(keys) == 0:
            return np.empty(0, np.int64), np.empty(0, np.uint32)
        order = np.argsort(sortable(keys))
        ordered = keys[order]
        spans = self._spans(section, sortable(ordered))
        found: list[tuple[npt.NDArray[np.int64], Rows]] = []

        def look(part: npt.NDArray[np.int64]) -> None:
            for leaf, span in map(spans.__getitem__, part.tolist()):
                places, rows = self._pairs_in_leaf(scheme, section, leaf, ordered[span])
                found.append((order[span][places], rows))

        _spread(look, len(spans))
        places, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        return places[rows != NO_ROW], rows[rows != NO_ROW]

    def _spans(self, section: Section, ascending: Any) -> list[tuple[int, slice]]:
        """Each leaf in which records of ascending keys begin, and where those keys are."""
        leaves = section.leaves[0] + np.searchsorted(self._last_keys(section), ascending)
        starts = np.flatnonzero(np.append(True, leaves[1:] != leaves[:-1]))
        ends = np.append(starts[1:], len(ascending))
        return [
            (int(leaf), slice(int(start), int(end)))
            for leaf, start, end in zip(leaves[starts], starts, ends, strict=True)
        ]

    def _pairs_in_leaf(
        self, scheme: str, section: Section, leaf: int, keys: Bytes
    ) -> tuple[npt.NDArray[np.int64], Rows]:
        """Pairs of places and rows of ascending keys whose records begin in a leaf."""
        data, goes_on = self._leaf(leaf)
        low, high = section.within(leaf)
        records = np.frombuffer(data, RECORD)[low:high]
        whole = records.view(f"S{RECORD.itemsize}")
        left, right = (whole.searchsorted(_padded(keys, byte), side="left") for byte in (0, 255))
        counts = right - left
        if goes_on and right[-1] == len(records) and counts[-1]:
            tail = np.array(self.told(scheme, keys[-1].tobytes(), 1 << 40), np.uint32)
        else:
            tail = records["row"][left[-1] : right[-1]].astype(np.uint32)
        counts[-1] = 0
        places = np.repeat(np.arange(len(keys)), counts)
        at = np.arange(len(places)) + np.repeat(left - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        rows = records["row"][at].astype(np.uint32)
        return np.append(places, np.full(len(tail), len(keys) - 1)), np.append(rows, tail)

    def records(self) -> Iterator[tuple[str, Bytes, Rows]]:
        """Every record in order, as (scheme, keys, rows) of a leaf or part of one. Checks the whole file."""
        for scheme, section in self._header.sections.items():
            first, last = section.leaves
            for leaf in range(first, last + 1):
                data, _ = self._leaf(leaf)
                part = np.frombuffer(data, RECORD)[slice(*section.within(leaf))]
                raw = part.view(np.uint8).reshape(-1, RECORD.itemsize)
                yield scheme, raw[:, :KEY_BYTES], part["row"].astype(np.uint32)

    def _in_leaf(self, section: Section, leaf: int, wanted: Any) -> tuple[Rows, npt.NDArray[np.bool_]]:
        data, _ = self._leaf(leaf)
        records = np.frombuffer(data, RECORD)[slice(*section.within(leaf))]
        whole = records.view(
            f"S{RECORD.itemsize}"
        )  # compared byte by byte; a key alone comes before its records
        at = np.minimum(np.searchsorted(whole, wanted.astype(whole.dtype)), len(records) - 1)
        found = records[at]
        known = sortable(found.view(np.uint8).reshape(-1, RECORD.itemsize)) == wanted
        return np.where(known, found["row"], np.uint32(NO_ROW)), known

    def _last_keys(self, section: Section) -> Any:
        """The last keys of a section's leaves but the last one, whose end may be another scheme's."""
        first, last = section.leaves
        blocks = range(first // BLOCK_FENCES, last // BLOCK_FENCES + 1)
        fences = np.frombuffer(b"".join(self._block(block) for block in blocks), FENCE)
        start = blocks.start * BLOCK_FENCES
        return sortable(fences["key"][first - start : last - start])

    def _leaf_of(self, section: Section, value: bytes) -> int:
        """The leaf where the first record of a key is, if it has any: the first that does not end before it.

        The last leaf of a section is never asked for its end: it is what remains.
        """
        first, last = section.leaves
        if first == last:
            return first
        first_block, last_block = first // BLOCK_FENCES, last // BLOCK_FENCES
        root = _key_in(self._header.root, FENCE.itemsize)
        block = first_block + bisect.bisect_left(range(first_block, last_block), value, key=root)
        start = block * BLOCK_FENCES
        low, high = max(first - start, 0), min(last - start, BLOCK_FENCES)
        fences = _key_in(self._block(block), FENCE.itemsize)
        return start + bisect.bisect_left(range(high), value, low, key=fences)

    def _leaf(self, leaf: int) -> tuple[bytes, bool]:
        """The bytes of a leaf, checked, and whether the next begins with the key that this one ends with."""
        at = leaf % BLOCK_FENCES * FENCE.itemsize
        fence = self._block(leaf // BLOCK_FENCES)[at : at + FENCE.itemsize]
        data = self._read(self._header.leaf_range(leaf), fence)
        return data, fence[KEY_BYTES : KEY_BYTES + 4] != bytes(4)

    def _block(self, block: int) -> bytes:
        """The bytes of a block of fences, checked."""
        known = self._fences.get(block)
        if known is None:
            at = block * FENCE.itemsize
            known = self._read(self._header.fence_range(block), self._header.root[at : at + FENCE.itemsize])
            self._fences[block] = known
        return known

    def _read(self, where: tuple[int, int], fence: bytes) -> bytes:
        data = self._ranges.read(*where)
        if len(data) != where[1]:
            raise damaged(f"The key index is cut off after byte {where[0] + len(data)}", self._ranges.where)
        if block_digest(data) != fence[-16:]:
            raise damaged(f"Bytes {where[0]} to {sum(where)} are not what was written", self._ranges.where)
        return data


def _padded(keys: Bytes, byte: int) -> Any:
    """Keys as long as records, filled up with a byte: below all records of a key, or not below any."""
    filled = np.full((len(keys), RECORD.itemsize), byte, np.uint8)
    filled[:, :KEY_BYTES] = keys
    return filled.view(f"S{RECORD.itemsize}").ravel()


def _key_in(data: bytes, width: int) -> Any:
    return lambda number: data[number * width : number * width + KEY_BYTES]


def _spread(work: Callable[[npt.NDArray[np.int64]], None], count: int) -> None:
    """Do the work for the numbers below `count`, by a few threads if they are many."""
    parts = np.array_split(np.arange(count), max(1, min(count // _PART_LEAVES, 64)))
    if len(parts) == 1:
        work(parts[0])
        return
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        for _ in pool.map(work, parts):
            pass


class KeyIndexes:
    """Several indexes as one, the newest first: deltas, then the base.

    The newest that speaks of a key answers for it alone. So a delta that changes a key's rows names them all,
    and one that takes them away says NO_ROW; a merged id simply has its new row there.
    """

    def __init__(self, newest_first: Sequence[KeyIndex]) -> None:
        self._indexes = newest_first

    def close(self) -> None:
        """Let go of all of them."""
        for index in self._indexes:
            index.close()

    def rows(self, scheme: str, value: bytes, rows_max: int = ROWS_MAX) -> list[int]:
        """See KeyIndex.rows."""
        for index in self._indexes:
            told = index.told(scheme, value, rows_max)
            if told is not None:
                return told
        return []

    def rows_of(self, scheme: str, keys: Bytes) -> Rows:
        """See KeyIndex.rows_of."""
        rows, open_ = np.full(len(keys), NO_ROW, np.uint32), np.arange(len(keys))
        for index in self._indexes:
            found, told = index.told_of(scheme, keys[open_])
            rows[open_[told]] = found[told]
            open_ = open_[~told]
        return rows


def write_key_index(path: str, batches: Iterable[Any]) -> int:
    """Write an index from batches of (scheme, 12 bytes, row); the number of records."""
    from lockgroove.catalogue.keyindex import write  # only now: readers need no pyarrow

    return write.write_key_index(path, batches)
