"""The files inside a tar, one after the other as they come, whatever it is packed in; or the one bare file.

Invariant: nothing is ever written and nothing is sought, so a name cannot lead anywhere; what is no ordinary
file is passed over and counted. Memory is constant: long names are bounded, contents are streams.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lockgroove.sources.packed import (
    CHUNK_BYTES,
    BrokenPacking,
    ByteStream,
    Damaged,
    Packed,
    Truncated,
    open_packed,
)
from lockgroove.sources.shelfkeys import encode

BLOCK_BYTES = 512
NAME_BYTES_MAX = 64 * 1024
_ORDINARY = (b"0", b"\0", b"7")
_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".tgz", ".tar")


@dataclass(frozen=True)
class Member:
    """One file of a dump: read `stream` before asking for the next. `size` is None for a bare file."""

    name: str
    size: int | None
    stream: ByteStream
    packed: Packed


@dataclass
class PassedOver:
    """What of tars is no ordinary file, by what it is: links, devices, sparse files, names that climb out."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str) -> None:
        """One more."""
        self.counts[what] = self.counts.get(what, 0) + 1


def members(path: bytes, passed_over: PassedOver | None = None) -> Iterator[Member]:
    """The files in a dump. Raises OSError when it cannot be opened, BrokenPacking where it ends or breaks.

    A file that is no tar is its own only member, under its name without the packing's suffix.
    """
    passed_over = passed_over if passed_over is not None else PassedOver()
    with open_packed(path) as packed:
        # a stream that breaks before its first block is told where it is read, after what it gave
        front = _Front(packed)
        if is_tar(front.peek(BLOCK_BYTES)):
            yield from _tar_members(front, packed, passed_over)
        else:
            yield Member(_bare_name(path), None, front, packed)


def is_tar(block: bytes) -> bool:
    """Whether a first block is the header of a tar, by its checksum, or the end of an empty one."""
    return len(block) == BLOCK_BYTES and (not any(block) or _checksum_holds(block))


def _bare_name(path: bytes) -> str:
    name = encode(os.path.basename(path))
    while name.endswith(_SUFFIXES):
        name = name.rpartition(".")[0]
    return name


class _Front:
    """A stream whose next bytes may be looked at before they are read."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._seen, self._given = b"", 0

    def peek(self, size: int) -> bytes:
        """The first bytes, fewer where the stream ends or breaks; the break itself is raised by `read`."""
        try:
            while len(self._seen) < size and (more := self._stream.read(CHUNK_BYTES)):
                self._seen += more
        except BrokenPacking:
            pass  # it is raised again as soon as what was seen has been read
        return self._seen[:size]

    def read(self, size: int = -1, /) -> bytes:
        """As ByteStream has it; -1 reads all."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        if self._given >= len(self._seen):
            self._seen, self._given = b"", 0
            return self._stream.read(size) or b""
        given = self._seen[self._given : self._given + size]
        self._given += len(given)
        return given


