"""Formats as the web names them: media types, what browsers play, names for a Content-Disposition."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

UNKNOWN = "application/octet-stream"

_NAMES: Mapping[str, tuple[str, str]] = {
    "flac": ("FLAC", "audio/flac"),
    "ogg-flac": ("FLAC in Ogg", "audio/ogg"),
    "ogg-vorbis": ("Ogg Vorbis", "audio/ogg"),
    "opus": ("Opus", "audio/ogg"),
    "speex": ("Speex", "audio/ogg"),
    "mp3": ("MP3", "audio/mpeg"),
    "mp2": ("MPEG layer II", "audio/mpeg"),
    "mp1": ("MPEG layer I", "audio/mpeg"),
    "aac": ("AAC", "audio/aac"),
    "ac3": ("AC-3", "audio/ac3"),
    "eac3": ("E-AC-3", "audio/eac3"),
    "wav": ("WAV", "audio/wav"),
    "bwf": ("Broadcast WAV", "audio/wav"),
    "rf64": ("RF64", "audio/wav"),
    "aiff": ("AIFF", "audio/aiff"),
    "aifc": ("AIFF-C", "audio/aiff"),
    "m4a": ("AAC in MP4", "audio/mp4"),
    "alac": ("Apple Lossless", "audio/mp4"),
    "mp4": ("MP4", "audio/mp4"),
    "wavpack": ("WavPack", "audio/x-wavpack"),
    "ape": ("Monkey's Audio", "audio/x-ape"),
    "musepack": ("Musepack", "audio/x-musepack"),
    "dsf": ("DSF", "audio/x-dsf"),
    "dff": ("DSDIFF", "audio/x-dff"),
    "wma": ("Windows Media Audio", "audio/x-ms-wma"),
    "tta": ("True Audio", "audio/x-tta"),
    "tak": ("TAK", "audio/x-tak"),
    "matroska": ("Matroska", "audio/x-matroska"),
    "caf": ("Core Audio", "audio/x-caf"),
    "au": ("AU", "audio/basic"),
    "midi": ("MIDI", "audio/midi"),
}
_PLAYABLE = frozenset("flac ogg-flac ogg-vorbis opus mp3 aac wav bwf m4a".split())


def format_name(word: str | None) -> str:
    """What people call a format."""
    return _NAMES[word][0] if word and word in _NAMES else (word or "unknown format").replace("-", " ")


def media_type(word: str | None) -> str:
    """The media type to send. Never one that a browser would render as a page."""
    return _NAMES[word][1] if word and word in _NAMES else UNKNOWN


def playable(word: str | None) -> bool:
    """Whether today's browsers play it, most of them at least."""
    return word in _PLAYABLE


def disposition(name: str, inline: bool) -> str:
    """Content-Disposition after RFC 6266: an ASCII name, and the true one as RFC 8187 has it."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name) or "file"
    full = quote(name.encode("utf-8", "surrogateescape"), safe="")
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{full}"
