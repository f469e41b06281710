"""The search delta: documents of recordings that are new or changed, beside an index that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.layers import SEARCH_DELTA, base_rows, changed_file, rows_gone, rows_now
from lockgroove.catalogue.search import build_delta
from lockgroove.catalogue.search.build import DOC_SCHEMA
from lockgroove.catalogue.spilling import parquet, quoted

_DOCS = "search-docs.parquet"
_TABLES = ("recordings", "matches", "copies", "files", "rights", "holdings", "releases")
# Those of the recordings in `asked`, from tables as they are now or were.
_QUERY = """
    WITH asked AS (SELECT row FROM {asked}),
    found AS (SELECT * FROM {recordings} WHERE row IN (FROM asked)),
    sources AS (SELECT recording_row AS row, source FROM {matches} WHERE recording_row IN (FROM asked)
        UNION SELECT row, source FROM found),
    licences AS (SELECT DISTINCT c.recording_row AS row, g.licence
        FROM {copies} c JOIN {files} f ON f.row = c.file_row JOIN {rights} g ON g.row = f.rights_row
        WHERE g.licence <> '' AND c.recording_row IN (FROM asked))
    SELECT r.row::BIGINT AS row, r.listens, r.title, r.artist, e.title AS release, r.composer, r.year, r.duration_ms,
        r.row IN (SELECT recording_row FROM {holdings}) AS held,
        (SELECT string_agg(source, chr(10) ORDER BY source) FROM sources s WHERE s.row = r.row) AS sources,
        (SELECT string_agg(licence, chr(10) ORDER BY licence) FROM licences l WHERE l.row = r.row) AS licences
    FROM found r LEFT JOIN {releases} e ON e.row = r.release_row"""
_MANY = 100_000  # from here on a second process is worth its start


@dataclass(frozen=True)
class _Written:
    """Documents in a Parquet file."""

    path: str

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See search_build.Recordings."""
        with pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(10_000, columns=[n for n in DOC_SCHEMA.names if n in columns])


def write_search_delta(db: duckdb.DuckDBPyConnection, folder: str, search: str, scratch: str) -> None:
    """After the tables' delta is in `folder`: add one to the index in `search`, which is a copy of the base's.

    Documents that say what they said stay where they are.
    """
    asked = parquet([changed_file(folder, "recordings")])
    now, before = (
        _QUERY.format(asked=asked, **{name: relation(folder, name) for name in _TABLES})
        for relation in (rows_now, base_rows)
    )
    path = f"{scratch}/{_DOCS}"
    columns = ", ".join(f'"{field.name}"' for field in DOC_SCHEMA)
    db.execute(
        f"COPY (SELECT * FROM (SELECT {columns} FROM ({now}) EXCEPT SELECT {columns} FROM ({before})) ORDER BY row)"
        f" TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)"
    )
    gone = [row for (row,) in db.execute(rows_gone(folder, "recordings")).fetchall()]
    processes = 2 if pq.read_metadata(path).num_rows >= _MANY else 1
    build_delta(f"{search}/{SEARCH_DELTA}", search, _Written(path), gone, processes)
