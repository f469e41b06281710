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
    """Nodes with an equal `key` (SQL over `rows`) are one where durations agree within the tolerance.

    The tolerance is the greater of milliseconds and a share of the duration. `bare` is the identifier alone,
    for a listened name that is an identifier and nothing more: it has no version words to compare.
    """

    name: str
    key: str
    where: str
    tolerance_ms: int
    tolerance_share: float
    score: float
    bare: str = "NULL"
    rows: str = "nodes"


_EACH_ISRC = "(SELECT * EXCLUDE (isrc), unnest(isrcs) AS isrc FROM nodes)"

# A new rule gets a new number. Rule 1, the same bytes, asks for no durations.
SAME_BYTES = "1 same bytes"
RECORDING_RULES: Sequence[Rule] = (
    Rule(
        "2 same MBID",
        "recording_mbid || '/' || version",
        "recording_mbid IS NOT NULL",
        7000,
        0.05,
        0.99,
        bare="recording_mbid",
    ),
    Rule("3 same ISRC", "isrc || '/' || version", "TRUE", 7000, 0.05, 0.97, bare="isrc", rows=_EACH_ISRC),
    Rule(
        "4 same names",
        "artist_fold || '/' || title_fold",
        "artist_fold <> '' AND title_fold <> ''",
        2000,
        0.02,
        0.9,
    ),
    Rule(
        "5 earlier version",
        "source || chr(0) || key || '#' || track_index",
        "(source, key) IN (SELECT (source, key) FROM judged WHERE NOT is_current)",
        7000,
        0.05,
        0.9,
    ),
)


def recording_edges(db: duckdb.DuckDBPyConnection) -> None:
    """Fill table `edges` (nid, hub, rule, score) from table `nodes`.

    A node without a duration is joined by one edge at most, so that no two sounds are joined over it.
    """
    db.execute("CREATE OR REPLACE TABLE edges (nid UINTEGER, hub UINTEGER, rule VARCHAR, score DOUBLE)")
    db.execute(f"INSERT INTO edges {_SAME_BYTES}")
    for rule in RECORDING_RULES:
        db.execute(f"INSERT INTO edges {_between_sounds(rule)}", [rule.name, rule.score])
    db.execute(_SEEKERS)
    for hubs in (_SOUNDS, _NAMES):
        db.execute(_CANDIDATES)
        db.execute("CREATE OR REPLACE TABLE seated AS SELECT DISTINCT nid FROM edges")
        for rule in RECORDING_RULES:
            db.execute(f"INSERT INTO candidates {_to_hubs(rule, hubs)}", [rule.name, rule.score])
        db.execute(_BEST_CANDIDATES)


_SAME_BYTES = f"""
    SELECT nid, hub, '{SAME_BYTES}', 1.0 FROM (
        SELECT nid, min(nid) OVER (PARTITION BY sha512, track_index) AS hub
        FROM nodes WHERE sha512 IS NOT NULL)
    WHERE nid <> hub"""

_SEEKERS = """
    CREATE OR REPLACE TABLE seekers AS
    SELECT nid, kind = 'listened' AND title_fold = '' AS nameless FROM nodes
    WHERE duration_ms IS NULL AND nid NOT IN (SELECT nid FROM edges)"""

_CANDIDATES = "CREATE OR REPLACE TABLE candidates (nid UINTEGER, hub UINTEGER, rule VARCHAR, score DOUBLE)"

_BEST_CANDIDATES = """
    INSERT INTO edges
    SELECT nid, best.hub, best.rule, best.score FROM (
        SELECT nid, min({'rule': rule, 'hub': hub, 'score': score}) AS best FROM candidates
        WHERE nid NOT IN (SELECT nid FROM edges) GROUP BY nid)"""

# What a node without a duration is joined to: the shortest sound; failing that, another such node, first one
# that has found its sound.
_SOUNDS = "min({'place': d, 'nid': nid, 'free': TRUE}) FILTER (d IS NOT NULL)"
_NAMES = "min({'place': (NOT seated)::BIGINT, 'nid': nid, 'free': seated}) FILTER (d IS NULL)"


def _between_sounds(rule: Rule) -> str:
    return f"""
        WITH keyed AS (
            SELECT nid, {rule.key} AS k, duration_ms AS d FROM {rule.rows}
            WHERE duration_ms IS NOT NULL AND {rule.where}),
        stepped AS (
            SELECT nid, k, d, lag(d) OVER (PARTITION BY k ORDER BY d, nid) AS before FROM keyed),
        clustered AS (
            SELECT nid, k, count(*) FILTER (
                d - before > greatest({rule.tolerance_ms}, {rule.tolerance_share} * d))
                OVER (PARTITION BY k ORDER BY d, nid ROWS UNBOUNDED PRECEDING) AS cluster
            FROM stepped),
        hubs AS (
            SELECT nid, min(nid) OVER (PARTITION BY k, cluster) AS hub FROM clustered)
        SELECT nid, hub, ?, ? FROM hubs WHERE nid <> hub"""


def _to_hubs(rule: Rule, hubs: str) -> str:
    return f"""
        WITH keyed AS (
            SELECT n.*, s.nid IS NOT NULL AS seated FROM (
                SELECT nid, {rule.key} AS k, {rule.bare} AS bare, duration_ms AS d FROM {rule.rows}
                WHERE {rule.where}) n LEFT JOIN seated s ON s.nid = n.nid),
        by_key AS (SELECT k, {hubs} AS hub FROM keyed GROUP BY k),
        by_bare AS (SELECT bare, {hubs} AS hub FROM keyed WHERE bare IS NOT NULL GROUP BY bare),
        found AS (
            SELECT s.nid, h.hub FROM seekers s JOIN keyed USING (nid) JOIN by_key h USING (k)
            UNION ALL
            SELECT s.nid, h.hub FROM seekers s JOIN keyed USING (nid) JOIN by_bare h USING (bare)
            WHERE s.nameless)
        SELECT nid, hub.nid, $1, $2 FROM found
        WHERE hub IS NOT NULL AND (hub.free OR hub.nid < nid)"""


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

    Each round hooks the higher root of an edge to the lower, then lets every node point at its root, so that
    an edge between equal roots has done its work (Shiloach, Vishkin 1982).
    """
    labels = np.arange(count, dtype=np.uint32)
    left = edges.column("nid").to_numpy()
    right = edges.column("hub").to_numpy()
    while left.size:
        one, other = labels[left], labels[right]
        np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))
        labels = _rooted(labels)
        differ = labels[left] != labels[right]
        left, right = left[differ], right[differ]
    return labels


def _rooted(labels: np.ndarray) -> np.ndarray:
    while True:
        jumped = labels[labels]
        if np.array_equal(jumped, labels):
            return labels
        labels = jumped
