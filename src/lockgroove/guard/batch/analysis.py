"""A whole log in batch: habits by days, and groups, with all plays in tables of an engine.

The same rules and the same search as where a log is played again; but what each play weighs against its
account needs the plays one after the other, and is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis import _

from lockgroove.engines import Engine
from lockgroove.guard.batch.daily import day_rows, days_of
from lockgroove.guard.batch.leak import LEAKS, most
from lockgroove.guard.batch.pairs import PAIRS_HERE_MAX, TablePool, own_pairs
from lockgroove.guard.batch.tables import columns_of, in_time, judged, plays_of
from lockgroove.guard.groups import Group
from lockgroove.guard.halves import groups_in_halves
from lockgroove.guard.replay import GROUP_TRACKS_MIN, GROUPS_NEED, Replayed, suspects_of
from lockgroove.guard.signals import Heard, heard_in, switched_off
from lockgroove.report import Report

# What is not asked in batch, and what it would need.
_NOT_ASKED = {"plays": ["order"]}
_SUMMED = ("plays", "fresh")


@dataclass(frozen=True)
class Analysed:
    """What a log came to; and how many tracks the account, network or cohort had that was given most."""

    replayed: Replayed
    leak: Mapping[str, int]


def analyse(
    engine: Engine,
    events: ir.Table,
    told: frozenset[str],
    report: Report,
    pairs_here_max: int = PAIRS_HERE_MAX,
    sketched: Callable[[ir.Table], None] | None = None,
) -> Analysed:
    """Go over tables of events, which tell these fields. Pairs come into memory where no more are left.

    All plays are handed to `sketched` too, while they are at hand.
    """
    plays = engine.store("plays", plays_of(events, told))
    report.progress("days", 0, None, "days")
    habits = _Habits.of(engine, engine.store("days", days_of(plays)), told)
    needed = sorted(GROUPS_NEED - told)
    report.progress("groups", 0, None, "groups")
    groups = [] if needed else _groups(engine, plays, habits, pairs_here_max)
    leak = {by: most(engine, plays, by) for by in LEAKS if {by, "track"} <= told}
    keys = habits.accounts.view(np.uint64)
    if sketched is not None:
        report.progress("sketches", 0, None, "sketches")
        sketched(plays)
    suspects = suspects_of(keys, habits.plays, habits.fresh, {}, habits.signals, groups)
    counts = _counts(engine, events, plays)
    replayed = Replayed(
        counts["accounts"], counts["tracks"], counts["plays"], habits.account_days, counts["first_ms"],
        counts["last_ms"], False, switched_off(told) | _NOT_ASKED | ({"groups": needed} if needed else {}),
        suspects, groups, [keys[group.members].tolist() for group in groups], {"plays": counts["plays"]},
    )  # fmt: skip
    engine.drop("plays", "days")
    return Analysed(replayed, leak)


@dataclass(frozen=True)
class _Habits:
    """What accounts did, in rising order of their digests, and which signals they gave."""

    accounts: np.ndarray
    plays: np.ndarray
    fresh: np.ndarray
    account_days: int
    signals: Sequence[Heard]

    @staticmethod
    def of(engine: Engine, days: ir.Table, told: frozenset[str]) -> _Habits:
        sums = {name: days[name].sum().cast("int64") for name in _SUMMED}
        summed = columns_of(engine, days.group_by("account").agg(days=_.count(), **sums))
        order = np.argsort(summed["account"])
        accounts = summed["account"][order]
        signals = [
            signal for rows in engine.batches(days) for signal in heard_in(day_rows(rows, accounts), told)
        ]
        signals.sort(key=lambda signal: (signal.slot, signal.day, signal.code))
        plays, fresh = (summed[name][order] for name in _SUMMED)
        return _Habits(accounts, plays, fresh, int(summed["days"].sum()), signals)


def _groups(engine: Engine, plays: ir.Table, habits: _Habits, pairs_here_max: int) -> list[Group]:
    """Groups among accounts that had enough tracks, and that were not found by their habits; by slots."""
    pairs = engine.store("own_pairs", own_pairs(plays))
    had = columns_of(engine, pairs.group_by("account").agg(tracks=_.count()))
    found = habits.accounts[np.unique([signal.slot for signal in habits.signals]).astype(np.int64)]
    asked = np.setdiff1d(had["account"][had["tracks"] >= GROUP_TRACKS_MIN], found)
    if not len(asked):
        return []
    named = engine.take("asked", pa.table({"account": pa.array(asked, pa.int64())}))
    pool = TablePool.of(engine, pairs.semi_join(named, "account"), pairs_here_max)
    engine.drop("own_pairs", "asked")
    groups = groups_in_halves(pool, np.random.default_rng(1))
    pool.let_go()
    slots = np.searchsorted(habits.accounts, pool.names)
    return [group.named(slots) for group in groups]


def _counts(engine: Engine, events: ir.Table, plays: ir.Table) -> dict[str, int]:
    """How much there is of everything."""
    seen = in_time(events)
    met = judged(plays)
    asked = (
        seen.agg(accounts=seen.account.nunique()),
        met.agg(tracks=met.track.nunique()),
        plays.agg(plays=_.count(), first_ms=_.ts_ms.min().fill_null(0), last_ms=_.ts_ms.max().fill_null(0)),
    )
    told = [columns_of(engine, one) for one in asked]
    return {name: int(column[0]) for one in told for name, column in one.items()}
