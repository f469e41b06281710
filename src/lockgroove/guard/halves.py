"""Groups in a log of which nothing else is known: how popular tracks are is then learnt from other accounts.

A track that a group shares out has few plays because it was shared out: whoever takes popularity from the
same plays that are judged finds nothing missing. So accounts are parted in two at random. Each half is judged
by how often the other played what it played, and what is found in both is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgroove.guard.coincidence import Everybody, Meetings, Pairs, Pool
from lockgroove.guard.groups import Group, find_groups, gains_beside_others, gains_by, score, stands_out

# How many accounts of the other half had a track: each step is a stratum.
_STEPS = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987])
_SURE = 6.0  # to join what was found without one
_CERTAIN = 12.0


def groups_by_halves(
    account: np.ndarray, track: np.ndarray, tracks: int, rng: np.random.Generator
) -> list[Group]:
    """Groups among accounts, by the numbers that `account` has for them; pairs may be told more than once."""
    names = np.unique(account)
    found = groups_in_halves(Pairs.of(account, track, np.zeros(tracks, np.int64)), rng)
    return [group.named(names) for group in found]


def groups_in_halves(pool: Pool, rng: np.random.Generator) -> list[Group]:
    """Groups in a pool, whose strata do not count."""
    drawn = rng.random(pool.accounts) < 0.5
    halves = _parted(pool, drawn)
    cores = [half.inside[g.members] for half in halves for g in find_groups(half.pool, rng) if len(g.members)]
    groups = []
    if cores:
        whole = pool.in_strata_of(pool, _STEPS)
        everybody = whole.everybody()
        for core in _together(whole, everybody, cores):
            group = _found(whole, everybody, halves, _with_sure_ones(whole, everybody, core))
            groups += [group] if stands_out(group.met, group.score) else []
        whole.let_go()
    for half in halves:
        half.pool.let_go()
    return groups


def _found(whole: Pool, everybody: Everybody, halves: Sequence[_Half], members: np.ndarray) -> Group:
    """What both halves say of accounts together."""
    met = _sum([half.meetings(members) for half in halves])
    certain = members[gains_beside_others(whole, everybody, members)[members] > _CERTAIN]
    reached = float(score(met.observed, met.expected))
    return Group(members, certain, met, reached, whole.tracks_of(members))


@dataclass(frozen=True)
class _Half:
    """Accounts whose tracks are as popular as the other half has them."""

    inside: np.ndarray
    pool: Pool
    everybody: Everybody

    def meetings(self, accounts: np.ndarray) -> Meetings:
        """Of those of the accounts that are in this half."""
        here = np.flatnonzero(np.isin(self.inside, accounts))
        return self.everybody.meetings(self.pool, here)


def _parted(pool: Pool, drawn: np.ndarray) -> list[_Half]:
    """Those who were drawn, and the others."""
    inside = [np.flatnonzero(drawn), np.flatnonzero(~drawn)]
    bare = [pool.of_accounts(accounts) for accounts in inside]
    judged = [one.in_strata_of(other, _STEPS) for one, other in zip(bare, reversed(bare), strict=True)]
    for one in bare:
        one.let_go()
    return [_Half(who, half, half.everybody()) for who, half in zip(inside, judged, strict=True)]


def _sum(met: Sequence[Meetings]) -> Meetings:
    return Meetings(sum(m.observed for m in met), sum(m.expected for m in met), sum(m.least for m in met))


def _together(pool: Pool, everybody: Everybody, cores: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cores of one group as one: those that also leave to each other what they would have met."""
    joined: list[np.ndarray] = []
    for core in cores:
        for number, other in enumerate(joined):
            both = np.union1d(core, other)
            apart = _scored(pool, everybody, core) + _scored(pool, everybody, other)
            if _scored(pool, everybody, both) > apart + np.log(pool.accounts):
                joined[number] = both
                break
        else:
            joined.append(core)
    return joined


def _scored(pool: Pool, everybody: Everybody, core: np.ndarray) -> float:
    met = everybody.meetings(pool, core)
    return float(score(met.observed, met.expected))


def _with_sure_ones(pool: Pool, everybody: Everybody, core: np.ndarray) -> np.ndarray:
    """A core without those whom all plays speak for, and with those whom they speak against."""
    gains = gains_by(pool, everybody, core)
    more = np.setdiff1d(np.flatnonzero(gains > np.log(pool.accounts / len(core)) + _SURE), core)
    kept = core[gains[core] > 0]
    return np.union1d(kept, more) if len(more) <= len(core) else kept
