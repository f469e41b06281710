"""Groups in a log of which nothing else is known: how popular tracks are is then learnt from other accounts.

A track that a group shares out has few plays because it was shared out: whoever takes popularity from the
same plays that are judged finds nothing missing. So accounts are parted in two at random. Each half is judged
by how often the other played what it played, and what is found in both is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgroove.guard.coincidence import Everybody, Meetings, Pairs
from lockgroove.guard.groups import Group, find_groups, gains_by, score, stands_out

# How many accounts of the other half had a track: each step is a stratum.
_STEPS = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987])
_SURE = 6.0  # to join what was found without one
_CERTAIN = 12.0


def groups_by_halves(
    account: np.ndarray, track: np.ndarray, tracks: int, rng: np.random.Generator
) -> list[Group]:
    """Groups among accounts, by the numbers that `account` has for them; pairs may be told more than once."""
    whole = Pairs.of(account, track, np.zeros(tracks, np.int64))
    whole = _stratified(whole, np.bincount(whole.track, minlength=tracks))
    names = np.unique(account)
    drawn = rng.random(whole.accounts) < 0.5
    halves = [_Half.of(whole, judged) for judged in (drawn, ~drawn)]
    cores = [
        half.inside[g.members] for half in halves for g in find_groups(half.pairs, rng) if len(g.members)
    ]
    everybody = Everybody.of(whole)
    groups = []
    for core in _together(whole, everybody, cores):
        members = _with_sure_ones(whole, everybody, core)
        met = _sum([half.meetings(members) for half in halves])
        reached, had = float(score(met.observed, met.expected)), whole.of_accounts(members).track
        if stands_out(met, reached):
            certain = members[gains_by(whole, everybody, members)[members] > _CERTAIN]
            groups.append(Group(names[members], names[certain], met, reached, len(np.unique(had))))
    return groups


@dataclass(frozen=True)
class _Half:
    """Accounts whose tracks are as popular as the other half has them."""

    inside: np.ndarray
    pairs: Pairs
    everybody: Everybody

    @staticmethod
    def of(whole: Pairs, judged: np.ndarray) -> _Half:
        inside = np.flatnonzero(judged)
        others = whole.of_accounts(np.flatnonzero(~judged))
        pairs = _stratified(
            whole.of_accounts(inside), np.bincount(others.track, minlength=len(whole.stratum))
        )
        return _Half(inside, pairs, Everybody.of(pairs))

    def meetings(self, accounts: np.ndarray) -> Meetings:
        """Of those of the accounts that are in this half."""
        here = np.flatnonzero(np.isin(self.inside, accounts))
        return self.everybody.meetings(self.pairs.of_accounts(here), here)


def _sum(met: Sequence[Meetings]) -> Meetings:
    return Meetings(sum(m.observed for m in met), sum(m.expected for m in met), sum(m.least for m in met))


def _stratified(pairs: Pairs, heard: np.ndarray) -> Pairs:
    return Pairs(pairs.account, pairs.track, pairs.starts, np.searchsorted(_STEPS, heard, side="right"))


def _together(pairs: Pairs, everybody: Everybody, cores: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cores of one group as one: those that also leave to each other what they would have met."""
    joined: list[np.ndarray] = []
    for core in cores:
        for number, other in enumerate(joined):
            both = np.union1d(core, other)
            apart = _scored(pairs, everybody, core) + _scored(pairs, everybody, other)
            if _scored(pairs, everybody, both) > apart + np.log(pairs.accounts):
                joined[number] = both
                break
        else:
            joined.append(core)
    return joined


def _scored(pairs: Pairs, everybody: Everybody, core: np.ndarray) -> float:
    met = everybody.meetings(pairs.of_accounts(core), core)
    return float(score(met.observed, met.expected))


def _with_sure_ones(pairs: Pairs, everybody: Everybody, core: np.ndarray) -> np.ndarray:
    """A core without those whom all plays speak for, and with those whom they speak against."""
    gains = gains_by(pairs, everybody, core)
    more = np.setdiff1d(np.flatnonzero(gains > np.log(pairs.accounts / len(core)) + _SURE), core)
    kept = core[gains[core] > 0]
    return np.union1d(kept, more) if len(more) <= len(core) else kept
