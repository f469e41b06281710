"""The plan: greedy by listens per byte, over recordings, under a budget of bytes.

Greedy by value per weight is within one item of the optimum of the relaxed knapsack (Dantzig 1957). A file is
counted with the companions that its deposit brings. What is held already is paid for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove import tables
from lockgroove.catalogue.layers import rows_now

PLAN_FILE = "plan.parquet"
PLAN_SCHEMA = pa.schema(
    [
        pa.field("file_row", pa.int32(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
_CURVE_POINTS = 200

# For each recording its best file: held before offered, lossless before lossy, then the higher rate.
_SETUP = """
CREATE TABLE f AS SELECT row AS file_row, * EXCLUDE (row) FROM {files};
CREATE TABLE best AS
    SELECT c.recording_row, first(c.file_row ORDER BY f.sha512 IS NULL, NOT f.lossless,
        f.size_bytes / greatest(coalesce(f.duration_ms, 1), 1) DESC, c.file_row) AS file_row
    FROM {copies} c JOIN f USING (file_row)
    WHERE f.sha512 IS NOT NULL OR NOT f.withdrawn GROUP BY c.recording_row;
CREATE TABLE value AS
    SELECT b.file_row, sum(r.listens)::BIGINT AS listens, count(*)::INTEGER AS recordings
    FROM best b JOIN {recordings} r ON r.row = b.recording_row
    GROUP BY b.file_row;
CREATE TABLE deposits AS
    SELECT source, deposit, row_number() OVER (ORDER BY source, deposit) - 1 AS deposit_number,
        coalesce(sum(size_bytes) FILTER (role = 'sound'), 0)::BIGINT AS sound,
        bool_or(role = 'sound') AS sounds, bool_or(role = 'sound' AND sha512 IS NOT NULL) AS begun
    FROM f WHERE role <> 'outside' AND (sha512 IS NOT NULL OR NOT withdrawn) GROUP BY source, deposit;
CREATE TABLE companions AS
    SELECT f.file_row, d.deposit_number, f.size_bytes FROM f JOIN deposits d USING (source, deposit)
    WHERE f.sha512 IS NULL AND NOT f.withdrawn AND (f.role = 'companion' OR (f.role = 'unknown-sound' AND d.sounds));
CREATE TABLE extras AS
    SELECT deposit_number, sum(size_bytes)::BIGINT AS extra FROM companions GROUP BY deposit_number;
CREATE TABLE offered AS
    SELECT f.file_row, f.size_bytes, d.deposit_number, d.sound, coalesce(e.extra, 0)::BIGINT AS extra
    FROM f JOIN deposits d USING (source, deposit) LEFT JOIN extras e USING (deposit_number)
    WHERE f.sha512 IS NULL AND NOT f.withdrawn AND (f.role = 'sound' OR (f.role = 'unknown-sound' AND NOT d.sounds));
CREATE TABLE bought (file_row INTEGER);
CREATE VIEW covered AS
    SELECT DISTINCT c.recording_row FROM {copies} c JOIN f USING (file_row)
    WHERE f.sha512 IS NOT NULL OR c.file_row IN (SELECT file_row FROM bought);
"""

# A recording whose best file was too dear may still be had as its smallest.
_SECOND = """
CREATE OR REPLACE TABLE value AS
    SELECT b.file_row, sum(r.listens)::BIGINT AS listens, count(*)::INTEGER AS recordings
    FROM (SELECT c.recording_row, first(c.file_row ORDER BY o.size_bytes, c.file_row) AS file_row
        FROM {copies} c JOIN offered o USING (file_row)
        WHERE c.recording_row NOT IN (FROM covered) GROUP BY c.recording_row) b
    JOIN {recordings} r ON r.row = b.recording_row
    GROUP BY b.file_row;
"""

_BY_WORTH = """
    SELECT o.file_row, o.deposit_number, o.size_bytes, o.extra, v.listens, v.recordings
    FROM offered o JOIN value v USING (file_row)
    ORDER BY v.listens / (o.size_bytes + o.extra * o.size_bytes / greatest(o.sound, 1) + 1) DESC,
        o.size_bytes, o.file_row"""

# What came to deposits that are held already, then other files of the same recordings, then sound of no recording.
_REST = """
    SELECT NULL AS file_row, d.deposit_number, 0::BIGINT AS size_bytes, e.extra, 0 AS listens, 0 AS recordings, 0 AS kind
    FROM deposits d JOIN extras e USING (deposit_number) WHERE d.begun
    UNION ALL
    SELECT o.file_row, o.deposit_number, o.size_bytes, o.extra, 0, 0, CASE f.role WHEN 'sound' THEN 1 ELSE 2 END
    FROM offered o JOIN f USING (file_row)
    WHERE o.file_row NOT IN (SELECT file_row FROM bought) AND o.file_row NOT IN (
        SELECT c.file_row FROM {copies} c
        WHERE c.recording_row NOT IN (FROM covered))
    ORDER BY kind, size_bytes, extra, file_row"""

_HELD = """SELECT coalesce(sum(size_bytes), 0) FROM
    (SELECT sha512, any_value(size_bytes) AS size_bytes FROM f WHERE sha512 IS NOT NULL GROUP BY sha512)"""


@dataclass
class PlanResult:
    """What the plan says: bytes, recordings and listens held, planned and in all, and the curve."""

    by: str
    budget_bytes: int | None
    bytes_held: int = 0
    bytes_planned: int = 0
    files_planned: int = 0
    recordings: int = 0
    recordings_held: int = 0
    recordings_planned: int = 0
    listens: int = 0
    listens_held: int = 0
    listens_planned: int = 0
    curve: list[tuple[int, int, int]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the generation's manifest, pages and programs."""
        return dict(self.__dict__)


