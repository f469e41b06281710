"""Accounts that signed up together raise what is usual, week by week, while the guard is calibrated anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from guarded import RATE, START_MS, Case, Outcome, Scene, tell, watched
from takers import GROUP

from lockgroove.guard import calibration, hot
from lockgroove.guard.trial import Habits, Played, listen
from lockgroove.guard.watch import Rules

PEOPLE = 20_000
COHORT = 1_000
WEEKS = 6
TAIL_AT_LAST = 0.35
_COHORT_NUMBER = 77
_DIGITS = 3


@dataclass(frozen=True)
class Way:
    """How weeks are calibrated: what a cohort's accounts tell of who they are, and who is left out."""

    name: str
    told: bool
    without_flagged: bool


WAYS = (
    Way("no cohort known", False, False),
    Way("cohort capped", True, False),
    Way("cohort capped, whoever was flagged left out", True, True),
)


def played(scene: Scene) -> None:
    """Each way of calibrating; the week before is what people are judged by."""
    rng = np.random.default_rng([scene.seed, 41])
    people = listen(scene.world, Habits.of_people(PEOPLE, rng), 7, scene.seed + 41, START_MS)
    like = Habits.of_people(COHORT, rng).but(radio=0)
    digger = next(_digger(scene))
    before = _calibrated(scene, people, None, WAYS[0], _first(scene))
    for way in (Way("nobody poisons", False, False), *WAYS):
        rules = before
        for week in range(1, WEEKS + 1):
            rising = None
            if way.name != "nobody poisons":
                habits = like.but(tail=TAIL_AT_LAST * week / WEEKS)
                rising = listen(scene.world, habits, 7, scene.seed + 50 + week, START_MS)
            rules = _calibrated(scene, people, rising, way, rules)
        _tell(scene, way, before, rules, digger)


def _first(scene: Scene) -> Rules:
    bucket_of, _ = calibration.bucket_edges(scene.heard)
    return replace(Rules.none(), bucket_of=bucket_of)


def _digger(scene: Scene) -> Iterator[Case]:
    habits = Habits.of_people(GROUP, np.random.default_rng([scene.seed, 42])).but(radio=0, tail=TAIL_AT_LAST)
    plays = listen(scene.world, habits.but(avoids=1), scene.days, scene.seed + 42, START_MS)
    yield Case("digger mimic, partition", GROUP, plays)


def _calibrated(scene: Scene, people: Played, rising: Played | None, way: Way, rules: Rules) -> Rules:
    """Rules from a week in which the rules of the week before held."""
    everybody, count = people, PEOPLE
    if rising is not None:
        both = (
            np.concatenate(
                [getattr(people, name), getattr(rising, name) + (PEOPLE if name == "account" else 0)]
            )
            for name in Played.__dataclass_fields__
        )
        everybody, count = Played(*both), PEOPLE + COHORT
    case = Case("a week", count, everybody)
    outcome = Outcome()
    watched(scene, case, rules, outcome)
    records = outcome.records.copy()
    keys = outcome.keys
    if way.told and rising is not None:
        records["cohort"][keys >= PEOPLE] = _COHORT_NUMBER
    kept = np.ones(len(records), bool)
    if way.without_flagged:
        kept = ~np.isin(keys, list(outcome.first_ms))
    ratios = calibration.estimated_ratios(records[kept], calibration.bucket_edges(scene.heard)[1])
    counted = Outcome()
    none = replace(rules, ratios=ratios, thresholds=Rules.none().thresholds)
    watched(scene, _only(case, keys[kept]), none, counted)
    return replace(rules, ratios=ratios, thresholds=counted.tops.thresholds(RATE))


def _only(case: Case, accounts: np.ndarray) -> Case:
    wanted = np.zeros(case.accounts, bool)
    wanted[accounts] = True
    rows = wanted[case.played.account]
    part = Played(*(getattr(case.played, name)[rows] for name in Played.__dataclass_fields__))
    return replace(case, played=part)


def _tell(scene: Scene, way: Way, before: Rules, after: Rules, digger: Case) -> None:
    shift = after.ratios[0, : hot.CONTINUED] - before.ratios[0, : hot.CONTINUED]
    seen = before.thresholds < calibration._NATS_MAX
    moved = [float(np.median((after.thresholds / before.thresholds)[n][seen[n]])) for n in (0, 1)]
    outcome = Outcome()
    watched(scene, digger, after, outcome)
    tell(
        scene, f"after {WEEKS} weeks, {way.name}: diggers that share out", outcome.found_within(scene.days),
        "found", None, accounts=COHORT if way in WAYS else 0, of=PEOPLE,
        ratio_of_the_rarest=round(float(shift[-1]), _DIGITS),
        thresholds=[round(one, _DIGITS) for one in moved],
    )  # fmt: skip
