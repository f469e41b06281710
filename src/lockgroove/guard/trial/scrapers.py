"""Scrapers that do not pretend: they fetch what comes next on a list, evenly through day and night."""

from __future__ import annotations

import numpy as np

from lockgroove.guard.events import Context, Origin
from lockgroove.guard.trial.listeners import DAY_MS, Played
from lockgroove.guard.trial.world import World


def in_order(world: World, accounts: int, a_day: int, days: int, start_ms: int, first: int = 0) -> Played:
    """Track after track as the catalogue has them; each account takes a stretch of its own."""
    return _fetched(np.arange(first, first + world.count) % world.count, accounts, a_day, days, start_ms)


def shuffled(
    among: np.ndarray, accounts: int, a_day: int, days: int, start_ms: int, rng: np.random.Generator
) -> Played:
    """Tracks of `among` dealt out to the accounts, none to two of them while there are any left."""
    return _fetched(rng.permutation(among), accounts, a_day, days, start_ms)


def _fetched(listed: np.ndarray, accounts: int, a_day: int, days: int, start_ms: int) -> Played:
    each = a_day * days
    number = np.arange(accounts * each)
    track = listed[number % len(listed)].astype(np.int32)
    at = start_ms + (number % each) * (DAY_MS // a_day) + (number // each) * 997 % (DAY_MS // a_day)
    count = len(number)
    return Played(
        (number // each).astype(np.int32), track, at.astype(np.int64),
        np.full(count, Context.DIRECT_ID, np.uint8), np.full(count, Origin.USER, np.uint8),
        np.ones(count, np.float32),
    )  # fmt: skip
