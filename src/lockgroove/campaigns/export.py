"""Music out again: found by id or condition, copied with names and companions, checked on the way."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from lockgroove import durable, tables
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.reader import Reader
from lockgroove.errors import UsageError
from lockgroove.findings import Finding
from lockgroove.report import Report
from lockgroove.sources.shelfkeys import decode
from lockgroove.storage import failing_as_storage
from lockgroove.vault import ocfl

_COLUMNS = """
    SELECT DISTINCT f.row AS file_row, f.*, r.row AS recording_row, r.artist, r.title, e.title AS release,
        e.artist AS release_artist, r.year, r.listens, r.medium_number, r.track_number, g.licence, g.status,
        c.start_ms"""
_ITEMS = f"""{_COLUMNS}
    FROM recordings r LEFT JOIN copies c ON c.recording_row = r.row
    LEFT JOIN files f ON f.row = c.file_row LEFT JOIN rights g ON g.row = f.rights_row
    LEFT JOIN releases e ON e.row = r.release_row"""
_BY_DIGEST = f"""{_COLUMNS}
    FROM files f LEFT JOIN copies c ON c.file_row = f.row LEFT JOIN recordings r ON r.row = c.recording_row
    LEFT JOIN rights g ON g.row = f.rights_row LEFT JOIN releases e ON e.row = r.release_row
    WHERE f.sha512 = ?"""
_ORDER = "ORDER BY recording_row, withdrawn, file_row"  # of two versions the current one has the better name
_COMPANIONS = """
    SELECT * FROM files WHERE role IN ('companion', 'unknown-sound') AND sha512 IS NOT NULL
    AND source = ? AND deposit = ? ORDER BY withdrawn, row"""
_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')


@dataclass
class Exported:
    """What was copied, was there already, is not held, or is damaged."""

    files: int = 0
    bytes: int = 0
    present: int = 0
    missing: int = 0
    damaged: int = 0


def export(
    rooms: Rooms,
    reader: Reader,
    ids: Sequence[str],
    where: str | None,
    folder: str,
    as_received: bool,
    report: Report,
    dry_run: bool,
) -> Exported:
    """Copy what the ids or the condition name into `folder`. Raises UsageError for what is not understood."""
    done = Exported()
    rows = _chosen(reader, ids, where)
    held = {row["recording_row"] for row in rows if row["sha512"]}
    done.missing = len({row["recording_row"] for row in rows} - held)
    for row, name in _files(reader, [row for row in rows if row["sha512"]], as_received):
        report.item({"export": os.fsdecode(name), "sha512": row["sha512"], "size_bytes": row["size_bytes"]})
        if dry_run:
            done.files += 1
            done.bytes += row["size_bytes"]
            continue
        _copy(rooms, row, os.path.join(os.fsencode(folder), name), done, report)
    return done


def _chosen(reader: Reader, ids: Sequence[str], where: str | None) -> list[dict[str, Any]]:
    if bool(ids) == (where is not None):
        raise UsageError("Name what to export: ids, or a condition with --where, and then the folder")
    if where is not None:
        query = f"SELECT * FROM ({_ITEMS}) WHERE (\n{where}\n) {_ORDER}"
        try:
            _require_one_statement(query)
            return reader.select(query)
        except duckdb.Error as error:
            raise UsageError(
                f"The condition is not understood: {str(error).splitlines()[0]}", where
            ) from None
    return [row for item in ids for row in _of_item(reader, item)]


def _require_one_statement(query: str) -> None:
    with tables.connect() as db:
        if len(db.extract_statements(query)) != 1:
            raise duckdb.ParserException("it is more than a condition")


_NAMED = {
    "recordings": "r.row = ?",
    "releases": "r.release_row = ?",
    "artists": "r.artist_row = ?",
    "tracks": "r.row = (SELECT t.recording_row FROM tracks t WHERE t.row = ?)",
}


def _of_item(reader: Reader, item: str) -> list[dict[str, Any]]:
    if re.fullmatch(r"[0-9a-f]{128}", item):
        rows = reader.select(f"{_BY_DIGEST} {_ORDER}", item)
    else:
        named = reader.find(item)
        if named is None:
            raise UsageError("There is no such item", item, "Find one: lockgroove search WORDS")
        rows = reader.select(f"{_ITEMS} WHERE {_NAMED[named[0]]} {_ORDER}", named[1])
    if not rows:
        raise UsageError("There is no such item", item, "Find one: lockgroove search WORDS")
    return rows


def _files(
    reader: Reader, rows: Sequence[dict[str, Any]], as_received: bool
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each file once, with the name it is given; the companions of its deposit after it."""
    given: set[int] = set()
    deposits: dict[tuple[str, str], bytes] = {}
    for row in rows:
        if row["file_row"] in given:
            continue
        given.add(row["file_row"])
        name = _received_name(row) if as_received else _tidy_name(row)
        if row["recording_row"] is None:  # a companion, asked for by its digest
            yield row, name if as_received else os.path.basename(name)
            continue
        deposits.setdefault((row["source"], row["deposit"]), os.path.dirname(name))
        yield row, name
    for (source, deposit), beside in deposits.items():
        for row in reader.select(_COMPANIONS, source, deposit):
            inner = decode(row["key"] if deposit == "." else row["key"].removeprefix(f"{deposit}/"))
            yield row, _received_name(row) if as_received else os.path.join(beside, inner)


