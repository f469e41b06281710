"""Matches judged by the truth of generated claims: precision over pairs, recall by kind of difference."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove import tables
from lockgroove.campaigns.trial.figures import Figures
from lockgroove.campaigns.trial.filling import TRUTH
from lockgroove.catalogue import generations
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.keyindex.write import key_array

_ID = "unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'recording', source, key)), 1, 24))"
_PAIRS = """
    SELECT sum(together * (together - 1) // 2)::BIGINT AS joined, sum(right_pairs)::BIGINT AS right_pairs
    FROM (
        SELECT row, sum(n)::BIGINT AS together, sum(n * (n - 1) // 2)::BIGINT AS right_pairs
        FROM (SELECT row, recording_truth, count(*) AS n FROM judged GROUP BY ALL) GROUP BY row)"""
_RECALL = """
    WITH firsts AS (
        SELECT recording_truth, min(row) AS row FROM judged
        WHERE resembles IS DISTINCT FROM recording_truth GROUP BY recording_truth)
    SELECT difference, shares_isrc OR shares_mbid AS identified, count(*) AS pairs,
        count(*) FILTER (j.row = f.row) AS found
    FROM judged j JOIN firsts f USING (recording_truth) WHERE resembles = recording_truth
    GROUP BY ALL ORDER BY difference, identified"""
_WRONG = """
    WITH firsts AS (
        SELECT recording_truth, min(row) AS row FROM judged
        WHERE resembles IS DISTINCT FROM recording_truth GROUP BY recording_truth)
    SELECT difference, count(*) AS pairs, count(*) FILTER (j.row = f.row) AS merged
    FROM judged j JOIN firsts f ON f.recording_truth = j.resembles WHERE starts_with(difference, 'not-')
    GROUP BY difference ORDER BY difference"""


def judge(root: str, generation: generations.Generation, figures: Figures) -> None:
    """Compare which claims share a recording's row with which should."""
    scratch = f"{root}/staging/judging.duckdb"
    if os.path.exists(scratch):
        os.unlink(scratch)
    with tables.connect(scratch) as db:
        db.execute(
            "CREATE TABLE judged (recording_truth BIGINT, row BIGINT, difference VARCHAR, resembles BIGINT,"
            " shares_isrc BOOLEAN, shares_mbid BOOLEAN)"
        )
        for batch in _with_rows(root, generation):
            db.register("truths", batch)
            db.execute("INSERT INTO judged SELECT * FROM truths")
            db.unregister("truths")
        joined, right = db.execute(_PAIRS).fetchall()[0]
        precision = 100 * (right or 0) / max(1, joined or 0)
        figures.add("matched pairs that are right", precision, "%", "99.5 %")
        for difference, identified, pairs, found in db.execute(_RECALL).fetchall():
            how = "with an identifier" if identified else "by names"
            figures.add(f"  found: {difference}, {how}", 100 * found / pairs, "%")
        for difference, pairs, merged in db.execute(_WRONG).fetchall():
            figures.add(f"  merged wrongly: {difference}", 100 * merged / pairs, "%")
    os.unlink(scratch)


def _with_rows(root: str, generation: generations.Generation) -> Iterator[pa.Table]:
    keys = KeyIndex(f"{generation.private}/keys.bin")
    columns = ("recording_truth", "difference", "resembles", "shares_isrc", "shares_mbid")
    try:
        with tables.connect() as db:
            for name in sorted(os.listdir(f"{root}/{TRUTH}")):
                truth = pq.read_table(f"{root}/{TRUTH}/{name}")
                db.register("truth", truth)
                ids = db.sql(f"SELECT {_ID} AS id FROM truth").to_arrow_table().column(0)
                db.unregister("truth")
                rows = keys.rows_of("R", key_array(ids)).astype(np.int64)
                arrays = [truth.column(name) for name in columns]
                yield pa.table(
                    [arrays[0], pa.array(rows), *arrays[1:]], names=[columns[0], "row", *columns[1:]]
                )
    finally:
        keys.close()
