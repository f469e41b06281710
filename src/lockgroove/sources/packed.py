"""A dump as it was published: plain, .gz, .bz2, .xz or .zst, told by its content and never by its name.

Invariant: memory is constant, whatever a file of a few bytes claims to hold. Where compression ends early,
all that came before is given, and then Truncated says where in the file; where it is damaged, all but at most
the last 32 KiB (bzip2, xz) or 128 KiB (zstd) before, and then Damaged.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from typing import Any, Protocol, Self

import zstandard

CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 64 << 20
_READ_BYTES = 1 << 17
_GIVE_BYTES_MAX = 1 << 15  # of bzip2 and xz, what a damaged file loses before the damage
_ZSTD_READ_BYTES = 1 << 10  # which may become 32 MiB: its decompressor knows no bound
_PADDING_BYTES_MAX = 1 << 16  # tapes and some tools fill up with NUL


class BrokenPacking(ValueError):
    """The dump cannot be read on. `at` is the byte of the file as published, `code` that of the finding."""

    code = "archive-damaged"

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.why, self.at = why, at


class Truncated(BrokenPacking):
    """The file ends before what it packs does."""

    code = "archive-truncated"


class Damaged(BrokenPacking):
    """What is packed cannot be unpacked here."""


class ByteStream(Protocol):
    """What dumps are read from."""

    def read(self, size: int = -1, /) -> bytes | None:
        """At most `size` bytes, at least one until the end; b"" there. May raise BrokenPacking."""


class _Gzip:
    """One member. What comes before a byte that is wrong is given to the last byte."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)
        self._broken: zlib.error | None = None

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpacker.unused_data

    @property
    def is_hungry(self) -> bool:
        """Whether it can give nothing more without new bytes."""
        return not self._unpacker.unconsumed_tail and self._broken is None

    def decompress(self, data: bytes) -> bytes:
        if self._broken is not None:
            raise self._broken
        before, waiting = self._unpacker.copy(), self._unpacker.unconsumed_tail + data
        try:
            return self._unpacker.decompress(waiting, _GIVE_BYTES_MAX)
        except zlib.error as error:
            self._broken = error
            return _before_the_break(before, waiting)


def _before_the_break(unpacker: Any, data: bytes) -> bytes:
    """What a zlib decompressor gives before it fails, fed in ever smaller bites."""
    given, at = b"", 0
    for bite in (1 << 10, 1 << 5, 1):
        while at < len(data):
            before = unpacker.copy()
            try:
                given += unpacker.decompress(data[at : at + bite])
            except zlib.error:
                unpacker = before
                break
            at += bite
    return given


class _Bounded:
    """bz2 and xz: never more than so many bytes at once, and what is left over is asked for again."""

    def __init__(self, unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._unpacker = unpacker

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpacker.unused_data

    @property
    def is_hungry(self) -> bool:
        return self._unpacker.needs_input

    def decompress(self, data: bytes) -> bytes:
        return self._unpacker.decompress(data, _GIVE_BYTES_MAX)


class _Zstd:
    is_hungry = True

    def __init__(self) -> None:
        self._unpacker = zstandard.ZstdDecompressor().decompressobj()

    @property
    def eof(self) -> bool:
        return bool(self._unpacker.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._unpacker.unused_data)

    def decompress(self, data: bytes) -> bytes:
        return self._unpacker.decompress(data)


_MAGIC = re.compile(rb"(\x1f\x8b\x08)|(BZh[1-9])|(\xfd7zXZ\0)|(\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)")
_NAMES = (None, "gzip", "bzip2", "xz", "zstd")
_MAGIC_BYTES = 6
_FAILURES = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, ValueError, EOFError)


def _unpacker(name: str) -> Any:
    if name == "gzip":
        return _Gzip()
    if name == "bzip2":
        return _Bounded(bz2.BZ2Decompressor())
    if name == "xz":
        return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 30))
    return _Zstd()


def _packing(head: bytes) -> str | None:
    found = _MAGIC.match(head)
    return _NAMES[found.lastindex or 0] if found else None


