"""Encodes a WAV file with tags, by the reference encoder of each format.

Nothing in the result depends on the day or on luck: Ogg streams get a serial number from their own name,
and no encoder is let to write the time.
"""

import subprocess
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from mutagen.id3 import ID3, TALB, TCOM, TCON, TDRC, TIT2, TPE1, TPE2, TRCK, WCOP

Comments = Mapping[str, str]


def encode(wave: Path, target: Path, comments: Comments, quality: str) -> None:
    """Writes the target in the format that its name asks for."""
    FORMATS[target.suffix](wave, target, comments, quality)


def _flac(wave: Path, target: Path, comments: Comments, _: str) -> None:
    options = ["--best", "--exhaustive-model-search", "--padding=1024", "--no-seektable", "--silent"]
    _run("flac", *options, *_each("--tag", comments), f"--output-name={target}", str(wave))


def _vorbis(wave: Path, target: Path, comments: Comments, quality: str) -> None:
    options = ["--quiet", "--utf8", "--serial", _serial(target), "--quality", quality]
    _run("oggenc", *options, *_each("--comment", comments), "--output", str(target), str(wave))


def _opus(wave: Path, target: Path, comments: Comments, quality: str) -> None:
    options = ["--quiet", "--serial", _serial(target), "--bitrate", quality]
    _run("opusenc", *options, *_each("--comment", comments), str(wave), str(target))


def _mp3(wave: Path, target: Path, comments: Comments, quality: str) -> None:
    """ID3 has frames where Vorbis has names; WCOP is the one for the address of a licence."""
    _run("lame", "--quiet", "--abr", quality, "-q", "2", "--noreplaygain", str(wave), str(target))
    tags = ID3()
    texts = {TIT2: "TITLE", TPE1: "ARTIST", TALB: "ALBUM", TPE2: "ALBUMARTIST", TCOM: "COMPOSER"}
    for frame, name in (texts | {TDRC: "DATE", TCON: "GENRE"}).items():
        tags.add(frame(encoding=1, text=[comments[name]]))
    tags.add(TRCK(encoding=0, text=[f"{comments['TRACKNUMBER']}/{comments['TRACKTOTAL']}"]))
    if "LICENSE" in comments:
        tags.add(WCOP(url=comments["LICENSE"]))
    tags.update_to_v23()
    tags.save(target, v2_version=3)


FORMATS: dict[str, Callable[[Path, Path, Comments, str], None]] = {
    ".flac": _flac,
    ".ogg": _vorbis,
    ".opus": _opus,
    ".mp3": _mp3,
}


def _each(option: str, comments: Comments) -> list[str]:
    return [word for name, text in comments.items() for word in (option, f"{name}={text}")]


def _serial(target: Path) -> str:
    return str(zlib.crc32(f"{target.parent.name}/{target.name}".encode()) & 0x7FFFFFFF)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
