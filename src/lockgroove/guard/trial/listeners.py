"""Listeners, and scrapers that behave like them: everything that plays track after track as a person would.

Each has habits; a day is some sessions within the hours in which that person is awake. A play repeats one
of their own tracks, goes on with the album, or is new: from a favourite genre, by popularity or out of the
long tail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lockgroove.guard.compiled import compiled
from lockgroove.guard.events import Context, Kind, Origin, Scope, empty
from lockgroove.guard.trial.world import ALBUM_TRACKS, GENRES, World, genre_shares

DAY_MS = 86_400_000
_HISTORY_MAX = 20_000
_TRIES = 30


@dataclass(frozen=True)
class Habits:
    """How accounts listen; one value for each in every array.

    plays: plays a day. repeats: share of plays that are again one of their own. albums: share of the rest
    that goes on with the album. tail: share of what is chosen anew that ignores popularity. favourites: two
    genres. radio: share of plays that the system chooses. wake: hour of the day; awake: hours. avoids: how
    surely a track that their group has is left to the group. slice: share of plays that are replaced by the
    next of the group's own list of tracks.
    """

    plays: np.ndarray
    repeats: np.ndarray
    albums: np.ndarray
    tail: np.ndarray
    favourites: np.ndarray
    radio: np.ndarray
    wake: np.ndarray
    awake: np.ndarray
    avoids: np.ndarray
    slice: np.ndarray

    @property
    def count(self) -> int:
        """How many accounts."""
        return len(self.plays)

    def part(self, first: int, last: int) -> Habits:
        """Those from `first` up to `last`."""
        return Habits(**{name: value[first:last] for name, value in vars(self).items()})

    def but(self, **given: float) -> Habits:
        """The same, with one value for all of what is named."""
        return replace(self, **{name: np.full(self.count, value) for name, value in given.items()})

    @staticmethod
    def of_people(count: int, rng: np.random.Generator) -> Habits:
        """A population: 38 plays a day in the mean, 0.3 % heavy listeners, 0.3 % who hear whole albums."""
        drawn = rng.random(count)
        heavy, thorough = drawn < 0.003, (drawn >= 0.003) & (drawn < 0.006)
        plays = np.minimum(25 * np.exp(0.9 * rng.normal(size=count)), 400)
        plays = np.where(heavy, rng.uniform(200, 400, count), plays)
        repeats, albums = rng.beta(6, 4, count), rng.beta(1, 6, count)
        return Habits(
            np.where(thorough, rng.uniform(60, 180, count), plays),
            np.where(thorough, 0.15, repeats),
            np.where(thorough, 0.9, albums),
            rng.beta(0.5, 14, count),
            rng.choice(GENRES, (count, 2), p=genre_shares()).astype(np.int64),
            np.where(rng.random(count) < 0.3, rng.beta(1, 4, count), 0.0),
            rng.normal(8, 2, count) % 24,
            rng.uniform(10, 17, count),
            np.zeros(count),
            np.zeros(count),
        )


@dataclass(frozen=True)
class Played:
    """Plays in the order of accounts, each account's own in order of time."""

    account: np.ndarray
    track: np.ndarray
    ts_ms: np.ndarray
    context: np.ndarray
    origin: np.ndarray
    share: np.ndarray  # of the track that was heard

    def events(self, world: World, digests: np.ndarray) -> np.ndarray:
        """One stream each, in order of time; `digests` has a number for each account."""
        order = np.argsort(self.ts_ms, kind="stable")
        rows = empty(len(order))
        track = self.track[order]
        rows["ts_ms"], rows["account"] = self.ts_ms[order], digests[self.account[order]]
        rows["track"], rows["place"], rows["album"] = track + 1, track, track // ALBUM_TRACKS + 1
        rows["context"], rows["origin"] = self.context[order], self.origin[order]
        possible = world.duration_s[track]
        rows["seconds_possible"], rows["seconds_played"] = possible, possible * self.share[order]
        rows["bytes_full"] = rows["bytes_sent"] = (possible * 32_000).astype(np.uint64)
        rows["kind"], rows["status"], rows["scope"] = Kind.STREAM_START, 200, Scope.MEMBER
        return rows


