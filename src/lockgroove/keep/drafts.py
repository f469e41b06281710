"""From rows of the plan to drafts of objects: one deposit, one statement, bounded in files and bytes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from lockgroove.findings import Finding
from lockgroove.sources.shelfkeys import decode, encode
from lockgroove.vault.commit import DraftFile, ObjectDraft, SourceChanged

FILES_MAX = 500
BYTES_MAX = 8 << 30
READ_BYTES = 1 << 20
_STAMP = re.compile(r"(\d+)-(-?\d+)")

Row = Mapping[str, Any]
Opener = Callable[[str, str, str], Iterator[bytes]]


def drafts_of(rows: Iterable[Row], opener: Opener) -> Iterator[ObjectDraft]:
    """Cut ordered rows into drafts. `opener(source, key, stamp)` reads a file."""
    group: list[Row] = []
    size = 0
    for row in rows:
        new_group = group and _together(group[0]) != _together(row)
        if group and (new_group or len(group) >= FILES_MAX or size + row["size_bytes"] > BYTES_MAX):
            yield _draft(group, opener)
            group, size = [], 0
        group.append(row)
        size += row["size_bytes"]
    if group:
        yield _draft(group, opener)


def _together(row: Row) -> tuple[str, str, str]:
    return row["source"], row["deposit"], row["statement"]


def _draft(group: list[Row], opener: Opener) -> ObjectDraft:
    first = group[0]
    return ObjectDraft(
        source=first["source"],
        deposit=first["deposit"],
        received_at=max(row["gathered_at"] for row in group),
        licences=json.loads(first["stated"]),
        files=[
            DraftFile(
                key=row["key"],
                stamp=row["stamp"],
                name=decode(_name(row["key"], row["deposit"])),
                chunks=partial(opener, row["source"], row["key"], row["stamp"]),
            )
            for row in group
        ],
    )


def _name(key: str, deposit: str) -> str:
    return key if deposit == "." else key.removeprefix(f"{deposit}/")


def open_shelf_file(root: bytes, key: str, stamp: str) -> Iterator[bytes]:
    """The bytes of a shelf's file, if it is still the one that was gathered. Raises SourceChanged."""
    path = os.path.join(root, decode(key))
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:  # type: ignore[arg-type]  # bytes, as given
            _require(file.fileno(), key, stamp)
            while chunk := file.read(READ_BYTES):
                yield chunk
            _require(file.fileno(), key, stamp)
    except OSError as error:
        code = "source-gone" if isinstance(error, FileNotFoundError) else "unreadable"
        raise SourceChanged(Finding(code, _where(root, key), error.strerror or str(error))) from error


def _open_at_once(path: bytes, flags: int) -> int:
    """A pipe that lies there now must not make us wait for its other end."""
    return os.open(path, flags | os.O_NONBLOCK)


def _require(descriptor: int, key: str, stamp: str) -> None:
    status = os.fstat(descriptor)
    match = _STAMP.match(stamp)
    if match is None or (status.st_size, status.st_mtime_ns) != (int(match[1]), int(match[2])):
        detail = f"{status.st_size} bytes now, {match[1] if match else '?'} when gathered"
        raise SourceChanged(Finding("source-changed", key, detail))


def _where(root: bytes, key: str) -> str:
    return f"{encode(root)}/{key}"
