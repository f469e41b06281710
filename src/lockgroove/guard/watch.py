"""Watches events go by: keeps what is remembered of accounts and tracks, and says what each event was.

Invariant: memory grows with accounts and tracks, and not with events. Every event that goes in is counted as
judged or as one of those that cannot be: told twice, from no time that can be, or no play.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lockgroove.guard import hot, seen
from lockgroove.guard.events import YEAR_2100_MS, Batch
from lockgroove.guard.records import RECORD, TAKERS, Index

_REMEMBERED_IDS = 1 << 20


@dataclass(frozen=True)
class Rules:
    """What plays weigh, and from which evidence on an account stands out; `calibration` makes them."""

    bucket_of: np.ndarray
    ratios: np.ndarray
    thresholds: np.ndarray
    keep: float = 0.7  # of the evidence, from one day to the next

    @staticmethod
    def none() -> Rules:
        """Only count."""
        return Rules(
            np.zeros(256, np.uint8),
            np.zeros((TAKERS, hot.PLAY_KINDS), np.float32),
            np.full((TAKERS, *hot.STRATA), np.inf, np.float32),
        )


@dataclass(frozen=True)
class Noticed:
    """What a batch told: the rows in order of time, what each was, and what it made known."""

    rows: np.ndarray
    slots: np.ndarray
    tracks: np.ndarray
    what: np.ndarray
    days: np.ndarray
    tops: np.ndarray
    alarms: np.ndarray


@dataclass
class Watch:
    """The memory. `accounts` and `tracks` give their numbers; both grow as new ones come."""

    rules: Rules
    seen: seen.Seen
    accounts: Index = field(default_factory=Index)
    tracks: Index = field(default_factory=Index)
    records: np.ndarray = field(default_factory=lambda: np.zeros(0, RECORD))
    heard: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    counts: Counter[str] = field(default_factory=Counter)
    _ids: tuple[Index, Index] = field(default_factory=lambda: (Index(), Index()))
    _chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def observe(self, batch: Batch) -> Noticed:
        """Take in a batch; within it, events may stand in any order."""
        rows = self._ordered(self._told_once(self._in_time(batch.rows)))
        slots, tracks = self.accounts.slots(rows["account"]), self.tracks.slots(rows["track"])
        self.records = _grown(self.records, len(self.accounts.keys))
        self.heard = _grown(self.heard, len(self.tracks.keys))
        self._know_from_elsewhere(rows["prior"], tracks)
        what, days, tops, alarms = (
            np.empty(len(rows), np.uint8), np.empty(len(rows), hot.DAY), np.empty(2 * len(rows), hot.TOP),
            np.empty(len(rows), hot.ALARM),
        )  # fmt: skip
        rules = self.rules
        n_days, n_tops, n_alarms, n_new = hot.observe(
            rows, slots, tracks, seen.mixed(rows["account"], rows["track"]), self.records, self.heard,
            self._chance.random(len(rows), np.float32), self.seen.newer, self.seen.older, rules.bucket_of,
            rules.ratios, rules.keep, rules.thresholds, what, days, tops, alarms,
        )  # fmt: skip
        self.seen.pairs += n_new
        self.seen.turn()
        plays = int(np.count_nonzero(what))
        self.counts.update(plays=plays, other=len(rows) - plays)
        return Noticed(rows, slots, tracks, what, days[:n_days], tops[:n_tops], alarms[:n_alarms])

    def end_of_day(self, day: int) -> tuple[np.ndarray, np.ndarray]:
        """Close every day before `day` (since 1970): what accounts did, and how high the evidence was."""
        count = self.accounts.count
        days, tops = np.empty(count, hot.DAY), np.empty(count, hot.TOP)
        n_days, n_tops = hot.close_all(self.records, count, day, days, tops)
        return days[:n_days], tops[:n_tops]

    def forget(self, before_ms: int, accounts_max: int) -> int:
        """Forget accounts that were not seen since, and of more than so many those longest away; how many.

        Slots are given anew: whoever keeps some asks again.
        """
        count = self.accounts.count
        last = self.records["last_ms"][:count]
        stay = last >= before_ms
        if np.count_nonzero(stay) > accounts_max:
            stay &= last > np.partition(last, -accounts_max)[-accounts_max]
        if stay.all():
            return 0
        keys, records = self.accounts.keys[:count][stay], self.records[:count][stay]
        self.accounts = Index(max(1024, len(keys)))
        self.accounts.slots(keys)
        self.records = _grown(records, len(self.accounts.keys))
        return count - len(keys)

    def forget_one(self, account: int) -> None:
        """Forget what is remembered of an account but that it was seen."""
        slot = int(self.accounts.known(np.array([account], np.uint64))[0])
        if slot >= 0:
            self.records[slot] = np.zeros(1, RECORD)[0]

    def saved(self) -> dict[str, np.ndarray]:
        """What is remembered, as arrays."""
        accounts, tracks = self.accounts.count, self.tracks.count
        return {
            "accounts": self.accounts.keys[:accounts], "records": self.records[:accounts],
            "tracks": self.tracks.keys[:tracks], "heard": self.heard[:tracks],
        }  # fmt: skip

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Remember what was saved."""
        self.accounts, self.tracks = Index(len(saved["accounts"])), Index(len(saved["tracks"]))
        self.accounts.slots(saved["accounts"])
        self.tracks.slots(saved["tracks"])
        # A file does not say that fields are aligned; the compiler would take it for another type.
        self.records = _grown(saved["records"].view(RECORD), len(self.accounts.keys))
        self.heard = _grown(saved["heard"], len(self.tracks.keys))

    def _know_from_elsewhere(self, priors: np.ndarray, tracks: np.ndarray) -> None:
        """Take a track to be as popular as it is known to be, where it was heard less here."""
        told = np.flatnonzero(priors)
        if len(told):
            np.maximum.at(self.heard, tracks[told], priors[told])

    def _in_time(self, rows: np.ndarray) -> np.ndarray:
        """Without those whose time cannot be, and without those of nobody."""
        good = (rows["ts_ms"] > 0) & (rows["ts_ms"] < YEAR_2100_MS) & (rows["account"] != 0)
        self.counts["no_time"] += int(len(rows) - np.count_nonzero(good))
        return rows if good.all() else rows[good]

    def _told_once(self, rows: np.ndarray) -> np.ndarray:
        """Without those told twice, among the last million or two that have an id."""
        ids = rows["event_id"]
        named = np.flatnonzero(ids)
        if not len(named):
            return rows
        _, first = np.unique(ids[named], return_index=True)
        again = np.ones(len(rows), bool)
        again[named[first]] = False
        again[ids == 0] = False
        newer, older = self._ids
        again[named] |= (newer.known(ids[named]) >= 0) | (older.known(ids[named]) >= 0)
        newer.slots(ids[named])
        if newer.count > _REMEMBERED_IDS:
            self._ids = (Index(), newer)
        self.counts["told_twice"] += int(np.count_nonzero(again))
        return rows[~again]

    def _ordered(self, rows: np.ndarray) -> np.ndarray:
        times = rows["ts_ms"]
        return rows if (times[1:] >= times[:-1]).all() else rows[np.argsort(times, kind="stable")]


def _grown(values: np.ndarray, size: int) -> np.ndarray:
    """The same values with room for `size`; what is new is zero."""
    if len(values) >= size:
        return values
    grown = np.zeros(size, values.dtype)
    grown[: len(values)] = values
    return grown
