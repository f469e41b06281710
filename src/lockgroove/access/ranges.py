"""Byte ranges after RFC 9110, section 14: what was asked for, and how several parts are framed.

CRLF stands before the first boundary and after the closing one: with either missing, zsync stalls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

RANGES_MAX = 100
_SPEC = re.compile(r"(\d{1,18})-(\d{0,18})|-(\d{1,18})")


@dataclass(frozen=True)
class ByteRange:
    """Bytes from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many."""
        return self.last - self.first + 1

    def content_range(self, size_bytes: int) -> str:
        """As the header has it."""
        return f"bytes {self.first}-{self.last}/{size_bytes}"


def parse_ranges(header: str | None, size_bytes: int) -> list[ByteRange] | None:
    """The satisfiable ranges asked for: None means the whole file, an empty list that none can be had.

    What is not understood is as if it were absent; so is a request for more bytes than there are, or for more
    than RANGES_MAX ranges, which only an attacker makes.
    """
    unit, _, specs = (header or "").partition("=")
    parts = [part.strip() for part in specs.split(",") if part.strip()]
    if unit.strip().lower() != "bytes" or not 0 < len(parts) <= RANGES_MAX:
        return None
    matches = [_SPEC.fullmatch(part) for part in parts]
    found: list[ByteRange] = []
    for match in matches:
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            return None
        one = _within(match, size_bytes)
        if one is not None:
            found.append(one)
    return None if sum(r.length for r in found) > size_bytes else found


def _within(match: re.Match[str], size_bytes: int) -> ByteRange | None:
    if match[3]:
        length = min(int(match[3]), size_bytes)
        return ByteRange(size_bytes - length, size_bytes - 1) if length else None
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size_bytes - 1, size_bytes - 1)
    return ByteRange(first, last) if first < size_bytes else None


@dataclass(frozen=True)
class Parts:
    """A multipart/byteranges body: what stands before each part, and what ends it."""

    heads: Sequence[bytes]
    end: bytes
    length: int


def frame_parts(ranges: Sequence[ByteRange], size_bytes: int, media_type: str, boundary: str) -> Parts:
    """The framing of several ranges, and the length of the whole body."""
    opening = f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: "
    heads = [f"{opening}{r.content_range(size_bytes)}\r\n\r\n".encode() for r in ranges]
    end = f"\r\n--{boundary}--\r\n".encode()
    return Parts(heads, end, sum(map(len, heads)) + len(end) + sum(r.length for r in ranges))
