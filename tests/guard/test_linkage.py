"""Accounts that something connects: those that leave tracks to each other, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from lockgroove.guard.coincidence import Pairs
from lockgroove.guard.linkage import linked_groups
from lockgroove.guard.trial import Habits, World, listen, make_world

START_MS = 20_000 * 86_400_000
PEOPLE = 600


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(100_000, 3)


def pool_of(world: World, days: int, members: int, avoids: float, alike: bool = False) -> Pairs:
    rng = np.random.default_rng(5)
    crowd = listen(world, Habits.of_people(PEOPLE, rng).but(radio=0), days, 1, START_MS)
    habits = Habits.of_people(members, rng).but(radio=0, avoids=avoids)
    group = listen(world, habits, days, 2, START_MS)
    account = np.concatenate([crowd.account, group.account + PEOPLE])
    stratum = np.searchsorted(np.array([50, 200, 1000, 5000, 20_000]), world.rank, side="right")
    return Pairs.of(account, np.concatenate([crowd.track, group.track]), stratum.astype(np.int64))


def cohorts(pool: Pairs, members: int) -> dict[str, np.ndarray]:
    """Everybody in one of 20 weeks; the members in one of their own."""
    weeks = np.random.default_rng(7).integers(1, 21, pool.accounts)
    weeks[-members:] = 99
    return {"cohort": weeks, "network": np.zeros(pool.accounts, np.int64)}


def test_a_few_that_signed_up_together_are_told_where_nobody_could_find_them(world: World) -> None:
    pool = pool_of(world, 4, 30, avoids=1)

    groups = linked_groups(pool, cohorts(pool, 30))

    assert len(groups) == 1
    members = groups[0].members
    assert len(members) >= 15
    assert (members >= pool.accounts - 30).all()


def test_people_who_signed_up_together_are_none(world: World) -> None:
    pool = pool_of(world, 7, 30, avoids=0)

    assert linked_groups(pool, cohorts(pool, 30)) == []


def test_nobody_is_asked_where_nothing_connects(world: World) -> None:
    pool = pool_of(world, 2, 30, avoids=1)

    assert linked_groups(pool, {"cohort": np.zeros(pool.accounts, np.int64)}) == []
