"""Nodes that know no duration, and the one group that each of them joins.

A name that somebody listened to could lead to two sounds at once, and would join them. So each such node is
joined by one link only: to the shortest sound under its best rule, failing that to another such node.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _

from lockgroove.catalogue.identity.keyed import (
    KEY,
    TWO_32,
    asks_durations,
    is_identifier,
    packed,
    rank,
    unpacked,
)
from lockgroove.catalogue.identity.rules import NAMES_PER_IDENTIFIER_MAX

_ROW = (*KEY, "bare", "nid", "name", "nameless")


def kin_rows(lot: ir.Table) -> ir.Table:
    """Rows under keys that ask for no durations, where one is not known."""
    kin = lot.filter(~asks_durations(), _.silent)
    has_sound = _.shortest.notnull()
    return kin.select(*KEY, "nid", "lowest", has_sound=has_sound, is_silent=_.duration_ms.isnull())


def states(kin: ir.Table) -> ir.Table:
    """Of nodes without a duration: whether kin has `settled` them already, and so `found` them a sound.

    The lowest of a group without any sound may still seek for all of it, if no other member has further kin.
    """
    degrees = kin.group_by("nid").agg(groups=_.count())
    elsewhere = ((_.nid != _.lowest) & (_.groups > 1)).ifelse(1, 0)
    tangles = kin.join(degrees, "nid").group_by(KEY).agg(tangled=elsewhere.max())
    settled = (_.nid != _.lowest) | _.has_sound | (_.tangled == 1)
    silent = kin.filter(_.is_silent).join(tangles, KEY)
    state = silent.group_by("nid").agg(
        settled=settled.ifelse(1, 0).max(), found=_.has_sound.ifelse(1, 0).max()
    )
    return state.select("nid", settled=_.settled == 1, found=_.found == 1)


def silent_rows(rows: ir.Table) -> ir.Table:
    """Rows of nodes without a duration that share a key, or a bare identifier, with another of their kind."""
    silent = rows.filter(_.duration_ms.isnull(), asks_durations()).mutate(by=ibis.coalesce(_.bare, _.k))
    again = silent.group_by(["rule", "by"]).agg(rows_=_.count()).filter(_.rows_ > 1)
    return silent.semi_join(again, ["rule", "by"]).select(*_ROW)


def sound_offers(lot: ir.Table, rows: ir.Table) -> ir.Table:
    """To nodes without a duration: under each of their keys the shortest sound, first one of their own name.

    `lot` are rows with statistics, `rows` all rows of the part.
    """
    shared = lot.filter(asks_durations(), _.silent, _.shortest.notnull()).mutate(bare=ibis.null("int64"))
    seeking = shared.filter(_.duration_ms.isnull())
    sounds = shared.filter(_.duration_ms.notnull())
    by_key = _by_key(seeking, _placed(sounds, packed(_.duration_ms, _.nid)))
    heard = rows.filter(is_identifier(), _.duration_ms.notnull())
    nameless = rows.filter(is_identifier(), _.duration_ms.isnull(), _.nameless)
    by_bare = _by_bare(nameless, _placed(heard, packed(_.duration_ms, _.nid)))
    return ibis.union(by_key, by_bare).select("nid", "rule", "doubtful", hub=unpacked(_.place))


def marked_rows(silent: ir.Table, states: ir.Table, seated: ir.Table) -> ir.Table:
    """Silent rows with whether the node has `found` its sound, and whether it is still `seeking`.

    `states` as above; `seated` (nid) are the nodes that were joined to a sound.
    """
    known = states.select(known=_.nid, settled=_.settled, kin_found=_.found)
    sat = seated.select(sat=_.nid)
    rows = silent.left_join(known, [("nid", "known")]).left_join(sat, [("nid", "sat")])
    found = _.kin_found.fill_null(False) | _.sat.notnull()
    seeking = ~_.settled.fill_null(False) & _.sat.isnull()
    return rows.select(*_ROW, found=found, seeking=seeking)


def name_offers(marked: ir.Table) -> ir.Table:
    """To nodes that are seeking: another without a duration, first one that has found its sound.

    One that has not must be lower, so that no chain comes back to where it began. `marked` is a stored table.
    """
    placed = _placed(marked, packed(_.found.ifelse(0, 1).cast("int64"), _.nid))
    seekers = marked.filter(_.seeking)
    offers = ibis.union(_by_key(seekers, placed), _by_bare(seekers.filter(_.nameless), placed))
    offered = offers.select("nid", "rule", "doubtful", hub=unpacked(_.place), sure=_.place < TWO_32)
    return offered.filter(_.hub != _.nid, _.sure | (_.hub < _.nid)).drop("sure")


def best_offers(offers: ir.Table) -> ir.Table:
    """One offer a node: of its lowest rule, the lowest hub."""
    best = offers.group_by("nid").agg(best=packed(_.rule.cast("int64"), _.hub).min())
    return best.select("nid", hub=unpacked(_.best), rule=rank(_.best).cast("int16"))


def _placed(rows: ir.Table, place: ir.IntegerValue) -> ir.Table:
    return rows.select(*KEY, "bare", called=_called(), place=place)


def _called() -> ir.IntegerValue:
    """The name, where the rule goes by an identifier; under other rules a name tells nothing more."""
    return is_identifier().ifelse(_.name, 0)


def _by_key(seekers: ir.Table, placed: ir.Table) -> ir.Table:
    """The first place under the key of each seeker, first one of the seeker's own name."""
    heads = placed.group_by(KEY).agg(nearest=_.place.min(), names=_.called.nullif(0).nunique())
    owns = placed.filter(_.called != 0).group_by([*KEY, "called"]).agg(own=_.place.min())
    known = seekers.select(*KEY, "nid", called=_called())
    led = known.join(heads, KEY).left_join(owns, [*KEY, "called"])
    proven = (_.names <= NAMES_PER_IDENTIFIER_MAX) | _.own.notnull()
    doubtful = (_.called != 0) & _.own.isnull()
    return led.filter(proven).select("nid", "rule", place=ibis.coalesce(_.own, _.nearest), doubtful=doubtful)


def _by_bare(nameless: ir.Table, placed: ir.Table) -> ir.Table:
    """The first place under the identifier alone, for seekers that have no version words to compare."""
    bare = ["rule", "bare"]
    known = nameless.filter(_.bare.notnull()).select(*bare, "nid")
    heads = (
        placed.semi_join(known, bare)
        .group_by(bare)
        .agg(nearest=_.place.min(), names=_.called.nullif(0).nunique())
    )
    led = known.join(heads, bare).filter(_.names <= NAMES_PER_IDENTIFIER_MAX)
    return led.select("nid", "rule", place=_.nearest, doubtful=ibis.literal(False))
