"""Claims as records, and the tables that a build makes of them, without files on a disk."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.build import HELD_SCHEMA, Inputs, Work, build_tables
from lockgroove.catalogue.build.staging import Stages
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.catalogue.facts import Facts, write_facts
from lockgroove.catalogue.facts.records import record_of
from lockgroove.rebuild import Judging

SHELF = "shelf-aaaaaaaaaaaaaaaa"
OTHER_SHELF = "shelf-bbbbbbbbbbbbbbbb"
LISTENS = "listens-cccccccccccccccc"
OPEN = [{"text": "CC0-1.0", "where": "tag:LICENSE"}]
_number = itertools.count()

Record = dict[str, Any]


def record(kind: str, source: str, key: str, says: Mapping[str, Any], **more: str) -> Record:
    return {
        "v": 1, "kind": kind, "source": source, "key": key, "stamp": more.get("stamp", "1-1"),
        "harvest": "h", "at": more.get("at", "2026-01-01T00:00:00.000000Z"), "reader": "folder/1",
        "body": {}, "says": dict(says),
    }  # fmt: skip


def track(title: str | None = None, artist: str | None = None, **more: Any) -> dict[str, Any]:
    fields = {"title": title, "artist": artist, **more}
    return {name: value for name, value in fields.items() if value is not None}


def sound(
    key: str, title: str | None = None, artist: str | None = None, *, source: str = SHELF,
    ms: int | None = 200_000, size: int = 1000, deposit: str = "D", format: str = "flac",  # noqa: A002
    licences: Sequence[Mapping[str, str]] = (), tracks: Sequence[Mapping[str, Any]] | None = None,
    stamp: str = "1-1", at: str = "2026-01-01T00:00:00.000000Z", **more: Any,
) -> Record:  # fmt: skip
    says: dict[str, Any] = {"role": "sound", "deposit": deposit, "size_bytes": size, "format": format}
    says["tracks"] = list(tracks) if tracks is not None else [track(title, artist, **more)]
    if ms is not None:
        says["duration_ms"] = ms
    if licences:
        says["licences"] = list(licences)
    return record("file", source, key, says, stamp=stamp, at=at)


def companion(
    key: str, *, size: int = 10, deposit: str = "D", role: str = "companion", **more: Any
) -> Record:
    says = {"role": role, "deposit": deposit, "size_bytes": size}
    return record("file", more.get("source", SHELF), key, says)


def listened(key: str, title: str | None = None, artist: str | None = None, **more: Any) -> Record:
    return record("listened", LISTENS, key, track(title, artist, **more))


def count(subject: str, listens: int, source: str = LISTENS) -> dict[str, Any]:
    return {
        "source": source, "subject": subject, "month": "", "listener_group": -1, "listens": listens,
        "capped_listens": listens, "listeners": 0,
    }  # fmt: skip


def held_row(claim: Record, sha512: str | None = None, object_id: str | None = None) -> dict[str, Any]:
    name = f"{claim['source']}/{claim['key']}/{claim['stamp']}"
    return {
        "source": claim["source"], "key": claim["key"], "stamp": claim["stamp"],
        "object_id": object_id or f"urn:{name}", "path": claim["key"], "sha512": sha512 or name,
    }  # fmt: skip


def build(
    folder: Path, records: Sequence[Record], *, held: Sequence[Mapping[str, Any]] = (),
    listens: Sequence[Mapping[str, Any]] = (), public: bool = False, parts: int = 1,
    work: Path | None = None, engine: str | None = None,
) -> Path:  # fmt: skip
    """Build tables into a new folder below `folder`, or go on in `work`; claims cut into so many parts."""
    work = work or folder / f"build-{next(_number)}"
    work.mkdir(parents=True, exist_ok=True)
    facts = []
    for number in range(parts):
        path = f"{work}/facts-{number}"
        some = records[number * len(records) // parts : (number + 1) * len(records) // parts]
        if not os.path.exists(path):
            write_facts(map(record_of, some), number << 20, path)
        facts.append(path)
    pq.write_table(pa.Table.from_pylist([dict(h) for h in held], schema=HELD_SCHEMA), f"{work}/held.parquet")
    pq.write_table(
        pa.Table.from_pylist([dict(c) for c in listens], schema=LISTEN_SCHEMA), f"{work}/l.parquet"
    )
    inputs = Inputs(Facts(facts), [f"{work}/held.parquet"], [f"{work}/l.parquet"])
    building = Work(inputs, f"{work}/tables", f"{work}/scratch", public, f"{work}/members", engine)
    build_tables(building, Judging([]), Stages(f"{work}/stages"))
    return work / "tables"


def rows(tables: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(f"{tables}/{name}.parquet").to_pylist()
    return found


def groups(tables: Path) -> set[frozenset[str]]:
    """The keys of the claims that are one recording, as sets."""
    together: dict[int, set[str]] = {}
    for match in rows(tables, "matches"):
        together.setdefault(match["recording_row"], set()).add(match["key"])
    return {frozenset(keys) for keys in together.values()}


def stages_of(work: Path) -> list[str]:
    """The stages that were done there."""
    return list(Stages(f"{work}/stages").seconds)


def tables_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
