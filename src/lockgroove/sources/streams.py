"""What the stream of a sound file tells: codec, length, rate, channels, before any tag.

Invariant: what a stream does not tell, or tells absurdly, is None. Only `read_stream` may raise, anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from mutagen import (
    aac,
    ac3,
    aiff,
    asf,
    dsdiff,
    dsf,
    flac,
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

from lockgroove.sources.structure import Chunk, Reader, View, chunks, flac_blocks, sound_start

HOURS_MAX = 1000


def read_stream(reader: Reader, format: str) -> Any:  # noqa: A002 - the word `sniff` gives
    """The facts as mutagen names them, for the functions below; none of a format that it does not know."""
    start = sound_start(reader)
    read = _STREAMS.get(format)
    return read(reader, start) if read else SimpleNamespace()


def codec(info: Any, format: str) -> str:  # noqa: A002 - as above
    """The name of the codec, by what the stream tells, else by its format."""
    for name in ("codec", "codec_type", "compression"):
        told = getattr(info, name, None)
        if isinstance(told, str) and told.strip():
            return _TOLD_CODECS.get(told[:7], told.strip().lower()[:64])
    return _CODECS.get(format, format)


def positive(info: Any, name: str) -> int | None:
    """A number that the stream tells, unless it is absurd."""
    number = getattr(info, name, None)
    return int(number) if isinstance(number, int | float) and 0 < number < 1 << 40 else None


def duration_ms(info: Any) -> int | None:
    """How long it sounds, unless that is absurd."""
    length = getattr(info, "length", None)
    if not isinstance(length, int | float) or not 0 < length <= HOURS_MAX * 3600:
        return None
    return round(length * 1000)


def _ogg_stream(kind: Any) -> Callable[[Reader, int], Any]:
    def read(reader: Reader, start: int) -> Any:
        view = View(reader, start)
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
    info = trueaudio.TrueAudioInfo(View(reader, start), 0)
    info.channels, info.bits_per_sample = reader.number(start + 6, 2), reader.number(start + 8, 2)
    return info


_STREAMS: Mapping[str, Callable[[Reader, int], Any]] = {
    "flac": _flac_stream,
    "ogg-flac": _ogg_stream(oggflac.OggFLAC),
    "ogg-vorbis": _ogg_stream(oggvorbis.OggVorbis),
    "opus": _ogg_stream(oggopus.OggOpus),
    "speex": _ogg_stream(oggspeex.OggSpeex),
    **dict.fromkeys(("mp3", "mp2", "mp1"), lambda reader, start: mp3.MPEGInfo(View(reader, start), 0)),
    **dict.fromkeys(("wav", "bwf", "rf64"), _wave_stream),
    **dict.fromkeys(("aiff", "aifc"), lambda reader, start: aiff.AIFFInfo(View(reader, start))),
    **dict.fromkeys(("ac3", "eac3"), lambda reader, start: ac3.AC3Info(View(reader, start))),
    **dict.fromkeys(("m4a", "alac", "mp4"), lambda reader, start: mp4.MP4(View(reader, start)).info),
    "aac": lambda reader, start: aac.AACInfo(View(reader, start)),
    "wavpack": lambda reader, start: wavpack.WavPackInfo(View(reader, start)),
    "ape": lambda reader, start: monkeysaudio.MonkeysAudioInfo(View(reader, start)),
    "musepack": lambda reader, start: musepack.MusepackInfo(View(reader, start)),
    "tak": lambda reader, start: tak.TAKInfo(View(reader, start)),
    "optimfrog": lambda reader, start: optimfrog.OptimFROGInfo(View(reader, start)),
    "tta": _tta_stream,
    "dsf": lambda reader, start: dsf.DSFInfo(dsf.DSFFile(View(reader, start)).fmt_chunk),
    "dff": lambda reader, start: dsdiff.DSDIFFInfo(View(reader, start)),
    "wma": lambda reader, start: asf.ASF(View(reader, start)).info,
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
