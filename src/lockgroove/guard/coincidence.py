"""Missing coincidences: accounts that leave to each other what each of them would have met.

People who listen for themselves meet on popular tracks as often as chance has it, or more often, since they
share tastes. Accounts that share out a catalogue meet too seldom. Expected coincidences follow from how
often everybody meets in each stratum of tracks; the *safe* number is the least that independent accounts
can expect whatever their tastes (Cauchy and Schwarz: the sum of squared probabilities over n tracks is at
least 1/n).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Pool(Protocol):
    """Which account had which track, wherever that is kept: all that the search for groups asks of it.

    Accounts have numbers from 0 on. An array of accounts names them by these numbers, in rising order.
    """

    @property
    def accounts(self) -> int:
        """How many accounts there are."""

    def everybody(self) -> Everybody:
        """How often each account meets everybody else."""

    def met_with(self, group: np.ndarray) -> np.ndarray:
        """For each account, how many of the group had its tracks, added up; it meets itself as well."""

    def tracks_of(self, group: np.ndarray) -> int:
        """How many tracks the accounts of a group had between them."""

    def of_accounts(self, wanted: np.ndarray) -> Pool:
        """The pairs of these accounts alone, which are numbered anew."""

    def in_strata_of(self, other: Pool, steps: np.ndarray) -> Pool:
        """The same pairs, with strata by how many accounts of another pool had a track; each step is one."""

    def shuffled(self, rng: np.random.Generator) -> Pool:
        """The same plays dealt out anew within each stratum: who meets whom is chance alone."""

    def let_go(self) -> None:
        """Give back what it takes; nothing is asked of it any more. Harmless to repeat."""


@dataclass(frozen=True)
class Pairs:
    """A pool in memory: two arrays of numbers, each pair once, in the order of accounts.

    `starts` has where each account's pairs begin, and the end; `stratum` has the stratum of each track.
    `sizes` has how many tracks each stratum has, where `stratum` does not know all of them.
    """

    account: np.ndarray
    track: np.ndarray
    starts: np.ndarray
    stratum: np.ndarray
    sizes: np.ndarray | None = None

    @staticmethod
    def of(account: np.ndarray, track: np.ndarray, stratum: np.ndarray) -> Pairs:
        """From plays in any order, told once or more often. Accounts are numbered anew, in their order."""
        tracks = len(stratum)
        distinct = np.unique(account.astype(np.int64) * tracks + track)
        accounts, numbered = np.unique(distinct // tracks, return_inverse=True)
        starts = np.searchsorted(numbered, np.arange(len(accounts) + 1))
        return Pairs(numbered.astype(np.int32), (distinct % tracks).astype(np.int32), starts, stratum)

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return len(self.starts) - 1

    @property
    def strata(self) -> int:
        """How many strata there are."""
        return len(self.sizes) if self.sizes is not None else int(self.stratum.max(initial=0)) + 1

    def everybody(self) -> Everybody:
        """How often each account meets everybody else."""
        return Everybody.of(self)

    def met_with(self, group: np.ndarray) -> np.ndarray:
        """For each account, how many of the group had its tracks, added up; it meets itself as well."""
        plays = np.bincount(self.track[self._places(group)], minlength=len(self.stratum)).astype(np.float64)
        met: np.ndarray = np.bincount(self.account, plays[self.track], self.accounts)
        return met

    def tracks_of(self, group: np.ndarray) -> int:
        """How many tracks the accounts of a group had between them."""
        return len(np.unique(self.track[self._places(group)]))

    def _places(self, wanted: np.ndarray) -> np.ndarray:
        """Where the pairs of these accounts stand."""
        sizes = self.starts[wanted + 1] - self.starts[wanted]
        ends = np.cumsum(sizes)
        places: np.ndarray = np.arange(sizes.sum()) + np.repeat(self.starts[wanted] - (ends - sizes), sizes)
        return places

    def of_accounts(self, wanted: np.ndarray) -> Pairs:
        """The pairs of these accounts alone, which are numbered anew in the order given."""
        sizes = self.starts[wanted + 1] - self.starts[wanted]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        number = np.repeat(np.arange(len(wanted), dtype=np.int32), sizes)
        return Pairs(number, self.track[self._places(wanted)], starts, self.stratum, self.sizes)

    def in_strata_of(self, other: Pool, steps: np.ndarray) -> Pairs:
        """The same pairs, with strata by how many accounts of another pool of the same tracks had each."""
        assert isinstance(other, Pairs)
        heard = np.bincount(other.track, minlength=len(self.stratum))
        stratum = np.searchsorted(steps, heard, side="right")
        return Pairs(self.account, self.track, self.starts, stratum)

    def shuffled(self, rng: np.random.Generator) -> Pairs:
        """The same plays dealt out anew within each stratum: who meets whom is chance alone."""
        stratum = self.stratum[self.track]
        order = np.argsort(stratum, kind="stable")
        ends = np.cumsum(np.bincount(stratum, minlength=self.strata))
        track = self.track.copy()
        for first, last in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
            places = order[first:last]
            track[places] = rng.permutation(self.track[places])
        return Pairs(self.account, track, self.starts, self.stratum, self.sizes)

    def let_go(self) -> None:
        """Memory goes by itself."""

    def by_stratum(self) -> np.ndarray:
        """How many tracks of each stratum each account had."""
        cells = self.account.astype(np.int64) * self.strata + self.stratum[self.track]
        counts = np.bincount(cells, minlength=self.accounts * self.strata)
        return counts.reshape(self.accounts, self.strata).astype(np.float64)


@dataclass(frozen=True)
class Meetings:
    """How often the accounts of a group met, how often chance has it, and the least that chance can have."""

    observed: float
    expected: float
    least: float

    @property
    def ratio(self) -> float:
        """Observed over expected: about 1, or more, for people."""
        return self.observed / self.expected if self.expected > 0 else 1.0


@dataclass(frozen=True)
class Everybody:
    """How often each account meets everybody else, in each stratum; what a group is measured by.

    Whoever has what many have is expected to meet many: an account's own tracks say how often it should meet
    any part of all, by that part's share of what all others had in the stratum.
    """

    met: np.ndarray  # by account and stratum
    had: np.ndarray
    tracks: np.ndarray  # by stratum

    @staticmethod
    def of(pairs: Pairs) -> Everybody:
        """From all pairs that there are."""
        plays = np.bincount(pairs.track, minlength=len(pairs.stratum)).astype(np.float64)
        cells = pairs.account.astype(np.int64) * pairs.strata + pairs.stratum[pairs.track]
        met = np.bincount(cells, plays[pairs.track] - 1, pairs.accounts * pairs.strata)
        sizes = np.bincount(pairs.stratum, minlength=pairs.strata) if pairs.sizes is None else pairs.sizes
        return Everybody(met.reshape(pairs.accounts, pairs.strata), pairs.by_stratum(), np.maximum(sizes, 1))

    def expected(self, inside: np.ndarray) -> np.ndarray:
        """How often each account should meet those that are `inside` (a boolean each), itself left out."""
        of_group = self.had[inside].sum(0)
        others = np.maximum(self.had.sum(0) - self.had, 1)
        of_others = of_group - np.where(inside[:, None], self.had, 0)
        should: np.ndarray = (self.met * of_others / others).sum(1)
        return should

    def within(self, group: np.ndarray) -> float:
        """How often the accounts of a group should meet each other: what `meetings` tells, without a pool."""
        had = self.had[group]
        others = np.maximum(self.had.sum(0) - had, 1)
        return float((self.met[group] * (had.sum(0) - had) / others).sum() / 2)

    def chance(self) -> np.ndarray:
        """For each stratum, how likely two plays of two accounts are of one track; unbiased."""
        total = self.had.sum(0)
        chances: np.ndarray = self.met.sum(0) / np.maximum(total * (total - 1), 1)
        return chances

    def meetings(self, pool: Pool, group: np.ndarray) -> Meetings:
        """Of all pairs of accounts of a group."""
        had = self.had[group]
        of_two = (had.sum(0) ** 2 - (had**2).sum(0)) / 2
        return Meetings(
            float((pool.met_with(group)[group].sum() - had.sum()) / 2),
            self.within(group),
            float((of_two / self.tracks).sum()),
        )
