"""The parts that sound files are made of: chunks, atoms, blocks, pages, frames, and the tags around them.

Invariant: no bytes make a walk here raise or go on without end; a `View` raises OSError at its limit.
Sizes and offsets are told as the headers state them, true or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

READ_BYTES_MAX = 48 * 1024 * 1024
READS_MAX = 100_000
Order = Literal["little", "big"]


@dataclass(frozen=True)
class Reader:
    """A seekable file that gives nothing outside itself, wherever a broken header points."""

    file: BinaryIO
    size_bytes: int

    def at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`."""
        if not 0 <= offset < self.size_bytes:
            return b""
        self.file.seek(offset)
        return self.file.read(min(count, self.size_bytes - offset))

    def number(self, offset: int, count: int, order: Order = "little") -> int:
        """The unsigned number of `count` bytes at `offset`; what is missing counts as zero."""
        return int.from_bytes(self.at(offset, count).ljust(count, b"\0"), order)


class View:
    """A stretch of a file as mutagen reads it: never beyond its end, and no more than a tag may need."""

    def __init__(self, reader: Reader, start: int = 0) -> None:
        self._reader, self._start, self._at = reader, start, 0
        self._bytes_left, self._reads_left = READ_BYTES_MAX, READS_MAX

    def read(self, count: int = -1) -> bytes:
        """As a file's; raises OSError when the file makes mutagen read without end."""
        data = self._reader.at(self._start + self._at, min(count % (1 << 62), self._bytes_left + 1))
        self._bytes_left -= len(data)
        self._reads_left -= 1
        if self._bytes_left < 0 or self._reads_left < 0:
            raise OSError("its tags take too much reading")
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file's."""
        at = offset + (0, self._at, self._reader.size_bytes - self._start)[whence]
        if at < 0:
            raise OSError(22, "seek before the start")
        self._at = at
        return at

    def tell(self) -> int:
        """As a file's."""
        return self._at


class Chunk(NamedTuple):
    """A named stretch: its body's offset and size as its header states them, true or not."""

    name: bytes
    offset: int
    size_bytes: int

    @property
    def end(self) -> int:
        """Where it says that it ends."""
        return self.offset + self.size_bytes


class Frame(NamedTuple):
    """One frame of a stream without a container, as its header states it."""

    format: str
    size_bytes: int
    samples: int
    sample_rate_hz: int
    offset: int

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.offset + self.size_bytes


class OggPage(NamedTuple):
    """One Ogg page; `granule` is -1 where no packet ends."""

    flags: int
    granule: int
    serial: int
    body: int
    end: int


def sound_start(reader: Reader) -> int:
    """Where the tags that stand before the sound end. It may lie beyond a file that was cut."""
    start = 0
    for _ in range(8):
        step = _leading_tag(reader.at(start, 32))
        if not step:
            break
        start += step
    return start


def _leading_tag(head: bytes) -> int:
    """The size of an ID3v2 or APEv2 tag that begins here, or 0."""
    if head.startswith(b"ID3") and len(head) >= 10 and head[3] in (2, 3, 4) and max(head[6:10]) < 0x80:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return size + (20 if head[5] & 0x10 else 10)
    if head.startswith(b"APETAGEX") and len(head) >= 24 and head[23] & 0x20:
        return int.from_bytes(head[12:16], "little") + 32
    return 0


def trailing_tags(reader: Reader) -> list[Chunk]:
    """The tags that stand after the sound, from the end backwards."""
    found: list[Chunk] = []
    end = reader.size_bytes
    for _ in range(8):
        tag = _trailing_tag(reader, end)
        if tag is None or tag.offset < 0:
            break
        found.append(tag)
        end = tag.offset
    return found


def _trailing_tag(reader: Reader, end: int) -> Chunk | None:
    foot = reader.at(end - 32, 32)
    if foot.startswith(b"APETAGEX"):
        size = int.from_bytes(foot[12:16], "little") + (32 if foot[23] & 0x80 else 0)
        return Chunk(b"APETAGEX", end - size, size) if size >= 32 else None
    if reader.at(end - 128, 3) == b"TAG":
        return Chunk(b"TAG", end - 128, 128)
    if reader.at(end - 227, 4) == b"TAG+":
        return Chunk(b"TAG+", end - 227, 227)
    if foot.endswith(b"LYRICS200") and foot[17:23].isdigit():
        return Chunk(b"LYRICS200", end - int(foot[17:23]) - 15, int(foot[17:23]) + 15)
    if foot[22:25] == b"3DI":
        size = foot[28] << 21 | foot[29] << 14 | foot[30] << 7 | foot[31]
        return Chunk(b"ID3", end - size - 20, size + 20)
    return None


