"""Thresholds: people pass them as seldom as was said, and nobody moves them by much."""

from __future__ import annotations

import numpy as np
import pytest

from lockgroove.guard import calibration, hot
from lockgroove.guard.records import RECORD, TAKERS


def tops(evidence: np.ndarray) -> np.ndarray:
    """One top a day, all in one stratum."""
    made = np.zeros(len(evidence), hot.TOP)
    made["w"] = evidence[:, None]
    return made


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_people_pass_a_threshold_as_seldom_as_was_said(scale: float, rate: float) -> None:
    rng = np.random.default_rng(5)
    counted = calibration.Tops()
    counted.add(tops(rng.exponential(scale, 100_000)), 100_000)

    threshold = counted.thresholds(rate)[0, 0, 0, 0]
    passed = np.mean(rng.exponential(scale, 100_000) > threshold)

    assert passed <= 1.5 * rate
    assert passed >= rate / 5  # both takers share the rate


def test_beyond_what_was_seen_a_threshold_goes_on_rising() -> None:
    counted = calibration.Tops()
    counted.add(tops(np.random.default_rng(5).exponential(3, 1_000)), 1_000)

    thresholds = [counted.thresholds(rate)[0, 0, 0, 0] for rate in (1e-2, 1e-4, 1e-6)]

    assert thresholds == sorted(thresholds)
    assert thresholds[-1] > thresholds[0] + 5


def test_a_stratum_in_which_nobody_was_alarms_for_nothing() -> None:
    assert calibration.Tops().thresholds(1e-4).min() >= 512


def test_where_nobody_is_so_old_yet_what_holds_for_the_younger_does() -> None:
    counted = calibration.Tops()
    counted.add(tops(np.random.default_rng(5).exponential(3, 1_000)), 1_000)

    thresholds = counted.thresholds(1e-4)

    assert thresholds[0, 0, -1, 0] == thresholds[0, 0, 0, 0] < 512


def test_many_who_signed_up_together_do_not_make_what_they_do_usual() -> None:
    """Slow poisoning: a cohort as large as everybody else plays rare tracks alone."""
    shares = np.diff([0, *calibration.BUCKET_EDGES])
    people, poison = np.zeros(1000, RECORD), np.zeros(1000, RECORD)
    people["popular"][:, 2], poison["popular"][:, 9], poison["cohort"] = 100, 100, 7
    for accounts in (people, poison):
        accounts["plays"], accounts["fresh"] = 300, 100

    alone = calibration.estimated_ratios(people, shares)
    poisoned = calibration.estimated_ratios(np.concatenate([people, poison]), shares)

    assert poisoned[0, 9] > 2.5
    assert abs(poisoned[0, 2] - alone[0, 2]) < 0.2


def test_one_account_with_millions_of_plays_counts_as_one_of_many() -> None:
    shares = np.diff([0, *calibration.BUCKET_EDGES])
    people = np.zeros(1000, RECORD)
    people["popular"][:, 2], people["plays"], people["fresh"] = 100, 300, 100
    people["popular"][0], people["plays"][0], people["fresh"][0] = 60_000, 10**7, 10**6

    assert calibration.estimated_ratios(people, shares)[0, 9] > 3


def test_popularity_is_parted_by_shares_of_the_catalogue() -> None:
    heard = np.repeat(np.arange(100, dtype=np.uint8), 1000)

    bucket_of, shares = calibration.bucket_edges(heard)

    assert bucket_of[99] < bucket_of[50] < bucket_of[0]
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(bucket_of[:100].astype(int)) <= 0).all()


def test_shipped_thresholds_are_there_for_every_stratum() -> None:
    assert calibration.shipped_thresholds().shape == (TAKERS, *hot.STRATA)
