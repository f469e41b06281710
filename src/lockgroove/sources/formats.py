"""Which sound a file holds, told by its bytes and never by its name.

Invariant: nothing here raises on any bytes, and every read and every loop is bounded.
A container that shows moving pictures is no sound; an audiobook's chapter pictures do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from lockgroove.sources.structure import (
    Chunk,
    Frame,
    Reader,
    atoms,
    chunks,
    frame_at,
    ogg_page,
    sound_start,
)

HEAD_BYTES = 65536

_SUFFIXES: Mapping[str, str] = {
    "flac": "flac",
    "ogg-flac": "oga ogg flac",
    "ogg-vorbis": "ogg oga",
    "opus": "opus ogg oga",
    "speex": "spx ogg oga",
    "mp3": "mp3 mpga",
    "mp2": "mp2 mpga mpa",
    "mp1": "mp1 mpga mpa",
    "aac": "aac adts adif",
    "ac3": "ac3",
    "eac3": "eac3 ec3 ac3",
    "wav": "wav wave",
    "bwf": "wav wave bwf",
    "rf64": "wav wave rf64 bw64 bwf",
    "aiff": "aiff aif",
    "aifc": "aiff aif aifc",
    "m4a": "m4a m4b m4p m4r mp4 aac 3gp 3g2",
    "alac": "m4a m4b mp4 alac",
    "mp4": "m4a m4b m4p m4r mp4 3gp 3g2 mov qt aax",
    "wavpack": "wv",
    "ape": "ape apl mac",
    "musepack": "mpc mp+ mpp",
    "dsf": "dsf",
    "dff": "dff",
    "wma": "wma asf",
    "tta": "tta",
    "tak": "tak",
    "optimfrog": "ofr ofs",
}
_UNKNOWN_SUFFIXES: Mapping[str, str] = {
    "w64": "w64",
    "caf": "caf",
    "au": "au snd",
    "rifx": "wav",
    "shorten": "shn",
    "midi": "mid midi smf kar rmi",
    "tracker": "mod xm s3m it stm mtm med ult okt umx mo3 nst wow",
    "chiptune": "sid psid nsf spc vgm vgz gbs sap ay ym",
    "matroska": "mka webm weba",
    "realaudio": "ra ram rm",
    "amr": "amr awb 3ga",
    "dts": "dts dtshd",
    "mlp": "mlp thd",
    "atrac": "oma omg aa3 at3",
    "twinvq": "vqf vql",
    "lossless-audio": "la",
    "voc": "voc",
    "8svx": "8svx iff svx",
    "qoa": "qoa",
}
READABLE = frozenset(_SUFFIXES)
UNKNOWN_SOUND = frozenset(_UNKNOWN_SUFFIXES)
expected_suffixes: Mapping[str, frozenset[str]] = {
    word: frozenset(f".{suffix}" for suffix in suffixes.split())
    for word, suffixes in {**_SUFFIXES, **_UNKNOWN_SUFFIXES}.items()
}


def sniff(file: BinaryIO, size_bytes: int) -> str | None:
    """The format of the sound in a file, one of READABLE or UNKNOWN_SOUND, or None if it is no sound."""
    reader = Reader(file, size_bytes)
    start = sound_start(reader)
    head = reader.at(start, HEAD_BYTES)
    for word, offset, magics in _MAGIC:
        if head.startswith(magics, offset):
            return word if _CONTROL.search(head, 0, 128) else None  # a text may begin with the same word
    for offset, magic, look in _CONTAINERS:
        if head.startswith(magic, offset):
            return look(reader, start)
    if head.startswith(_NOT_SOUND) or head.startswith(b"ustar", 257):
        return None
    return _bare_frames(reader, start, head)


def _bare_frames(reader: Reader, start: int, head: bytes) -> str | None:
    """The format of a stream of frames. What text or a picture could show by chance is not enough."""
    if start > reader.size_bytes:
        return "mp3"  # cut within its tag, which only sound carries
    for match in _SYNC.finditer(head):
        offset = match.start()
        frame = frame_at(head, offset)
        if frame and _run_suffices(reader, start, head, frame):
            return frame.format
    return None


def _run_suffices(reader: Reader, start: int, head: bytes, first: Frame) -> bool:
    """Whether enough frames of one kind follow each other; more are asked for after junk."""
    count, frame = 0, first
    wanted = 3 if first.offset == 0 else 4 if start else 6
    while count < wanted:
        count += 1
        following = frame_at(head, frame.end)
        if following is None or following[0] != first[0] or following[3] != first[3]:
            break
        frame = following
    tail = reader.at(start + frame.end, 8)
    ends = not tail or tail.startswith((b"TAG", b"APETAGEX", b"ID3", b"LYRICSBE"))
    return count >= wanted or (first.offset == 0 and (start > 0 or count > 1) and ends)


def _riff(reader: Reader, start: int) -> str | None:
    head = reader.at(start, 12)
    if head[8:] == b"RMID":
        return "midi"
    if head[8:] != b"WAVE":
        return None
    if not head.startswith(b"RIFF"):
        return "rf64"
    return "bwf" if any(c.name == b"bext" for c in chunks(reader, start + 12, "little")) else "wav"


def _iff(reader: Reader, start: int) -> str | None:
    return {b"AIFF": "aiff", b"AIFC": "aifc", b"8SVX": "8svx"}.get(reader.at(start + 8, 4))


def _ogg(reader: Reader, start: int) -> str | None:
    """The sound among the streams that begin together, unless one of them is video."""
    found, offset = None, start
    for _ in range(64):
        page = ogg_page(reader, offset)
        if page is None or not page.flags & 2:
            break
        packet, offset = reader.at(page.body, 16), page.end
        if packet.startswith(_OGG_VIDEO):
            return None
        found = found or next((word for magic, word in _OGG_SOUND if packet.startswith(magic)), None)
    return found


def _mp4(reader: Reader, start: int) -> str | None:
    brand = reader.at(start + 8, 4) if reader.at(start + 4, 4) == b"ftyp" else b""
    tracks = dict(_mp4_tracks(reader, start))
    if b"vide" in tracks and brand not in _MP4_SOUND_BRANDS:
        return None
    if b"soun" in tracks:
        return {b"mp4a": "m4a", b"alac": "alac"}.get(tracks[b"soun"], "mp4")
    return "mp4" if brand in _MP4_SOUND_BRANDS else None


def _mp4_tracks(reader: Reader, start: int) -> Iterator[tuple[bytes, bytes]]:
    """The handler and the codec of each track."""
    for moov in _within(reader, Chunk(b"", start, reader.size_bytes - start), b"moov"):
        for mdia in _within(reader, moov, b"trak", b"mdia"):
            handler = next((reader.at(c.offset + 8, 4) for c in _within(reader, mdia, b"hdlr")), b"")
            stsd = next(_within(reader, mdia, b"minf", b"stbl", b"stsd"), None)
            yield handler, reader.at(stsd.offset + 12, 4) if stsd else b""


def _within(reader: Reader, parent: Chunk, *names: bytes) -> Iterator[Chunk]:
    """The atoms found by going down a path of names."""
    for child in atoms(reader, parent.offset, min(parent.end, reader.size_bytes)):
        if child.name == names[0]:
            yield from _within(reader, child, *names[1:]) if len(names) > 1 else (child,)


def _asf(reader: Reader, start: int) -> str | None:
    kinds, offset = set(), start + 30
    for _ in range(256):
        head = reader.at(offset, 40)
        if len(head) < 40 or (size := int.from_bytes(head[16:24], "little")) < 24:
            break
        kinds |= {head[24:40]} if head.startswith(_ASF_STREAM) else set()
        offset += size
    return "wma" if _ASF_AUDIO in kinds and _ASF_VIDEO not in kinds else None


def _matroska(reader: Reader, start: int) -> str | None:
    kinds = set(re.findall(rb"\x83\x81([\x01\x02])", reader.at(start, HEAD_BYTES)))
    return "matroska" if kinds == {b"\x02"} else None


def _realmedia(reader: Reader, start: int) -> str | None:
    head = reader.at(start, HEAD_BYTES)
    return "realaudio" if b"audio/x-pn-" in head and b"video/x-pn-" not in head else None


_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a]")
_SYNC = re.compile(rb"\xff[\xe2-\xff]|\x0b\x77")

_MAGIC: tuple[tuple[str, int, tuple[bytes, ...]], ...] = (
    ("flac", 0, (b"fLaC",)),
    ("wavpack", 0, (b"wvpk",)),
    ("ape", 0, (b"MAC ", b"MACF")),
    ("musepack", 0, (b"MPCK", b"MP+\x07", b"MP+\x17")),
    ("dsf", 0, (b"DSD ",)),
    ("dff", 12, (b"DSD ",)),
    ("tta", 0, (b"TTA1", b"TTA2")),
    ("tak", 0, (b"tBaK",)),
    ("optimfrog", 0, (b"OFR ",)),
    ("aac", 0, (b"ADIF",)),
    ("w64", 0, (b"riff\x2e\x91\xcf\x11",)),
    ("caf", 0, (b"caff\0",)),
    ("au", 0, (b".snd\0",)),
    ("rifx", 0, (b"RIFX",)),
    ("shorten", 0, (b"ajkg",)),
    ("midi", 0, (b"MThd\0\0\0\6",)),
    ("tracker", 0, (b"Extended Module: ", b"IMPM", b"MTM\x10", b"OKTASONG", b"MMD0\0", b"MMD1\0")),
    ("tracker", 20, (b"!Scream!\x1a",)),
    ("tracker", 44, (b"SCRM",)),
    ("tracker", 1080, (b"M.K.", b"M!K!", b"FLT4", b"4CHN", b"6CHN", b"8CHN")),
    ("chiptune", 0, (b"PSID\0", b"RSID\0", b"NESM\x1a", b"SNES-SPC700 Sound", b"Vgm ", b"GBS\1")),
    ("realaudio", 0, (b".ra\xfd",)),
    ("amr", 0, (b"#!AMR",)),
    ("dts", 0, (b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80")),
    ("mlp", 4, (b"\xf8\x72\x6f\xba", b"\xf8\x72\x6f\xbb")),
    ("atrac", 0, (b"ea3\x03", b"EA3\x01")),
    ("twinvq", 0, (b"TWIN97012000",)),
    ("lossless-audio", 0, (b"LA04",)),
    ("voc", 0, (b"Creative Voice File\x1a",)),
    ("qoa", 0, (b"qoaf\0",)),
)
_CONTAINERS: tuple[tuple[int, bytes, Callable[[Reader, int], str | None]], ...] = (
    (0, b"OggS", _ogg),
    (0, b"RIFF", _riff),
    (0, b"RF64", _riff),
    (0, b"BW64", _riff),
    (0, b"FORM", _iff),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _asf),
    (0, b"\x1a\x45\xdf\xa3", _matroska),
    (0, b".RMF", _realmedia),
    *((4, name, _mp4) for name in (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")),
)
# what may hold frames of sound and is something else: films, archives, programs, pictures, text
_NOT_SOUND = (
    b"\0\0\1", b"FLV", b"FWS", b"CWS", b"PK\3\4", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"MZ", b"\x7fELF",
    b"\xca\xfe\xba\xbe", b"%PDF", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"\0\5\x16\7", b"<", b"{", b"SQLite",
    b"\xd0\xcf\x11\xe0",
)  # fmt: skip
_OGG_SOUND = (
    (b"\x7fFLAC", "ogg-flac"), (b"\x01vorbis", "ogg-vorbis"), (b"OpusHead", "opus"), (b"Speex   ", "speex"),
)  # fmt: skip
_OGG_VIDEO = (b"\x80theora", b"BBCD\0", b"\x01video", b"\x80kate", b"OVP80")
_MP4_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ", b"aax ", b"F4A ", b"F4B ")
_ASF_STREAM = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_ASF_AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
