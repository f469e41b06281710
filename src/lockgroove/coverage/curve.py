"""The coverage curve: which share of all listens the most heard recordings have, and which share is held.

Recordings that are heard equally often are counted together first, so that no engine ever sorts all rows. The
curve is exact: between two counts each recording adds the same listens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis import _

from lockgroove.engines import Engine


@dataclass(frozen=True)
class CurvePoint:
    """The most heard `recordings`, and how many of all listens they have."""

    recordings: int
    listens: int


@dataclass(frozen=True)
class Coverage:
    """Recordings and listens in all and held, and the curve from none to all."""

    recordings: int
    listens: int
    recordings_held: int
    listens_held: int
    curve: Sequence[CurvePoint]

    @property
    def share_held(self) -> float:
        """The share of listens that is held, from 0 to 1; 0 where nobody listened."""
        return self.listens_held / self.listens if self.listens else 0.0


def coverage_curve(recordings: ir.Table) -> ir.Table:
    """One row for each number of listens, most first, from `recordings` (listens BIGINT, held BOOLEAN).

    `each` is that number; `recordings`, `listens`, `recordings_held` and `listens_held` count all that are
    heard so often or more.
    """
    alike = recordings.group_by("listens").agg(rows_=_.count(), held_=_.held.ifelse(1, 0).sum())
    most_first = ibis.cumulative_window(order_by=ibis.desc("listens"))

    def so_far(value: Any) -> Any:
        return value.sum().over(most_first)

    return alike.select(
        each=_.listens,
        recordings=so_far(_.rows_),
        listens=so_far(_.rows_ * _.listens),
        recordings_held=so_far(_.held_),
        listens_held=so_far(_.held_ * _.listens),
    ).order_by(ibis.desc("each"))


def measure_coverage(engine: Engine, recordings: ir.Table, points: int = 1000) -> Coverage:
    """The coverage, with a curve of so many points that lie equally far apart (fewer where there are fewer)."""
    rows = coverage_curve(recordings)
    runs = pa.Table.from_batches(engine.batches(rows), rows.schema().to_pyarrow())
    if not runs.num_rows:
        return Coverage(0, 0, 0, 0, [CurvePoint(0, 0)])
    each, until, listens = (runs[name].to_numpy() for name in ("each", "recordings", "listens"))
    ranks = np.unique(np.linspace(0, until[-1], points).round().astype(np.int64))
    run = np.searchsorted(until, ranks)
    heard = listens[run] - (until[run] - ranks) * each[run]
    curve = [CurvePoint(int(rank), int(count)) for rank, count in zip(ranks, heard, strict=True)]
    held, listens_held = (int(runs[name][-1].as_py()) for name in ("recordings_held", "listens_held"))
    return Coverage(int(until[-1]), int(listens[-1]), held, listens_held, curve)