@dataclass
class _Purse:
    """What is left of the budget, and which deposits have paid for their companions."""

    left: int | None
    paid: np.ndarray

    def buys(self, deposit: int, size: int, extra: int) -> int | None:
        """The price, paid; None when it is too dear."""
        price = size if self.paid[deposit] else size + extra
        if self.left is not None and price > self.left:
            return None
        if self.left is not None:
            self.left -= price
        self.paid[deposit] = True
        return price


def write_plan(db: duckdb.DuckDBPyConnection, folder: str, budget_bytes: int | None) -> PlanResult:
    """Write `plan.parquet` into `folder`: every file to keep, in the order of its worth, companions last."""
    now = relations(folder)
    db.execute(_SETUP.format(**now))
    result = _totals(db, now, budget_bytes)
    purse = _Purse(None, np.zeros(_one(db, "SELECT count(*) FROM deposits") + 1, dtype=bool))
    if budget_bytes is not None:
        purse.left = max(0, budget_bytes - result.bytes_held)
    result.curve.append((result.bytes_held, result.recordings_held, result.listens_held))
    writer = tables.TableWriter(f"{folder}/{PLAN_FILE}", PLAN_SCHEMA)

    def buy(reason: str, items: str) -> bool:
        before = result.files_planned, result.curve[-1]
        for rows in _chosen(db, items.format(**now), purse, result):
            _write(db, writer, rows, reason)
        return (result.files_planned, result.curve[-1]) != before

    buy("best", _BY_WORTH)
    again = True
    while again:
        db.execute(_SECOND.format(**now))
        again = buy("smallest", _BY_WORTH)
        # where companions are paid for now, what was too dear may no longer be
        again = (buy("copy", _REST) or again) and purse.left is not None
    for rows in _companions(db, purse):
        _write(db, writer, rows, "companion")
    writer.close()
    result.bytes_planned = result.curve[-1][0] - result.bytes_held
    result.curve = _thinned(result.curve)
    return result


def _write(db: duckdb.DuckDBPyConnection, writer: tables.TableWriter, rows: list[int], reason: str) -> None:
    """Add files to the plan, here and in table `bought`; the connection may be reading, so by a cursor."""
    batch = pa.RecordBatch.from_pydict({"file_row": rows, "reason": [reason] * len(rows)}, schema=PLAN_SCHEMA)
    writer.write(batch)
    with db.cursor() as cursor:
        cursor.register("more", pa.Table.from_batches([batch]))
        cursor.execute("INSERT INTO bought SELECT file_row FROM more")


def _chosen(
    db: duckdb.DuckDBPyConnection, items: str, purse: _Purse, result: PlanResult
) -> Iterator[list[int]]:
    reader: Any = db.sql(items).to_arrow_reader(20_480)
    at = result.curve[-1]
    for batch in reader:
        rows = []
        for file_row, deposit, size, extra, listens, recordings in zip(
            *(column.to_pylist() for column in batch.columns[:6]), strict=True
        ):
            price = purse.buys(deposit, size, extra)
            if price is None or (file_row is None and price == 0 and extra):
                continue  # too dear, or paid for before
            at = (at[0] + price, at[1] + recordings, at[2] + listens)
            result.curve.append(at)
            result.recordings_planned += recordings
            result.listens_planned += listens
            if file_row is not None:
                result.files_planned += 1
                rows.append(file_row)
        result.curve = _thinned(result.curve, _CURVE_POINTS * 20)
        yield rows


def _companions(db: duckdb.DuckDBPyConnection, purse: _Purse) -> Iterator[list[int]]:
    """The companions of deposits that have paid for them."""
    reader: Any = db.sql("SELECT file_row, deposit_number FROM companions ORDER BY file_row").to_arrow_reader(
        20_480
    )
    for batch in reader:
        paid = purse.paid[np.asarray(batch.column(1), dtype=np.int64)]
        yield np.asarray(batch.column(0))[paid].tolist()


def relations(folder: str) -> dict[str, str]:
    """SQL for the tables that plans and ledgers are made from."""
    names = ("files", "copies", "holdings", "recordings", "rights")
    return {name: rows_now(folder, name) for name in names}


def _totals(db: duckdb.DuckDBPyConnection, now: dict[str, str], budget_bytes: int | None) -> PlanResult:
    recordings, listens = _row(
        db, f"SELECT count(*), coalesce(sum(listens), 0)::BIGINT FROM {now['recordings']}"
    )
    held, held_listens = _row(
        db,
        f"""SELECT count(*), coalesce(sum(r.listens), 0)::BIGINT FROM {now["recordings"]} r
        WHERE EXISTS (SELECT 1 FROM {now["holdings"]} h WHERE h.recording_row = r.row)""",
    )
    return PlanResult(
        by="listens" if listens else "bytes",
        budget_bytes=budget_bytes,
        bytes_held=_one(db, _HELD),
        recordings=recordings,
        recordings_held=held,
        listens=listens,
        listens_held=held_listens,
    )


def _thinned(curve: list[tuple[int, int, int]], points: int = _CURVE_POINTS) -> list[tuple[int, int, int]]:
    """At most so many points, first and last kept."""
    if len(curve) <= points:
        return curve
    step = (len(curve) - 1) / (points - 1)
    return [curve[round(i * step)] for i in range(points)]


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    return _row(db, query)[0]


def _row(db: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    return tuple(int(value) for value in db.execute(query).fetchall()[0])
