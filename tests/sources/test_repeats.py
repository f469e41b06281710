"""Ids that come again with something else to say, over any number of runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources import repeats
from lockgroove.sources.repeats import Repeats


def repeated(seen: list[tuple[int, int]]) -> int:
    told = Repeats()
    found = [place for key, stamp in seen for place in told.saw(hash(("kind", key)), stamp, "")]
    return len(found) + len(told.settle())


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60), st.integers(1, 8))
def test_it_is_told_whenever_an_id_says_something_else_than_at_first(
    seen: list[tuple[int, int]], waiting: int
) -> None:
    first: dict[int, int] = {}
    differs = {key for key, stamp in seen if first.setdefault(key, stamp) != stamp}
    before, repeats._WAITING_MAX = repeats._WAITING_MAX, waiting

    try:
        found = repeated(seen)
    finally:
        repeats._WAITING_MAX = before

    assert (found > 0) == bool(differs)
    assert found >= len(differs)


def test_different_ids_are_not_the_same_over_many_runs() -> None:
    assert repeated([(n, n * 7919) for n in range(300_000)]) == 0


def test_one_of_many_is_found_long_after() -> None:
    seen = [(n, 1) for n in range(200_000)]

    assert repeated([*seen, (5, 2), (199_999, 2), (7, 1)]) == 2
