"""The ledger: every item, held or not, and why.

Dark items stand in the public one as files of an id, a size and a reason, and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from lockgroove import tables
from lockgroove.catalogue.layers import rows_end, rows_gone
from lockgroove.catalogue.spilling import parquet
from lockgroove.coverage.plan import PLAN_FILE, relations

LEDGER_FILE = "ledger.parquet"
LEDGER_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("recording_row", pa.int32()),
        pa.field("item_id", pa.binary(12)),
        pa.field("held", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rights", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
    ]
)

KEEP_FILE = "keep.parquet"
KEEP_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("stamp", pa.string(), nullable=False),
        pa.field("deposit", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("gathered_at", pa.string(), nullable=False),
        pa.field("statement", pa.string(), nullable=False),
        pa.field("stated", pa.string(), nullable=False),
    ]
)

REASONS: Mapping[str, str] = {
    "held": "its bytes are in the vault",
    "planned": "the plan keeps it; run: lockgroove keep",
    "budget": "left out: the budget goes further on what is heard more per byte",
    "copy": "left out: another file of the same recording comes first, and the budget ends before this one",
    "no-file": "known by name alone: no source offers a file",
    "withdrawn": "its source offers it no more, and it was not kept before",
    "outside": "no folder of sound above it, or left out by --sound-only",
    "unplanned": "no plan has been made yet; run: lockgroove plan",
    "companion": "comes along when sound of its deposit is kept",
}

# `p` is the plan, empty when there is none; `planned` says whether one was made. `needed` are the files of recordings
# that the plan leaves out altogether.
_SETUP = """
CREATE OR REPLACE TABLE p AS SELECT file_row FROM {plan};
CREATE OR REPLACE TABLE needed AS
    SELECT DISTINCT file_row FROM {copies} WHERE recording_row NOT IN (
        SELECT c.recording_row FROM {copies} c JOIN f USING (file_row)
        WHERE f.sha512 IS NOT NULL OR c.file_row IN (SELECT file_row FROM p));
CREATE OR REPLACE TABLE fates AS
    SELECT f.*, g.status AS rights, CASE
        WHEN f.sha512 IS NOT NULL THEN 'held'
        WHEN f.withdrawn THEN 'withdrawn'
        WHEN f.role = 'outside' THEN 'outside'
        WHEN NOT {planned} THEN 'unplanned'
        WHEN f.file_row IN (SELECT file_row FROM p) THEN 'planned'
        WHEN f.role <> 'sound' AND NOT EXISTS (SELECT 1 FROM deposits d WHERE d.source = f.source
            AND d.deposit = f.deposit AND (d.begun OR (f.role = 'unknown-sound' AND NOT d.sounds))) THEN 'companion'
        WHEN f.role <> 'sound' OR f.file_row IN (SELECT file_row FROM needed) THEN 'budget'
        ELSE 'copy' END AS reason
    FROM f JOIN {rights} g ON g.row = f.rights_row;
"""

# Recordings that some file carries; the others have no file. Each stands by its row, which is its place.
_FATED = """
CREATE OR REPLACE TABLE fated AS
    SELECT c.recording_row, coalesce(bool_or(t.reason = 'held'), FALSE) AS held,
        coalesce(min(t.reason) FILTER (t.reason = 'held'), min(t.reason) FILTER (t.reason = 'planned'),
            min(t.reason) FILTER (t.reason = 'budget'), min(t.reason)) AS reason,
        coalesce(min(t.rights) FILTER (t.rights = 'open'), min(t.rights)) AS rights, max(t.size_bytes) AS size_bytes
    FROM {copies} c
    JOIN {files} o ON o.row = c.file_row
    JOIN fates t ON t.source = o.source AND t.key = o.key AND t.stamp = o.stamp
    GROUP BY c.recording_row
"""
_RECORDINGS = """
    SELECT 'recording' AS kind, n.recording_row::INTEGER, NULL AS item_id, coalesce(held, FALSE) AS held,
        coalesce(reason, 'no-file') AS reason, coalesce(rights, 'none') AS rights,
        coalesce(size_bytes, 0)::BIGINT AS size_bytes
    FROM (SELECT unnest(range({first}, {end})) AS recording_row) n LEFT JOIN fated USING (recording_row)
    {without} ORDER BY n.recording_row
"""
_ROWS_AT_ONCE = 1_000_000

_FILES = """
    SELECT 'file' AS kind, NULL::INTEGER AS recording_row,
        unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'file', source, key, stamp)), 1, 24)) AS item_id,
        reason = 'held' AS held, reason, rights, size_bytes
    FROM fates ORDER BY item_id
"""


def prepare_fates(db: duckdb.DuckDBPyConnection, folder: str, planned: bool) -> None:
    """After `write_plan` on the same connection: why each file is where it is."""
    plan = parquet([f"{folder}/{PLAN_FILE}"])
    db.execute(_SETUP.format(plan=plan, planned="TRUE" if planned else "FALSE", **relations(folder)))


def write_ledger(db: duckdb.DuckDBPyConnection, folder: str) -> tables.WrittenFile:
    """Write `ledger.parquet` into `folder` of tables, private or public, from the fates prepared before."""
    db.execute(_FATED.format(**relations(folder)))
    return tables.write_table(folder, LEDGER_FILE, LEDGER_SCHEMA, _batches(db, folder))


def _batches(db: duckdb.DuckDBPyConnection, folder: str) -> Iterator[pa.RecordBatch]:
    """All recordings by row, then all files by id."""
    end, gone = rows_end(folder, "recordings"), rows_gone(folder, "recordings")
    without = f"WHERE n.recording_row NOT IN ({gone})" if gone else ""
    chunks = (
        _RECORDINGS.format(first=first, end=min(first + _ROWS_AT_ONCE, end), without=without)
        for first in range(0, end, _ROWS_AT_ONCE)
    )
    for query in (*chunks, _FILES):
        reader: Any = db.sql(query).to_arrow_reader(tables.ROW_GROUP_ROWS)
        for batch in reader:
            yield batch.rename_columns(LEDGER_SCHEMA.names)


def write_keepable(db: duckdb.DuckDBPyConnection, folder: str) -> tables.WrittenFile:
    """Write `keep.parquet`: the files that the plan keeps and the vault lacks, deposit by deposit."""
    query = f"""SELECT t.source, t.key, t.stamp, t.deposit, t.size_bytes, t.gathered_at, g.statement, g.stated
        FROM fates t JOIN {relations(folder)["rights"]} g ON g.row = t.rights_row
        WHERE t.reason = 'planned' ORDER BY t.source, t.deposit, g.statement, g.stated, t.key, t.stamp"""
    return tables.write_table(folder, KEEP_FILE, KEEP_SCHEMA, db.sql(query).to_arrow_reader(20_480))
