"""The key index: from an id, ISRC, MBID or barcode to a row number, by sorted fixed-width records.

A record is 17 bytes: scheme, 12 bytes of id or digest, row number big-endian. `docs/format.md`, section 8.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from lockgroove.model import EntityKind

RECORD_BYTES = 17
_KEY_BYTES = 13
ENTITY_SCHEMES: dict[EntityKind, str] = {"recording": "R", "track": "T", "release": "E", "artist": "A"}


def write_key_index(path: str, batches: Iterable[Any]) -> int:
    """Write the index from batches of (scheme, 12 bytes, row); the number of records."""
    parts = [_records(batch) for batch in batches]
    records = np.concatenate(parts) if parts else np.empty((0, RECORD_BYTES), np.uint8)
    if len(records):
        order = np.lexsort([records[:, i] for i in range(RECORD_BYTES - 1, -1, -1)])
        records = records[order]
    with open(path, "wb") as file:
        file.write(records.tobytes())
    return len(records)


def _records(batch: Any) -> np.ndarray:
    records = np.empty((batch.num_rows, RECORD_BYTES), np.uint8)
    scheme = "".join(batch.column(0).to_pylist()).encode("ascii")
    records[:, 0] = np.frombuffer(scheme, np.uint8)
    records[:, 1:13] = np.frombuffer(b"".join(batch.column(1).to_pylist()), np.uint8).reshape(-1, 12)
    rows = np.asarray(batch.column(2).to_pylist(), dtype=">u4")
    records[:, 13:] = rows.view(np.uint8).reshape(-1, 4)
    return records


def digest_key(value: str) -> bytes:
    """The 12 bytes that stand for an ISRC, MBID or barcode."""
    return hashlib.sha256(value.encode()).digest()[:12]


class KeyIndex:
    """Looks keys up in a memory-mapped index."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - held for the life of the map
        size = os.fstat(self._file.fileno()).st_size
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self._count = size // RECORD_BYTES

    def close(self) -> None:
        """Release the map."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()
        self._file.close()

    def rows(self, scheme: str, value: bytes, rows_max: int = 1000) -> list[int]:
        """The row numbers for a key, ascending; most keys have one."""
        wanted = scheme.encode() + value
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        found: list[int] = []
        while low < self._count and len(found) < rows_max and self._key(low) == wanted:
            start = low * RECORD_BYTES
            found.append(int.from_bytes(self._map[start + _KEY_BYTES : start + RECORD_BYTES], "big"))
            low += 1
        return found

    def _key(self, number: int) -> bytes:
        start = number * RECORD_BYTES
        return bytes(self._map[start : start + _KEY_BYTES])
