"""What a sound file says of itself: its stream and its tags, verbatim, whatever container they stand in.

Invariant: no bytes make it raise, and none make it keep more than TAG_BYTES_MAX of them. Text whose
encoding nobody declared is kept as Latin-1, which gives its bytes back; only `fields` uses a guess.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, BinaryIO, NamedTuple

from mutagen import (
    aac,
    ac3,
    aiff,
    asf,
    dsdiff,
    dsf,
    flac,
    id3,
    monkeysaudio,
    mp3,
    mp4,
    musepack,
    oggflac,
    oggopus,
    oggspeex,
    oggvorbis,
    optimfrog,
    tak,
    trueaudio,
    wavpack,
)

from lockgroove.findings import Finding
from lockgroove.sources import encodings
from lockgroove.sources.fields import Fields, Value, fields
from lockgroove.sources.formats import Chunk, Reader, chunks, flac_blocks, sound_start, trailing_tags

TAG_BYTES_MAX = 256 * 1024
BINARY_BYTES_MAX = 1024
KEY_CHARS_MAX = 256
READ_BYTES_MAX = 48 * 1024 * 1024
READS_MAX = 100_000
FRAMES_BYTES_MAX = 1 << 31
HOURS_MAX = 1000


@dataclass(frozen=True)
class SoundReading:
    """One file as it describes itself; None is what it does not tell. `bitrate` is in bits a second."""

    format: str
    codec: str
    duration_ms: int | None
    sample_rate_hz: int | None
    channels: int | None
    bits_per_sample: int | None
    bitrate: int | None
    tags: Mapping[str, Sequence[Value]]
    fields: Fields
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """All but the findings, for a claim."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        del told["findings"]
        return told | {"fields": self.fields.as_json()}


class _Item(NamedTuple):
    """One value of a tag. `declared` is False for Latin-1 text that may be in any encoding."""

    key: str
    value: str | bytes | Mapping[str, Any]
    declared: bool = True


