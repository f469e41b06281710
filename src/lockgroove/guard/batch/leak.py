"""How much of the catalogue each account, network or cohort was given: distinct tracks, whoever chose them.

Exactly, or as sketches of a few kilobytes that are merged: those of two days, or of two front ends, add up
without counting twice what both have. They are HyperLogLog sketches in the form of Apache DataSketches, which
Spark writes by itself; where DuckDB runs, `datasketches` (an extra) makes them from the distinct tracks.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis import _

from lockgroove.engines import Engine
from lockgroove.errors import UsageError
from lockgroove.guard.batch.tables import columns_of

LEAKS = ("account", "network", "cohort")
_SIZE = 12  # 4,096 registers: a count is off by 1.6 % (one standard deviation)


@ibis.udf.agg.builtin  # type: ignore[untyped-decorator]
def hll_sketch_agg(value: int, size: int) -> bytes:  # type: ignore[empty-body]
    """Spark's own function."""


def leak_by(plays: ir.Table, by: str) -> ir.Table:
    """How many tracks each account, network or cohort was given, where it is told: exactly."""
    given = plays.filter(_.track != 0, _[by] != 0)
    return given.group_by(by).agg(tracks=_.track.nunique())


def most(engine: Engine, plays: ir.Table, by: str) -> int:
    """How many tracks the one was given that was given most."""
    leak = leak_by(plays, by)
    return int(columns_of(engine, leak.agg(tracks=leak.tracks.max().fill_null(0)))["tracks"][0])


def sketches(engine: Engine, plays: ir.Table, by: str) -> Iterator[tuple[int, bytes]]:
    """The tracks of each account, network or cohort as a sketch, in the order of their keys."""
    given = plays.filter(_.track != 0, _[by] != 0)
    if engine.dialect == "pyspark":
        sketched = given.group_by(by).agg(sketch=hll_sketch_agg(given.track, _SIZE)).order_by(by)
        for batch in engine.batches(sketched):
            yield from zip(batch[by].to_pylist(), batch["sketch"].to_pylist(), strict=True)
    else:
        yield from _sketched_here(engine.batches(given.select(by, "track").distinct().order_by(by)), by)


def _sketched_here(batches: Iterable[pa.RecordBatch], by: str) -> Iterator[tuple[int, bytes]]:
    """Sketches of rows that come in the order of their keys."""
    sketching = _sketching()
    rows = (row for batch in batches for row in zip(*map(pa.Array.to_pylist, batch.columns), strict=True))
    for key, of_key in itertools.groupby(rows, operator.itemgetter(0)):
        sketch = sketching.hll_sketch(_SIZE, sketching.tgt_hll_type.HLL_8)
        for _key, track in of_key:
            sketch.update(track)
        yield key, sketch.serialize_updatable()


class Union:
    """What several sketches have together."""

    def __init__(self) -> None:
        self._union = _sketching().hll_union(_SIZE)
        self.added = 0

    def add(self, sketch: bytes) -> None:
        """One more."""
        self._union.update(_sketching().hll_sketch.deserialize(sketch))
        self.added += 1

    def sketch(self) -> bytes:
        """All of it as one sketch."""
        found: bytes = self._union.get_result(_sketching().tgt_hll_type.HLL_8).serialize_updatable()
        return found

    def estimate(self) -> float:
        """About how many tracks that is."""
        return float(self._union.get_estimate())


def merged(sketched: Iterable[bytes]) -> bytes:
    """One sketch of what any of these have."""
    union = Union()
    for sketch in sketched:
        union.add(sketch)
    return union.sketch()


def estimated(sketch: bytes) -> float:
    """About how many tracks it stands for."""
    return float(_sketching().hll_sketch.deserialize(sketch).get_estimate())


def is_sketch(text: bytes | None) -> bool:
    """Whether these bytes are a sketch."""
    try:
        return text is not None and estimated(text) >= 0
    except (ValueError, RuntimeError):
        return False


def require_sketching() -> None:
    """Raises UsageError where the library for sketches is missing."""
    _sketching()


def _sketching() -> Any:
    try:
        import datasketches
    except ImportError:
        what = "Sketches take a library that is not here"
        raise UsageError(what, "datasketches", "Install lockgroove[guard].") from None
    return datasketches
