"""Accounts that are shared, that change, that are left again and again, and programs that fill a phone."""

from __future__ import annotations

import numpy as np
import pytest

from lockgroove.guard.events import Context
from lockgroove.guard.trial import (
    Habits,
    Played,
    World,
    followed,
    in_order,
    interrupted,
    listen,
    make_world,
    rotated,
    shared,
    synced,
)

START_MS = 20_000 * 86_400_000


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(10_000, 1)


@pytest.fixture(scope="module")
def played(world: World) -> Played:
    return listen(world, Habits.of_people(8, np.random.default_rng(1)), 2, 1, START_MS)


def in_time(played: Played) -> bool:
    """Each account's plays stand together, in order of time."""
    same = np.diff(played.account) == 0
    return bool((np.diff(played.account) >= 0).all() and (np.diff(played.ts_ms)[same] >= 0).all())


def test_an_account_that_is_shared_has_the_plays_of_all(played: Played) -> None:
    family = shared(played, 4)

    assert np.unique(family.account).tolist() == [0, 1]
    assert sorted(family.track.tolist()) == sorted(played.track.tolist())
    assert in_time(family)


def test_whoever_changes_does_both_one_after_the_other(world: World, played: Played) -> None:
    later = in_order(world, 8, 60, 1, START_MS + 5 * 86_400_000)

    both = followed(played, later)

    assert len(both.track) == len(played.track) + len(later.track)
    assert in_time(both)


def test_an_interruption_is_a_track_the_account_had_before(played: Played) -> None:
    broken = interrupted(played, 3, np.random.default_rng(2))

    changed = np.flatnonzero(broken.track != played.track)

    assert 0.2 < len(changed) / len(played.track) < 0.34
    for place in changed.tolist():
        before = (played.account == played.account[place]) & (np.arange(len(played.track)) < place)
        assert broken.track[place] in played.track[before]


def test_whoever_rotates_is_somebody_new_after_so_many_plays(played: Played) -> None:
    new = rotated(played, 10)

    assert np.bincount(new.account).max() == 10
    assert in_time(new)


@pytest.mark.parametrize("in_order_too", [False, True])
def test_a_shelf_is_fetched_once_from_its_albums(world: World, in_order_too: bool) -> None:
    shelf = synced(world, 5, 3, START_MS, np.random.default_rng(3), in_order_too)

    assert np.bincount(shelf.account).tolist() == [50, 50, 50]
    assert len(np.unique(shelf.track[shelf.account == 0])) == 50
    assert set(shelf.context.tolist()) == {Context.ALBUM}
    assert in_time(shelf)
    if in_order_too:
        assert set(np.diff(shelf.track[shelf.account == 0]).tolist()) == {1}
