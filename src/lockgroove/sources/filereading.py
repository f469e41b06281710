"""One file of a shelf, read once: what it is by content, what it says of itself, whether it is whole.

Runs in worker processes: what goes in and comes out can be pickled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgroove.findings import Finding
from lockgroove.sources import cues, formats
from lockgroove.sources.encodings import guess
from lockgroove.sources.shelfkeys import encode, is_plain
from lockgroove.sources.tags import read_sound
from lockgroove.sources.walk import Entry
from lockgroove.sources.wholeness import incomplete

TEXT_BYTES_MAX = 64 << 10
_LICENCE_NAMES = ("license", "licence", "copying", "copyright", "unlicense")


@dataclass(frozen=True)
class FileReading:
    """What reading a file gave; `role` is sound, unknown-sound, other, or "" when it could not be read."""

    entry: Entry
    role: str
    format: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    duration_ms: int | None = None
    cue: cues.CueSheet | None = None
    licence_text: str | None = None
    findings: tuple[Finding, ...] = ()


def read_file(job: tuple[bytes, Entry]) -> FileReading:
    """Read one file of the shelf at `root`. Never raises for what a file is."""
    root, entry = job
    findings = [] if is_plain(entry.path) else [Finding("name-not-utf8", entry.key)]
    try:
        with open(os.path.join(root, entry.path), "rb") as file:
            reading = _read_open(file, entry, findings)
            status = os.fstat(file.fileno())
    except OSError as error:
        code = "vanished" if isinstance(error, FileNotFoundError) else "unreadable"
        return FileReading(
            entry, "", findings=(*findings, Finding(code, entry.key, error.strerror or str(error)))
        )
    if (status.st_size, status.st_mtime_ns) != (entry.size_bytes, entry.mtime_ns):
        detail = f"{entry.size_bytes} bytes before, {status.st_size} after"
        return FileReading(entry, "", findings=(*findings, Finding("changed-while-read", entry.key, detail)))
    return reading


def given_up(job: tuple[bytes, Entry], reason: str) -> FileReading:
    """What stands for a file that no worker survives."""
    entry = job[1]
    return FileReading(entry, "other", findings=(Finding("poison-file", entry.key, reason),))


def _read_open(file: Any, entry: Entry, findings: list[Finding]) -> FileReading:
    if entry.size_bytes == 0:
        return FileReading(entry, "other", findings=(*findings, Finding("empty-file", entry.key)))
    kind = formats.sniff(file, entry.size_bytes)
    if kind is None:
        return _other(file, entry, findings)
    suffix = os.path.splitext(entry.path)[1].decode("latin-1").lower()
    if suffix and suffix not in formats.expected_suffixes[kind]:
        findings.append(Finding("misnamed", entry.key, f"it is {kind}"))
    if kind in formats.UNKNOWN_SOUND:
        findings.append(Finding("unknown-sound", entry.key, kind))
        return FileReading(entry, "unknown-sound", kind, findings=tuple(findings))
    return _sound(file, entry, kind, findings)


def _sound(file: Any, entry: Entry, kind: str, findings: list[Finding]) -> FileReading:
    cut = incomplete(file, kind, entry.size_bytes)
    if cut:
        findings.append(Finding("truncated", entry.key, cut))
    file.seek(0)
    reading = read_sound(file, entry.path, kind)
    findings.extend(Finding(f.code, entry.key, f.detail) for f in reading.findings)
    return FileReading(
        entry,
        "sound",
        kind,
        body={k: v for k, v in reading.as_json().items() if k not in ("fields",)},
        fields=reading.fields.as_json(),
        duration_ms=reading.duration_ms,
        findings=tuple(findings),
    )


def _other(file: Any, entry: Entry, findings: list[Finding]) -> FileReading:
    name = os.path.basename(entry.path).lower()
    if name.endswith(b".cue"):
        return _cue(file, entry, findings)
    if is_licence(entry.path):
        text = guess(_text(file))[0]
        return FileReading(entry, "other", licence_text=text, body={"text": text}, findings=tuple(findings))
    return FileReading(entry, "other", findings=tuple(findings))


def is_licence(path: bytes) -> bool:
    """Whether a file is named like a licence text: LICENSE, COPYING.txt, licence-cc0.md."""
    name = os.path.basename(path).lower()
    return name.partition(b".")[0].partition(b"-")[0].decode("latin-1") in _LICENCE_NAMES


def _cue(file: Any, entry: Entry, findings: list[Finding]) -> FileReading:
    raw = _text(file)
    text = guess(raw)[0]
    try:
        sheet: cues.CueSheet | None = cues.read_cue(raw)
    except cues.CueError as error:
        findings.append(Finding("cue-unreadable", entry.key, str(error)))
        sheet = None
    return FileReading(entry, "other", body={"text": text}, cue=sheet, findings=tuple(findings))


def _text(file: Any) -> bytes:
    file.seek(0)
    data: bytes = file.read(TEXT_BYTES_MAX)
    return data


def name_in(folder: bytes, path: bytes) -> str:
    """A path as it is named within a deposit's folder."""
    return encode(path[len(folder) + 1 :] if folder else path)