class _Content:
    """The bytes of one member and no more."""

    def __init__(self, stream: ByteStream, size: int, packed: Packed) -> None:
        self._stream = stream
        self._packed = packed
        self.left = size

    def read(self, size: int = -1, /) -> bytes:
        """As ByteStream has it; -1 reads all. Raises Truncated where the tar ends inside the member."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        if not self.left or not size:
            return b""
        data = self._stream.read(min(size, self.left)) or b""
        if not data:
            raise Truncated("the tar ends inside a file", self._packed.compressed_at)
        self.left -= len(data)
        return data


def _tar_members(stream: ByteStream, packed: Packed, passed_over: PassedOver) -> Iterator[Member]:
    """The ordinary files of a tar, POSIX pax, ustar, GNU or older."""
    said: dict[str, bytes] = {}
    while (header := _block(stream, packed)) is not None:
        kind, size = header[156:157], _number(header[124:136], packed)
        if kind in (b"x", b"L"):
            said |= _extended(kind, _whole(stream, size, packed))
            continue
        size = _stated_size(said, size, packed)
        content = _Content(stream, size, packed)
        name = said.get("path") or _plain_name(header)
        what = _what(kind, name, said)
        if what is None:
            yield Member(encode(name), size, content, packed)
        elif what:
            passed_over.add(what)
        said = {}
        _pass(content)
        _pass(_Content(stream, -size % BLOCK_BYTES, packed))


def _what(kind: bytes, name: bytes, said: Mapping[str, bytes]) -> str | None:
    """What keeps a member from being an ordinary file: None nothing, "" what is not worth a word."""
    if kind in (b"5", b"g", b"K"):
        return ""
    if kind == b"S" or any(key.startswith("GNU.sparse") for key in said):
        return "a sparse file"
    if kind not in _ORDINARY:
        return "a link" if kind in (b"1", b"2") else "a device or something unknown"
    if name.startswith(b"/") or b".." in name.split(b"/"):
        return "a name that leads out"
    return "" if name.endswith(b"/") else None


def _block(stream: ByteStream, packed: Packed) -> bytes | None:
    """The next header, or None at the end, which two blocks of NUL should mark and do not always."""
    block = _up_to(stream, BLOCK_BYTES)
    if not block or not any(block):
        while stream.read(CHUNK_BYTES):  # so that a check at the end of the packing is made
            pass
        return None
    if len(block) < BLOCK_BYTES:
        raise Truncated("the tar ends inside a header", packed.compressed_at)
    if not _checksum_holds(block):
        raise Damaged("a tar header's checksum is wrong", packed.compressed_at)
    return block


def _checksum_holds(block: bytes) -> bool:
    stated = block[148:156].strip(b"\0 ")
    if not stated or stated.strip(b"01234567"):
        return False
    return int(stated, 8) == sum(block) - sum(block[148:156]) + 8 * 32


def _number(field: bytes, packed: Packed) -> int:
    """A size: octal text, or base 256 where the first bit is set. Raises Damaged."""
    if field[0] & 0x80:
        number = int.from_bytes(field, "big", signed=True) & ((1 << 88) - 1)
        if not field[0] & 0x40 and number < 1 << 62:
            return number
    elif not (text := field.strip(b"\0 ")).strip(b"01234567"):
        return int(text or b"0", 8)
    raise Damaged("a tar header states no size", packed.compressed_at)


def _stated_size(said: Mapping[str, bytes], size: int, packed: Packed) -> int:
    if (stated := said.get("size")) is None:
        return size
    if not stated.isdigit() or len(stated) > 18:
        raise Damaged("a tar's extended header states no size", packed.compressed_at)
    return int(stated)


def _plain_name(header: bytes) -> bytes:
    name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
    is_posix = header[257:263] == b"ustar\0"
    return prefix + b"/" + name if is_posix and prefix else name


def _whole(stream: ByteStream, size: int, packed: Packed) -> bytes:
    """An extended header. Raises Damaged when it is longer than any name, Truncated when it is cut."""
    if size > NAME_BYTES_MAX:
        raise Damaged("a tar's extended header is longer than any name", packed.compressed_at)
    data = _up_to(stream, size + -size % BLOCK_BYTES)
    if len(data) < size:
        raise Truncated("the tar ends inside a header", packed.compressed_at)
    return data[:size]


def _extended(kind: bytes, data: bytes) -> dict[str, bytes]:
    """What an extended header says: GNU's long name, or pax records `LENGTH KEY=VALUE LF`."""
    if kind == b"L":
        return {"path": data.rstrip(b"\0")}
    said: dict[str, bytes] = {}
    while data:
        length, _, rest = data.partition(b" ")
        if not length.isdigit() or len(length) > 6 or int(length) <= len(length):
            break
        key, _, value = rest[: int(length) - len(length) - 2].partition(b"=")
        said[key.decode("utf-8", "replace")] = value
        data = data[int(length) :]
    return said


def _up_to(stream: ByteStream, size: int) -> bytes:
    """So many bytes, fewer only at the end."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _pass(content: _Content) -> None:
    while content.left:
        content.read(CHUNK_BYTES)
