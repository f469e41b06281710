"""Groups that share out a catalogue are found, and people who merely differ are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logbook import START_MS, Town, town

from lockgroove.guard.coincidence import Everybody, Pairs
from lockgroove.guard.groups import find_groups, gains_beside_others, gains_by, score
from lockgroove.guard.halves import groups_by_halves
from lockgroove.guard.peeling import peel
from lockgroove.guard.trial import Habits, listen

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=60)


def strata(made: Town) -> np.ndarray:
    """Popularity as the world has it."""
    return np.searchsorted(np.array([10, 50, 200, 1000, 5000, 20000]), made.world.rank).astype(np.int64)


def played(made: Town, avoids: float, count: int, seed: int = 9) -> None:
    habits = Habits.of_people(count, made.rng).but(radio=0, avoids=avoids)
    made.add("group", listen(made.world, habits, made.days, seed, START_MS), count)


def pairs_of(made: Town) -> tuple[Pairs, np.ndarray]:
    rows = made.rows()
    chosen = rows[rows["origin"] == 1]
    accounts, numbers = np.unique(chosen["account"], return_inverse=True)
    kinds = np.array([made.truth[int(account)] for account in accounts])
    return Pairs.of(numbers, chosen["track"].astype(np.int64) - 1, strata(made)), kinds


@given(PAIRS)
def test_meetings_are_counted_as_one_would_by_hand(told: list[tuple[int, int]]) -> None:
    account, track = np.array(told, np.int64).reshape(-1, 2).T
    pairs = Pairs.of(account, track, np.zeros(8, np.int64))
    everyone = np.arange(pairs.accounts)
    had = {a: {t for b, t in told if a == b} for a in account.tolist()}
    by_hand = sum(len(had[a] & had[b]) for a in had for b in had if a < b)

    met = Everybody.of(pairs).meetings(pairs, everyone)

    assert met.observed == by_hand
    assert met.expected == pytest.approx(by_hand)  # everybody is what everybody expects


def test_of_everybody_chance_is_what_was_observed() -> None:
    pairs, _ = pairs_of(town(people=200, days=3))

    had = pairs.by_stratum()
    of_two = (had.sum(0) ** 2 - (had**2).sum(0)) / 2
    plays = np.bincount(pairs.track)

    assert of_two @ Everybody.of(pairs).chance() == pytest.approx((plays * (plays - 1.0)).sum() / 2, rel=0.05)


def test_a_group_that_shares_out_is_found_among_people() -> None:
    made = town(people=1000, days=7)
    played(made, avoids=1.0, count=80)
    pairs, kinds = pairs_of(made)

    groups = find_groups(pairs, made.rng)

    assert len(groups) == 1
    members = kinds[groups[0].members]
    assert (members == "group").mean() >= 0.95
    assert (members == "group").sum() >= 40
    assert set(kinds[groups[0].certain].tolist()) == {"group"}
    assert groups[0].met.ratio < 0.2


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_large_group_is_found_on_its_first_day_and_nobody_else_is_certain(seed: int) -> None:
    """What is left of a peel is measured as groups are: the score stands at the group, not beyond it."""
    made = town(people=1000, days=1, seed=seed)
    played(made, avoids=1.0, count=250, seed=seed)
    pairs, kinds = pairs_of(made)

    peeled = peel(pairs, Everybody.of(pairs))
    (group,) = find_groups(pairs, made.rng)

    left = peeled.core(int(peeled.left[np.argmax(score(peeled.observed, peeled.expected))]))
    met = Everybody.of(pairs).meetings(pairs, np.sort(left))
    place = int(np.flatnonzero(peeled.left == len(left))[0])
    assert (met.observed, met.expected) == pytest.approx((peeled.observed[place], peeled.expected[place]))
    assert (kinds[left] == "group").mean() > 0.7
    assert (kinds[group.members] == "group").mean() >= 0.9
    assert set(kinds[group.certain].tolist()) <= {"group"}


def test_whoever_plays_much_is_measured_by_what_others_meet_of_the_core() -> None:
    """People meet those who have each track once less often than each other: that alone speaks for nobody."""
    made = town(people=1000, days=1)
    played(made, avoids=1.0, count=250)
    pairs, kinds = pairs_of(made)
    everybody, group = Everybody.of(pairs), np.flatnonzero(kinds == "group")

    plain, beside = gains_by(pairs, everybody, group), gains_beside_others(pairs, everybody, group)

    wrong, wrong_beside = (int((gains[kinds == "person"] > 1).sum()) for gains in (plain, beside))
    assert (beside <= plain).all()
    assert wrong_beside * 2 < wrong
    assert (beside[group] > 1).mean() > 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_group_is_found_among_people_alone(seed: int) -> None:
    made = town(people=600, days=7, seed=seed)
    pairs, _ = pairs_of(made)

    assert find_groups(pairs, made.rng) == []


def test_people_who_like_the_same_are_no_group_that_shares_out() -> None:
    made = town(people=600, days=5)
    played(made, avoids=0.0, count=60)
    pairs, _ = pairs_of(made)

    assert find_groups(pairs, made.rng) == []


def test_where_popularity_is_known_from_the_log_alone_halves_find_the_group() -> None:
    made = town(people=1500, days=10)
    played(made, avoids=1.0, count=120)
    rows = made.rows()
    chosen = rows[rows["origin"] == 1]
    accounts, numbers = np.unique(chosen["account"], return_inverse=True)
    kinds = np.array([made.truth[int(account)] for account in accounts])

    groups = groups_by_halves(numbers, chosen["track"].astype(np.int64) - 1, made.world.count, made.rng)

    assert len(groups) == 1
    assert (kinds[groups[0].members] == "group").mean() >= 0.95
    assert (kinds[groups[0].members] == "group").sum() >= 40


def test_a_shuffled_pool_has_the_same_plays_in_every_stratum() -> None:
    pairs, _ = pairs_of(town(people=100, days=2))

    dealt = pairs.shuffled(np.random.default_rng(1))

    assert (dealt.by_stratum() == pairs.by_stratum()).all()
    assert sorted(dealt.track.tolist()) == sorted(pairs.track.tolist())


@given(PAIRS)
def test_a_peel_drops_everybody_once(told: list[tuple[int, int]]) -> None:
    account, track = np.array(told, np.int64).reshape(-1, 2).T
    pairs = Pairs.of(account, track, np.zeros(8, np.int64))

    assert sorted(peel(pairs, Everybody.of(pairs)).order.tolist()) == list(range(pairs.accounts))


def test_whoever_leaves_a_core_its_tracks_gains_and_whoever_meets_it_loses() -> None:
    made = town(people=400, days=7)
    played(made, avoids=1.0, count=60)
    pairs, kinds = pairs_of(made)
    group = np.flatnonzero(kinds == "group")

    gains = gains_by(pairs, Everybody.of(pairs), group[:40])

    assert np.median(gains[group[40:]]) > 0 > np.median(gains[kinds == "person"])
