"""Whether a sound file ends where its own headers say, told from its ends without decoding.

Invariant: nothing here raises on any bytes or reads more than a few MiB. A doubt counts as whole: a
whole file called cut is worse than the reverse. What cannot be told is listed at `incomplete`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import BinaryIO, NamedTuple

from lockgroove.sources.structure import (
    Chunk,
    Frame,
    Order,
    Reader,
    atoms,
    chunks,
    flac_blocks,
    frame_at,
    ogg_page,
    sound_start,
    trailing_tags,
)

TAIL_BYTES = 65536
TAIL_BYTES_MAX = 1 << 20
FLAC_FRAME_BYTES_MAX = (2 << 20) + 4096  # 65,535 samples of 8 channels and 32 bits, hardly compressed


def incomplete(file: BinaryIO, format: str, size_bytes: int) -> str:  # noqa: A002 - the word `sniff` gives
    """Why the file is not whole, in a few words, or "" when it seems to be.

    It cannot be told of Musepack SV7, ADIF and APE before 3.98, nor where a cut falls between two
    frames of a stream without a stated length (MP3 without Xing, AAC, AC-3), between two Ogg pages,
    or after the sound (tags and indexes at the end).
    """
    reader = Reader(file, size_bytes)
    start = sound_start(reader)
    if start >= size_bytes:
        return "it ends within the tags before the sound"
    end = min([size_bytes, *(tag.offset for tag in trailing_tags(reader))])
    return _CHECKS[format](reader, start, max(end, start)) if format in _CHECKS else ""


def _beyond(what: str, stated: int, size_bytes: int) -> str:
    """The reason when something states an end that the file does not reach."""
    return f"{what} should end at byte {stated}, the file ends at {size_bytes}" if stated > size_bytes else ""


def _chunked(order: Order, width: int, *sound: bytes) -> Callable[[Reader, int, int], str]:
    """For RIFF and its kin: every chunk ends within the file, one holds sound, and so does the outermost."""

    def check(reader: Reader, start: int, end: int) -> str:
        names: set[bytes] = set()
        long_bytes = 0
        stated = start + 4 + width + reader.number(start + 4, width, order)
        for chunk in chunks(reader, start + 8 + width, order, width):
            if chunk.offset > stated and names & {*sound}:
                break  # junk after the outermost chunk
            names.add(chunk.name)
            if chunk.name == b"ds64":
                long_bytes = reader.number(chunk.offset + 8, 8)
            if chunk.name in sound and _is_streamed(chunk.size_bytes):
                return _beyond("its sound", chunk.offset + long_bytes, reader.size_bytes)
            if reason := _beyond(f"its {_name(chunk)} chunk", chunk.end, reader.size_bytes):
                return reason
        if not names & {*sound}:
            return "it has no chunk of sound"
        is_vague = (
            _is_streamed(stated - start - 8) or stated - reader.size_bytes <= 12
        )  # its own header counted
        return "" if is_vague else _beyond("it", stated, reader.size_bytes)

    return check


def _is_streamed(size_bytes: int) -> bool:
    """Whether a size was written before the length was known: nothing, or the most that fits."""
    return size_bytes == 0 or size_bytes | 0xFFF in (0x7FFFFFFF, 0xFFFFFFFF)


def _name(chunk: Chunk) -> str:
    return chunk.name.decode("ascii", "replace").strip()


def _dsf(reader: Reader, start: int, end: int) -> str:
    data = start + 28 + reader.number(start + 32, 8)
    if reader.at(data, 4) != b"data":
        return "it has no chunk of sound"
    ends = (data + reader.number(data + 4, 8), start + reader.number(start + 12, 8))
    return _beyond("its data", max(ends), reader.size_bytes)


def _mp4(reader: Reader, start: int, end: int) -> str:
    names: set[bytes] = set()
    for atom in atoms(reader, start, reader.size_bytes):
        if atom.name not in _MP4_ATOMS and names >= {b"moov", b"mdat"}:
            break  # junk after the last atom
        names.add(atom.name)
        if reason := _beyond(f"its {_name(atom)} atom", atom.end, reader.size_bytes):
            return reason
    if b"moov" not in names:
        return "it has no moov atom"
    return "" if names & {b"mdat", b"moof"} else "it has no mdat atom"


_MP4_ATOMS = frozenset(b"moov mdat moof mfra sidx free skip wide udta uuid meta styp emsg pdin".split())


def _asf(reader: Reader, start: int, end: int) -> str:
    at = start
    for _ in range(1000):
        head = reader.at(at, 24)
        size = int.from_bytes(head[16:], "little")
        if len(head) < 24 or size < 24:
            break
        at += size
        if reason := _beyond("one of its objects", at, reader.size_bytes):
            return reason
        if head.startswith(_ASF_DATA):
            return ""  # only indexes follow, or junk
    return "" if len(head) == 24 and head.startswith(_ASF_DATA) else "it has no data object"


_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")


def _optimfrog(reader: Reader, start: int, end: int) -> str:
    names = []
    for chunk in chunks(reader, start, "little", padded=False):
        if chunk.offset > end or (not chunk.name.isalnum() and chunk.name != b"OFR "):
            break
        names.append(chunk.name)
        if reason := _beyond(f"its {_name(chunk)} chunk", chunk.end, end):
            return reason
    return "" if b"COMP" in names else "it has no chunk of sound"


def _ogg(reader: Reader, start: int, end: int) -> str:
    """The last page ends within the file, ends a packet, and is no header."""
    tail_at = max(start, reader.size_bytes - TAIL_BYTES - 512)
    offset = tail_at + reader.at(tail_at, TAIL_BYTES + 512).rfind(b"OggS")
    page = ogg_page(reader, offset) if offset >= tail_at else None
    if page is None:
        return "its last page is cut"
    if reason := _beyond("its last page", page.end, reader.size_bytes):
        return reason
    if page.flags & 2 or (page.granule == 0 and not page.flags & 4):
        return "it ends within its headers"
    goes_on = page.body > offset + 27 and reader.number(page.body - 1, 1) == 255 and not page.flags & 4
    return "its last packet is cut" if goes_on or reader.at(page.end, 4) in (b"O", b"Og", b"Ogg") else ""


def _frames(reader: Reader, start: int, end: int) -> str:
    """The last frame is there to its end; bytes after it that are no frame are left alone."""
    tail_at = max(start, end - TAIL_BYTES)
    data = reader.at(tail_at, end - tail_at)
    last = _last_frame(data)
    if last is None:
        return "no frames are near its end"
    rest = data[last.end :]
    if 0 < len(rest) < 8 and data.startswith(rest[:2], last.offset):
        return "the header of its last frame is cut"
    return _beyond("its last frame", tail_at + last.end, end)


def _last_frame(data: bytes) -> Frame | None:
    """The last of the frames that follow each other up to the end."""
    for match in re.finditer(rb"\xff[\xe0-\xff]|\x0b\x77", data):
        count, last = 0, frame_at(data, match.start())
        while last and (following := frame_at(data, last.end)) and following[0] == last[0]:
            count, last = count + 1, following
        if last and (count >= 3 or ((count or match.start() == 0) and last.end >= len(data))):
            return last
    return None


def _mpeg(reader: Reader, start: int, end: int) -> str:
    """The bytes that a Xing or VBRI header counts, or else the last frame."""
    head = reader.at(start, TAIL_BYTES)
    for match in re.finditer(rb"\xff[\xe0-\xff]", head):
        frame = frame_at(head, match.start())
        if frame and (frame.end >= len(head) - 4 or frame_at(head, frame.end)):
            stated = _xing_bytes(head[frame.offset : frame.offset + 256])
            if stated:
                return _beyond("its sound", start + frame.offset + stated, reader.size_bytes)
            break
    return _frames(reader, start, end)


def _xing_bytes(frame: bytes) -> int:
    """The size that the first frame states for all of them, or 0."""
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[46:50], "big")
    for at in (36, 21, 13):
        if frame[at : at + 4] in (b"Xing", b"Info") and frame[at + 7 : at + 8] and frame[at + 7] & 2:
            skip = 8 + (4 if frame[at + 7] & 1 else 0)
            stated = frame[at + skip : at + skip + 4]
            return int.from_bytes(stated, "big") if len(stated) == 4 else 0
    return 0


class _FlacFrame(NamedTuple):
    number: int
    samples: int
    is_variable: bool
    offset: int


def _flac(reader: Reader, start: int, end: int) -> str:
    """The last frame's checksum holds up to the end, and its samples are the last that were promised."""
    blocks = list(flac_blocks(reader, start))
    frames_at = blocks[-1].end if blocks else reader.size_bytes + 1
    info = next((reader.at(block.offset, 34) for block in blocks if block.name == b"\0"), b"")
    if frames_at > reader.size_bytes or len(info) < 34:
        return "it ends within its metadata"
    total = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    if frames_at >= end:
        return "it has no frames" if total else ""
    first, last = _flac_frame(reader.at(frames_at, 16), 0), _last_flac_frame(reader, frames_at, end)
    if last is None:
        return "its last frame is cut"
    if first is None:
        return ""
    reached = last.number * (1 if last.is_variable else first.samples) + last.samples
    return f"it ends at sample {reached} of {total}" if reached < total else ""


