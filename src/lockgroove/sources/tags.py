"""What a sound file says of itself: its stream and its tags, verbatim, whatever container they stand in.

Invariant: no bytes make it raise, and none make it keep more than TAG_BYTES_MAX of them. Text whose
encoding nobody declared is kept as Latin-1, which gives its bytes back; only `fields` uses a guess.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any, BinaryIO

from lockgroove.findings import Finding
from lockgroove.sources import encodings, streams
from lockgroove.sources.containers import KEY_CHARS_MAX, TAG_BYTES_MAX, Item, containers, digest
from lockgroove.sources.fields import Fields, Value, fields
from lockgroove.sources.structure import Reader

BINARY_BYTES_MAX = 1024


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


def read_sound(file: BinaryIO, path: bytes, format: str) -> SoundReading:  # noqa: A002 - the field's word
    """Read a file that `formats.sniff` called `format`; `path` only says where findings are."""
    reader = Reader(file, file.seek(0, os.SEEK_END))
    where = path.decode("utf-8", "backslashreplace")
    info, findings = _stream_or_finding(reader, format, where)
    items: list[Item] = []
    for container in containers(reader, format):
        try:
            items.extend(container())
        except Exception as error:
            findings.append(Finding("tags-unreadable", where, _reason(error)))
    texts, guessed = _decoded(items)
    findings.extend(Finding("text-guessed", where, name) for name in guessed)
    duration_ms = streams.duration_ms(info)
    return SoundReading(
        format=format,
        codec=streams.codec(info, format),
        duration_ms=duration_ms,
        sample_rate_hz=streams.positive(info, "sample_rate"),
        channels=streams.positive(info, "channels"),
        bits_per_sample=streams.positive(info, "bits_per_sample"),
        bitrate=streams.positive(info, "bitrate")
        or (reader.size_bytes * 8000 // duration_ms if duration_ms else None),
        tags=_bounded(items),
        fields=fields(texts, format),
        findings=tuple(dict.fromkeys(findings)),
    )


def _stream_or_finding(reader: Reader, format: str, where: str) -> tuple[Any, list[Finding]]:  # noqa: A002 - as above
    try:
        return streams.read_stream(reader, format), []
    except Exception as error:  # mutagen lets struct.error, OverflowError, RecursionError and others out
        return SimpleNamespace(), [Finding("unparsable", where, _reason(error))]


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _bounded(items: Iterable[Item]) -> dict[str, list[Value]]:
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
        return {"base64": base64.b64encode(value).decode()} if short else digest(value)
    if not isinstance(value, str):
        return value
    text = _clean(value)
    raw = text.encode()
    return (
        text if len(raw) <= bytes_max else {"text": raw[:bytes_max].decode("utf-8", "ignore")} | digest(raw)
    )


def _clean(text: str) -> str:
    """Text that JSON and UTF-8 can carry, and "" for padding alone."""
    return text.encode("utf-8", "replace").decode() if text.strip("\0 ") else ""


def _decoded(items: Sequence[Item]) -> tuple[dict[str, list[Value]], list[str]]:
    """The tags with undeclared text as it was probably meant, and the encodings guessed for that."""
    odd = [i for i, item in enumerate(items) if not item.declared and not str(item.value).isascii()]
    guesses = encodings.guess_together([str(items[i].value).encode("latin-1", "replace") for i in odd])
    meant = list(items)
    for i, (text, _) in zip(odd, guesses, strict=True):
        meant[i] = items[i]._replace(value=text)
    return _bounded(meant), sorted({name for _, name in guesses} - {"latin-1", "ascii"})
