"""Listens counted: by group of claims for the recordings, and by source for the table of listens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.build.grouping import Groups
from lockgroove.catalogue.build.numbering import Rows
from lockgroove.catalogue.build.seating import Seats
from lockgroove.catalogue.spilling import buckets, in_order, one, parquet, scatter, stream

TOTALS, COUNTED = "listens.npy", "counted"  # in the scratch folder: by node, and by node and source


def count_listens(db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, scratch: str) -> None:
    """Keep listens by group, 8 bytes a node, and files (root, source, listens, capped_listens, listeners)."""
    total = np.zeros(groups.count, dtype=np.int64)
    folder = f"{scratch}/{COUNTED}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    queries = _counts(db, seats, scratch) if one(db, "SELECT count(*) FROM listens_in") else iter(())
    for number, query in enumerate(queries):
        for more, batch in enumerate(stream(db, query, 1 << 20)):
            roots = groups.labels[batch.column("nid").to_numpy()]
            np.add.at(total, roots, batch.column("listens").to_numpy())
            with_root = pa.Table.from_batches([batch]).set_column(0, "root", pa.array(roots))
            pq.write_table(with_root, f"{folder}/{number:03}-{more:06}.parquet", compression="zstd")
    shutil.rmtree(f"{scratch}/by-id", ignore_errors=True)
    np.save(f"{scratch}/{TOTALS}", total)


_COUNTS = """SELECT n.nid, l.source, sum(l.listens)::BIGINT AS listens, sum(l.capped_listens)::BIGINT AS capped_listens,
        sum(l.listeners)::BIGINT AS listeners
    FROM ({listens}) l JOIN (SELECT recording_id, min(nid) AS nid FROM ({nodes}) GROUP BY ALL) n USING (recording_id)
    GROUP BY ALL"""
_LISTENS = """SELECT unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'recording', source, subject)), 1, 24))
        AS recording_id, source, listens, capped_listens, listeners FROM (
    SELECT source, subject, sum(listens)::BIGINT AS listens, sum(capped_listens)::BIGINT AS capped_listens,
        sum(listeners)::BIGINT AS listeners FROM listens_in GROUP BY ALL)"""


def _counts(db: duckdb.DuckDBPyConnection, seats: Seats, scratch: str) -> Iterator[str]:
    """Queries that together join all listens to nodes, each by a part of the ids."""
    nodes = f"SELECT nid, recording_id FROM ({seats.sql()}) WHERE kind IN ('recording', 'listened')"
    conditions = buckets(seats.count, "recording_id")
    if len(conditions) == 1:
        yield _COUNTS.format(listens=_LISTENS, nodes=nodes)
        return
    part = f"(hash(recording_id) % {len(conditions)})::INTEGER"
    scatter(db, _LISTENS, part, f"{scratch}/by-id/listens")
    scatter(db, nodes, part, f"{scratch}/by-id/nodes")
    for number in range(len(conditions)):
        some = (
            f"SELECT * FROM read_parquet('{scratch}/by-id/{name}/part={number}/*.parquet', hive_partitioning = false)"
            for name in ("listens", "nodes")
        )
        yield _COUNTS.format(listens=next(some), nodes=next(some))


def listens_in_order(db: duckdb.DuckDBPyConnection, rows: Rows, scratch: str) -> Iterator[Any]:
    """Rows of table `listens`, from what was counted."""
    folder, mapped, count = f"{scratch}/{COUNTED}", f"{scratch}/{COUNTED}-rows", 0
    shutil.rmtree(mapped, ignore_errors=True)
    os.makedirs(mapped)
    files = []
    for name in sorted(os.listdir(folder)):
        table = pq.read_table(f"{folder}/{name}")
        of_row = pa.array(rows.of_roots(table.column("root").to_numpy()).astype(np.int32))
        files.append(f"{mapped}/{name}")
        pq.write_table(table.set_column(0, "recording_row", of_row), files[-1], compression="zstd")
        count += table.num_rows
    if files:
        yield from in_order(
            db, f"SELECT * FROM {parquet(files)}", "recording_row, source", count, "recording_row", rows.count,
            scratch, select=_SUMMED, group="GROUP BY recording_row, source",
        )  # fmt: skip
    shutil.rmtree(mapped)


_SUMMED = """SELECT recording_row, source, sum(listens)::BIGINT AS listens,
    nullif(sum(capped_listens), sum(listens))::BIGINT AS capped_listens, sum(listeners)::BIGINT AS listeners"""
