"""Lines in zstd frames: written as they come, walked by their headers, read one frame at a time.

Invariant: a frame holds whole lines and carries a checksum; any zstd tool reads a pack as one text.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import zstandard

FRAME_BYTES_MAX = 1 << 20
LEVEL = 3
_BLOCK_HEADER_BYTES = 3
_CHECKSUM_BYTES = 4
_RLE_BLOCK = 1


@dataclass
class Packing:
    """Lines on their way into one part. Memory: what is compressed, and one frame that is not."""

    frames: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    size_bytes: int = 0
    text_bytes: int = 0
    records: int = 0

    def __post_init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Take in lines, each with its LF. One that is longer than a frame has one of its own."""
        for line in lines:
            if self._waiting and self._waiting_bytes + len(line) > FRAME_BYTES_MAX:
                self._close_frame()
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            self.text_bytes += len(line)
            self.records += 1

    def extend(self, packed: Packing) -> None:
        """Take in frames that were packed apart, behind what came before."""
        if self._waiting:
            self._close_frame()
        self.frames += packed.frames
        self.counts += packed.counts
        self.size_bytes += packed.size_bytes
        self.text_bytes += packed.text_bytes
        self.records += packed.records

    def finish(self) -> bytes:
        """The part, whole."""
        if self._waiting:
            self._close_frame()
        return b"".join(self.frames)

    @property
    def lengths(self) -> list[int]:
        """The bytes of each frame."""
        return [len(frame) for frame in self.frames]

    def _close_frame(self) -> None:
        frame = self._compressor.compress(b"".join(self._waiting))
        self.frames.append(frame)
        self.counts.append(len(self._waiting))
        self.size_bytes += len(frame)
        self._waiting, self._waiting_bytes = [], 0


def pack_of(lines: Iterable[bytes]) -> bytes:
    """Lines as one pack."""
    packing = Packing()
    packing.add(lines)
    return packing.finish()


def frame_lengths(data: bytes) -> list[int]:
    """The bytes of each frame, in order, without unpacking any (RFC 8878, 3.1.1). Raises ValueError."""
    lengths = []
    start = 0
    while start < len(data):
        end = _frame_end(data, start)
        lengths.append(end - start)
        start = end
    return lengths


def _frame_end(data: bytes, start: int) -> int:
    try:
        header = data[start : start + 18]
        has_checksum = zstandard.get_frame_parameters(header).has_checksum
        at = start + zstandard.frame_header_size(header)
    except zstandard.ZstdError as error:
        raise ValueError(f"no frame stands at {start}: {error}") from None
    is_last = False
    while not is_last:
        block = int.from_bytes(data[at : at + _BLOCK_HEADER_BYTES], "little")
        is_last = bool(block & 1)
        size = 1 if (block >> 1) & 3 == _RLE_BLOCK else block >> 3
        at += _BLOCK_HEADER_BYTES + size
        if at > len(data):
            break
    at += _CHECKSUM_BYTES if has_checksum else 0
    if at > len(data):
        raise ValueError(f"the frame at {start} is cut")
    return at


def frame_lines(frame: bytes) -> list[bytes]:
    """The lines of one frame, each with its LF. Raises zstandard.ZstdError when it is damaged."""
    return io.BytesIO(zstandard.ZstdDecompressor().decompress(frame)).readlines()


def lines_of(pack: bytes) -> Iterator[bytes]:
    """The lines of whole frames, unpacked one at a time."""
    at = 0
    for length in frame_lengths(pack):
        yield from frame_lines(pack[at : at + length])
        at += length


def streamed_lines(pack: BinaryIO) -> Iterator[bytes]:
    """The lines of a file of frames of any size, streamed."""
    reader = zstandard.ZstdDecompressor().stream_reader(pack, read_across_frames=True)
    yield from io.BufferedReader(reader, 1 << 20)
