"""Listens to generated tracks: lognormal, so that a third of the tracks holds 99.6 % of all.

Mostly totals; a share of the tracks may be told by month and group of listeners instead, as a source does
that knows its listeners.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from lockgroove.testing.generated.draws import Draws, Quantiles

SIGMA = 3.083
MEDIAN = 200
GROUPS = 64
MONTHS = ("2025-08", "2025-09", "2025-10")
CAPPED_MAX = 1_000

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("month", pa.string(), nullable=False),
        pa.field("listener_group", pa.int8(), nullable=False),
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("capped_listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64(), nullable=False),
    ]
)


def totals(draws: Draws, slots: np.ndarray) -> np.ndarray:
    """All listens to the track of each slot; none for some."""
    return draws.values("listens", slots, _listens())


def listens_of(
    draws: Draws, source: str, slots: np.ndarray, keys: pa.Array, grouped_share: float
) -> pa.Table:
    """A row for each track that has listens, or up to MONTHS x GROUPS rows for those told by group."""
    heard = totals(draws, slots)
    by_group = draws.happens("listens/grouped", slots, grouped_share)
    rows = np.flatnonzero((heard > 0) & ~by_group)
    parts = [_totals(source, keys, rows, heard)]
    rows = np.flatnonzero((heard > 0) & by_group)
    if len(rows):
        parts.append(_grouped(draws, source, slots, keys, rows, heard))
    return pa.concat_tables(parts)


def _totals(source: str, keys: pa.Array, rows: np.ndarray, heard: np.ndarray) -> pa.Table:
    zero = np.zeros(len(rows), dtype=np.int64)
    return _table(source, keys, rows, pa.array([""] * len(rows)), zero - 1, heard[rows], heard[rows], zero)


def _grouped(
    draws: Draws, source: str, slots: np.ndarray, keys: pa.Array, rows: np.ndarray, heard: np.ndarray
) -> pa.Table:
    """Listens spread over cells by weights of their own; what rounding leaves goes to the heaviest cell."""
    cells = len(MONTHS) * GROUPS
    numbers = (slots[rows][:, None] * cells + np.arange(cells)).ravel()
    weights = draws.below("listens/cell", numbers, 1 << 10).reshape(len(rows), cells) ** 2
    spread = (heard[rows][:, None] * (weights / weights.sum(axis=1, keepdims=True))).astype(np.int64)
    left = heard[rows] - spread.sum(axis=1)
    spread[np.arange(len(rows)), weights.argmax(axis=1)] += left
    at, cell = np.nonzero(spread)
    listens = spread[at, cell]
    listeners = np.maximum(listens // 3, 1)
    months = pa.array(MONTHS).take(pa.array(cell // GROUPS))
    capped = np.minimum(listens, listeners * CAPPED_MAX)
    return _table(source, keys, rows[at], months, cell % GROUPS, listens, capped, listeners)


def _table(
    source: str,
    keys: pa.Array,
    rows: np.ndarray,
    months: pa.Array,
    groups: np.ndarray,
    listens: np.ndarray,
    capped: np.ndarray,
    listeners: np.ndarray,
) -> pa.Table:
    columns = [
        pa.repeat(source, len(rows)), keys.take(pa.array(rows)), months, pa.array(groups.astype(np.int8)),
        pa.array(listens), pa.array(capped), pa.array(listeners),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=SCHEMA)


@functools.cache
def _listens() -> Quantiles:
    normal = NormalDist(math.log(MEDIAN), SIGMA)
    return Quantiles(lambda p: math.exp(normal.inv_cdf(p)))
