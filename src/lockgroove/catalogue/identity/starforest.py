"""Groups that edges make, by an engine alone: for edges that one machine cannot hold.

Every node tells its neighbours of the lowest that it knows, by turns those above it and those below, until
each group is a star around its lowest node (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii 2014).
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _

from lockgroove.engines import Engine

_ONE, _OTHER = "forest_one", "forest_other"


def star_forest(engine: Engine, edges: ir.Table, name: str) -> ir.Table:
    """Store under `name`, for each node (`nid`) above the lowest of its group, that lowest (`root`).

    `edges` has columns nid and hub. The same groups as `components`. Rounds grow with the logarithm of the
    longest path (some more in the worst case); each sorts the edges twice.
    """
    pairs = edges.filter(_.nid != _.hub).select(nid=ibis.greatest(_.nid, _.hub), hub=ibis.least(_.nid, _.hub))
    forest = engine.store(_ONE, pairs.distinct())
    while not _is_forest_of_stars(engine, forest):
        forest = engine.store(_ONE, _small_star(engine.store(_OTHER, _large_star(forest))))
    found = engine.store(name, forest.select("nid", root=_.hub))
    engine.drop(_ONE, _OTHER)
    return found


def _large_star(edges: ir.Table) -> ir.Table:
    """Every node tells those above it of the lowest among its neighbours and itself."""
    ends = ibis.union(edges.select(at="nid", to="hub"), edges.select(at="hub", to="nid"))
    lowest = ibis.least(_.to.min().over(ibis.window(group_by="at")), _.at)
    told = ends.mutate(lowest=lowest).filter(_.to > _.at)
    return told.select(nid="to", hub="lowest").distinct()


def _small_star(edges: ir.Table) -> ir.Table:
    """Every node tells those below it, and itself, of the lowest of them."""
    told = edges.mutate(lowest=_.hub.min().over(ibis.window(group_by="nid")))
    below = told.filter(_.hub != _.lowest).select(nid="hub", hub="lowest")
    return ibis.union(below, told.select(nid="nid", hub="lowest")).distinct()


def _is_forest_of_stars(engine: Engine, edges: ir.Table) -> bool:
    """Whether each node has one hub, and no hub has another."""
    hubs = edges.select(nid="hub").distinct()
    inner = edges.semi_join(hubs, "nid").agg(rows_=_.count())
    twice = edges.group_by("nid").agg(rows_=_.count()).filter(_.rows_ > 1).agg(rows_=_.count())
    counts = ibis.union(inner, twice)
    return not any(row["rows_"] for batch in engine.batches(counts) for row in batch.to_pylist())