def _last_flac_frame(reader: Reader, frames_at: int, end: int) -> _FlacFrame | None:
    """The frame whose checksum comes out even at the end; only zeros may follow it.

    Whole frames before it leave the checksum even as well, so that a few headers are enough to try.
    """
    for tail_bytes in (TAIL_BYTES, FLAC_FRAME_BYTES_MAX):
        tail_at = max(frames_at, end - tail_bytes)
        data = reader.at(tail_at, end - tail_at)
        syncs = reversed([match.start() for match in re.finditer(rb"\xff[\xf8\xf9]", data)])
        frames = list(islice((frame for at in syncs if (frame := _flac_frame(data, at))), 8))
        for frame in frames:
            if _crc(data[frame.offset :], _CRC16, 16) == 0:
                return frame
        if len(frames) > 1 or tail_at == frames_at:
            break
    return None


def _flac_frame(data: bytes, at: int) -> _FlacFrame | None:
    """The header at `at`, if its checksum holds."""
    head = data[at : at + 16]
    if len(head) < 6 or head[3] & 1 or head[2] >> 4 == 0 or head[2] & 15 == 15:
        return None
    length = next((n for n in range(8) if not head[4] << n & 0x80), 8)  # leading ones, as in UTF-8
    width = max(1, length)
    number = head[4] & (0x7F >> length if length else 0x7F)
    for byte in head[5 : 4 + width]:
        number = number << 6 | byte & 0x3F
    code, size = head[2] >> 4, 4 + width
    extra = {6: 1, 7: 2}.get(code, 0)
    usual = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8 if code > 7 else 0
    samples = usual or int.from_bytes(head[size : size + extra], "big") + 1
    size += extra + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if len(head) <= size or _crc(head[:size], _CRC8, 8) != head[size]:
        return None
    return _FlacFrame(number, samples, bool(head[1] & 1), at)


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 & 1 else 0)
        table.append(value & (1 << bits) - 1)
    return tuple(table)