def chunks(reader: Reader, offset: int, order: Order, width: int = 4, padded: bool = True) -> Iterator[Chunk]:
    """The chunks of a RIFF or IFF file from `offset` on, at most 1,000 of them."""
    for _ in range(1000):
        head = reader.at(offset, 4 + width)
        if len(head) < 4 + width:
            return
        chunk = Chunk(head[:4], offset + 4 + width, int.from_bytes(head[4:], order))
        yield chunk
        offset = chunk.end + (chunk.size_bytes & 1 if padded else 0)


def atoms(reader: Reader, offset: int, end: int) -> Iterator[Chunk]:
    """The MP4 atoms between two offsets, at most 1,000 of them; a size of 0 means up to `end`."""
    for _ in range(1000):
        head = reader.at(offset, 16)
        if len(head) < 8 or offset + 8 > end:
            return
        size, skip = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, skip = int.from_bytes(head[8:16], "big"), 16
        size = size or end - offset
        if size < skip:
            return
        yield Chunk(head[4:8], offset + skip, size - skip)
        offset += size


def flac_blocks(reader: Reader, start: int) -> Iterator[Chunk]:
    """FLAC's blocks of metadata, named by their type; the frames begin where the last one ends."""
    offset = start + 4
    for _ in range(1000):
        head = reader.at(offset, 4)
        if len(head) < 4:
            return
        block = Chunk(bytes([head[0] & 0x7F]), offset + 4, int.from_bytes(head[1:], "big"))
        yield block
        offset = block.end
        if head[0] & 0x80:
            return


def ogg_page(reader: Reader, offset: int) -> OggPage | None:
    """The Ogg page at `offset`, or None if none begins there or its header is cut."""
    head = reader.at(offset, 27 + 255)
    if not head.startswith(b"OggS\0") or len(head) < 27 or len(head) < 27 + head[26]:
        return None
    body = offset + 27 + head[26]
    end = body + sum(head[27 : 27 + head[26]])
    granule = int.from_bytes(head[6:14], "little", signed=True)
    return OggPage(head[5], granule, int.from_bytes(head[14:18], "little"), body, end)


def frame_at(data: bytes, offset: int) -> Frame | None:
    """The MPEG audio, ADTS or (E-)AC-3 frame whose header stands at `offset`, or None."""
    head = data[offset : offset + 8]
    if len(head) < 7:
        return None
    if head[0] == 0x0B and head[1] == 0x77:
        return _ac3_frame(head, offset)
    if head[0] != 0xFF or head[1] < 0xE0:
        return None
    return _adts_frame(head, offset) if head[1] & 0xF6 == 0xF0 else _mpeg_frame(head, offset)


def _mpeg_frame(head: bytes, offset: int) -> Frame | None:
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3 or head[3] & 3 == 2:
        return None
    if version == 0 and layer != 3:
        return None  # MPEG 2.5 is layer III alone
    hertz = (44100, 48000, 32000)[rate] >> (2, 0, 1, 0)[version]
    table = _MPEG1_KBIT[layer] if version == 3 else _MPEG2_KBIT[layer]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1
    size = (samples // 8 // slot * table[bits] * 1000 // hertz + (head[2] >> 1 & 1)) * slot
    return Frame(f"mp{layer}", size, samples, hertz, offset)


def _adts_frame(head: bytes, offset: int) -> Frame | None:
    rate = head[2] >> 2 & 15
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate >= len(_ADTS_HERTZ) or size < 7:
        return None
    return Frame("aac", size, 1024 * ((head[6] & 3) + 1), _ADTS_HERTZ[rate], offset)


def _ac3_frame(head: bytes, offset: int) -> Frame | None:
    if 10 < head[5] >> 3 != 16:
        return None
    if head[5] >> 3 == 16:
        size = ((head[2] & 7) << 8 | head[3]) * 2 + 2
        return Frame("eac3", size, 1536, 0, offset)
    rate, code = head[4] >> 6, head[4] & 63
    if rate == 3 or code > 37:
        return None
    words = _AC3_KBIT[code >> 1] * 96000 // (48000, 44100, 32000)[rate] + (code & 1 if rate == 1 else 0)
    return Frame("ac3", words * 2, 1536, (48000, 44100, 32000)[rate], offset)


_MPEG1_KBIT = {
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBIT = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG2_KBIT[3] = _MPEG2_KBIT[2]
_ADTS_HERTZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AC3_KBIT = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
