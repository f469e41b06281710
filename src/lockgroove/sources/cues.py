"""Cue sheets: which stretch of which file is which track.

Invariant: a sheet is read whole or raises CueError with the line that stops it. Times are in
milliseconds from the start of the file; a track ends where the next one on the same file starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lockgroove.sources import encodings

SHEET_BYTES_MAX = 1 << 20
FRAMES_PER_SECOND = 75


class CueError(ValueError):
    """What is wrong with a cue sheet, and in which line; line 0 is the sheet as a whole."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(f"line {line}: {what}" if line else what)
        self.what, self.line = what, line


@dataclass(frozen=True)
class CueTrack:
    """One track. `pregap_ms` is where its gap begins in this file, `end_ms` None is the file's end."""

    number: int
    kind: str = "AUDIO"
    title: str | None = None
    performer: str | None = None
    songwriter: str | None = None
    isrc: str | None = None
    start_ms: int = 0
    end_ms: int | None = None
    pregap_ms: int | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CueFile:
    """One file that the sheet names, as it names it, and the tracks that start in it."""

    name: str
    kind: str
    tracks: Sequence[CueTrack]


@dataclass(frozen=True)
class CueSheet:
    """A whole sheet. `catalog` is the barcode; `encoding` is what its text was read in."""

    performer: str | None
    title: str | None
    catalog: str | None
    date: str | None
    genre: str | None
    files: Sequence[CueFile]
    remarks: Mapping[str, str]
    encoding: str


@dataclass
class _Track:
    """A track as it is being read: words by command, indexes by number, each with its file."""

    number: int
    kind: str
    line: int
    words: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    indexes: dict[int, tuple[int, int]] = field(default_factory=dict)


def read_cue(raw: bytes) -> CueSheet:
    """Read a sheet in any encoding, or raise CueError."""
    if len(raw) > SHEET_BYTES_MAX:
        raise CueError(f"a sheet of {len(raw)} bytes is no cue sheet", 0)
    text, encoding = encodings.guess(raw)
    draft = _Draft()
    for line, command, words in _commands(text):
        draft.take(line, command, words)
    return draft.sheet(encoding)


def _commands(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each line that says something: its number, its command in capitals, and its words."""
    for line, content in enumerate(re.split(r"\r\n|\n|\r", text.lstrip("\ufeff")), 1):
        words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"?|(\S+)', content.strip("\0 \t"))]
        if words:
            yield line, words[0].upper(), words[1:]


class _Draft:
    """The sheet as far as it was read."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.files: list[tuple[str, str]] = []
        self.tracks: list[_Track] = []

    def take(self, line: int, command: str, words: list[str]) -> None:
        """One line. Commands that nobody knows are left alone, as players do."""
        scope = self.tracks[-1] if self.tracks else self
        if command == "REM":
            if len(words) > 1:
                scope.remarks.setdefault(words[0].upper(), " ".join(words[1:]))
        elif command == "FILE":
            self.files.append(_file(line, words))
        elif command == "TRACK":
            self.tracks.append(self._track(line, words))
        elif command == "INDEX":
            self._index(line, words)
        elif command in ("TITLE", "PERFORMER", "SONGWRITER", "ISRC", "CATALOG"):
            scope.words.setdefault(command, " ".join(words).strip())

    def _track(self, line: int, words: list[str]) -> _Track:
        if not self.files:
            raise CueError("a track before any file", line)
        if not words or not re.fullmatch(r"\d{1,3}", words[0]):
            raise CueError("a track without a number", line)
        number = int(words[0])
        if self.tracks and number <= self.tracks[-1].number:
            raise CueError(f"track {number} after track {self.tracks[-1].number}", line)
        return _Track(number, words[1].upper() if words[1:] else "AUDIO", line)

    def _index(self, line: int, words: list[str]) -> None:
        if not self.tracks:
            raise CueError("an index before any track", line)
        if len(words) < 2 or not re.fullmatch(r"\d{1,2}", words[0]):
            raise CueError("an index without a number or a time", line)
        place = (len(self.files) - 1, _milliseconds(words[1], line))
        track = self.tracks[-1]
        if int(words[0]) in track.indexes:
            raise CueError(f"index {words[0]} of track {track.number} for the second time", line)
        before = [other for one in self.tracks for other in one.indexes.values()]
        if before and place < before[-1]:
            raise CueError(f"index {words[0]} of track {track.number} lies before the one above it", line)
        track.indexes[int(words[0])] = place

    def sheet(self, encoding: str) -> CueSheet:
        """The whole sheet, once every line was taken."""
        if not self.tracks:
            raise CueError("it has no tracks", 0)
        starts = [_start(track) for track in self.tracks]
        files: list[CueFile] = []
        for n, (name, kind) in enumerate(self.files):
            here = [i for i, (file, _) in enumerate(starts) if file == n]
            ends = [*(starts[i][1] for i in here[1:]), None]
            tracks = [_finished(self.tracks[i], end) for i, end in zip(here, ends, strict=False)]
            files.append(CueFile(name, kind, tuple(tracks)))
        return CueSheet(
            performer=self.words.get("PERFORMER") or None,
            title=self.words.get("TITLE") or None,
            catalog=self.words.get("CATALOG") or self.remarks.get("CATALOG") or None,
            date=self.remarks.get("DATE") or None,
            genre=self.remarks.get("GENRE") or None,
            files=tuple(files),
            remarks=self.remarks,
            encoding=encoding,
        )


def _file(line: int, words: list[str]) -> tuple[str, str]:
    """The name, which may be unquoted with spaces, and the kind that follows it."""
    if not words or not words[0]:
        raise CueError("a file without a name", line)
    return (" ".join(words[:-1]), words[-1].upper()) if len(words) > 1 else (words[0], "")


def _start(track: _Track) -> tuple[int, int]:
    if 1 not in track.indexes:
        raise CueError(f"track {track.number} has no index 01", track.line)
    return track.indexes[1]


def _finished(track: _Track, end_ms: int | None) -> CueTrack:
    file, start_ms = track.indexes[1]
    gap_file, gap_ms = track.indexes.get(0, (file, None))
    return CueTrack(
        number=track.number,
        kind=track.kind,
        title=track.words.get("TITLE") or None,
        performer=track.words.get("PERFORMER") or None,
        songwriter=track.words.get("SONGWRITER") or None,
        isrc=track.words.get("ISRC") or None,
        start_ms=start_ms,
        end_ms=end_ms,
        pregap_ms=gap_ms if gap_file == file else None,
        remarks=track.remarks,
    )


def _milliseconds(time: str, line: int) -> int:
    """MM:SS:FF, where minutes may be many and a frame is 1/75 s."""
    match = re.fullmatch(r"(\d{1,5}):([0-5]?\d):(\d\d?)", time)
    if not match or int(match[3]) >= FRAMES_PER_SECOND:
        raise CueError(f"{time!r} is no time", line)
    frames = (int(match[1]) * 60 + int(match[2])) * FRAMES_PER_SECOND + int(match[3])
    return (frames * 1000 + FRAMES_PER_SECOND // 2) // FRAMES_PER_SECOND
