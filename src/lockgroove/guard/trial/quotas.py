"""A quota on what is new to an account, played through: which plays it lets pass, and what is had in the end.

A track that is refused is not had: whoever asks for it again on another day asks for something new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgroove.guard.trial.listeners import DAY_MS, Played

_MANY = 1 << 30
_DAYS_MAX = 1 << 30


@dataclass(frozen=True)
class Quota:
    """New tracks that an account may have on a day, and how many of them from outside the most heard."""

    fresh: int
    tail: int


NO_QUOTA = Quota(_MANY, _MANY)


def granted(
    played: Played, is_tail: np.ndarray, everybody: Quota, slowed: Quota, slowed_from_ms: np.ndarray
) -> np.ndarray:
    """Which plays pass. `is_tail` is of tracks, `slowed_from_ms` says from when on each account is slowed."""
    passed = np.zeros(len(played.track), bool)
    had = np.zeros(0, np.int64)
    pair = played.account.astype(np.int64) * len(is_tail) + played.track
    for rows in _days(played):
        is_slowed = played.ts_ms[rows] >= slowed_from_ms[played.account[rows]]
        fresh, tail = (
            np.where(is_slowed, getattr(slowed, name), getattr(everybody, name)) for name in ("fresh", "tail")
        )
        asked, first, which = np.unique(pair[rows], return_index=True, return_inverse=True)
        new = ~np.isin(asked, had, assume_unique=True)
        is_first = np.zeros(len(rows), bool)
        is_first[first[new]] = True
        of_tail = is_first & is_tail[played.track[rows]]
        account = played.account[rows]
        allowed = is_first & (~of_tail | (_count(of_tail, account) <= tail))
        allowed &= _count(allowed, account) <= fresh
        gets = ~new
        gets[which[allowed]] = True
        passed[rows] = gets[which]
        had = np.union1d(had, asked[gets])
    return passed


def new_a_day(played: Played, is_tail: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each day of an account: how many tracks were new, how many of the tail, and its first play."""
    _, first = np.unique(played.account.astype(np.int64) * len(is_tail) + played.track, return_index=True)
    _, begins, which = np.unique(
        played.account.astype(np.int64) * _DAYS_MAX + played.ts_ms // DAY_MS,
        return_index=True, return_inverse=True,
    )  # fmt: skip
    fresh = np.bincount(which[first], minlength=len(begins))
    tail = np.bincount(which[first], is_tail[played.track[first]], len(begins)).astype(np.int64)
    return fresh, tail, begins


def _days(played: Played) -> list[np.ndarray]:
    """The plays of each day, in the order of accounts and of time."""
    day = played.ts_ms // DAY_MS
    order = np.argsort(day, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(day[order])) + 1)


def _count(marked: np.ndarray, account: np.ndarray) -> np.ndarray:
    """How many were marked of the same account, this one and before it."""
    count = np.cumsum(marked)
    begins = np.searchsorted(account, account)
    counted: np.ndarray = count - (count - marked)[begins]
    return counted