_CRC8 = _table(0x107, 8)
_CRC16 = _table(0x18005, 16)


def _crc(data: bytes, table: tuple[int, ...], bits: int) -> int:
    crc, shift, mask = 0, bits - 8, (1 << bits) - 1
    for byte in data:
        crc = (crc << 8 & mask) ^ table[crc >> shift ^ byte]
    return crc


def _wavpack(reader: Reader, start: int, end: int) -> str:
    """The last block is there, and the last one with sound reaches the last sample."""
    tail_at = max(start, end - TAIL_BYTES_MAX)
    data = reader.at(tail_at, end - tail_at)
    at = data.rfind(b"wvpk")
    stated = tail_at + at + 8 + max(24, int.from_bytes(data[at + 4 : at + 8], "little"))
    if at >= 0 and (reason := _beyond("its last block", stated, end)):
        return reason
    for _ in range(64):
        head = data[at : at + 32] if at >= 0 else b""
        if len(head) < 32:
            return "no block of sound is near its end"
        samples = int.from_bytes(head[20:24], "little")
        if samples:
            return _wavpack_samples(head, samples)
        at = data.rfind(b"wvpk", 0, at)
    return ""


def _wavpack_samples(head: bytes, samples: int) -> str:
    total = int.from_bytes(head[12:16], "little")
    if total == 0xFFFFFFFF:
        return ""
    total += (head[11] << 32) - head[11]
    reached = int.from_bytes(head[16:20], "little") + (head[10] << 32) + samples
    if reached < total:
        return f"it ends at sample {reached} of {total}"
    return "" if head[25] & 0x10 else "the last channels of its last block are missing"