class Packed(io.RawIOBase):
    """The unpacked bytes of a file, in order. `size` is the file's, `compressed_at` how far it was read."""

    def __init__(self, file: io.FileIO) -> None:
        super().__init__()
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        self.compressed_at = 0
        self._head = self._take(_MAGIC_BYTES)
        self.packing = _packing(self._head)
        self._unpacker = _unpacker(self.packing) if self.packing else None
        self._ready, self._given = b"", 0
        self._broken: BrokenPacking | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As io.RawIOBase has it."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes (all for -1), at least one until the end. Raises BrokenPacking."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        if self._given >= len(self._ready) and size:
            self._ready, self._given = self._next_or_broken(), 0
        given = self._ready[self._given : self._given + size]
        self._given += len(given)
        return given

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

    def _next_or_broken(self) -> bytes:
        """The next bytes; what is broken once stays so, however often it is asked."""
        if self._broken is not None:
            raise self._broken
        try:
            return self._next()
        except BrokenPacking as error:
            self._broken = error
            raise

    def _next(self) -> bytes:
        """Some bytes, or none at the end."""
        if self._unpacker is None:
            return self._compressed(CHUNK_BYTES)
        while True:
            if self._unpacker.eof and not self._begin_again():
                return b""
            data = self._compressed(self._bite) if self._unpacker.is_hungry else b""
            if not data and self._unpacker.is_hungry:
                raise Truncated(f"{self.packing} ends before its end", self.compressed_at)
            if given := self._unpacked(data):
                return given

    @property
    def _bite(self) -> int:
        return _ZSTD_READ_BYTES if self.packing == "zstd" else _READ_BYTES

    def _unpacked(self, data: bytes) -> bytes:
        assert self._unpacker is not None
        try:
            return bytes(self._unpacker.decompress(data))
        except _FAILURES as error:
            raise Damaged(f"{self.packing}: {error}", self.compressed_at) from error

    def _begin_again(self) -> bool:
        """Start on the stream that follows the one that ended; False at the end of the file."""
        assert self._unpacker is not None
        self._head = self._unpacker.unused_data + self._head
        skipped = 0
        while not (rest := self._head.lstrip(b"\0")):
            skipped += len(self._head)
            self._head = self._take(_READ_BYTES)
            if not self._head:
                return False
            if skipped > _PADDING_BYTES_MAX:
                break
        if len(rest) < _MAGIC_BYTES:
            rest += self._take(_MAGIC_BYTES)
        if _packing(rest) != self.packing or self.packing is None:
            raise Damaged(f"what follows the end of {self.packing} is not {self.packing}", self.compressed_at)
        self._head, self._unpacker = rest, _unpacker(self.packing)
        return True

    def _compressed(self, size: int) -> bytes:
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        return self._take(size)

    def _take(self, size: int) -> bytes:
        try:
            data = self._file.read(size) or b""
        except OSError as error:
            raise Damaged(f"the disk does not give it: {error.strerror}", self.compressed_at) from error
        self.compressed_at += len(data)
        return data

    def __enter__(self) -> Self:
        return self


def open_packed(path: bytes) -> Packed:
    """Open a dump for reading. Raises OSError when the file cannot be opened."""
    return Packed(io.FileIO(path))


Line = tuple[int, int, bytes | None]


def lines(stream: ByteStream, bytes_max: int = LINE_BYTES_MAX) -> Iterator[Line]:
    """The lines of a stream without their LF: number from 1, offset in the stream, bytes.

    A line longer than `bytes_max` comes as None and is never held. Empty lines are counted and left out. A
    last line needs no LF. When the stream breaks, the part of a line before the break comes, then it raises.
    """
    number, offset, rest = 1, 0, _Rest(bytes_max)
    while True:
        try:
            chunk = stream.read(CHUNK_BYTES)
        except BrokenPacking:
            if rest.size:
                yield number, offset, rest.take()
            raise
        if not chunk:
            break
        first, *others = chunk.split(b"\n")
        rest.add(first)
        for piece in others:
            size, line = rest.size, rest.take()
            if size:
                yield number, offset, line
            number, offset = number + 1, offset + size + 1
            rest.add(piece)
    if rest.size:
        yield number, offset, rest.take()


class _Rest:
    """A line that is still coming in, as pieces; beyond its bound only its size."""

    def __init__(self, bytes_max: int) -> None:
        self._max = bytes_max
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> None:
        if piece:
            self.size += len(piece)
            self._pieces.append(piece)
            if self.size > self._max:
                self._pieces.clear()

    def take(self) -> bytes | None:
        """The line; None where it was too long."""
        line = b"".join(self._pieces) if self.size <= self._max else None
        self.size = 0
        self._pieces.clear()
        return line
