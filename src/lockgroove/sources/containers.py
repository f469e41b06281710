"""The tags of a sound file, value by value and verbatim, from every container that they stand in.

Invariant: one broken container costs no other; reading it may raise anything, but ends. Text whose
encoding nobody declared comes as Latin-1, which gives its bytes back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from mutagen import asf, flac, id3, mp4, oggflac, oggopus, oggspeex, oggvorbis

from lockgroove.sources.structure import (
    READ_BYTES_MAX,
    Chunk,
    Reader,
    View,
    chunks,
    sound_start,
    trailing_tags,
)

TAG_BYTES_MAX = 256 * 1024
KEY_CHARS_MAX = 256
FRAMES_BYTES_MAX = 1 << 31

_IFF_TEXTS = (b"NAME", b"AUTH", b"(c) ", b"ANNO")
_OWN_ID3 = ("mp3", "mp2", "mp1", "aac", "ac3", "eac3", "tta")
_OWN_APE = ("aac", "ac3", "eac3", "ape", "wavpack", "musepack", "tak", "optimfrog")
_SURROUNDED = {*_OWN_ID3, *_OWN_APE, "flac"}  # by tags before and after the sound
_OWN: Mapping[str, Callable[[Reader, int], Iterator[Item]]]


class Item(NamedTuple):
    """One value of a tag. `declared` is False for Latin-1 text that may be in any encoding."""

    key: str
    value: str | bytes | Mapping[str, Any]
    declared: bool = True


def containers(reader: Reader, format: str) -> Iterator[Callable[[], Iterable[Item]]]:  # noqa: A002 - the word `sniff` gives
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


def digest(data: bytes) -> dict[str, Any]:
    """What stands for bytes that are too many to keep."""
    return {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _id3_items(reader: Reader, offset: int, prefix: str) -> Iterator[Item]:
    """The frames of an ID3v2 tag; those that mutagen cannot read are kept as bytes."""
    _refuse_hoard(reader, offset)
    read = id3.ID3(View(reader, offset), translate=False, load_v1=False, known_frames=_FRAMES)
    for frame in read.values():
        key = prefix + (f"PRIV:{frame.owner}" if frame.FrameID == "PRIV" else frame.HashKey)
        declared = getattr(frame, "encoding", 3) != id3.Encoding.LATIN1
        for value in _frame_values(frame):
            yield Item(key, value, declared or not isinstance(value, str))
    for raw in read.unknown_frames:
        yield Item(prefix + raw[:4].decode("latin-1"), raw[10:])


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


def _id3v1_items(raw: bytes) -> Iterator[Item]:
    at = (("title", 3, 33), ("artist", 33, 63), ("album", 63, 93), ("year", 93, 97), ("comment", 97, 127))
    for name, start, end in at:
        text = raw[start:end].split(b"\0")[0].rstrip(b" ").decode("latin-1")
        if text:
            yield Item(f"ID3v1:{name}", text, declared=False)
    if raw[125:126] == b"\0" and raw[126:127] > b"\0":
        yield Item("ID3v1:track", str(raw[126]))
    if raw[127:] and raw[127] < len(id3.TCON.GENRES):
        yield Item("ID3v1:genre", id3.TCON.GENRES[raw[127]])


def _ape_items(reader: Reader, tag: Chunk, prefix: str) -> Iterator[Item]:
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


def _ape_item(key: str, value: bytes, kind: int) -> Iterator[Item]:
    if kind == 1:
        data = value.partition(b"\0")[2]
        cover = "cover art" in key.lower() and data
        yield Item(key, _picture(_mime(data), 4 if "back" in key.lower() else 3, data) if cover else value)
        return
    for part in value.split(b"\0"):
        yield _as_utf8(key, part)


def _as_utf8(key: str, raw: bytes) -> Item:
    try:
        return Item(key, raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Item(key, raw.decode("latin-1"), declared=False)


def _flac_items(reader: Reader, start: int) -> Iterator[Item]:
    read = _Flac(View(reader, start))
    yield from _vorbis_items(read.tags or ())
    for picture in read.pictures:
        yield Item("PICTURE", _picture(picture.mime, picture.type, picture.data))


def _ogg_items(kind: Any) -> Callable[[Reader, int], Iterator[Item]]:
    tags = type("Tags", (_AsGiven, kind._Tags), {})

    def read(reader: Reader, start: int) -> Iterator[Item]:
        view = View(reader, start)
        return _vorbis_items(tags(view, kind._Info(view)))

    return read


def _vorbis_items(comments: Iterable[tuple[str, str]]) -> Iterator[Item]:
    for key, value in comments:
        raw = value.encode("utf-8", "surrogateescape")
        if key.lower() == "metadata_block_picture":
            picture = flac.Picture(base64.b64decode(value))
            yield Item(key, _picture(picture.mime, picture.type, picture.data))
        elif key.lower() == "coverart":
            data = base64.b64decode(value)
            yield Item(key, _picture(_mime(data), 3, data))
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


def _mp4_items(reader: Reader, start: int) -> Iterator[Item]:
    for key, values in (mp4.MP4(View(reader, start)).tags or {}).items():
        for value in values if isinstance(values, list) else [values]:
            yield _mp4_item(key, value)


def _mp4_item(key: str, value: Any) -> Item:
    if isinstance(value, mp4.MP4Cover):
        mime = "image/png" if value.imageformat == mp4.MP4Cover.FORMAT_PNG else "image/jpeg"
        return Item(key, _picture(mime, 3, bytes(value)))
    if isinstance(value, mp4.MP4FreeForm):
        is_text = value.dataformat in (mp4.AtomDataType.UTF8, mp4.AtomDataType.IMPLICIT)
        return _as_utf8(key, bytes(value)) if is_text else Item(key, bytes(value))
    if isinstance(value, bytes):
        return Item(key, value)
    if isinstance(value, tuple):
        return Item(key, "/".join(map(str, value)))
    return Item(key, str(int(value) if isinstance(value, bool) else value))


def _asf_items(reader: Reader, start: int) -> Iterator[Item]:
    for key, attribute in asf.ASF(View(reader, start)).tags or ():
        value = attribute.value
        if key == "WM/Picture" and isinstance(value, bytes):
            yield Item(key, _asf_picture(value))
        else:
            yield Item(
                key, value if isinstance(value, bytes) else str(int(value) if value is True else value)
            )


def _asf_picture(raw: bytes) -> Mapping[str, Any]:
    size = int.from_bytes(raw[1:5], "little")
    head = raw[5 : max(5, len(raw) - size)].decode("utf-16-le", "replace")
    return _picture(head.partition("\0")[0], raw[0] if raw else 0, raw[len(raw) - size :] if size else b"")


def _wave_items(reader: Reader, start: int) -> Iterator[Item]:
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


def _iff_text(reader: Reader, chunk: Chunk) -> Item:
    raw = reader.at(chunk.offset, min(chunk.size_bytes, TAG_BYTES_MAX)).rstrip(b"\0")
    return Item(chunk.name.decode("latin-1"), raw.decode("latin-1"), declared=False)


def _bext_items(raw: bytes) -> Iterator[Item]:
    at = (0, 256, 288, 320, 330, 338)
    names = ("Description", "Originator", "OriginatorReference", "OriginationDate", "OriginationTime")
    for name, start, end in (*zip(names, at, at[1:], strict=False), ("CodingHistory", 602, len(raw))):
        text = raw[start:end].split(b"\0")[0].decode("latin-1")
        if text:
            yield Item(f"bext:{name}", text, declared=False)
    yield Item("bext:TimeReference", str(int.from_bytes(raw[338:346], "little")))
    if any(raw[348:412]):
        yield Item("bext:UMID", raw[348:412])


def _aiff_items(reader: Reader, start: int) -> Iterator[Item]:
    for chunk in chunks(reader, start + 12, "big"):
        if chunk.name in _IFF_TEXTS:
            yield _iff_text(reader, chunk)
        elif chunk.name == b"ID3 ":
            yield from _id3_items(reader, chunk.offset, "")


def _dff_items(reader: Reader, start: int) -> Iterator[Item]:
    for chunk in chunks(reader, start + 16, "big", 8):
        if chunk.name == b"ID3 ":
            yield from _id3_items(reader, chunk.offset, "")


def _dsf_items(reader: Reader, start: int) -> Iterator[Item]:
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


def _picture(mime: str, kind: int, data: bytes) -> dict[str, Any]:
    return {"mime": mime[:KEY_CHARS_MAX], "type": kind} | digest(data)


def _mime(data: bytes) -> str:
    known = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"BM", "bmp"))
    return next((f"image/{name}" for magic, name in known if data.startswith(magic)), "")
