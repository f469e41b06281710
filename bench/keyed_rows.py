"""Rows that matching reads, made up: durations that waver, wrong and shared identifiers.

Usage: python keyed_rows.py NODES FOLDER PARTS. A recording has 1.6 nodes on average; a tenth of the nodes
know no duration; 72 % have an ISRC (one in a hundred a wrong one, one in a thousand a placeholder), 30 % an
MBID, 30 % their source's own reference; a fifth spell their names in their own way.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

SLICE_NODES = 16_000_000  # made at a time, for memory's sake

# h(x, n): a number below n that follows from x alone
_ROWS = """
CREATE MACRO h(x, salt, n) AS (hash(x * 64 + salt) % n)::BIGINT;
CREATE MACRO key(x, salt) AS (hash(x * 64 + salt) >> 1)::BIGINT;
CREATE VIEW nodes AS
    SELECT nid, rec, h(nid, 2, 1000) AS dice,
        CASE WHEN h(nid, 3, 10) > 0
            THEN 30000 + h(rec, 4, 200000) + h(rec, 5, 170000) + h(nid, 6, 3000) END AS duration_ms,
        key(rec * 8 + CASE WHEN h(nid, 7, 5) = 0 THEN 1 + h(nid, 8, 6) ELSE 0 END, 9) AS name
    FROM (SELECT range::BIGINT AS nid, h(range, 1, {recordings}) AS rec FROM range({start}, {stop}));
CREATE VIEW keyed AS
    SELECT 4::SMALLINT AS rule, name AS k, NULL::BIGINT AS bare, nid, duration_ms, name, FALSE AS nameless
    FROM nodes
    UNION ALL SELECT 3, isrc + 1, isrc, nid, duration_ms, name, FALSE FROM (
        SELECT *, key(CASE WHEN dice = 0 THEN h(nid, 10, 1 + {recordings} // 10000)
            WHEN dice < 10 THEN h(nid, 11, {recordings}) ELSE rec END, 12) AS isrc FROM nodes
        WHERE h(nid, 13, 100) < 72)
    UNION ALL SELECT 2, mbid + 1, mbid, nid, duration_ms, name, FALSE FROM (
        SELECT *, key(rec, 14) AS mbid FROM nodes WHERE h(nid, 15, 100) < 30)
    UNION ALL SELECT 0, key(rec, 16), NULL, nid, duration_ms, name, FALSE FROM nodes
    WHERE h(nid, 17, 100) < 30;
"""


def write(nodes: int, folder: Path, parts: int, slices: int = 1) -> None:
    """Write `folder/part=N/*.parquet`: all rows of a key in one part."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(slices):
        with duckdb.connect() as db:
            db.execute("SET preserve_insertion_order = false; SET memory_limit = '4GiB'")
            bounds = {"start": nodes * number // slices, "stop": nodes * (number + 1) // slices}
            db.execute(_ROWS.format(recordings=int(nodes / 1.6), **bounds))
            db.execute(
                f"""COPY (SELECT *, coalesce(bare, k) % {parts} AS part FROM keyed) TO '{folder}'
                (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part), FILENAME_PATTERN 's{number}_{{uuid}}',
                APPEND, ROW_GROUP_SIZE 122880)"""
            )


if __name__ == "__main__":
    size, where, how_many = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    write(size, where, how_many, max(1, size // SLICE_NODES))
