"""Groups that share out a catalogue: found by peeling, sharpened by likelihood, and told from chance.

A group's score is a log-likelihood ratio over all pairs of its accounts: how much better what was observed
fits accounts that leave nine of ten meetings to each other than accounts that do not know of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lockgroove.guard.coincidence import Everybody, Meetings, Pool
from lockgroove.guard.peeling import peel

_LEFT = 0.1  # of the meetings, between those who share out
_ACCOUNTS_MIN = 10
_ROUNDS_MAX = 20
_SHUFFLES = 3
_SCORE_MIN = 200.0  # natural logarithms
_TIMES_CHANCE = 4.0  # what shuffled pools reach
RATIO_MAX = 0.3
# Natural logarithms that an account's own meetings must weigh, above the odds of being there by chance.
_SURE = 1.0
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

    def named(self, names: np.ndarray) -> Group:
        """The same with other numbers for the accounts."""
        return replace(self, members=names[self.members], certain=names[self.certain])


def find_groups(pool: Pool, rng: np.random.Generator, groups_max: int = 10) -> list[Group]:
    """All groups that stand out, the clearest first; each found with those before left out."""
    by_chance = max(_best_by_chance(pool, rng) for _ in range(_SHUFFLES))
    found: list[Group] = []
    names, rest = np.arange(pool.accounts), pool
    while len(found) < groups_max and len(names) > 2 * _ACCOUNTS_MIN:
        everybody = rest.everybody()
        core, reached = _best(rest, everybody)
        if len(core) < _ACCOUNTS_MIN or reached < max(_SCORE_MIN, _TIMES_CHANCE * by_chance):
            break
        found.append(_group(rest, everybody, core, reached, names))
        stay = np.setdiff1d(np.arange(rest.accounts), core)
        smaller = rest.of_accounts(stay)
        if rest is not pool:
            rest.let_go()
        rest, names = smaller, names[stay]
    if rest is not pool:
        rest.let_go()
    return found


def _best_by_chance(pool: Pool, rng: np.random.Generator) -> float:
    """The score of the best core where who meets whom is chance alone."""
    dealt = pool.shuffled(rng)
    reached = _best(dealt, dealt.everybody())[1]
    dealt.let_go()
    return reached


def _group(pool: Pool, everybody: Everybody, core: np.ndarray, reached: float, names: np.ndarray) -> Group:
    """A core as a group, of those accounts whose own meetings say so."""
    gains, odds = gains_beside_others(pool, everybody, core)[core], _odds(pool, core)
    met = everybody.meetings(pool, core)
    sure, certain = gains > odds + _SURE, gains > odds + _CERTAIN
    return Group(names[core[sure]], names[core[certain]], met, reached, pool.tracks_of(core))


def stands_out(met: Meetings, reached: float) -> bool:
    """Whether so few meetings are a group's."""
    return met.ratio <= RATIO_MAX and reached >= _SCORE_MIN


def _best(pool: Pool, everybody: Everybody) -> tuple[np.ndarray, float]:
    """The core of a peel with the highest score, sharpened."""
    peeled = peel(pool, everybody)
    scores = score(peeled.observed, peeled.expected)
    scores[(peeled.left < _ACCOUNTS_MIN) | (peeled.ratio > RATIO_MAX)] = -np.inf
    if not len(scores) or not np.isfinite(scores).any():
        return np.arange(0), 0.0
    core = np.sort(peeled.core(int(peeled.left[int(np.argmax(scores))])))
    return _sharpened(pool, everybody, core)


def _sharpened(pool: Pool, everybody: Everybody, core: np.ndarray) -> tuple[np.ndarray, float]:
    """Take in whom the core's score gains by and let go of whom it loses by, as long as the score rises."""

    def scored(accounts: np.ndarray) -> float:
        met = everybody.meetings(pool, accounts)
        return float(score(met.observed, met.expected))

    best, best_score = core, scored(core)
    for _ in range(_ROUNDS_MAX):
        # Each of those outside is one of many that could be there by chance.
        wanted = np.where(_inside(pool, best), 0.0, np.log(pool.accounts))
        core = np.flatnonzero(gains_by(pool, everybody, best) > wanted)
        if len(core) < _ACCOUNTS_MIN or np.array_equal(core, best):
            break
        reached = scored(core)
        if reached <= best_score:
            break
        best, best_score = core, reached
    return best, best_score


def _odds(pool: Pool, core: np.ndarray) -> float:
    """The odds against standing in such a core by chance, as a logarithm."""
    return float(np.log(max(1, pool.accounts - len(core)) / len(core)))


def gains_by(pool: Pool, everybody: Everybody, core: np.ndarray) -> np.ndarray:
    """For each account, what its meetings with the core say for its being one of them: natural logarithms."""
    gains: np.ndarray = score(*_with_core(pool, everybody, _inside(pool, core)))
    return gains


def gains_beside_others(pool: Pool, everybody: Everybody, core: np.ndarray) -> np.ndarray:
    """The same, measured by what those outside meet of the core.

    Who leaves tracks to each other has each of them once, where people have the same ones again and again. So
    people meet such a core less often than each other, and one who plays much would look like one of them.
    """
    inside = _inside(pool, core)
    met, should = _with_core(pool, everybody, inside)
    usual = min(1.0, float(met[~inside].sum()) / max(1e-9, float(should[~inside].sum())))
    gains: np.ndarray = score(met, usual * should)
    return gains


def _with_core(pool: Pool, everybody: Everybody, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each account met those inside, itself left out, and how often it should."""
    met = pool.met_with(np.flatnonzero(inside)) - np.where(inside, everybody.had.sum(1), 0)
    return met, everybody.expected(inside)


def _inside(pool: Pool, core: np.ndarray) -> np.ndarray:
    inside = np.zeros(pool.accounts, bool)
    inside[core] = True
    return inside


def score(observed: Any, expected: Any) -> Any:
    """How much better accounts that leave most meetings to each other fit, than accounts that do not."""
    return (1 - _LEFT) * expected + np.log(_LEFT) * observed