def _received_name(row: dict[str, Any]) -> bytes:
    return decode(row["key"])


def _tidy_name(row: dict[str, Any]) -> bytes:
    """Artist/Release/NN Title.ending; a file that carries several recordings keeps its own name."""
    original = os.path.basename(decode(row["key"]))
    if row["recording_row"] is None:
        return original
    ending = os.path.splitext(original)[1].decode("utf-8", "replace")
    number = f"{row['medium_number']}-" if (row["medium_number"] or 1) > 1 else ""
    number += f"{row['track_number']:02} " if row["track_number"] else ""
    parts = [row["release_artist"] or row["artist"] or "Unknown artist", row["release"] or ""]
    last = original
    if row["start_ms"] is None:
        last = _safe(f"{number}{row['title']}") + _UNSAFE.sub("_", ending)[:20].encode()
    return b"/".join([*(_safe(part) for part in parts if part), last])


def _safe(part: str) -> bytes:
    cleaned = _UNSAFE.sub("_", part).strip(" .") or "_"
    return cleaned.encode("utf-8", "replace")[:200].decode("utf-8", "ignore").encode()


def _copy(rooms: Rooms, row: dict[str, Any], target: bytes, done: Exported, report: Report) -> None:
    path = f"{ocfl.ROOT}/{ocfl.object_path(row['object_id'])}/{ocfl.CONTENT}/{row['path']}"
    with failing_as_storage(os.fsdecode(target)):
        target = _free_name(target, row["sha512"])
        if os.path.exists(target):
            done.present += 1
            return
        os.makedirs(os.path.dirname(target), exist_ok=True)
    beside = os.path.join(os.path.dirname(target), f".lockgroove-{secrets.token_hex(8)}.part".encode())
    try:
        found = _write(beside, rooms.storage.read(path))
        if found == row["sha512"]:
            durable.rename_new(os.fsdecode(beside), os.fsdecode(target))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    if found != row["sha512"]:
        done.damaged += 1
        report.finding(Finding("file-damaged", path, found if " " in found else "its digest differs"))
        return
    done.files += 1
    done.bytes += row["size_bytes"]


def _write(target: bytes, chunks: Iterator[bytes]) -> str:
    """The sha512 of what was written; where the vault cannot be read, why, in words."""
    digest = hashlib.sha512()
    with failing_as_storage(os.fsdecode(target)), open(target, "xb") as file:
        while True:
            try:
                chunk = next(chunks, b"")
            except OSError as error:
                return f"it cannot be read: {error.strerror or error}"
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
            file.write(chunk)


def _free_name(target: bytes, sha512: str) -> bytes:
    """The name itself, or with a number when something else has it."""
    stem, ending = os.path.splitext(target)
    number = 1
    while os.path.lexists(target) and not _is(target, sha512):
        number += 1
        target = stem + f" ({number})".encode() + ending
    return target


def _is(path: bytes, sha512: str) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest() == sha512
