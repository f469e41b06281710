"""Which claims speak of the same thing: numbered rules that give edges, and the groups that edges make.

Every rule joins only claims whose durations agree, and says which rule it was. Nothing is merged in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Rule:
    """Nodes with an equal `key` (SQL over table `nodes`) are one where durations agree within the tolerance.

    The tolerance is the greater of milliseconds and a share of the duration.
    """

    name: str
    key: str
    where: str
    tolerance_ms: int
    tolerance_share: float
    score: float


# `docs/format.md` has them by number; a new rule gets a new number.
RECORDING_RULES: Sequence[Rule] = (
    Rule("1 same bytes", "sha512 || '#' || track_index", "sha512 IS NOT NULL", 1 << 40, 0, 1.0),
    Rule("2 same MBID", "recording_mbid || '/' || version", "recording_mbid IS NOT NULL", 7000, 0.05, 0.99),
    Rule("3 same ISRC", "isrc || '/' || version", "isrc IS NOT NULL", 7000, 0.05, 0.97),
    Rule(
        "4 same names",
        "artist_fold || '/' || title_fold",
        "artist_fold <> '' AND title_fold <> ''",
        2000,
        0.02,
        0.9,
    ),
)


def recording_edges(db: duckdb.DuckDBPyConnection) -> None:
    """Fill table `edges` (nid, hub, rule, score) from table `nodes`."""
    db.execute("CREATE OR REPLACE TABLE edges (nid UINTEGER, hub UINTEGER, rule VARCHAR, score DOUBLE)")
    for rule in RECORDING_RULES:
        db.execute(f"INSERT INTO edges {_edges(rule)}", [rule.name, rule.score])
    db.execute(f"INSERT INTO edges {_LISTENED_BY_ISRC}")


def _edges(rule: Rule) -> str:
    return f"""
        WITH keyed AS (
            SELECT nid, {rule.key} AS k, duration_ms AS d FROM nodes WHERE {rule.where}),
        stepped AS (
            SELECT nid, k, d, lag(d) OVER (PARTITION BY k ORDER BY d NULLS FIRST, nid) AS before FROM keyed),
        clustered AS (
            SELECT nid, k, count(*) FILTER (
                d - before > greatest({rule.tolerance_ms}, {rule.tolerance_share} * d))
                OVER (PARTITION BY k ORDER BY d NULLS FIRST, nid ROWS UNBOUNDED PRECEDING) AS cluster
            FROM stepped),
        hubs AS (
            SELECT nid, min(nid) OVER (PARTITION BY k, cluster) AS hub FROM clustered)
        SELECT nid, hub, ?, ? FROM hubs WHERE nid <> hub"""


# A listened name that is an ISRC and nothing more has no version words to compare.
_LISTENED_BY_ISRC = """
    SELECT l.nid, min(n.nid), '3 same ISRC', 0.97 FROM nodes l JOIN nodes n ON n.isrc = l.isrc
    WHERE l.kind = 'listened' AND l.title_fold = '' AND n.kind <> 'listened' GROUP BY l.nid"""


def simple_edges(db: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> pa.Table:
    """Edges between rows of `table` (column nid) that are equal in any of the keys."""
    queries = [
        f"SELECT nid, min(nid) OVER (PARTITION BY {key}) AS hub FROM {table} WHERE {key} IS NOT NULL"
        for key in keys
    ]
    union = " UNION ALL ".join(queries)
    return db.sql(f"SELECT nid, hub FROM ({union}) WHERE nid <> hub").to_arrow_table()


def components(count: int, edges: pa.Table) -> np.ndarray:
    """The lowest member of each node's group; `edges` has columns nid and hub. 4 bytes a node.

    Minimum labels spread along edges, with pointer jumping, until nothing changes (Shiloach, Vishkin 1982).
    """
    labels = np.arange(count, dtype=np.uint32)
    left = edges.column("nid").to_numpy()
    right = edges.column("hub").to_numpy()
    while left.size:
        low = np.minimum(labels[left], labels[right])
        before = labels.copy()
        np.minimum.at(labels, labels[left], low)
        np.minimum.at(labels, labels[right], low)
        np.minimum.at(labels, left, low)
        np.minimum.at(labels, right, low)
        labels = labels[labels]
        if np.array_equal(before, labels):
            break
        differ = labels[left] != labels[right]
        left, right = left[differ], right[differ]
    while True:
        jumped = labels[labels]
        if np.array_equal(jumped, labels):
            return labels
        labels = jumped
