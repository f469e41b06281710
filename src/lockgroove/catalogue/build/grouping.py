"""Which nodes are one recording: the keys they have under each rule, the edges these make, and the groups.

In: seats. Out: for each node the lowest node of its group, whether that has others, and the rule that joined it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lockgroove.catalogue.build.seating import Seats
from lockgroove.catalogue.identity import rules
from lockgroove.catalogue.identity.byhand import Decision, group_by_hand
from lockgroove.catalogue.identity.edges import parts_for, recording_edges
from lockgroove.catalogue.identity.keyed import KEYED, spread_out
from lockgroove.catalogue.names.folding import fold_all, latin
from lockgroove.catalogue.spilling import one, stream
from lockgroove.engines import DuckDBEngine, Engine, open_engine

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
    db: duckdb.DuckDBPyConnection,
    seats: Seats,
    by_hand: Sequence[tuple[bytes, bytes, bool]],
    scratch: str,
    engine_url: str | None = None,
) -> Groups:
    """Compare all nodes under all rules; what was said by hand, a later word last, wins over those.

    With an `engine_url` (`engines.open_engine`) another engine compares, which must see `scratch`; the groups
    are the same.
    """
    rows = " UNION ALL ".join(
        f"SELECT {rule} AS rule, {k} AS k, {bare}::UBIGINT AS bare, nid, duration_ms, name, nameless FROM {table}"
        for rule, (k, bare, table) in _ROWS.items()
    )
    db.execute(_KEYED.format(seats=seats.sql(), rows=rows))
    engine = DuckDBEngine(db) if engine_url is None else open_engine(engine_url, scratch)
    titles = _Titles(db, engine)
    try:
        parts = _parts(db, None if engine_url is None else engine, scratch)
        recording_edges(engine, parts, titles)
        titles.close()
        labels = group_by_hand(engine, seats.count, "edges", _decisions(db, by_hand))
        groups = _groups(labels, engine.batches(engine.known("edges")))
        engine.drop("edges")
    finally:
        if engine_url is not None:
            engine.close()
    shutil.rmtree(f"{scratch}/keyed", ignore_errors=True)
    return groups


def _parts(db: duckdb.DuckDBPyConnection, other: Engine | None, scratch: str) -> list[ir.Table]:
    """The rows that rules compare; for another engine, and where they do not fit into memory, written by part."""
    own = DuckDBEngine(db)
    keyed, count = own.known("keyed"), parts_for(one(db, "SELECT count(*) FROM keyed"))
    if count == 1 and other is None:
        return [keyed]
    folder = f"{scratch}/keyed"
    shutil.rmtree(folder, ignore_errors=True)
    written = spread_out(own, keyed, count, folder)
    if other is None:
        return written
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    read = [other.read(f"keyed_{n}", [f"{folder}/{name}"]) for n, name in enumerate(names)]
    return [part.select(*KEYED.names) for part in read]


class _Titles:
    """Titles of nodes when they are asked for: folded, and in Latin letters."""

    def __init__(self, db: duckdb.DuckDBPyConnection, engine: Engine) -> None:
        self._db = db
        self._engine = engine
        self._taken: list[str] = []

    def __call__(self, nids: ir.Table) -> ir.Table:
        """The titles (nid, title) of these nodes."""
        batches = list(self._engine.batches(nids))
        asked = pa.Table.from_batches(batches, pa.schema([("nid", pa.int64())]))
        self._db.register("asked_nids", asked)
        query = "SELECT nid::BIGINT, title FROM seats SEMI JOIN asked_nids USING (nid)"
        found, titles = [], []
        for batch in stream(self._db, query):
            found.append(batch.column(0))
            titles.append(pa.array([latin(folded) for folded in fold_all(batch.column(1))], pa.string()))
        self._db.unregister("asked_nids")
        self._taken.append(f"titles_{len(self._taken)}")
        columns = [pa.chunked_array(found, pa.int64()), pa.chunked_array(titles, pa.string())]
        return self._engine.take(self._taken[-1], pa.table(columns, names=["nid", "title"]))

    def close(self) -> None:
        """Let go of all that were asked for."""
        self._engine.drop(*self._taken)


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