def listen(
    world: World,
    habits: Habits,
    days: int,
    seed: int,
    start_ms: int,
    taken: np.ndarray | None = None,
    own_list: np.ndarray | None = None,
) -> Played:
    """Let them listen for so many days. `taken` marks what a group has, and is filled by it."""
    most = int(habits.plays.sum() * days * 1.3) + 1000 * habits.count
    marks = np.zeros(world.count, np.uint8) if taken is None else taken
    listed = np.arange(0, dtype=np.int32) if own_list is None else own_list.astype(np.int32)
    columns = (
        np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int64),
        np.empty(most, np.uint8), np.empty(most, np.uint8), np.empty(most, np.float32),
    )  # fmt: skip
    count = _listen(
        seed, days, start_ms, habits.plays, habits.repeats, habits.albums, habits.tail, habits.favourites,
        habits.radio, habits.wake, habits.awake, habits.avoids, habits.slice, world.by_genre, world.starts,
        world.sums, world.duration_s, marks, listed, *columns,
    )  # fmt: skip
    return Played(*(column[:count] for column in columns))


@compiled
def _drawn(sums, starts, by_genre, genre):
    low = sums[starts[genre] - 1] if starts[genre] > 0 else 0.0
    wanted = low + np.random.random() * (sums[starts[genre + 1] - 1] - low)
    found = np.searchsorted(sums, wanted)
    return by_genre[min(found, sums.size - 1)]


@compiled
def _chosen(sums, starts, by_genre, favourites, tail):
    """A new track: half of the first genre, three tenths of the second, the rest of any."""
    which = np.random.random()
    genre = favourites[0] if which < 0.5 else (favourites[1] if which < 0.8 else np.random.randint(GENRES))
    if starts[genre + 1] == starts[genre]:
        genre = 0
    if np.random.random() < tail:
        return by_genre[np.random.randint(starts[genre], starts[genre + 1])]
    return _drawn(sums, starts, by_genre, genre)


@compiled
def _listen(  # noqa: C901  one loop, as the compiler wants it
    seed, days, start_ms, plays, repeats, albums, tail, favourites, radio, wake, awake, avoids, slices,
    by_genre, starts, sums, duration_s, taken, own_list,
    out_account, out_track, out_ts, out_context, out_origin, out_share,
):  # fmt: skip
    np.random.seed(seed)
    history = np.empty(_HISTORY_MAX, np.int32)
    written = 0
    listed = 0
    for account in range(plays.size):
        known = 0
        last = -5
        at = np.int64(0)
        for day in range(days):
            left = np.random.poisson(plays[account])
            at = max(at, start_ms + day * DAY_MS + np.int64(wake[account] * 3_600_000))
            night = at + np.int64(awake[account] * 3_600_000)
            while left > 0:
                length = min(left, 1 + np.random.poisson(8))
                room = max(np.int64(1), (night - at) // (1 + left // 9))
                at += np.random.randint(0, room)
                for _ in range(length):
                    if written >= out_account.size:
                        return written
                    x = np.random.random()
                    context, origin = Context.SEARCH, Origin.USER
                    if np.random.random() < radio[account]:
                        track = _drawn(sums, starts, by_genre, favourites[account, 0])
                        context, origin = Context.RADIO, Origin.SYSTEM
                    elif own_list.size and np.random.random() < slices[account]:
                        track = own_list[listed % own_list.size]
                        listed += 1
                    elif known > 5 and x < repeats[account]:
                        track = history[known - 1 - int((known - 1) * np.random.random() ** 2)]
                        context = Context.PLAYLIST
                    elif (
                        last >= 0
                        and (last + 1) % ALBUM_TRACKS != 0
                        and x < repeats[account] + (1 - repeats[account]) * albums[account]
                    ):
                        track = last + 1
                        context = Context.ALBUM
                    else:
                        track = _chosen(sums, starts, by_genre, favourites[account], tail[account])
                        for _try in range(_TRIES):
                            if taken[track] == 0 or np.random.random() >= avoids[account]:
                                break
                            track = _chosen(sums, starts, by_genre, favourites[account], tail[account])
                        context = Context.ARTIST if x < 0.8 else Context.SEARCH
                    taken[track] = 1
                    if known < _HISTORY_MAX:
                        history[known] = track
                        known += 1
                    share = 1.0 if np.random.random() < 0.75 else np.random.random()
                    out_account[written] = account
                    out_track[written] = track
                    out_context[written] = context
                    out_origin[written] = origin
                    out_share[written] = share
                    at += np.int64((duration_s[track] * share + 2) * 1000)
                    out_ts[written] = at
                    written += 1
                    last = track
                left -= length
    return written
