"""Missing coincidences: accounts that leave to each other what each of them would have met.

People who listen for themselves meet on popular tracks as often as chance has it, or more often, since they
share tastes. Accounts that share out a catalogue meet too seldom. Expected coincidences follow from how
often everybody meets in each stratum of tracks; the *safe* number is the least that independent accounts
can expect whatever their tastes (Cauchy and Schwarz: the sum of squared probabilities over n tracks is at
least 1/n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """Which account had which track: two arrays of numbers, each pair once, in the order of accounts.

    `starts` has where each account's pairs begin, and the end; `stratum` has the stratum of each track.
    """

    account: np.ndarray
    track: np.ndarray
    starts: np.ndarray
    stratum: np.ndarray

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
        return int(self.stratum.max(initial=0)) + 1

    def of_accounts(self, wanted: np.ndarray) -> Pairs:
        """The pairs of these accounts alone, which are numbered anew in the order given."""
        sizes = self.starts[wanted + 1] - self.starts[wanted]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        number = np.repeat(np.arange(len(wanted), dtype=np.int32), sizes)
        places = np.arange(starts[-1]) - starts[number] + self.starts[wanted][number]
        return Pairs(number, self.track[places], starts, self.stratum)

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
        sizes = np.bincount(pairs.stratum, minlength=pairs.strata)
        return Everybody(met.reshape(pairs.accounts, pairs.strata), pairs.by_stratum(), np.maximum(sizes, 1))

    def expected(self, inside: np.ndarray) -> np.ndarray:
        """How often each account should meet those that are `inside` (a boolean each), itself left out."""
        of_group = self.had[inside].sum(0)
        others = np.maximum(self.had.sum(0) - self.had, 1)
        of_others = of_group - np.where(inside[:, None], self.had, 0)
        should: np.ndarray = (self.met * of_others / others).sum(1)
        return should

    def meetings(self, group: Pairs, names: np.ndarray) -> Meetings:
        """Of all pairs of accounts of a group, whose numbers here are `names`."""
        plays = np.bincount(group.track)
        inside = np.zeros(len(self.had), bool)
        inside[names] = True
        had = self.had[names]
        of_two = (had.sum(0) ** 2 - (had**2).sum(0)) / 2
        return Meetings(
            float((plays * (plays - 1.0)).sum() / 2),
            float(self.expected(inside)[names].sum() / 2),
            float((of_two / self.tracks).sum()),
        )


def chance_of_meeting(everybody: Pairs) -> np.ndarray:
    """For each stratum, how likely two plays of two accounts are of one track; unbiased."""
    plays = np.bincount(everybody.track, minlength=len(everybody.stratum)).astype(np.float64)
    together = np.bincount(everybody.stratum, plays * (plays - 1), everybody.strata)
    total = np.bincount(everybody.stratum, plays, everybody.strata)
    chances: np.ndarray = together / np.maximum(total * (total - 1), 1)
    return chances
