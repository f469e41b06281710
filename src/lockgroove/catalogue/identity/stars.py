"""Sounds under one key, cut into groups whose durations agree, each joined to its lowest node like a star.

A group's span stays within the tolerance: a chain of 200, 203 and 206 s is not one recording.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _

from lockgroove.catalogue.identity.keyed import (
    KEY,
    asks_durations,
    is_identifier,
    packed,
    rank,
    tolerance_from,
    unpacked,
    within,
)
from lockgroove.catalogue.identity.rules import NAMES_PER_IDENTIFIER_MAX

_SIZE_BITS = 20
_ROUNDS = 6


def repeated_rows(rows: ir.Table) -> ir.Table:
    """Rows whose key occurs again; the others join nothing.

    Asked of the key alone, for half the cost: a row that another rule's key let through joins nothing either.
    """
    again = rows.group_by("k").agg(rows_=_.count()).filter(_.rows_ > 1)
    return rows.select(*KEY, "nid", "duration_ms", "name").semi_join(again, "k")


def with_statistics(repeated: ir.Table) -> ir.Table:
    """Rows with what stands under their key. `repeated` is a stored table, for it is read twice.

    The `lowest` node (with a duration, where the rule asks for it), the `shortest` sound (packed; NULL
    without any), whether one is `silent`, whether all durations have `agreed`, whether an identifier has
    `one_name`.
    """
    known = _.name.nullif(0)
    statistics = repeated.group_by(KEY).agg(
        lowest=_.nid.min(where=~asks_durations() | _.duration_ms.notnull()),
        shortest=packed(_.duration_ms, _.nid).min(),
        longest_ms=_.duration_ms.max(),
        silent=_.duration_ms.isnull().ifelse(1, 0).max(),
        name_min=known.min(),
        name_max=known.max(),
    )
    judged = statistics.select(
        *KEY,
        "lowest",
        "shortest",
        silent=_.silent == 1,
        agreed=within(rank(_.shortest), _.longest_ms),
        one_name=~is_identifier() | (_.name_min == _.name_max).fill_null(True),
    )
    return repeated.join(judged, KEY)


def plain_links(lot: ir.Table) -> ir.Table:
    """Links under keys that need no second look: durations not asked, or all of them agree."""
    sound = _.duration_ms.notnull() & _.agreed & _.one_name
    linked = lot.filter(_.nid != _.lowest, ~asks_durations() | sound)
    return linked.select("nid", "rule", hub=_.lowest, doubtful=False)


def hard_sounds(lot: ir.Table) -> ir.Table:
    """Sounds under keys where durations or names differ, in clusters further apart than the tolerance."""
    hard = lot.filter(asks_durations(), _.duration_ms.notnull(), ~(_.agreed & _.one_name))
    hard = hard.select(*KEY, "nid", "duration_ms", called=is_identifier().ifelse(_.name, 0))
    in_order = ibis.window(group_by=KEY, order_by=["duration_ms", "nid"])
    until_here = ibis.cumulative_window(group_by=KEY, order_by=["duration_ms", "nid"])
    gaps = hard.mutate(before=_.duration_ms.lag().over(in_order))
    apart = (~within(_.before, _.duration_ms)).fill_null(False).ifelse(1, 0)
    clusters = gaps.mutate(apart=apart).mutate(cluster=_.apart.sum().over(until_here).cast("int64"))
    together = ibis.window(group_by=[*KEY, "cluster"])
    whole = within(_.duration_ms.min().over(together), _.duration_ms.max().over(together))
    return clusters.mutate(whole=whole).drop("before", "apart")


def cut_clusters(hard: ir.Table) -> ir.Table:
    """Sounds of `hard_sounds`, a stored table, with the `cell` of the cluster that they lie in.

    A cell reaches from its shortest sound as far as the tolerance, and the next begins at the first sound
    beyond: the fewest cells there can be. After some rounds what is left is cut into cells of equal width.
    """
    whole = hard.filter(_.whole).mutate(cell=ibis.literal(0, "int64"))
    cut = hard.filter(~_.whole).mutate(cell=ibis.literal(0, "int64"))
    cell = ibis.window(group_by=[*KEY, "cluster", "cell"])
    for _round in range(_ROUNDS):
        begun = cut.mutate(start=_.duration_ms.min().over(cell))
        beyond = within(_.start, _.duration_ms).ifelse(0, 1)
        cut = begun.mutate(cell=(_.cell + beyond).cast("int64")).drop("start")
    ends = cut.mutate(start=_.duration_ms.min().over(cell), stop=_.duration_ms.max().over(cell))
    steps = (_.duration_ms - _.start) // (tolerance_from(_.start) + 1)
    further = within(_.start, _.stop).ifelse(0, steps)
    cut = ends.mutate(cell=(_.cell + further).cast("int64"))
    return ibis.union(whole, cut.select(*whole.columns)).drop("whole")


def names_under(lot: ir.Table) -> ir.Table:
    """How many names stand under each identifier that has more than one."""
    several = lot.filter(is_identifier(), ~_.one_name)
    return several.group_by(KEY).agg(names=_.name.nullif(0).nunique())


def hard_links(cells: ir.Table, names: ir.Table) -> ir.Table:
    """Links within the cells of `cut_clusters`.

    Under an identifier, sounds of one name are one; the groups that this leaves are joined, `doubtful`, to
    that of the commonest name. A placeholder, with more names than `NAMES_PER_IDENTIFIER_MAX`, joins nothing
    else.
    """
    group = [*KEY, "cluster", "cell"]
    namesakes = ibis.window(group_by=[*group, "called"])
    seated = cells.mutate(
        subhub=_.nid.min().over(namesakes), size=_.nid.count().over(namesakes).cast("int64")
    )
    most = 1 << _SIZE_BITS
    size_rank = most - ibis.least(_.size, most) + ((_.called == 0) & is_identifier()).ifelse(2 * most, 0)
    ranked = seated.mutate(place=packed(size_rank.cast("int64"), _.subhub))
    centred = ranked.mutate(centre=unpacked(_.place.min().over(ibis.window(group_by=group))))
    unknown = (_.called == 0) & is_identifier()
    sure = centred.filter(~unknown, _.nid != _.subhub).select("nid", "rule", hub=_.subhub, doubtful=False)
    counted = centred.left_join(names, KEY).filter(_.names.fill_null(0) <= NAMES_PER_IDENTIFIER_MAX)
    others = counted.filter(_.nid != _.centre, unknown | ((_.nid == _.subhub) & is_identifier()))
    weaker = others.select(
        "rule",
        nid=ibis.greatest(_.nid, _.centre),
        hub=ibis.least(_.nid, _.centre),
        doubtful=_.called != 0,
    )
    return ibis.union(sure, weaker.select(*sure.columns))
