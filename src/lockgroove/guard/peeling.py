"""Finds accounts that share out a catalogue, where nothing else connects them.

Peel (as Charikar, 2000, for dense subgraphs): drop again and again those who meet the rest most often for
their plays. Who is left at the end met least; whether too seldom, the same peel of a shuffled pool tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgroove.guard.coincidence import Everybody, Pool

_DROPPED_AT_ONCE = 0.01
_LEFT_TO_MOVE = 0.8  # of the accounts: below it, those who were dropped are taken out of the pool


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


def peel(pool: Pool, everybody: Everybody) -> Peel:
    """Drop all accounts but two, one in a hundred at once. It takes some hundred passes over the pairs."""
    chance, had, met = everybody.chance(), everybody.had, everybody.met.sum(1)
    rest = _Rest(pool, np.arange(pool.accounts))
    names = rest.numbers
    dropped, left, observed, expected = [], [], [], []
    while len(names) > 2:
        # Dropped by what chance says of anybody's plays: by their own meetings with everybody, those who meet
        # few would stay to the end. What is expected of those left goes by their own, as it does of a group.
        should = (had[names] * (had[names].sum(0) - had[names])) @ chance
        left.append(len(names))
        observed.append(met.sum() / 2)
        expected.append(everybody.within(names))
        many = max(1, int(len(names) * _DROPPED_AT_ONCE))
        order = np.argsort(-(met + 0.5) / (should + 0.5), kind="stable")
        dropped.append(names[order[:many]])
        stay = np.sort(order[many:])
        met = met[stay] - rest.drop(np.sort(order[:many]), stay)
        names = names[stay]
    rest.end()
    return Peel(np.concatenate([*dropped, names]), np.array(left), np.array(observed), np.array(expected))


@dataclass
class _Rest:
    """Who is left of a pool. Pairs of those who were dropped are moved out now and then, not every time."""

    pool: Pool
    numbers: np.ndarray  # there, of those who are left
    whole: bool = True

    def drop(self, who: np.ndarray, stay: np.ndarray) -> np.ndarray:
        """Drop some of those who are left; how often each of those who stay had met them."""
        met: np.ndarray = self.pool.met_with(self.numbers[who])[self.numbers[stay]]
        self.numbers = self.numbers[stay]
        if len(self.numbers) < _LEFT_TO_MOVE * self.pool.accounts:
            smaller = self.pool.of_accounts(self.numbers)
            self.end()
            self.pool, self.numbers, self.whole = smaller, np.arange(len(self.numbers)), False
        return met

    def end(self) -> None:
        """Let go of a pool that nobody else has."""
        if not self.whole:
            self.pool.let_go()
