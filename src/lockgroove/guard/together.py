"""Groups among the accounts of the last days, out of the event log."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lockgroove.guard.coincidence import Pairs
from lockgroove.guard.eventlog import EventLog, Position
from lockgroove.guard.events import STAND_IN, Kind, Origin, Scope
from lockgroove.guard.groups import Group, find_groups
from lockgroove.guard.halves import groups_by_halves
from lockgroove.guard.linkage import linked_groups

_TRACKS_MIN = 10  # whoever had fewer says nothing of whom they meet
_ACCOUNTS_MIN = 30
_LINKS = ("cohort", "network", "client")
_PAIR = np.dtype([("account", "u8"), ("track", "u8")])


@dataclass(frozen=True)
class Popularity:
    """What is known of tracks from elsewhere: the stratum of each, and how many tracks each stratum has."""

    tracks: np.ndarray
    stratum: np.ndarray
    sizes: np.ndarray

    def of(self, tracks: np.ndarray) -> np.ndarray:
        """The strata of tracks; of one that is not known, the last."""
        order = np.argsort(self.tracks)
        places = np.minimum(np.searchsorted(self.tracks, tracks, sorter=order), len(order) - 1)
        found = order[places]
        known: np.ndarray = np.where(self.tracks[found] == tracks, self.stratum[found], len(self.sizes) - 1)
        return known.astype(np.int64)


def groups_of(
    log: EventLog, since_ms: int, known: Popularity | None, left_out: set[int]
) -> tuple[list[Group], np.ndarray]:
    """Groups, and the accounts that their numbers stand for.

    Where popularity is known from elsewhere, accounts that something connects are asked first, then groups
    are sought among all others; else halves of the accounts learn it from each other. Whoever was found alone
    is left out: who takes what nobody plays meets nobody.
    """
    pairs, links = _chosen(log, since_ms, left_out)
    accounts, account = np.unique(pairs["account"], return_inverse=True)
    tracks, track = np.unique(pairs["track"], return_inverse=True)
    if len(accounts) < _ACCOUNTS_MIN:
        return [], accounts
    rng = np.random.default_rng(1)
    if known is None:
        return groups_by_halves(account, track, len(tracks), rng), accounts
    pool = replace(Pairs.of(account, track, known.of(tracks)), sizes=known.sizes)
    linked = linked_groups(pool, _of_accounts(links, accounts))
    free = np.setdiff1d(
        np.arange(len(accounts)), np.concatenate([np.zeros(0, int), *(g.members for g in linked)])
    )
    sought = [group.named(free) for group in find_groups(pool.of_accounts(free), rng)] if len(free) else []
    return [*linked, *sought], accounts


def _of_accounts(links: np.ndarray, accounts: np.ndarray) -> dict[str, np.ndarray]:
    """By kind, what each account was last connected to."""
    newest = len(links) - 1 - np.unique(links["account"][::-1], return_index=True)[1]
    rows = links[newest]
    places = np.searchsorted(rows["account"], accounts)
    return {name: rows[name][places] for name in _LINKS}


def _chosen(log: EventLog, since_ms: int, left_out: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """Accounts and tracks that they chose themselves, each pair once; and what connects accounts."""
    parts, linked = [], []
    for told, _ in log.since(Position()):
        rows = told[_wanted(told, since_ms)]
        pairs = np.empty(len(rows), _PAIR)
        pairs["account"], pairs["track"] = rows["account"], rows["track"]
        parts.append(np.unique(pairs))
        last = len(rows) - 1 - np.unique(rows["account"][::-1], return_index=True)[1]
        linked.append(rows[["account", *_LINKS]][last])
    if not parts:
        return np.zeros(0, _PAIR), np.zeros(0, [("account", "u8")])
    pairs = np.unique(np.concatenate(parts))
    pairs = pairs[~np.isin(pairs["account"], np.fromiter(left_out, np.uint64))]
    _, which, had = np.unique(pairs["account"], return_inverse=True, return_counts=True)
    return pairs[had[which] >= _TRACKS_MIN] if len(pairs) else pairs, np.concatenate(linked)


def _wanted(rows: np.ndarray, since_ms: int) -> np.ndarray:
    found: np.ndarray = (
        np.isin(rows["kind"], (Kind.STREAM_START, Kind.DOWNLOAD))
        & (rows["ts_ms"] >= since_ms)
        & (rows["origin"] != Origin.SYSTEM)
        & ~np.isin(rows["scope"], (Scope.RESEARCH, Scope.MIRROR))
        & (rows["account"] < STAND_IN)
        & (rows["track"] != 0)
    )
    return found
