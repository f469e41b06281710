"""The leak meter: how many tracks went to whom, beside what as many honest listeners would have had.

Honest is who has no open case and no grant. What one account had is set beside others that fetched about as
often; what a group had together beside as many such accounts, a stand-in drawn for each member and none for
two; and both beside the bound, which only those reach who never meet: every fetch, or every member, with
tracks of its own. Where too few others fetched about as often, nothing is usual.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from lockgroove.guard.eventlog import EventLog, Position
from lockgroove.guard.events import Kind, Scope

_MOST = 20
_POINTS = 24
_DRAWS = 9
_LIKE = 50  # so many others, at the most, who fetched most nearly as often
_LIKE_MIN = 5
_APART_MAX = 2.0  # about as often: half to twice
_TRIES = 200
_EXEMPT = (Scope.RESEARCH, Scope.MIRROR, Scope.OPERATOR)
_PAIR = np.dtype([("account", "u8"), ("track", "u8")])
_SUMMED = ("plays", "bytes", "exempt")
_SUM = np.dtype([("account", "u8"), *((name, "i8") for name in _SUMMED)])


@dataclass(frozen=True)
class Taken:
    """What one account had; `usual`: the median of honest others that fetched as often, None for too few."""

    account: int
    tracks: int
    plays: int
    bytes: int
    usual: int | None


@dataclass(frozen=True)
class TakenTogether:
    """What a group had: different tracks, and each member's own added up (the bound).

    `usual`: the median of what as many honest accounts that fetched as often had together, None for too few.
    """

    group: str
    members: int
    tracks: int
    bound: int
    usual: int | None


@dataclass(frozen=True)
class Leak:
    """Distinct tracks given, in all, to those that had most, and to groups.

    `curve` has, for so many honest accounts drawn by chance, how many distinct tracks they had together;
    `bound` how many it would be if no two of them had met.
    """

    accounts: int
    tracks: int
    added: int
    plays: int
    bytes: int
    most: list[Taken]
    groups: list[TakenTogether]
    curve: list[tuple[int, int]]
    bound: list[tuple[int, int]]


def leak_of(
    log: EventLog, since_ms: int, groups: Mapping[str, Collection[int]], accused: Collection[int]
) -> Leak:
    """The leak since a moment, from the event log: `groups` have accounts, and `accused` an open case."""
    given = _Given.of(log, since_ms)
    honest = _Honest(given, ~(np.isin(given.accounts, np.fromiter(accused, np.uint64)) | given.exempt))
    order = np.argsort(-given.tracks, kind="stable")[:_MOST]
    curve, bound = _curves(given, np.nonzero(honest.these)[0])
    return Leak(
        len(given.accounts), len(np.unique(given.pairs["track"])), int(given.tracks.sum()),
        int(given.plays.sum()), int(given.bytes.sum()), [_taken(given, honest, n) for n in order.tolist()],
        [_together(given, honest, name, members) for name, members in sorted(groups.items())], curve, bound,
    )  # fmt: skip


@dataclass(frozen=True)
class _Given:
    """Who had which track, in the order of accounts; and by account, in that order too, what it came to."""

    pairs: np.ndarray
    accounts: np.ndarray
    first: np.ndarray  # where its pairs begin
    tracks: np.ndarray
    plays: np.ndarray
    bytes: np.ndarray
    exempt: np.ndarray  # whether it had a grant at any time

    @staticmethod
    def of(log: EventLog, since_ms: int) -> _Given:
        pairs, sums = [np.zeros(0, _PAIR)], [np.zeros(0, _SUM)]
        for rows, _ in log.since(Position()):
            fetched = np.isin(rows["kind"], (Kind.STREAM_START, Kind.DOWNLOAD)) & (rows["ts_ms"] >= since_ms)
            wanted = rows[fetched]
            pairs.append(np.unique(wanted[["account", "track"]].astype(_PAIR)))
            rights = np.isin(wanted["scope"], _EXEMPT)
            sums.append(_summed(wanted["account"], np.ones(len(wanted)), wanted["bytes_sent"], rights))
        parts, had = np.concatenate(sums), np.unique(np.concatenate(pairs))
        told = _summed(parts["account"], *(parts[name] for name in _SUMMED))
        _, first, tracks = np.unique(had["account"], return_index=True, return_counts=True)
        return _Given(had, told["account"], first, tracks, told["plays"], told["bytes"], told["exempt"] > 0)

    def of_account(self, place: int) -> np.ndarray:
        """The tracks that one account had."""
        return self.pairs["track"][self.first[place] : self.first[place] + self.tracks[place]]


def _summed(accounts: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """Plays, bytes and fetches with a grant of each account, in the order of accounts."""
    who, which = np.unique(accounts, return_inverse=True)
    told = np.zeros(len(who), _SUM)
    told["account"] = who
    for name, each in zip(_SUMMED, values, strict=True):
        told[name] = np.bincount(which, each, len(who))
    return told


class _Honest:
    """Accounts without a case or a grant, by how often they fetched."""

    def __init__(self, given: _Given, these: np.ndarray) -> None:
        self.these = these
        self._plays = given.plays
        places = np.flatnonzero(these)
        self._order = places[np.argsort(given.plays[places], kind="stable")]

    def like(self, place: int, most: int | None = None) -> np.ndarray:
        """Places of others who fetched half to twice as often, those next to it in that; none for too few."""
        plays, own = self._plays[self._order], self._plays[place]
        low, high = np.searchsorted(plays, [own / _APART_MAX, own * _APART_MAX])
        if most is not None:
            here = (np.searchsorted(plays, own) + np.searchsorted(plays, own, side="right")) // 2
            low, high = max(low, here - most // 2), min(high, here + most // 2)
        near = self._order[low:high]
        others: np.ndarray = near[near != place]
        return others if len(others) >= _LIKE_MIN else others[:0]


def _taken(given: _Given, honest: _Honest, place: int) -> Taken:
    like = honest.like(place, _LIKE)
    usual = int(np.median(given.tracks[like])) if len(like) else None
    return Taken(
        int(given.accounts[place]), int(given.tracks[place]), int(given.plays[place]),
        int(given.bytes[place]), usual,
    )  # fmt: skip


def _together(given: _Given, honest: _Honest, name: str, members: Collection[int]) -> TakenTogether:
    places = np.flatnonzero(np.isin(given.accounts, np.fromiter(members, np.uint64, len(members)))).tolist()
    rng = np.random.default_rng(1)
    pools = [honest.like(place) for place in places]
    drawn = [_drawn(pools, rng) for _ in range(_DRAWS)]
    unions = [_union(given, stand_ins) for stand_ins in drawn if stand_ins]
    usual = int(np.median(unions)) if len(unions) == _DRAWS else None
    own = int(given.tracks[places].sum())
    return TakenTogether(name, len(members), _union(given, places), own, usual)


def _drawn(pools: list[np.ndarray], rng: np.random.Generator) -> list[int]:
    """A stand-in out of each pool, nobody for two; the scarcest first. Nothing where somebody finds none."""
    taken: set[int] = set()
    for pool in sorted(pools, key=len):
        for chosen in rng.permutation(pool)[:_TRIES].tolist():
            if chosen not in taken:
                taken.add(chosen)
                break
        else:
            return []
    return list(taken)


def _union(given: _Given, places: list[int]) -> int:
    """How many different tracks they had."""
    return len(np.unique(np.concatenate([given.of_account(place) for place in places]))) if places else 0


def _curves(given: _Given, places: np.ndarray) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Distinct tracks of the first k of these accounts, drawn by chance, and their own added up."""
    if not len(places):
        return [], []
    rank = np.full(len(given.accounts), len(places))
    rank[places] = np.random.default_rng(1).permutation(len(places))
    turn = np.repeat(rank, given.tracks)
    pairs, turn = given.pairs["track"][turn < len(places)], turn[turn < len(places)]
    order = np.lexsort((turn, pairs))
    first = np.ones(len(order), bool)
    tracks = pairs[order]
    first[1:] = tracks[1:] != tracks[:-1]
    fresh = np.cumsum(np.bincount(turn[order][first], minlength=len(places)))
    own = np.cumsum(given.tracks[places][np.argsort(rank[places])])
    at = np.unique(np.geomspace(1, len(places), _POINTS).astype(int))
    return [(int(k), int(fresh[k - 1])) for k in at], [(int(k), int(own[k - 1])) for k in at]
