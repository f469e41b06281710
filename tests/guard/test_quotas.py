"""Quotas: a whole one at once, then as it comes back; nothing is taken where one is used up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.errors import UsageError
from lockgroove.guard.quotas import Counted, Quota, Quotas, read_limits

TEN_A_MINUTE = {Counted.REQUESTS: Quota(10, 60)}


def test_a_whole_quota_may_be_taken_at_once_and_comes_back_evenly() -> None:
    quotas = Quotas()

    taken = [quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, 1000.0) for _ in range(11)]
    later = quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, 1006.1)

    assert taken[:10] == [None] * 10
    assert taken[10] is not None
    assert taken[10].wait_s == pytest.approx(6, abs=0.1)
    assert later is None


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200), st.integers(1, 20))
def test_never_more_than_twice_the_quota_in_its_time(gaps: list[float], amount: int) -> None:
    """GCRA's bound: what may be taken at once, and what comes back meanwhile."""
    quotas, now, taken = Quotas(), 1000.0, []
    limits = {Counted.FRESH: Quota(amount, 60)}

    for gap in gaps:
        now += gap
        if quotas.take([(1, limits)], {Counted.FRESH: 1}, now) is None:
            taken.append(now)

    assert all(sum(at <= one <= at + 60 for one in taken) <= 2 * amount + 1 for at in taken)


def test_where_one_subject_is_over_nothing_is_taken_from_the_other() -> None:
    quotas = Quotas()
    one, other = (1, {Counted.BYTES: Quota(100, 60)}), (2, {Counted.BYTES: Quota(1000, 60)})
    quotas.take([one], {Counted.BYTES: 100}, 5.0)

    over = [quotas.take([one, other], {Counted.BYTES: 50}, 5.0) for _ in range(30)]

    assert all(found is not None and found.subject == 0 for found in over)
    assert quotas.take([other], {Counted.BYTES: 1000}, 5.0) is None


def test_what_costs_more_than_the_whole_quota_is_given_to_who_owes_nothing() -> None:
    quotas, limits = Quotas(), {Counted.BYTES: Quota(100, 60)}

    first = quotas.take([(1, limits)], {Counted.BYTES: 500}, 5.0)
    second = quotas.take([(1, limits)], {Counted.BYTES: 1}, 200.0)

    assert first is None
    assert second is not None, "five quotas were taken, and two and a half times their time have passed"


def test_who_owes_nothing_is_forgotten_when_room_is_needed() -> None:
    quotas = Quotas(subjects_max=1 << 13)

    for number in range(1, 100_000):
        quotas.take([(number * 0x9E3779B97F4A7C15 % 2**63, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, number / 10)

    assert quotas.subjects < 1 << 13


def test_quotas_survive_being_saved() -> None:
    quotas, again = Quotas(), Quotas()
    for _ in range(10):
        quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, 1000.0)

    again.restore(quotas.saved())

    assert again.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, 1000.0) is not None


def test_an_operator_writes_quotas_in_words() -> None:
    written = {"requests": "1_200/minute", "bytes": "50 GB/day", "new": "500 a day", "share": "1 %/month"}

    limits = read_limits(written, 256_000_000, "here")

    assert limits[Counted.BYTES] == Quota(50e9, 86_400)
    assert limits[Counted.SHARE].amount == 2_560_000
    assert read_limits({"new": "off"}, 10, "here") == {}
    assert read_limits({"share": "1 %/month"}, 10, "here")[Counted.SHARE].amount == 5_000


@pytest.mark.parametrize(
    "written", [{"new": "many"}, {"new": "0/day"}, {"new": 5}, {"new": "5/fortnight"}, {"old": "5/day"}]
)
def test_what_is_no_quota_is_refused_with_what_would_be(written: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        read_limits(written, 10, "here")


@pytest.mark.parametrize("leap_s", [-1e6, 3e7, 1e9])
def test_a_clock_that_leaps_does_not_lock_anybody_out(leap_s: float) -> None:
    quotas = Quotas()
    for second in range(1000):
        quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, 1e9 + second)

    there = 1e9 + leap_s
    quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, there)

    assert quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, there + 9 * 60) is None
    assert quotas.take([(7, TEN_A_MINUTE)], {Counted.REQUESTS: 1}, 1e9 + 2000 + 9 * 60) is None