def read_sound(file: BinaryIO, path: bytes, format: str) -> SoundReading:  # noqa: A002 - the field's word
    """Read a file that `formats.sniff` called `format`; `path` only says where findings are."""
    reader = Reader(file, file.seek(0, os.SEEK_END))
    where = path.decode("utf-8", "backslashreplace")
    info, findings = _stream_or_finding(reader, format, where)
    items: list[_Item] = []
    for container in _containers(reader, format):
        try:
            items.extend(container())
        except Exception as error:
            findings.append(Finding("tags-unreadable", where, _reason(error)))
    texts, guessed = _decoded(items)
    findings.extend(Finding("text-guessed", where, name) for name in guessed)
    duration_ms = _duration_ms(info)
    return SoundReading(
        format=format,
        codec=_codec(info, format),
        duration_ms=duration_ms,
        sample_rate_hz=_positive(info, "sample_rate"),
        channels=_positive(info, "channels"),
        bits_per_sample=_positive(info, "bits_per_sample"),
        bitrate=_positive(info, "bitrate")
        or (reader.size_bytes * 8000 // duration_ms if duration_ms else None),
        tags=_bounded(items),
        fields=fields(texts, format),
        findings=tuple(dict.fromkeys(findings)),
    )


def _stream_or_finding(reader: Reader, format: str, where: str) -> tuple[Any, list[Finding]]:  # noqa: A002 - as above
    try:
        start = sound_start(reader)
        read = _STREAMS.get(format)
        return (read(reader, start) if read else SimpleNamespace()), []
    except Exception as error:  # mutagen lets struct.error, OverflowError, RecursionError and others out
        return SimpleNamespace(), [Finding("unparsable", where, _reason(error))]


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


class _View:
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


# ---- the stream


def _ogg_stream(kind: Any) -> Callable[[Reader, int], Any]:
    def read(reader: Reader, start: int) -> Any:
        view = _View(reader, start)
        info = kind._Info(view)
        info.sample_rate = getattr(info, "sample_rate", 48000)  # Opus has no other
        try:
            info._post_tags(view)
        except Exception:
            info.length = 0.0  # its end is cut; what its beginning tells still holds
        return info

    return read


def _flac_stream(reader: Reader, start: int) -> Any:
    """The block on the stream alone, as those after it may be broken."""
    block = next(block for block in flac_blocks(reader, start) if block.name == b"\0")
    info = flac.StreamInfo(reader.at(block.offset, 34))
    info.bitrate = 0
    return info


def _wave_stream(reader: Reader, start: int) -> Any:
    """The `fmt ` chunk, and as many bytes of sound as there are."""
    found: dict[bytes, Chunk] = {}
    for chunk in chunks(reader, start + 12, "little"):
        found.setdefault(chunk.name, chunk)
    head = found[b"fmt "].offset
    tag, rate = reader.number(head, 2), reader.number(head + 4, 4)
    byte_rate = reader.number(head + 8, 4) or rate * reader.number(head + 12, 2)
    data = found.get(b"data", Chunk(b"data", reader.size_bytes, 0))
    sound_bytes = min(data.size_bytes, reader.size_bytes - data.offset)
    samples = reader.number(found[b"fact"].offset, 4) if b"fact" in found and tag not in (1, 3, 0xFFFE) else 0
    length = samples / rate if samples and rate else sound_bytes / byte_rate if byte_rate else 0.0
    return SimpleNamespace(
        codec=_WAVE_CODECS.get(reader.number(head + 24, 2) if tag == 0xFFFE else tag, f"wave-0x{tag:04x}"),
        length=length,
        sample_rate=rate,
        channels=reader.number(head + 2, 2),
        bits_per_sample=reader.number(head + 14, 2),
        bitrate=0 if samples else byte_rate * 8,
    )


def _tta_stream(reader: Reader, start: int) -> Any:
    info = trueaudio.TrueAudioInfo(_View(reader, start), 0)
    info.channels, info.bits_per_sample = reader.number(start + 6, 2), reader.number(start + 8, 2)
    return info


_STREAMS: Mapping[str, Callable[[Reader, int], Any]] = {
    "flac": _flac_stream,
    "ogg-flac": _ogg_stream(oggflac.OggFLAC),
    "ogg-vorbis": _ogg_stream(oggvorbis.OggVorbis),
    "opus": _ogg_stream(oggopus.OggOpus),
    "speex": _ogg_stream(oggspeex.OggSpeex),
    **dict.fromkeys(("mp3", "mp2", "mp1"), lambda reader, start: mp3.MPEGInfo(_View(reader, start), 0)),
    **dict.fromkeys(("wav", "bwf", "rf64"), _wave_stream),
    **dict.fromkeys(("aiff", "aifc"), lambda reader, start: aiff.AIFFInfo(_View(reader, start))),
    **dict.fromkeys(("ac3", "eac3"), lambda reader, start: ac3.AC3Info(_View(reader, start))),
    **dict.fromkeys(("m4a", "alac", "mp4"), lambda reader, start: mp4.MP4(_View(reader, start)).info),
    "aac": lambda reader, start: aac.AACInfo(_View(reader, start)),
    "wavpack": lambda reader, start: wavpack.WavPackInfo(_View(reader, start)),
    "ape": lambda reader, start: monkeysaudio.MonkeysAudioInfo(_View(reader, start)),
    "musepack": lambda reader, start: musepack.MusepackInfo(_View(reader, start)),
    "tak": lambda reader, start: tak.TAKInfo(_View(reader, start)),
    "optimfrog": lambda reader, start: optimfrog.OptimFROGInfo(_View(reader, start)),
    "tta": _tta_stream,
    "dsf": lambda reader, start: dsf.DSFInfo(dsf.DSFFile(_View(reader, start)).fmt_chunk),
    "dff": lambda reader, start: dsdiff.DSDIFFInfo(_View(reader, start)),
    "wma": lambda reader, start: asf.ASF(_View(reader, start)).info,
}
_WAVE_CODECS = {
    1: "pcm",
    2: "adpcm",
    3: "pcm-float",
    6: "alaw",
    7: "mulaw",
    17: "adpcm",
    80: "mp2",
    85: "mp3",
}
_CODECS = {
    "ogg-flac": "flac",
    "ogg-vorbis": "vorbis",
    "m4a": "aac",
    "dsf": "dsd",
    "aiff": "pcm",
    "aifc": "pcm",
}
_TOLD_CODECS = {
    "mp4a.40": "aac",
    "mp4a.6B": "mp3",
    "mp4a.69": "mp3",
    "ac-3": "ac3",
    "ec-3": "eac3",
    "NONE": "pcm",
}


def _codec(info: Any, format: str) -> str:  # noqa: A002 - as above
    for name in ("codec", "codec_type", "compression"):
        told = getattr(info, name, None)
        if isinstance(told, str) and told.strip():
            return _TOLD_CODECS.get(told[:7], told.strip().lower()[:64])
    return _CODECS.get(format, format)


def _positive(info: Any, name: str) -> int | None:
    number = getattr(info, name, None)
    return int(number) if isinstance(number, int | float) and 0 < number < 1 << 40 else None


def _duration_ms(info: Any) -> int | None:
    length = getattr(info, "length", None)
    if not isinstance(length, int | float) or not 0 < length <= HOURS_MAX * 3600:
        return None
    return round(length * 1000)


# ---- the containers of tags

_IFF_TEXTS = (b"NAME", b"AUTH", b"(c) ", b"ANNO")
_OWN_ID3 = ("mp3", "mp2", "mp1", "aac", "ac3", "eac3", "tta")
_OWN_APE = ("aac", "ac3", "eac3", "ape", "wavpack", "musepack", "tak", "optimfrog")
_SURROUNDED = {*_OWN_ID3, *_OWN_APE, "flac"}  # by tags before and after the sound
_OWN: Mapping[str, Callable[[Reader, int], Iterator[_Item]]]


def _containers(reader: Reader, format: str) -> Iterator[Callable[[], Iterable[_Item]]]:  # noqa: A002 - as above
    """Every container of tags in the file, unread yet, the format's own first."""
    start = sound_start(reader)
    if format in _OWN:
        yield partial(_OWN[format], reader, start)
    if format not in _SURROUNDED:
        return
    if start:
        yield partial(_id3_items, reader, 0, "" if format in _OWN_ID3 else "ID3v2:")
    for tag in trailing_tags(reader):
        if tag.name == b"APETAGEX":
            yield partial(_ape_items, reader, tag, "" if format in _OWN_APE else "APEv2:")
        elif tag.name == b"TAG":
            yield partial(_id3v1_items, reader.at(tag.offset, 128))
        elif tag.name == b"ID3":
            yield partial(_id3_items, reader, tag.offset, "" if format in _OWN_ID3 else "ID3v2:")


def _id3_items(reader: Reader, offset: int, prefix: str) -> Iterator[_Item]:
    """The frames of an ID3v2 tag; those that mutagen cannot read are kept as bytes."""
    _refuse_hoard(reader, offset)
    read = id3.ID3(_View(reader, offset), translate=False, load_v1=False, known_frames=_FRAMES)
    for frame in read.values():
        key = prefix + (f"PRIV:{frame.owner}" if frame.FrameID == "PRIV" else frame.HashKey)
        declared = getattr(frame, "encoding", 3) != id3.Encoding.LATIN1
        for value in _frame_values(frame):
            yield _Item(key, value, declared or not isinstance(value, str))
    for raw in read.unknown_frames:
        yield _Item(prefix + raw[:4].decode("latin-1"), raw[10:])


def _refuse_hoard(reader: Reader, offset: int) -> None:
    """Raises where frames are so many that mutagen, which copies the rest for each, would not end."""
    head = reader.at(offset, 10)
    end = offset + 10 + _syncsafe(head[6:10])
    at, width, skip = offset + 10, *((3, 6) if head[3:4] == b"\2" else (4, 10))
    for count in range(1, 1 << 20):
        frame = reader.at(at, skip)
        if at >= end or not frame[:1].isalnum():
            return
        if count > 5000 or count * (end - offset) > FRAMES_BYTES_MAX:
            raise ValueError(f"more than {count} frames in {end - offset} bytes")
        size = frame[width : width * 2]
        at += skip + (_syncsafe(size) if head[3:4] == b"\4" else int.from_bytes(size, "big"))


def _syncsafe(raw: bytes) -> int:
    size = 0
    for byte in raw:
        size = size << 7 | byte & 0x7F
    return size


def _frame_values(frame: Any) -> Iterable[str | bytes | Mapping[str, Any]]:
    data = getattr(frame, "data", None)
    if hasattr(frame, "mime") and isinstance(data, bytes) and hasattr(frame, "type"):
        return (_picture(frame.mime, int(frame.type), data),)
    if isinstance(data, bytes):
        return (data.decode("ascii") if frame.FrameID == "UFID" and data.isascii() else data,)
    text = getattr(frame, "text", getattr(frame, "url", None))
    if isinstance(text, str):
        return (text,)
    if isinstance(text, list) and all(isinstance(part, str) for part in text):
        return text
    people = getattr(frame, "people", None)
    return [": ".join(pair) for pair in people] if people else (frame.pprint().partition("=")[2],)


def _kept_apart(cls: Any, header: Any, flags: int, data: bytes) -> Any:
    """A frame, unless it is compressed: a few bytes could then become gigabytes."""
    if flags & (0x08 if header.version >= (2, 4) else 0x80):
        raise NotImplementedError
    return id3.Frame._fromData.__func__(cls, header, flags, data)


def _as_frames() -> Iterator[tuple[str, Any]]:
    """The frames of mutagen, but dates as the text that they are, and nothing decompressed."""
    for name, frame in {**id3.Frames_2_2, **id3.Frames}.items():
        dated = issubclass(frame, id3.TimeStampTextFrame)
        bases = (id3.TextFrame if dated else frame,)
        yield name, type(name, bases, {"_fromData": classmethod(_kept_apart)})


_FRAMES = dict(_as_frames())


def _id3v1_items(raw: bytes) -> Iterator[_Item]:
    at = (("title", 3, 33), ("artist", 33, 63), ("album", 63, 93), ("year", 93, 97), ("comment", 97, 127))
    for name, start, end in at:
        text = raw[start:end].split(b"\0")[0].rstrip(b" ").decode("latin-1")
        if text:
            yield _Item(f"ID3v1:{name}", text, declared=False)
    if raw[125:126] == b"\0" and raw[126:127] > b"\0":
        yield _Item("ID3v1:track", str(raw[126]))
    if raw[127:] and raw[127] < len(id3.TCON.GENRES):
        yield _Item("ID3v1:genre", id3.TCON.GENRES[raw[127]])


def _ape_items(reader: Reader, tag: Chunk, prefix: str) -> Iterator[_Item]:
    """The items of an APE tag. mutagen gives up on text that is not UTF-8, so they are read here."""
    body = reader.at(tag.offset, min(tag.size_bytes, READ_BYTES_MAX))
    at = 32 if body.startswith(b"APETAGEX") else 0
    for _ in range(10_000):
        size, flags = (
            int.from_bytes(body[at : at + 4], "little"),
            int.from_bytes(body[at + 4 : at + 8], "little"),
        )
        end = body.find(b"\0", at + 8, at + 8 + 256)
        if end < 0 or end + 1 + size > len(body):
            return
        key, value = prefix + body[at + 8 : end].decode("latin-1"), body[end + 1 : end + 1 + size]
        yield from _ape_item(key, value, flags >> 1 & 3)
        at = end + 1 + size


def _ape_item(key: str, value: bytes, kind: int) -> Iterator[_Item]:
    if kind == 1:
        data = value.partition(b"\0")[2]
        cover = "cover art" in key.lower() and data
        yield _Item(key, _picture(_mime(data), 4 if "back" in key.lower() else 3, data) if cover else value)
        return
    for part in value.split(b"\0"):
        yield _as_utf8(key, part)


def _as_utf8(key: str, raw: bytes) -> _Item:
    try:
        return _Item(key, raw.decode("utf-8"))
    except UnicodeDecodeError:
        return _Item(key, raw.decode("latin-1"), declared=False)


def _flac_items(reader: Reader, start: int) -> Iterator[_Item]:
    read = _Flac(_View(reader, start))
    yield from _vorbis_items(read.tags or ())
    for picture in read.pictures:
        yield _Item("PICTURE", _picture(picture.mime, picture.type, picture.data))


def _ogg_items(kind: Any) -> Callable[[Reader, int], Iterator[_Item]]:
    tags = type("Tags", (_AsGiven, kind._Tags), {})

    def read(reader: Reader, start: int) -> Iterator[_Item]:
        view = _View(reader, start)
        return _vorbis_items(tags(view, kind._Info(view)))

    return read


def _vorbis_items(comments: Iterable[tuple[str, str]]) -> Iterator[_Item]:
    for key, value in comments:
        raw = value.encode("utf-8", "surrogateescape")
        if key.lower() == "metadata_block_picture":
            picture = flac.Picture(base64.b64decode(value))
            yield _Item(key, _picture(picture.mime, picture.type, picture.data))
        elif key.lower() == "coverart":
            data = base64.b64decode(value)
            yield _Item(key, _picture(_mime(data), 3, data))
        else:
            yield _as_utf8(key, raw)


class _AsGiven:
    """Comments whose bytes are not UTF-8 come through, instead of as question marks."""

    def load(self, data: Any, errors: str = "replace", framing: bool = True) -> None:
        at = data.tell()
        try:
            super().load(data, "surrogateescape", framing)  # type: ignore[misc]  # mixed in before a comment
        except Exception:
            del self[:]  # type: ignore[attr-defined]  # a comment is a list
            data.seek(at)
            super().load(data, errors, framing)  # type: ignore[misc]  # as above


class _FlacComment(_AsGiven, flac.VCFLACDict):  # type: ignore[misc]  # mutagen is untyped
    def load(self, data: Any, errors: str = "replace", framing: bool = False) -> None:
        super().load(data, errors, framing)


class _Flac(flac.FLAC):  # type: ignore[misc]  # mutagen is untyped
    METADATA_BLOCKS = [_FlacComment if b is flac.VCFLACDict else b for b in flac.FLAC.METADATA_BLOCKS]  # noqa: RUF012


def _mp4_items(reader: Reader, start: int) -> Iterator[_Item]:
    for key, values in (mp4.MP4(_View(reader, start)).tags or {}).items():
        for value in values if isinstance(values, list) else [values]:
            yield _mp4_item(key, value)


def _mp4_item(key: str, value: Any) -> _Item:
    if isinstance(value, mp4.MP4Cover):
        mime = "image/png" if value.imageformat == mp4.MP4Cover.FORMAT_PNG else "image/jpeg"
        return _Item(key, _picture(mime, 3, bytes(value)))
    if isinstance(value, mp4.MP4FreeForm):
        is_text = value.dataformat in (mp4.AtomDataType.UTF8, mp4.AtomDataType.IMPLICIT)
        return _as_utf8(key, bytes(value)) if is_text else _Item(key, bytes(value))
    if isinstance(value, bytes):
        return _Item(key, value)
    if isinstance(value, tuple):
        return _Item(key, "/".join(map(str, value)))
    return _Item(key, str(int(value) if isinstance(value, bool) else value))


def _asf_items(reader: Reader, start: int) -> Iterator[_Item]:
    for key, attribute in asf.ASF(_View(reader, start)).tags or ():
        value = attribute.value
        if key == "WM/Picture" and isinstance(value, bytes):
            yield _Item(key, _asf_picture(value))
        else:
            yield _Item(
                key, value if isinstance(value, bytes) else str(int(value) if value is True else value)
            )


def _asf_picture(raw: bytes) -> Mapping[str, Any]:
    size = int.from_bytes(raw[1:5], "little")
    head = raw[5 : max(5, len(raw) - size)].decode("utf-16-le", "replace")
    return _picture(head.partition("\0")[0], raw[0] if raw else 0, raw[len(raw) - size :] if size else b"")


def _wave_items(reader: Reader, start: int) -> Iterator[_Item]:
    for chunk in chunks(reader, start + 12, "little"):
        if chunk.name.lower() == b"id3 ":
            yield from _id3_items(reader, chunk.offset, "")
        elif chunk.name == b"bext":
            yield from _bext_items(reader.at(chunk.offset, min(chunk.size_bytes, TAG_BYTES_MAX)))
        elif chunk.name == b"LIST" and reader.at(chunk.offset, 4) == b"INFO":
            for info in chunks(
                Reader(reader.file, min(reader.size_bytes, chunk.end)), chunk.offset + 4, "little"
            ):
                yield _iff_text(reader, info)


def _iff_text(reader: Reader, chunk: Chunk) -> _Item:
    raw = reader.at(chunk.offset, min(chunk.size_bytes, TAG_BYTES_MAX)).rstrip(b"\0")
    return _Item(chunk.name.decode("latin-1"), raw.decode("latin-1"), declared=False)


def _bext_items(raw: bytes) -> Iterator[_Item]:
    at = (0, 256, 288, 320, 330, 338)
    names = ("Description", "Originator", "OriginatorReference", "OriginationDate", "OriginationTime")
    for name, start, end in (*zip(names, at, at[1:], strict=False), ("CodingHistory", 602, len(raw))):
        text = raw[start:end].split(b"\0")[0].decode("latin-1")
        if text:
            yield _Item(f"bext:{name}", text, declared=False)
    yield _Item("bext:TimeReference", str(int.from_bytes(raw[338:346], "little")))
    if any(raw[348:412]):
        yield _Item("bext:UMID", raw[348:412])


def _aiff_items(reader: Reader, start: int) -> Iterator[_Item]:
    for chunk in chunks(reader, start + 12, "big"):
        if chunk.name in _IFF_TEXTS:
            yield _iff_text(reader, chunk)
        elif chunk.name == b"ID3 ":
            yield from _id3_items(reader, chunk.offset, "")


def _dff_items(reader: Reader, start: int) -> Iterator[_Item]:
    for chunk in chunks(reader, start + 16, "big", 8):
        if chunk.name == b"ID3 ":
            yield from _id3_items(reader, chunk.offset, "")


def _dsf_items(reader: Reader, start: int) -> Iterator[_Item]:
    offset = reader.number(start + 20, 8)
    return _id3_items(reader, start + offset, "") if offset else iter(())


_OWN = {
    "flac": _flac_items,
    "ogg-flac": _ogg_items(oggflac.OggFLAC),
    "ogg-vorbis": _ogg_items(oggvorbis.OggVorbis),
    "opus": _ogg_items(oggopus.OggOpus),
    "speex": _ogg_items(oggspeex.OggSpeex),
    **dict.fromkeys(("wav", "bwf", "rf64"), _wave_items),
    **dict.fromkeys(("aiff", "aifc"), _aiff_items),
    **dict.fromkeys(("m4a", "alac", "mp4"), _mp4_items),
    "dsf": _dsf_items,
    "dff": _dff_items,
    "wma": _asf_items,
}


# ---- what is kept of them


def _picture(mime: str, kind: int, data: bytes) -> dict[str, Any]:
    return {"mime": mime[:KEY_CHARS_MAX], "type": kind} | _digest(data)


def _mime(data: bytes) -> str:
    known = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"BM", "bmp"))
    return next((f"image/{name}" for magic, name in known if data.startswith(magic)), "")


