"""Groups that share out a catalogue: found by peeling, sharpened by likelihood, and told from chance.

A group's score is a log-likelihood ratio over all pairs of its accounts: how much better what was observed
fits accounts that leave nine of ten meetings to each other than accounts that do not know of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lockgroove.guard.coincidence import Everybody, Meetings, Pairs
from lockgroove.guard.peeling import peel, shuffled

_LEFT = 0.1  # of the meetings, between those who share out
_ACCOUNTS_MIN = 10
_ROUNDS_MAX = 20
_SHUFFLES = 3
_SCORE_MIN = 200.0  # natural logarithms
_TIMES_CHANCE = 2.0  # what shuffled pools reach
_RATIO_MAX = 0.3
# Natural logarithms that an account's own meetings must weigh, above the odds of being there by chance.
_SURE = 4.0
_CERTAIN = 12.0


@dataclass(frozen=True)
class Group:
    """Accounts (by their number in the pairs) that met too seldom, and how seldom.

    Of `members` each one's own meetings say so; of `certain` ones more clearly than of one person in a
    hundred thousand.
    """

    members: np.ndarray
    certain: np.ndarray
    met: Meetings
    score: float
    tracks: int


def find_groups(pairs: Pairs, rng: np.random.Generator, groups_max: int = 10) -> list[Group]:
    """All groups that stand out, the clearest first; each found with those before left out."""
    by_chance = max(
        _best(dealt, Everybody.of(dealt))[1] for dealt in (shuffled(pairs, rng) for _ in range(_SHUFFLES))
    )
    found: list[Group] = []
    names = np.arange(pairs.accounts)
    while len(found) < groups_max and len(names) > 2 * _ACCOUNTS_MIN:
        everybody = Everybody.of(pairs)
        core, reached = _best(pairs, everybody)
        if len(core) < _ACCOUNTS_MIN or reached < max(_SCORE_MIN, _TIMES_CHANCE * by_chance):
            break
        gains = gains_by(pairs, everybody, core)[core]
        sure, certain = gains > _odds(pairs, core) + _SURE, gains > _odds(pairs, core) + _CERTAIN
        tracks = len(np.unique(pairs.of_accounts(core).track))
        met = everybody.meetings(pairs.of_accounts(core), core)
        found.append(Group(names[core[sure]], names[core[certain]], met, reached, tracks))
        stay = np.setdiff1d(np.arange(pairs.accounts), core)
        pairs, names = pairs.of_accounts(stay), names[stay]
    return found


def stands_out(met: Meetings, reached: float) -> bool:
    """Whether so few meetings are a group's."""
    return met.ratio <= _RATIO_MAX and reached >= _SCORE_MIN


def _best(pairs: Pairs, everybody: Everybody) -> tuple[np.ndarray, float]:
    """The core of a peel with the highest score, sharpened."""
    peeled = peel(pairs)
    scores = score(peeled.observed, peeled.expected)
    scores[(peeled.left < _ACCOUNTS_MIN) | (peeled.ratio > _RATIO_MAX)] = -np.inf
    if not len(scores) or not np.isfinite(scores).any():
        return np.arange(0), 0.0
    core = np.sort(peeled.core(int(peeled.left[int(np.argmax(scores))])))
    return _sharpened(pairs, everybody, core)


def _sharpened(pairs: Pairs, everybody: Everybody, core: np.ndarray) -> tuple[np.ndarray, float]:
    """Take in whom the core's score gains by and let go of whom it loses by, as long as the score rises."""

    def scored(accounts: np.ndarray) -> float:
        met = everybody.meetings(pairs.of_accounts(accounts), accounts)
        return float(score(met.observed, met.expected))

    best, best_score = core, scored(core)
    for _ in range(_ROUNDS_MAX):
        # Each of those outside is one of many that could be there by chance.
        wanted = np.where(_inside(pairs, best), 0.0, np.log(pairs.accounts))
        core = np.flatnonzero(gains_by(pairs, everybody, best) > wanted)
        if len(core) < _ACCOUNTS_MIN or np.array_equal(core, best):
            break
        reached = scored(core)
        if reached <= best_score:
            break
        best, best_score = core, reached
    return best, best_score


def _odds(pairs: Pairs, core: np.ndarray) -> float:
    """The odds against standing in such a core by chance, as a logarithm."""
    return float(np.log(max(1, pairs.accounts - len(core)) / len(core)))


def gains_by(pairs: Pairs, everybody: Everybody, core: np.ndarray) -> np.ndarray:
    """For each account, what its meetings with the core say for its being one of them: natural logarithms."""
    inside = _inside(pairs, core)
    plays = np.bincount(pairs.of_accounts(core).track, minlength=len(pairs.stratum)).astype(np.float64)
    met = np.bincount(pairs.account, plays[pairs.track], pairs.accounts)
    gains: np.ndarray = score(met - np.where(inside, np.diff(pairs.starts), 0), everybody.expected(inside))
    return gains


def _inside(pairs: Pairs, core: np.ndarray) -> np.ndarray:
    inside = np.zeros(pairs.accounts, bool)
    inside[core] = True
    return inside


def score(observed: Any, expected: Any) -> Any:
    """How much better accounts that leave most meetings to each other fit, than accounts that do not."""
    return (1 - _LEFT) * expected + np.log(_LEFT) * observed
