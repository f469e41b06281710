"""Both sets of tables, of everything and of what may be published, and a search index for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue import generations
from lockgroove.catalogue.build import HELD_SCHEMA, Inputs, build_tables, engine
from lockgroove.catalogue.claims import ClaimStore
from lockgroove.catalogue.facts import cached_facts
from lockgroove.catalogue.search import Doc, build_index
from lockgroove.model import HeldFile
from lockgroove.rebuild.judging import Judging
from lockgroove.report import Report
from lockgroove.tables import WrittenFile
from lockgroove.vault import HeldIndex

MEMORY_SHARE = 0.5
_SEARCH_QUERY = """
    SELECT r.file_row_number, r.listens, r.title, r.artist, e.title, r.composer
    FROM read_parquet('{folder}/recordings.parquet', file_row_number = true) r
    LEFT JOIN read_parquet('{folder}/releases.parquet', file_row_number = true) e
        ON e.file_row_number = r.release_row
    ORDER BY r.file_row_number"""


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
    inputs = Inputs(
        facts=list(cached_facts(store, f"{root}/cache")),
        held=[_held_parquet(index, f"{scratch}/held.parquet")],
        listens=[f"{root}/{part.path}" for part in store.listens()],
        scratch=scratch,
        memory_bytes=memory_bytes(),
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
    with engine(scratch, memory_bytes()) as db:
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


def _held_table(batch: Sequence[HeldFile]) -> pa.Table:
    columns = {name: [getattr(held, name) for held in batch] for name in HELD_SCHEMA.names}
    return pa.table(columns, schema=HELD_SCHEMA)


def memory_bytes() -> int:
    """What the table engine may take of this machine."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(total * MEMORY_SHARE)
