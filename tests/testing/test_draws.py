"""Draws by arithmetic: in range, spread as asked, and a function of seed, purpose and number alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.testing.generated.draws import Draws, Quantiles

NUMBERS = np.arange(200_000)


@given(st.integers(0, 2**63), st.integers(1, 2**32 - 1), st.lists(st.integers(0, 2**62), min_size=1))
def test_a_draw_is_below_its_limit_and_depends_on_its_own_number_alone(seed, limit, numbers):
    together = Draws(seed).below("x", np.array(numbers), limit)

    alone = [int(Draws(seed).below("x", np.array([number]), limit)[0]) for number in numbers]

    assert together.tolist() == alone
    assert all(0 <= value < limit for value in alone)


def test_seeds_and_purposes_draw_apart():
    draws = [Draws(seed).bits(purpose, NUMBERS) for seed, purpose in ((1, "a"), (2, "a"), (1, "b"))]

    assert all((one != other).all() for one in draws for other in draws if one is not other)


@given(st.floats(0, 1))
def test_what_happens_has_its_share(share):
    assert Draws(1).happens("x", NUMBERS, share).mean() == pytest.approx(share, abs=0.01)


def test_choices_have_their_weights():
    counts = np.bincount(Draws(1).choice("x", NUMBERS, (5, 0, 3, 2)), minlength=4)

    assert counts / len(NUMBERS) == pytest.approx([0.5, 0, 0.3, 0.2], abs=0.01)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999, 0.9999])
def test_values_lie_where_their_distribution_says(share):
    quantiles = Quantiles(lambda p: -1_000_000 * math.log1p(-p))

    values = Draws(1).values("x", NUMBERS, quantiles)

    assert (values < -1_000_000 * math.log1p(-share)).mean() == pytest.approx(share, abs=0.004)
    assert values.mean() == pytest.approx(1_000_000, rel=0.01)


@given(st.integers(1, 5_000), st.sampled_from([0.5, 1.0, 1.5]))
def test_ranks_are_within_their_size_and_the_first_is_the_commonest(size, exponent):
    ranks = Draws(1).values("x", NUMBERS[:20_000], Quantiles.ranks(size, exponent))

    assert ranks.min() >= 0
    assert ranks.max() < size
    assert np.bincount(ranks).argmax() == 0 or size > 100


def test_the_highest_draw_stays_within_the_distribution():
    highest = np.array([2**64 - 1, 0], dtype=np.uint64)

    assert Quantiles.ranks(7, 1.0).at(highest).tolist() == [6, 0]
