"""Sorted files of key and stamp digests: looked up in place, written in bounded memory.

`keys` is sorted and without repeats, `stamps` stands beside it. A log has pairs in the order in which they
were learned, the later of a key counting.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lockgroove.gather.digests import GONE, Digests

PAIR_BYTES = 16
_BUCKETS = 256  # by the highest byte of a key's digest
_PAIRS_AT_ONCE = 1 << 20
_NONE = np.zeros(0, dtype="<u8")

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sorted:
    """Keys in order and their stamps, in memory or mapped from the disk."""

    keys: Digests
    stamps: Digests

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: Digests) -> Positions:
        """Where each of the keys stands, -1 where it does not."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64)
        order = np.argsort(keys)  # in order, so that neighbours are read together
        places = np.searchsorted(self.keys, keys[order])
        places[places == len(self.keys)] = 0
        found = np.where(self.keys[places] == keys[order], places, -1)
        positions = np.empty(len(keys), dtype=np.int64)
        positions[order] = found
        return positions


EMPTY = Sorted(_NONE, _NONE)


def newest(keys: Digests, stamps: Digests) -> Sorted:
    """Pairs as they were learned, as sorted ones: of a key the last."""
    if not len(keys):
        return EMPTY
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    last = np.maximum.reduceat(order, starts)
    return Sorted(keys[last], stamps[last])


def mapped(folder: str, count: int) -> Sorted:
    """The sorted files of a folder. Raises ValueError or OSError when they are not of that size."""
    if count == 0:
        return EMPTY
    for name in ("keys", "stamps"):
        if os.path.getsize(f"{folder}/{name}") != 8 * count:
            raise ValueError(f"{folder}/{name} does not have {count} entries")
    return Sorted(
        np.memmap(f"{folder}/keys", dtype="<u8", mode="r"),
        np.memmap(f"{folder}/stamps", dtype="<u8", mode="r"),
    )


def pairs(path: str, start: int, stop: int) -> tuple[Digests, Digests]:
    """Keys and stamps of a log's pairs from `start` to `stop`."""
    if stop <= start:
        return _NONE, _NONE
    count = 2 * (stop - start)
    found = np.fromfile(path, dtype="<u8", count=count, offset=PAIR_BYTES * start).reshape(-1, 2)
    return np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1])


def merge(old: Sorted, log: str, length: int, folder: str) -> int:
    """Write `old` and a log's pairs as sorted files into a new folder; the number of keys.

    What is gone is left out. Memory: a bucket of 256, some hundred MB for 256 million keys.
    """
    os.makedirs(folder)
    count = 0
    edges = np.arange(1, _BUCKETS, dtype=np.uint64) << np.uint64(56)
    cuts = [0, *np.searchsorted(old.keys, edges).tolist(), len(old)]
    with (
        _parted(log, length, folder) as buckets,
        open(f"{folder}/keys", "xb") as keys,
        open(f"{folder}/stamps", "xb") as stamps,
    ):
        for number, bucket in enumerate(buckets):
            before = slice(cuts[number], cuts[number + 1])
            found = _joined(old.keys[before], old.stamps[before], bucket)
            keys.write(found.keys.tobytes())
            stamps.write(found.stamps.tobytes())
            count += len(found)
    return count


def _joined(keys: Digests, stamps: Digests, bucket: str) -> Sorted:
    later_keys, later_stamps = pairs(bucket, 0, os.path.getsize(bucket) // PAIR_BYTES)
    found = newest(np.concatenate([keys, later_keys]), np.concatenate([stamps, later_stamps]))
    stands = found.stamps != GONE
    return Sorted(found.keys[stands], found.stamps[stands])


@contextlib.contextmanager
def _parted(log: str, length: int, folder: str) -> Iterator[list[str]]:
    """A log's pairs in a file for each bucket, in the order of the log."""
    paths = [f"{folder}/bucket-{number:03}" for number in range(_BUCKETS)]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(path, "xb", buffering=0)) for path in paths]
        for start in range(0, length, _PAIRS_AT_ONCE):
            _part(*pairs(log, start, min(length, start + _PAIRS_AT_ONCE)), files)
    yield paths
    for path in paths:
        os.unlink(path)


def _part(keys: Digests, stamps: Digests, files: Sequence[BinaryIO]) -> None:
    numbers = (keys >> np.uint64(56)).astype(np.uint8)
    order = np.argsort(numbers, kind="stable")
    ordered = np.stack([keys[order], stamps[order]], axis=1)
    ends = np.cumsum(np.bincount(numbers, minlength=_BUCKETS)).tolist()
    start = 0
    for file, end in zip(files, ends, strict=True):
        if end > start:
            file.write(ordered[start:end].tobytes())
        start = end
