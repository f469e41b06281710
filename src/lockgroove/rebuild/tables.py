"""Both sets of tables, of everything and of what may be published, and a search index for each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue import generations
from lockgroove.catalogue.build import HELD_SCHEMA, TOLD_SCHEMA, Inputs, build_tables, engine
from lockgroove.catalogue.claims import ClaimStore
from lockgroove.catalogue.facts import cached_facts
from lockgroove.catalogue.search import Doc, build_index
from lockgroove.model import HeldFile
from lockgroove.rebuild.judging import Judging
from lockgroove.report import Report
from lockgroove.tables import WrittenFile
from lockgroove.vault import HeldIndex, ocfl
from lockgroove.vault.index import held_files

_SEARCH_QUERY = """
    SELECT r.file_row_number, r.listens, r.title, r.artist, e.title, r.composer
    FROM read_parquet('{folder}/recordings.parquet', file_row_number = true) r
    LEFT JOIN read_parquet('{folder}/releases.parquet', file_row_number = true) e
        ON e.file_row_number = r.release_row
    ORDER BY r.file_row_number"""

# Objects whose bytes answer more than one claim, and those of the deposits that such claims belong to.
_SHARED = """
    WITH held AS (SELECT * FROM read_parquet('{held}')),
    twice AS (SELECT object_id, path FROM held GROUP BY ALL HAVING count(*) > 1),
    touched AS (SELECT * FROM held SEMI JOIN twice USING (object_id, path))
    SELECT object_id FROM touched
    UNION SELECT object_id FROM held SEMI JOIN touched USING (source, deposit) ORDER BY object_id"""


@dataclass(frozen=True)
class Built:
    """What was built below a folder: files by their path in it."""

    folder: str
    files: Sequence[WrittenFile]


def build(
    root: str, folder: str, store: ClaimStore, index: HeldIndex, judging: Judging, report: Report
) -> Built:
    """Write `all/`, `public/` and their search indexes below `folder`."""
    scratch = f"{folder}/scratch"
    os.makedirs(scratch)
    held = _held_parquet(index, f"{scratch}/held.parquet")
    inputs = Inputs(
        facts=list(cached_facts(store, f"{root}/cache")),
        held=[held],
        told=[_told_parquet(root, index, held, f"{scratch}/told.parquet")],
        listens=[f"{root}/{part.path}" for part in store.listens()],
        scratch=scratch,
    )
    files: list[WrittenFile] = []
    for number, name in enumerate((generations.PRIVATE, generations.PUBLIC)):
        report.progress("catalogue", number, 2, "tables")
        target = f"{folder}/{name}"
        written = build_tables(inputs, judging, target, public=name == generations.PUBLIC)
        files.extend(WrittenFile(f"{name}/{f.path}", f.size_bytes, f.sha256, f.rows) for f in written)
        build_search(target, f"{folder}/search-{name}", scratch)
    shutil.rmtree(scratch)
    return Built(folder, files)


def build_search(tables_folder: str, target: str, scratch: str) -> int:
    """Index the recordings of a folder of tables."""
    query = _SEARCH_QUERY.format(folder=tables_folder.replace("'", "''"))
    with engine(scratch, [f"{tables_folder}/recordings.parquet"]) as db:
        cursor = db.execute(query)
        return build_index(target, _docs(iter(lambda: cursor.fetchmany(5000), [])))


def _docs(batches: Iterable[list[tuple[object, ...]]]) -> Iterator[Doc]:
    for batch in batches:
        for row, listens, *names in batch:
            yield Doc(int(str(row)), int(str(listens)), tuple(None if n is None else str(n) for n in names))


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
