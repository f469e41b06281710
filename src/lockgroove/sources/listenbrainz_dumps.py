"""ListenBrainz's dumps as files: what kind each is, and its listens by column.

A dump is a tar of JSON lines by month or of Parquet, the same unpacked in a folder, or one such file.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from lockgroove.errors import UsageError
from lockgroove.sources.dumpreading import Told
from lockgroove.sources.filemarks import mark_of, shown
from lockgroove.sources.listen_lines import Malformed, Problem
from lockgroove.sources.listen_records import Chunk, loaded, read_chunks, record_of
from lockgroove.sources.members import Member, members
from lockgroove.sources.packed import BrokenPacking, Damaged, Line, lines

SCHEMAS = ("1",)
LINES_AT_ONCE = 1 << 15
LINE_BYTES_MAX = 1 << 20
_NAME = re.compile(r"dump-([0-9]{1,9})-[0-9]{8}-[0-9]{6}(?:-spark)?-(full|incremental)")
_ABOUT = ("COPYING", "README", "TIMESTAMP", "START_TIMESTAMP", "END_TIMESTAMP", "SCHEMA_SEQUENCE")
_ABOUT_BYTES_MAX = 1 << 16


@dataclass(frozen=True)
class Dump:
    """A dump, before it is read. `number` is its place in ListenBrainz's sequence, where its name has one."""

    path: bytes
    mark: str
    size_bytes: int
    number: int | None
    is_full: bool


@dataclass
class Progress:
    """How far the dumps are read."""

    before: int = 0
    bytes_read: int = 0
    total: int = 0

    @property
    def bytes_total(self) -> int:
        """Bytes of all dumps."""
        return self.total


def look_at(path: bytes) -> Dump:
    """What a dump is, by its name or that of the folder in it. Raises UsageError when it cannot be opened."""
    files = _files(path)
    marks = [mark_of(file) for file in files]
    mark = marks[0] if not os.path.isdir(path) else _mark_of_all(files, marks)
    found = _NAME.search(shown(path)) or _NAME.search(_first_name(files[0]) if files else "")
    return Dump(
        path,
        mark,
        int(mark.partition("-")[0]),
        int(found[1]) if found else None,
        found[2] == "full" if found else "full" in shown(path),
    )


def _files(path: bytes) -> list[bytes]:
    if not os.path.isdir(path):
        return [path]
    found = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sorted(found)


def _mark_of_all(files: Sequence[bytes], marks: Sequence[str]) -> str:
    size = sum(int(mark.partition("-")[0]) for mark in marks)
    digest = hashlib.sha256("\n".join([*marks, *map(shown, files)]).encode())
    return f"{size}-{digest.hexdigest()[:16]}"


def _first_name(path: bytes) -> str:
    """The name of the first file in a tar: the folder before it says what kind of dump it is."""
    try:
        return next((member.name for member in members(path)), "")
    except BrokenPacking:
        return ""  # it is told where it is read
    except OSError as error:
        raise UsageError(f"The dump cannot be read: {error.strerror}", shown(path)) from error


def chunks_of(dump: Dump, scratch: str, told: Told, progress: Progress) -> Iterator[tuple[str, Chunk]]:
    """The listens of a dump by column, each chunk with the file that it is from. Raises BrokenPacking."""
    for path in _files(dump.path):
        for member in members(path):
            where = (
                shown(dump.path)
                if member.size is None and path == dump.path
                else f"{shown(dump.path)}:{member.name}"
            )
            for chunk in _chunks(member, path, scratch, told, where):
                yield where, chunk
                progress.bytes_read = min(progress.before + member.packed.compressed_at, progress.total)
        progress.before += os.path.getsize(path)
        progress.bytes_read = progress.before


