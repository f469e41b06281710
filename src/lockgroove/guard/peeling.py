"""Finds accounts that share out a catalogue, where nothing else connects them.

Peel (as Charikar, 2000, for dense subgraphs): drop again and again those who meet the rest most often for
their plays. Who is left at the end met least; whether too seldom, the same peel of a shuffled pool tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgroove.guard.coincidence import Pairs, chance_of_meeting

_DROPPED_AT_ONCE = 0.01


@dataclass(frozen=True)
class Peel:
    """The accounts in the order in which they were dropped.

    For each round: how many were `left`, and what was `observed` and `expected` of them then.
    """

    order: np.ndarray
    left: np.ndarray
    observed: np.ndarray
    expected: np.ndarray

    def core(self, count: int) -> np.ndarray:
        """The last so many accounts."""
        return self.order[len(self.order) - count :]

    @property
    def ratio(self) -> np.ndarray:
        """Observed over expected, for each round."""
        found: np.ndarray = self.observed / np.maximum(self.expected, 1e-9)
        return found


def peel(pairs: Pairs) -> Peel:
    """Drop all accounts but two, one in a hundred at once. It takes some hundred passes over the pairs."""
    chance = chance_of_meeting(pairs)
    had = pairs.by_stratum()
    names = np.arange(pairs.accounts)
    dropped, left, observed, expected = [], [], [], []
    while len(names) > 2:
        met = _met(pairs)
        should = (had[names] * (had[names].sum(0) - had[names])) @ chance
        left.append(len(names))
        observed.append(met.sum() / 2)
        expected.append(should.sum() / 2)
        many = max(1, int(len(names) * _DROPPED_AT_ONCE))
        order = np.argsort(-(met + 0.5) / (should + 0.5), kind="stable")
        dropped.append(names[order[:many]])
        stay = np.sort(order[many:])
        pairs, names = pairs.of_accounts(stay), names[stay]
    return Peel(np.concatenate([*dropped, names]), np.array(left), np.array(observed), np.array(expected))


def _met(pairs: Pairs) -> np.ndarray:
    """How often each account met the others."""
    plays = np.bincount(pairs.track, minlength=1)
    met: np.ndarray = np.bincount(pairs.account, plays[pairs.track] - 1.0, pairs.accounts)
    return met


def shuffled(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """The same plays dealt out anew within each stratum: who meets whom is chance alone."""
    stratum = pairs.stratum[pairs.track]
    order = np.argsort(stratum, kind="stable")
    ends = np.cumsum(np.bincount(stratum, minlength=pairs.strata))
    track = pairs.track.copy()
    for first, last in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        places = order[first:last]
        track[places] = rng.permutation(pairs.track[places])
    return Pairs(pairs.account, track, pairs.starts, pairs.stratum)
