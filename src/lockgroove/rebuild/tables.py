"""Both sets of tables, of everything and of what may be published, and a search index for each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue import generations
from lockgroove.catalogue.build import HELD_SCHEMA, TOLD_SCHEMA, Inputs, Work, build_tables
from lockgroove.catalogue.claims import ClaimStore
from lockgroove.catalogue.facts import Facts, cached_facts
from lockgroove.catalogue.staging import Stages
from lockgroove.model import HeldFile
from lockgroove.rebuild.handmatches import HandMatch, pairs
from lockgroove.rebuild.judging import Judging
from lockgroove.rebuild.searching import build_search
from lockgroove.report import Report
from lockgroove.tables import WrittenFile
from lockgroove.vault import HeldIndex, ocfl
from lockgroove.vault.index import held_files

# Objects whose bytes answer more than one claim, and those of the deposits that such claims belong to.
_SHARED = """
    WITH held AS (SELECT * FROM read_parquet('{held}')),
    twice AS (SELECT object_id, path FROM held GROUP BY ALL HAVING count(*) > 1),
    touched AS (SELECT * FROM held SEMI JOIN twice USING (object_id, path))
    SELECT object_id FROM touched
    UNION SELECT object_id FROM held SEMI JOIN touched USING (source, deposit) ORDER BY object_id"""


@dataclass(frozen=True)
class Built:
    """What was built below a folder: files by their path in it, and the seconds that each stage took."""

    folder: str
    files: Sequence[WrittenFile]
    seconds: Mapping[str, float]


def build(
    root: str,
    folder: str,
    store: ClaimStore,
    index: HeldIndex,
    judging: Judging,
    matches: Sequence[HandMatch],
    report: Report,
    engine: str | None = None,
) -> Built:
    """Write `all/`, `public/` and search indexes below `folder`; what was done there is not done again."""
    stages = Stages(folder, report)
    facts = stages.made(
        "facts",
        lambda: cached_facts(store, f"{root}/cache", report),
        lambda made: made.save(f"{folder}/facts.json"),
        lambda: Facts.load(f"{folder}/facts.json") or cached_facts(store, f"{root}/cache", report),
    )
    alike = not _has_private_sources(store)
    files: list[WrittenFile] = []
    for name in (generations.PRIVATE, generations.PUBLIC):
        if name == generations.PUBLIC and alike:
            stages.do("public-same", lambda: _link(folder))
            files += [replace(f, path=f"{name}/{f.path.partition('/')[2]}") for f in files]
            break
        inputs = Inputs(
            facts=facts,
            listens=[f"{root}/{part.path}" for part in store.listens()],
            by_hand=pairs(matches),
            **_held(root, index, f"{folder}/inputs"),
        )
        work = Work(
            inputs, f"{folder}/{name}", f"{folder}/scratch-{name}", name == generations.PUBLIC,
            f"{folder}/{generations.MEMBERS}", engine, last=alike or name == generations.PUBLIC,
        )  # fmt: skip
        files += _named(name, build_tables(work, judging, stages.within(name)))
        stages.do(f"{name}-search", partial(_search_anew, folder, name))
    shutil.rmtree(f"{folder}/inputs", ignore_errors=True)
    return Built(folder, files, stages.seconds)


def _has_private_sources(store: ClaimStore) -> bool:
    """Whether anything was gathered that must be judged before it may be told of."""
    return any(part.source.startswith("shelf-") for part in store.parts())


def _link(folder: str) -> None:
    """What may be published is all that there is: the same files stand under both names."""
    for private, public in (
        (generations.PRIVATE, generations.PUBLIC),
        (f"search-{generations.PRIVATE}", f"search-{generations.PUBLIC}"),
    ):
        shutil.rmtree(f"{folder}/{public}", ignore_errors=True)
        shutil.copytree(f"{folder}/{private}", f"{folder}/{public}", copy_function=os.link)


def _named(name: str, written: Sequence[WrittenFile]) -> list[WrittenFile]:
    return [WrittenFile(f"{name}/{f.path}", f.size_bytes, f.sha256, f.rows) for f in written]


def _held(root: str, index: HeldIndex, folder: str) -> dict[str, list[str]]:
    os.makedirs(folder, exist_ok=True)
    held = _held_parquet(index, f"{folder}/held.parquet")
    return {"held": [held], "told": [_told_parquet(root, index, held, f"{folder}/told.parquet")]}


def _search_anew(folder: str, name: str) -> None:
    target = f"{folder}/search-{name}"
    shutil.rmtree(target, ignore_errors=True)
    build_search(f"{folder}/{name}", target)


def _held_parquet(index: HeldIndex, path: str) -> str:
    with pq.ParquetWriter(path, HELD_SCHEMA) as writer:
        for batch in index.held_batches():
            writer.write_table(_held_table(batch))
    return path


def _told_parquet(root: str, index: HeldIndex, held: str, path: str) -> str:
    with duckdb.connect() as db:
        shared = db.execute(_SHARED.format(held=held.replace("'", "''"))).fetchall()
    rows = [row for (identifier,) in shared for row in _told(root, index, identifier)]
    pq.write_table(pa.Table.from_pylist(rows, schema=TOLD_SCHEMA), path)
    return path


def _told(root: str, index: HeldIndex, identifier: str) -> list[dict[str, Any]]:
    """What the object's `deposit.json` names; a row without a file where it cannot be read: it is dark."""
    held = index.object(identifier)
    try:
        assert held is not None
        with open(f"{root}/{ocfl.ROOT}/{held.path}/{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}", "rb") as file:
            files = held_files(identifier, json.load(file))
    except (AssertionError, OSError, ValueError, KeyError, TypeError):
        return [{"object_id": identifier}]
    return [
        {
            "object_id": identifier,
            "source": f.source,
            "key": f.key,
            "stamp": f.stamp,
            "target": f.object_id if f.object_id != identifier else None,
        }
        for f in files
    ]


def _held_table(batch: Sequence[HeldFile]) -> pa.Table:
    columns = {name: [getattr(held, name) for held in batch] for name in HELD_SCHEMA.names}
    return pa.table(columns, schema=HELD_SCHEMA)