def _digest(data: bytes) -> dict[str, Any]:
    return {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _bounded(items: Iterable[_Item]) -> dict[str, list[Value]]:
    """The tags by key, cut where they would grow beyond TAG_BYTES_MAX."""
    tags: dict[str, list[Value]] = {}
    left = TAG_BYTES_MAX
    for item in items:
        value = _kept(item.value, max(0, left))
        if not value:
            continue
        key = _clean(item.key)[:KEY_CHARS_MAX]
        left -= len(key) + _weight(value)
        if left > -TAG_BYTES_MAX:
            tags.setdefault(key, []).append(value)
    return tags


def _weight(value: Value) -> int:
    """How much of its share a value takes, about as it is written down."""
    return (
        len(value.encode())
        if isinstance(value, str)
        else 100 + sum(len(str(v).encode()) for v in value.values())
    )


def _kept(value: str | bytes | Mapping[str, Any], bytes_max: int) -> Value:
    if isinstance(value, bytes):
        short = len(value) < min(BINARY_BYTES_MAX, bytes_max)
        return {"base64": base64.b64encode(value).decode()} if short else _digest(value)
    if not isinstance(value, str):
        return value
    text = _clean(value)
    raw = text.encode()
    return (
        text if len(raw) <= bytes_max else {"text": raw[:bytes_max].decode("utf-8", "ignore")} | _digest(raw)
    )


def _clean(text: str) -> str:
    """Text that JSON and UTF-8 can carry, and "" for padding alone."""
    return text.encode("utf-8", "replace").decode() if text.strip("\0 ") else ""


def _decoded(items: Sequence[_Item]) -> tuple[dict[str, list[Value]], list[str]]:
    """The tags with undeclared text as it was probably meant, and the encodings guessed for that."""
    odd = [i for i, item in enumerate(items) if not item.declared and not str(item.value).isascii()]
    guesses = encodings.guess_together([str(items[i].value).encode("latin-1", "replace") for i in odd])
    meant = list(items)
    for i, (text, _) in zip(odd, guesses, strict=True):
        meant[i] = items[i]._replace(value=text)
    return _bounded(meant), sorted({name for _, name in guesses} - {"latin-1", "ascii"})
