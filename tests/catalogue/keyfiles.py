"""Key indexes for tests: written from a few records, and read by a file that counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lockgroove.catalogue.keyindex import FileRanges
from lockgroove.catalogue.keyindex.write import KeyIndexWriter

Entry = tuple[str, bytes, int]


class Counting(FileRanges):
    """A file that counts the ranges read from it and the bytes of the largest."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.reads: list[int] = []

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append(length)
        return super().read(offset, length)


def array(keys: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 12)


def numbered(count: int, start: int = 0) -> np.ndarray:
    """Keys that count up, big-endian."""
    keys = np.zeros((count, 12), np.uint8)
    keys[:, 8:] = np.arange(start, start + count, dtype=">u4").view(np.uint8).reshape(-1, 4)
    return keys


def write(path: Path, *parts: tuple[str, np.ndarray, np.ndarray], waiting_max: int = 1 << 22) -> str:
    with KeyIndexWriter(str(path), str(path.parent), waiting_max) as writer:
        for scheme, keys, rows in parts:
            writer.add(scheme, keys, np.asarray(rows, np.uint32))
        writer.close()
    return str(path)


def written(path: Path, entries: list[Entry], waiting_max: int = 1 << 22) -> str:
    return write(path, *((s, array([k]), np.array([r])) for s, k, r in entries), waiting_max=waiting_max)


def key_of(number: int) -> bytes:
    return number.to_bytes(12, "big")
