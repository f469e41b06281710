"""What each account did on each day: the rows that the loop over events tells, from tables."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis import _

from lockgroove.guard.batch.tables import IN_ORDER, judged
from lockgroove.guard.events import Context, Origin
from lockgroove.guard.hot import DAY, DAY_MS, HALF, WHOLE

_HOUR_MS = 3_600_000
_SUMS = ("plays", "fresh", "system", "direct", "border", "fetched_ms", "played_ms", "bytes_sent")
_FULL = 65_535


def days_of(plays: ir.Table) -> ir.Table:
    """One row for each account and day with a play.

    `plays` are of the account's own choice and `system` are others; of the former `fresh` are of tracks that
    it had not had, `repeats` the rest, `direct` of tracks that it was never shown, and `border` those that
    began the album that follows in the catalogue. `hours` has a bit for each hour with a play of its own.
    More of a file before half of it has come again is no play.
    """
    told = _counted(_marked(judged(plays)))
    hours = told.group_by("account", "day", "hour").agg(**{name: _sum(told[name]) for name in _SUMS})
    bit = ibis.ifelse(hours.plays > 0, (ibis.literal(2) ** hours.hour).cast("int64"), 0)
    days = hours.group_by("account", "day").agg(hours=_sum(bit), **{n: _sum(hours[n]) for n in _SUMS})
    return days.filter((_.plays > 0) | (_.system > 0)).mutate(repeats=_.plays - _.fresh)


def _marked(plays: ir.Table) -> ir.Table:
    """Each play with whether it is a part of another, whose choice it was, and whether it was new."""
    by_track = ibis.window(group_by=["account", "track"], order_by=IN_ORDER)
    heard = _with_halves(plays).mutate(turn=ibis.row_number().over(by_track))
    part_of = (_.turn > 0) & ~(_.has_half & (_.halves > 1))
    marked = heard.mutate(part_of=part_of, of_system=_.origin == int(Origin.SYSTEM))
    own = marked.mutate(own=~_.part_of & ~_.of_system, new=_.turn == 0)
    by_choice = ibis.window(group_by=["account", "own"], order_by=IN_ORDER)
    return own.mutate(last_place=_.place.lag().over(by_choice), last_album=_.album.lag().over(by_choice))


def _with_halves(plays: ir.Table) -> ir.Table:
    """Each play with whether half of its file has come with it, over pieces in a row, and how often by then.

    A repeat is the second time that half of a file came.
    """
    by_account = ibis.window(group_by="account", order_by=IN_ORDER)
    so_far = ibis.cumulative_window(group_by="account", order_by=IN_ORDER)
    in_row = ibis.cumulative_window(group_by=["account", "row"], order_by=IN_ORDER)
    of_track = ibis.cumulative_window(group_by=["account", "track"], order_by=IN_ORDER)
    last = plays.mutate(last_track=_.track.lag().over(by_account))
    begun = last.mutate(begins=((_.range == 0) | (_.track != _.last_track)).fill_null(True))
    whole = begun.begins & ((begun.range == 0) | (begun.bytes_full == 0))
    part = (begun.bytes_sent / begun.bytes_full.nullif(0) * WHOLE).floor().clip(upper=WHOLE).cast("int64")
    shared = begun.mutate(
        share=ibis.ifelse(whole, WHOLE, ibis.ifelse(begun.bytes_full == 0, 0, part)),
        row=_sum(begun.begins.cast("int64")).over(so_far),
    )
    summed = shared.mutate(came=_sum(shared.share).over(in_row))
    halved = summed.mutate(has_half=(summed.came >= HALF) & (summed.came - summed.share < HALF))
    return halved.mutate(halves=_sum(halved.has_half.cast("int64")).over(of_track))


def _counted(marked: ir.Table) -> ir.Table:
    """Each play as what it adds to its day."""
    follows = (marked.place >= 0) & (marked.place == marked.last_place + 1)
    border = (follows & (marked.album != marked.last_album)).fill_null(False)
    ones = {
        "plays": marked.own, "fresh": marked.own & marked.new, "border": marked.own & border,
        "system": marked.of_system & ~marked.part_of,
        "direct": marked.own & (marked.context == int(Context.DIRECT_ID)),
    }  # fmt: skip
    return marked.select(
        "account", "bytes_sent", day=(_.ts_ms // DAY_MS).cast("int64"),
        hour=(_.ts_ms // _HOUR_MS % 24).cast("int64"),
        fetched_ms=_ms(marked.seconds_possible), played_ms=_ms(marked.seconds_played),
        **{name: one.cast("int64") for name, one in ones.items()},
    )  # fmt: skip


def _ms(seconds: ir.NumericValue) -> ir.IntegerValue:
    """Whole milliseconds: a sum of fractions would depend on the order in which it is made."""
    return ((seconds * 2000).floor().cast("int64") + 1) // 2


def _sum(values: ir.IntegerValue) -> ir.IntegerValue:
    return values.sum().cast("int64")


def day_rows(rows: pa.RecordBatch, accounts: np.ndarray) -> np.ndarray:
    """Days as the signals read them; `accounts` in rising order give the slots."""
    told = {name: rows.column(name).to_numpy() for name in rows.schema.names}
    days = np.zeros(rows.num_rows, DAY)
    days["slot"] = np.searchsorted(accounts, told["account"])
    for name in ("day", "plays", "fresh", "hours"):
        days[name] = told[name]
    for name in ("border", "direct", "system"):
        days[name] = np.minimum(told[name], _FULL)
    days["fetched_s"], days["played_s"] = told["fetched_ms"] / 1000, told["played_ms"] / 1000
    return days