def _ape(reader: Reader, start: int, end: int) -> str:
    if len(reader.at(start, 32)) < 32:
        return "its header is cut"
    if reader.number(start + 4, 2) < 3980:
        return ""
    parts = [reader.number(start + at, 4) for at in (8, 12, 16, 20, 24, 32)]
    return _beyond("its sound", start + sum(parts) + (reader.number(start + 28, 4) << 32), end)


def _musepack(reader: Reader, start: int, end: int) -> str:
    """SV8 is a row of packets that closes with SE; SV7 has no sizes to go by."""
    if reader.at(start, 4) != b"MPCK":
        return "its header is cut" if end - start < 28 else ""
    at = start + 4
    for _ in range(200_000):
        head = reader.at(at, 12)
        size = _varint(head[2:])
        if head.startswith(b"SE"):
            return _beyond("its closing packet", at + max(size, 3), end)
        if size < 3 or at + size >= end:
            break
        at += size
    return "its closing packet is missing"


def _varint(data: bytes) -> int:
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
    return 0


def _tta(reader: Reader, start: int, end: int) -> str:
    rate, samples = reader.number(start + 10, 4), reader.number(start + 14, 4)
    count = min(-(-samples // max(1, rate * 256 // 245)), TAIL_BYTES_MAX // 4)
    table = reader.at(start + 22, count * 4)
    if not rate or len(table) < count * 4:
        return "it ends within its header"
    sizes = sum(int.from_bytes(table[i : i + 4], "little") for i in range(0, len(table), 4))
    return _beyond("its sound", start + 26 + count * 4 + sizes, end)


def _tak(reader: Reader, start: int, end: int) -> str:
    """Its metadata tell where the last frame is, counted from the first."""
    at, sound = start + 4, 0
    for _ in range(100):
        head = reader.at(at, 4)
        if len(head) < 4:
            return "it ends within its metadata"
        size = int.from_bytes(head[1:4], "little")
        if head[0] & 0x7F == 7:
            sound = reader.number(at + 4, 5) + reader.number(at + 9, 3)
        at += 4 + size
        if head[0] & 0x7F == 0:
            break
    return _beyond("its sound", at + sound, end)


_CHECKS: Mapping[str, Callable[[Reader, int, int], str]] = {
    **dict.fromkeys(("wav", "bwf", "rf64"), _chunked("little", 4, b"data")),
    **dict.fromkeys(("aiff", "aifc"), _chunked("big", 4, b"SSND")),
    **dict.fromkeys(("m4a", "alac", "mp4"), _mp4),
    **dict.fromkeys(("ogg-vorbis", "ogg-flac", "opus", "speex"), _ogg),
    **dict.fromkeys(("mp3", "mp2", "mp1"), _mpeg),
    **dict.fromkeys(("ac3", "eac3"), _frames),
    "aac": lambda reader, start, end: "" if reader.at(start, 4) == b"ADIF" else _frames(reader, start, end),
    "dff": _chunked("big", 8, b"DSD ", b"DST "),
    "dsf": _dsf,
    "wma": _asf,
    "optimfrog": _optimfrog,
    "flac": _flac,
    "wavpack": _wavpack,
    "ape": _ape,
    "musepack": _musepack,
    "tta": _tta,
    "tak": _tak,
}
