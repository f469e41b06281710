"""Events as tables, for logs that an engine goes over: a column for each field of an event.

Whole numbers are BIGINT. Digests of 64 bits keep their bits and are read as signed numbers, since engines
share no unsigned ones: accounts that stand in for somebody without a name are below 0. What a table has no
column for is what an event says that tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from lockgroove.engines import Engine
from lockgroove.guard.events import EVENT, FIELDS, YEAR_2100_MS, Batch, Kind, Scope

_TYPES = {
    name: "float64" if EVENT[name].kind == "f" else "int64" for name in EVENT.names or () if name in FIELDS
}
# Where a table has no such column. A table of tracks is one of plays.
_WITHOUT = {"place": -1, "kind": int(Kind.STREAM_START)}
_OWN = ("ts_ms", "account", "track")  # what our own tables have at least
_PLAYS = (int(Kind.STREAM_START), int(Kind.DOWNLOAD))
_EXEMPT = (int(Scope.RESEARCH), int(Scope.MIRROR))
# Plays of one account in the order of time; what happened at once, in an order that any engine finds.
IN_ORDER = ("ts_ms", "place", "track", "album", "offset_s")


def write_events(batches: Iterable[Batch], folder: str) -> frozenset[str]:
    """Write each batch as a Parquet file in a new folder; returns what all batches tell."""
    Path(folder).mkdir()
    told = FIELDS
    pq.write_table(as_arrow(np.zeros(0, EVENT)), f"{folder}/none.parquet")
    for number, batch in enumerate(batches):
        pq.write_table(as_arrow(batch.rows), f"{folder}/{number:06}.parquet", compression="zstd")
        told &= batch.told
    return told


def as_arrow(rows: np.ndarray) -> pa.Table:
    """Events as they stand in a table."""
    return pa.table({name: rows[name].astype(kind) for name, kind in _TYPES.items()})


def are_events(paths: Sequence[str]) -> bool:
    """Whether all files are Parquet tables of events as they are, and need no mapping."""
    return all(_is_parquet(path) and _has_own(pq.read_schema(path)) for path in paths)


def _is_parquet(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


def _has_own(schema: pa.Schema) -> bool:
    return all(name in schema.names and schema.field(name).type == pa.int64() for name in _OWN)


def read_events(engine: Engine, paths: Sequence[str]) -> tuple[ir.Table, frozenset[str]]:
    """Tables of events, with every column that an event has; and which of them the tables have."""
    found = engine.read("events", paths)
    columns: dict[str, Any] = {
        name: ibis.literal(_WITHOUT.get(name, 0), kind) for name, kind in _TYPES.items()
    }
    told = FIELDS & set(found.columns)
    columns |= {name: found[name].cast(_TYPES[name]) for name in told}
    return found.select(**columns), frozenset(told)


def in_time(events: ir.Table) -> ir.Table:
    """Without those whose time cannot be, and without those of nobody."""
    return events.filter(_.ts_ms > 0, _.ts_ms < YEAR_2100_MS, _.account != 0)


def plays_of(events: ir.Table, told: frozenset[str]) -> ir.Table:
    """All streams and downloads; of those told twice, one."""
    plays = in_time(events).filter(_.kind.isin(_PLAYS))
    if "event_id" not in told:
        return plays
    turn = ibis.row_number().over(ibis.window(group_by="event_id", order_by=["account", *IN_ORDER]))
    return plays.mutate(turn=turn).filter((_.event_id == 0) | (_.turn == 0)).drop("turn")


def judged(plays: ir.Table) -> ir.Table:
    """Without those of somebody with a grant."""
    return plays.filter(~_.scope.isin(_EXEMPT))


def columns_of(engine: Engine, expression: ir.Table) -> dict[str, np.ndarray]:
    """All rows in memory, column by column: for what grows with accounts and not with plays."""
    rows = pa.Table.from_batches(engine.batches(expression), expression.schema().to_pyarrow())
    return {name: rows[name].to_numpy() for name in rows.column_names}