def _chunks(member: Member, path: bytes, scratch: str, told: Told, where: str) -> Iterator[Chunk]:
    name = member.name.rpartition("/")[2]
    if name in _ABOUT:
        about = (member.stream.read(_ABOUT_BYTES_MAX) or b"").decode("utf-8", "replace").strip()
        if name == "SCHEMA_SEQUENCE" and about not in SCHEMAS:
            told.tell("schema-unknown", where, f"schema {about[:40]}, and known is {', '.join(SCHEMAS)}")
    elif name.endswith(".parquet"):
        yield from _parquet(member, path, scratch, where)
    else:
        yield from _json(member)


def _parquet(member: Member, path: bytes, scratch: str, where: str) -> Iterator[Chunk]:
    """Parquet begins at its end: one within a tar is first put down whole."""
    with tempfile.NamedTemporaryFile(dir=scratch, prefix="member-") as beside:
        if member.size is not None or member.packed.packing:
            while piece := member.stream.read(1 << 20):
                beside.write(piece)
            beside.flush()
            path = os.fsencode(beside.name)
        with open(path, "rb") as file:
            for chunk in read_chunks(file, where):
                yield _whole(chunk, where)


def _whole(chunk: Chunk, where: str) -> Chunk:
    """A chunk of Parquet that could be read; of a dump half is nothing."""
    broken = next((p for p in chunk.problems if "cannot be read" in p.why or p.number is None), None)
    if broken is not None:
        raise Damaged(f"{where}: {broken.why}", 0)
    return chunk


class _Info(msgspec.Struct, gc=False):
    recording_mbid: str | None = None
    isrc: str | None = None


class _Guess(msgspec.Struct, gc=False):
    recording_mbid: str | None = None


class _Track(msgspec.Struct, gc=False):
    artist_name: str | None = None
    track_name: str | None = None
    additional_info: _Info | None = None
    mbid_mapping: _Guess | None = None


class _Listen(msgspec.Struct, gc=False):
    track_metadata: _Track
    listened_at: int | None = None
    user_id: int | None = None
    user_name: str | None = None


_DECODER = msgspec.json.Decoder(_Listen)
_COLUMNS = ("mbid", "isrc", "artist", "title", "when", "listener")
_Record = tuple[str | None, ...]


def _json(member: Member) -> Iterator[Chunk]:
    """JSON lines, some thousand at a time."""
    given = lines(member.stream, LINE_BYTES_MAX)
    while some := _some(given):
        numbers: list[int] = []
        records: list[_Record] = []
        problems: list[Problem] = []
        for number, _, data in some:
            try:
                records.append(_record(data))
                numbers.append(number)
            except Malformed as error:
                problems.append(Problem(error.code, number, str(error)))
        columns = dict(zip(_COLUMNS, zip(*records, strict=True), strict=True)) if records else {}
        yield Chunk("line", numbers, columns, problems, len(problems))


def _some(given: Iterator[Line]) -> list[Line]:
    return list(islice(given, LINES_AT_ONCE))


def _record(data: bytes | None) -> _Record:
    if data is None:
        raise Malformed("a line longer than any listen")
    try:
        listen = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _odd_record(data)
    track = listen.track_metadata
    info, guess = track.additional_info, track.mbid_mapping
    own = info.recording_mbid if info else None
    guessed = guess.recording_mbid if guess else None
    return (
        # who listened has the first word on what it was, ListenBrainz's guess the second
        f"{own}; {guessed}" if own and guessed else own or guessed,
        info.isrc if info else None,
        track.artist_name,
        track.track_name,
        str(listen.listened_at) if listen.listened_at is not None else None,
        str(listen.user_id) if listen.user_id is not None else listen.user_name,
    )


def _odd_record(data: bytes) -> _Record:
    """A listen whose values are of other types than most, with more patience."""
    listen = loaded(data.decode("utf-8", "replace"))
    if listen is None:
        raise Malformed("not whole JSON")
    record = record_of(listen)
    if isinstance(listen, dict) and isinstance(listen.get("user_id"), int | str):
        record = {**record, "listener": str(listen["user_id"])}
    return tuple(record.get(name) for name in _COLUMNS)
