"""The leak meter: how many tracks went to whom, beside what as many honest listeners would have had."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lockgroove.guard.eventlog import EventLog, Position
from lockgroove.guard.events import Kind

_MOST = 20
_POINTS = 24


@dataclass(frozen=True)
class Leak:
    """Distinct tracks given, in all and to those that had most (account, tracks, bytes).

    `curve` has, for so many accounts drawn by chance, how many distinct tracks they had together;
    `bound` how many as many accounts could have had if no two of them had met.
    """

    accounts: int
    tracks: int
    plays: int
    bytes: int
    most: list[tuple[int, int, int]]
    curve: list[tuple[int, int]]
    bound: list[tuple[int, int]]


def leak_of(log: EventLog, since_ms: int) -> Leak:
    """The leak since a moment, from the event log."""
    parts, plays = [], 0
    size: Counter[int] = Counter()
    for rows, _ in log.since(Position()):
        wanted = rows[np.isin(rows["kind"], (Kind.STREAM_START, Kind.DOWNLOAD)) & (rows["ts_ms"] >= since_ms)]
        plays += len(wanted)
        who, which = np.unique(wanted["account"], return_inverse=True)
        sent = np.bincount(which, wanted["bytes_sent"], len(who)).astype(np.int64)
        size.update(dict(zip(who.tolist(), sent.tolist(), strict=True)))
        parts.append(np.unique(wanted[["account", "track"]]))
    pairs = np.unique(np.concatenate(parts)) if parts else np.zeros(0, [("account", "u8"), ("track", "u8")])
    accounts, counts = np.unique(pairs["account"], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST]
    most = [(int(accounts[n]), int(counts[n]), size[int(accounts[n])]) for n in order]
    curve, bound = _curves(pairs, accounts, counts)
    return Leak(len(accounts), len(np.unique(pairs["track"])), plays, sum(size.values()), most, curve, bound)


def _curves(
    pairs: np.ndarray, accounts: np.ndarray, counts: np.ndarray
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Distinct tracks of the first k accounts in an order drawn by chance, and the sum of each one's."""
    rank = np.random.default_rng(1).permutation(len(accounts))
    turn = rank[np.searchsorted(accounts, pairs["account"])]
    order = np.lexsort((turn, pairs["track"]))
    first = np.ones(len(order), bool)
    tracks = pairs["track"][order]
    first[1:] = tracks[1:] != tracks[:-1]
    fresh = np.cumsum(np.bincount(turn[order][first], minlength=len(accounts)))
    own = np.cumsum(counts[np.argsort(rank)])
    at = np.unique(np.geomspace(1, max(1, len(accounts)), _POINTS).astype(int))[: len(accounts)]
    return (
        [(int(k), int(fresh[k - 1])) for k in at if k <= len(accounts)],
        [(int(k), int(own[k - 1])) for k in at if k <= len(accounts)],
    )
