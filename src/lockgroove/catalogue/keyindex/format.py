"""The bytes of a key index: what stands where, and the keys that go in. `docs/format.md`, section 8.

A page of 64 KiB (header), leaves of 4,096 sorted records, fences: one per leaf, with its last key and its
digest. The header holds one fence per 2,048 fences, and its own digest: who trusts that can prove every byte.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgroove.errors import DamageFound, FormatUnknown
from lockgroove.model import EntityKind

MAGIC = b"lockgroove-keys\n"
VERSION = 2  # 1 had records of 17 bytes and no header
PAGE_BYTES = 1 << 16
KEY_BYTES = 12
RECORD = np.dtype([("high", ">u8"), ("low", ">u4"), ("row", ">u4")])
FENCE = np.dtype([("key", "u1", KEY_BYTES), ("more", ">u4"), ("digest", "u1", 16)])
LEAF_RECORDS = PAGE_BYTES // RECORD.itemsize
BLOCK_FENCES = PAGE_BYTES // FENCE.itemsize
NO_ROW = 0xFFFFFFFF
REBUILD = "Run `lockgroove rebuild`; if it came from elsewhere, fetch it again."

ENTITY_SCHEMES: Mapping[EntityKind, str] = {
    "recording": "R",
    "track": "T",
    "release": "E",
    "artist": "A",
    "release-group": "G",
    "label": "L",
}

_FIXED = struct.Struct(">16sIIQ")
_SECTION = struct.Struct(">c7xQ")
_SEAL_BYTES = 32

Records = npt.NDArray[np.void]
Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Section:
    """The records of one scheme: the number of the first, and of the first that is not one of them."""

    first: int
    end: int

    @property
    def leaves(self) -> tuple[int, int]:
        """The first and the last leaf with records of it."""
        return self.first // LEAF_RECORDS, (self.end - 1) // LEAF_RECORDS

    def within(self, leaf: int) -> tuple[int, int]:
        """Where its records begin and end, counted from the first record of the leaf."""
        start = leaf * LEAF_RECORDS
        return max(self.first - start, 0), min(self.end - start, LEAF_RECORDS)


@dataclass(frozen=True)
class Header:
    """What the first page tells: sections by scheme, and `root`, the last fence of each block of fences."""

    sections: Mapping[str, Section]
    root: bytes
    sha256: str

    @property
    def records(self) -> int:
        """How many records there are."""
        return max((s.end for s in self.sections.values()), default=0)

    @property
    def leaves(self) -> int:
        """How many leaves there are; as many fences."""
        return -(-self.records // LEAF_RECORDS)

    @property
    def size_bytes(self) -> int:
        """How long the file must be."""
        return self._fences_at + self.leaves * FENCE.itemsize

    @property
    def _fences_at(self) -> int:
        return PAGE_BYTES + self.records * RECORD.itemsize

    def leaf_range(self, leaf: int) -> tuple[int, int]:
        """Offset and length of a leaf in the file."""
        return _part(PAGE_BYTES, leaf, LEAF_RECORDS, self.records, RECORD.itemsize)

    def fence_range(self, block: int) -> tuple[int, int]:
        """Offset and length of a block of fences in the file."""
        return _part(self._fences_at, block, BLOCK_FENCES, self.leaves, FENCE.itemsize)


def _part(at: int, number: int, size: int, total: int, width: int) -> tuple[int, int]:
    start = number * size
    return at + start * width, min(size, total - start) * width


def header_page(counts: Sequence[tuple[str, int]], root: bytes) -> bytes:
    """The first page, for the records of each scheme in the order in which they stand."""
    records = sum(count for _, count in counts)
    page = _FIXED.pack(MAGIC, VERSION, len(counts), records)
    page += b"".join(_SECTION.pack(scheme.encode("ascii"), count) for scheme, count in counts) + root
    if len(page) > PAGE_BYTES - _SEAL_BYTES:
        raise ValueError(f"{records} records are more than a key index can hold")
    page = page.ljust(PAGE_BYTES - _SEAL_BYTES, b"\0")
    return page + hashlib.sha256(page).digest()


def parse_header(page: bytes, where: str) -> Header:
    """What the first page says. Raises FormatUnknown, and DamageFound for one that is not as written."""
    if not page.startswith(MAGIC):
        raise FormatUnknown("This is no key index, an old one, or one never finished", where, REBUILD)
    if len(page) < PAGE_BYTES:
        raise damaged("The key index is cut off in its first page", where)
    version = int.from_bytes(page[16:20], "big")
    if version != VERSION:
        raise FormatUnknown(f"A key index of version {version}; this reads {VERSION}", where, REBUILD)
    if hashlib.sha256(page[:-_SEAL_BYTES]).digest() != page[-_SEAL_BYTES:]:
        raise damaged("The first page of the key index is not what was written", where)
    _, _, number, _ = _FIXED.unpack_from(page)
    at = _FIXED.size + number * _SECTION.size
    sections = _sections(page[_FIXED.size : at])
    return Header(sections, page[at:-_SEAL_BYTES], hashlib.sha256(page).hexdigest())


def _sections(table: bytes) -> dict[str, Section]:
    sections, first = {}, 0
    for scheme, count in _SECTION.iter_unpack(table):
        sections[scheme.decode("ascii")] = Section(first, first + count)
        first += count
    return sections


def damaged(what: str, where: str) -> DamageFound:
    """The error for an index whose bytes are not what they were."""
    return DamageFound(what, where, REBUILD)


def block_digest(data: bytes | memoryview) -> bytes:
    """What a fence says of its block: the first 16 bytes of the SHA-256."""
    return hashlib.sha256(data).digest()[:16]


def digest_key(value: str) -> bytes:
    """The first 12 bytes of the SHA-256: the key of an identifier of any length."""
    return hashlib.sha256(value.encode()).digest()[:KEY_BYTES]


def isrc_key(isrc: str) -> bytes:
    """The key of an ISRC of 12 characters, upper case, no hyphens: the characters themselves."""
    key = isrc.encode("ascii")
    if len(key) != KEY_BYTES:
        raise ValueError(f"not an ISRC of 12 characters: {isrc!r}")
    return key


def barcode_key(digits: str) -> bytes:
    """The key of a barcode, at most 24 digits: two digits a byte, zeros before. UPC and EAN agree so."""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 2 * KEY_BYTES):
        raise ValueError(f"not a barcode: {digits!r}")
    return bytes.fromhex(digits.zfill(2 * KEY_BYTES))


def sortable(keys: Bytes) -> npt.NDArray[np.bytes_]:
    """Keys, or the first bytes of records, as fixed-width strings: numpy compares those byte by byte."""
    return np.ascontiguousarray(keys[:, :KEY_BYTES]).view(f"S{KEY_BYTES}").reshape(-1)
