"""Who fetches what comes next on a list: scrapers that do not pretend, and programs that fill a phone."""

from __future__ import annotations

import numpy as np

from lockgroove.guard.events import Context, Origin
from lockgroove.guard.trial.listeners import DAY_MS, Played
from lockgroove.guard.trial.world import ALBUM_TRACKS, World


def in_order(world: World, accounts: int, a_day: int, days: int, start_ms: int, first: int = 0) -> Played:
    """Track after track as the catalogue has them; each account takes a stretch of its own."""
    return _fetched(np.arange(first, first + world.count) % world.count, accounts, a_day, days, start_ms)


def shuffled(
    among: np.ndarray, accounts: int, a_day: int, days: int, start_ms: int, rng: np.random.Generator
) -> Played:
    """Tracks of `among` dealt out to the accounts, none to two of them while there are any left."""
    return _fetched(rng.permutation(among), accounts, a_day, days, start_ms)


def synced(
    world: World, albums: int, accounts: int, at_ms: int, rng: np.random.Generator, in_order: bool = False
) -> Played:
    """A whole shelf at once, a track every three seconds, as programs do that list all albums first.

    The shelf has albums that are heard, by name, or else a stretch of the catalogue as it stands there.
    """
    weights = world.weight.reshape(-1, ALBUM_TRACKS).sum(1)
    heard = np.argsort(-weights)[: len(weights) // 3]
    first = rng.integers(0, len(weights) - albums, accounts)[:, None] + np.arange(albums)
    shelf = first if in_order else np.stack([rng.choice(heard, albums, False) for _ in range(accounts)])
    tracks = (shelf[:, :, None] * ALBUM_TRACKS + np.arange(ALBUM_TRACKS)).reshape(accounts, -1)
    count, each = tracks.size, tracks.shape[1]
    return Played(
        np.repeat(np.arange(accounts, dtype=np.int32), each), tracks.ravel().astype(np.int32),
        (at_ms + np.arange(count) % each * 3000).astype(np.int64),
        np.full(count, Context.ALBUM, np.uint8), np.full(count, Origin.USER, np.uint8),
        np.ones(count, np.float32),
    )  # fmt: skip


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
