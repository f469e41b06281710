"""Music out again: found by id or condition, copied with names and companions, checked on the way."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from lockgroove import durable
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.reader import Reader
from lockgroove.errors import UsageError
from lockgroove.findings import Finding
from lockgroove.report import Report
from lockgroove.sources.shelfkeys import decode
from lockgroove.vault import ocfl

_ITEMS = """
    SELECT DISTINCT f.row AS file_row, f.*, r.row AS recording_row, r.artist, r.title, e.title AS release,
        e.artist AS release_artist, r.year, r.listens, r.medium_number, r.track_number, g.licence, g.status,
        c.start_ms
    FROM recordings r LEFT JOIN copies c ON c.recording_row = r.row
    LEFT JOIN files f ON f.row = c.file_row LEFT JOIN rights g ON g.row = f.rights_row
    LEFT JOIN releases e ON e.row = r.release_row"""
_COMPANIONS = """
    SELECT * FROM files WHERE role IN ('companion', 'unknown-sound') AND sha512 IS NOT NULL
    AND source = ? AND deposit = ? ORDER BY row"""
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
        try:
            return reader.select(f"SELECT * FROM ({_ITEMS}) WHERE ({where}) ORDER BY recording_row, file_row")
        except duckdb.Error as error:
            raise UsageError(
                f"The condition is not understood: {str(error).splitlines()[0]}", where
            ) from None
    return [row for item in ids for row in _of_item(reader, item)]


def _of_item(reader: Reader, item: str) -> list[dict[str, Any]]:
    if re.fullmatch(r"[0-9a-f]{128}", item):
        rows = reader.select(f"SELECT * FROM ({_ITEMS}) WHERE sha512 = ?", item)
    else:
        named = reader.find(item)
        column = {"recordings": "row", "releases": "release_row", "artists": "artist_row"}.get(
            named[0] if named else ""
        )
        if named is None or column is None:
            raise UsageError("There is no such item", item, "Find one: lockgroove search WORDS")
        rows = reader.select(f"{_ITEMS} WHERE r.{column} = ? ORDER BY recording_row, file_row", named[1])
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
    ending = os.path.splitext(original)[1].decode("utf-8", "replace")
    number = f"{row['medium_number']}-" if (row["medium_number"] or 1) > 1 else ""
    number += f"{row['track_number']:02} " if row["track_number"] else ""
    last = os.fsdecode(original) if row["start_ms"] is not None else f"{number}{row['title']}{ending}"
    parts = [row["release_artist"] or row["artist"] or "Unknown artist", row["release"] or "", last]
    return b"/".join(os.fsencode(_safe(part)) for part in parts if part)


def _safe(part: str) -> str:
    cleaned = _UNSAFE.sub("_", part).strip(" .") or "_"
    return cleaned.encode("utf-8", "surrogateescape")[:200].decode("utf-8", "ignore")


def _copy(rooms: Rooms, row: dict[str, Any], target: bytes, done: Exported, report: Report) -> None:
    path = f"{ocfl.ROOT}/{ocfl.object_path(row['object_id'])}/{ocfl.CONTENT}/{row['path']}"
    target = _free_name(target, row["sha512"])
    if os.path.exists(target):
        done.present += 1
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    digest = hashlib.sha512()
    beside = target + b".part"
    try:
        with open(beside, "wb") as file:
            for chunk in rooms.storage.read(path):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != row["sha512"]:
            raise OSError("its digest differs")
    except OSError as error:
        done.damaged += 1
        report.finding(Finding("file-damaged", path, error.strerror or str(error)))
        if os.path.exists(beside):
            os.unlink(beside)
        return
    durable.rename_new(os.fsdecode(beside), os.fsdecode(target))
    done.files += 1
    done.bytes += row["size_bytes"]


def _free_name(target: bytes, sha512: str) -> bytes:
    """The name itself, or with a number when something else has it."""
    stem, ending = os.path.splitext(target)
    number = 1
    while os.path.exists(target) and not _is(target, sha512):
        number += 1
        target = stem + f" ({number})".encode() + ending
    return target


def _is(path: bytes, sha512: str) -> bool:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest() == sha512
