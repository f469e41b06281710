"""Which nodes are one recording: the keys they have under each rule, the edges these make, and the groups.

In: seats. Out: for each node the lowest node of its group, whether that has others, and the rule that joined it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lockgroove.catalogue import rules
from lockgroove.catalogue.byhand import Decision, group_by_hand
from lockgroove.catalogue.edges import parts_for, recording_edges
from lockgroove.catalogue.keyed import spread_out
from lockgroove.catalogue.names_folding import fold_all, latin
from lockgroove.catalogue.seating import Seats
from lockgroove.catalogue.spilling import one, stream
from lockgroove.engines import DuckDBEngine

NO_RULE = 255

# A key is a digest of what the rule compares, with the version words where versions must not be joined.
_KEYED = """
CREATE OR REPLACE TEMP VIEW seats AS {seats};
CREATE OR REPLACE TEMP VIEW keyed_nodes AS
    SELECT nid::BIGINT AS nid, duration_ms, name_key AS name, version_key, recording_id, track_index, sha512, mbid, isrcs,
        kind = 'listened' AND title IS NULL AS nameless, kind, source, key FROM seats;
CREATE OR REPLACE TEMP VIEW keyed AS
    SELECT rule::SMALLINT AS rule, (k >> 1)::BIGINT AS k, (bare >> 1)::BIGINT AS bare, nid,
        CASE WHEN duration_ms BETWEEN 0 AND 1000000000 THEN duration_ms END AS duration_ms, name, nameless FROM (
    {rows});
"""
_ROWS = {
    rules.OWN_REFERENCE: ("hash(recording_id)", "NULL", "keyed_nodes WHERE kind IN ('track', 'recording', 'listened')"),
    rules.SAME_BYTES: ("hash(sha512, track_index)", "NULL", "keyed_nodes WHERE sha512 IS NOT NULL"),
    rules.SAME_MBID: ("hash(mbid, version_key)", "hash(mbid)", "keyed_nodes WHERE mbid IS NOT NULL"),
    rules.SAME_ISRC: (
        "hash(isrc, version_key)", "hash(isrc)", "(SELECT *, unnest(isrcs) AS isrc FROM keyed_nodes)",
    ),
    rules.SAME_NAMES: ("hash(name, version_key)", "NULL", "keyed_nodes WHERE name <> 0"),
    rules.EARLIER_VERSION: (
        "hash(source, key, track_index)", "NULL",
        "keyed_nodes WHERE kind = 'file' AND (source, key) IN (SELECT (source, key) FROM judged WHERE NOT is_current)",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Groups:
    """By number of node: the lowest of its group, whether it has others, the rule that joined it to them."""

    labels: np.ndarray
    several: np.ndarray
    rules: np.ndarray

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return len(self.labels)

    def save(self, path: str) -> None:
        """Keep them for a run that goes on after this one."""
        for name in ("labels", "several", "rules"):
            np.save(f"{path}-{name}.npy", getattr(self, name))

    @staticmethod
    def load(path: str) -> Groups:
        """What `save` kept."""
        return Groups(*(np.load(f"{path}-{name}.npy") for name in ("labels", "several", "rules")))


def find_groups(
    db: duckdb.DuckDBPyConnection, seats: Seats, by_hand: Sequence[tuple[bytes, bytes, bool]], scratch: str
) -> Groups:
    """Compare all nodes under all rules; what was said by hand, a later word last, wins over those."""
    rows = " UNION ALL ".join(
        f"SELECT {rule} AS rule, {k} AS k, {bare}::UBIGINT AS bare, nid, duration_ms, name, nameless FROM {table}"
        for rule, (k, bare, table) in _ROWS.items()
    )
    db.execute(_KEYED.format(seats=seats.sql(), rows=rows))
    engine = DuckDBEngine(db)
    titles = _Titles(engine)
    edges = recording_edges(engine, _parts(db, engine, scratch), titles)
    titles.close()
    labels = group_by_hand(engine, seats.count, "edges", _decisions(db, by_hand))
    groups = _groups(labels, engine.batches(edges))
    engine.drop("edges")
    shutil.rmtree(f"{scratch}/keyed", ignore_errors=True)
    return groups


def _parts(db: duckdb.DuckDBPyConnection, engine: DuckDBEngine, scratch: str) -> list[ir.Table]:
    """The rows that rules compare; those that do not fit into memory are written out by part."""
    keyed, count = engine.known("keyed"), parts_for(one(db, "SELECT count(*) FROM keyed"))
    if count == 1:
        return [keyed]
    shutil.rmtree(f"{scratch}/keyed", ignore_errors=True)
    return spread_out(engine, keyed, count, f"{scratch}/keyed")


class _Titles:
    """Titles of nodes when they are asked for: folded, and in Latin letters."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self._engine = engine
        self._taken: list[str] = []

    def __call__(self, nids: ir.Table) -> ir.Table:
        """The titles (nid, title) of these nodes."""
        self._engine.store("asked_nids", nids)
        query = "SELECT nid::BIGINT, title FROM seats SEMI JOIN asked_nids USING (nid)"
        found, titles = [], []
        for batch in stream(self._engine.connection, query):
            found.append(batch.column(0))
            titles.append(pa.array([latin(folded) for folded in fold_all(batch.column(1))], pa.string()))
        self._taken.append(f"titles_{len(self._taken)}")
        columns = [pa.chunked_array(found, pa.int64()), pa.chunked_array(titles, pa.string())]
        return self._engine.take(self._taken[-1], pa.table(columns, names=["nid", "title"]))

    def close(self) -> None:
        """Let go of all that were asked for."""
        self._engine.drop("asked_nids", *self._taken)


def _decisions(db: duckdb.DuckDBPyConnection, by_hand: Sequence[tuple[bytes, bytes, bool]]) -> list[Decision]:
    """What was said of ids, of their nodes. An id that is not here says nothing."""
    ids = sorted({own_id for pair in by_hand for own_id in pair[:2]})
    if not ids:
        return []
    db.register("asked", pa.table({"recording_id": pa.array(ids, pa.binary())}))
    query = "SELECT recording_id, min(nid) FROM seats SEMI JOIN asked USING (recording_id) GROUP BY ALL"
    nodes = dict(db.execute(query).fetchall())
    db.unregister("asked")
    return [
        Decision(nodes[first], nodes[second], same)
        for first, second, same in by_hand
        if first in nodes and second in nodes
    ]


def _groups(labels: np.ndarray, edges: Iterable[pa.RecordBatch]) -> Groups:
    """Groups by their labels, with the rule by which each node was joined: by hand, else the lowest."""
    places = np.full(NO_RULE + 1, NO_RULE, dtype=np.uint8)
    places[_IN_ORDER] = np.arange(len(_IN_ORDER), dtype=np.uint8)
    joined_by = np.full(len(labels), NO_RULE, dtype=np.uint8)
    for batch in edges:
        rule = places[batch.column("rule").to_numpy()]
        np.minimum.at(joined_by, batch.column("nid").to_numpy(), rule)
    several = labels != np.arange(len(labels), dtype=np.uint32)
    several[labels[several]] = True
    numbers = np.full(NO_RULE + 1, NO_RULE, dtype=np.uint8)
    numbers[: len(_IN_ORDER)] = _IN_ORDER
    return Groups(labels, several, numbers[joined_by])


_IN_ORDER = [rules.BY_HAND, *(number for number in sorted(rules.RULES) if number != rules.BY_HAND)]
