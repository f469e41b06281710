"""A quota on what is new: what it lets pass, and that repeats stay free."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.guard.trial import NO_QUOTA, Played, Quota, granted, new_a_day

DAY_MS = 86_400_000
START_MS = 20_000 * DAY_MS
NEVER = np.full(10, 1 << 62)
IS_TAIL = np.arange(100) >= 50


def plays(*told: tuple[int, int, int]) -> Played:
    """Of (account, day, track), a minute apart."""
    rows = sorted(told, key=lambda one: one[:2])
    account, day, track = np.array(rows, np.int64).reshape(-1, 3).T
    at = START_MS + day * DAY_MS + np.arange(len(rows)) * 60_000
    nothing = np.zeros(len(rows), np.uint8)
    return Played(account, track, at, nothing, nothing, np.ones(len(rows)))


def test_beyond_the_quota_what_is_new_is_refused_and_repeats_are_free() -> None:
    played = plays((0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 1), (0, 0, 3), (1, 0, 3))

    passed = granted(played, IS_TAIL, Quota(2, 2), NO_QUOTA, NEVER)

    assert passed.tolist() == [True, True, False, True, False, True]


def test_what_was_refused_is_new_the_next_day() -> None:
    played = plays((0, 0, 1), (0, 0, 2), (0, 1, 2), (0, 1, 1), (0, 1, 3))

    passed = granted(played, IS_TAIL, Quota(1, 1), NO_QUOTA, NEVER)

    assert passed.tolist() == [True, False, True, True, False]


def test_the_tail_has_a_quota_of_its_own_which_leaves_the_head_free() -> None:
    played = plays((0, 0, 60), (0, 0, 61), (0, 0, 1), (0, 0, 2))

    passed = granted(played, IS_TAIL, Quota(3, 1), NO_QUOTA, NEVER)

    assert passed.tolist() == [True, False, True, True]


def test_whoever_is_slowed_down_is_so_from_then_on() -> None:
    played = plays((0, 0, 1), (0, 0, 2), (0, 1, 3), (0, 1, 4))
    since = np.full(10, START_MS + DAY_MS)

    assert granted(played, IS_TAIL, NO_QUOTA, Quota(1, 1), since).tolist() == [True, True, True, False]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 99)), min_size=1),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_nobody_ever_has_more_than_the_quota_on_a_day(
    told: list[tuple[int, int, int]], fresh: int, tail: int
) -> None:
    played = plays(*told)

    passed = granted(played, IS_TAIL, Quota(fresh, tail), NO_QUOTA, NEVER)

    had = Played(*(getattr(played, name)[passed] for name in Played.__dataclass_fields__))
    new, of_tail, _ = new_a_day(had, IS_TAIL)
    assert new.max(initial=0) <= fresh
    assert of_tail.max(initial=0) <= tail


def test_new_tracks_are_counted_on_the_day_of_their_first_play() -> None:
    played = plays((0, 0, 1), (0, 0, 60), (0, 1, 1), (0, 1, 61), (1, 0, 1))

    fresh, tail, _ = new_a_day(played, IS_TAIL)

    assert fresh.tolist() == [2, 1, 1]
    assert tail.tolist() == [1, 1, 0]
