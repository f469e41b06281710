"""On a real Spark cluster batches tell what they tell on this machine."""

from __future__ import annotations

import numpy as np
import pytest
from logbook import START_MS, town
from test_batch import STEPS, planted, pools

import sparkcluster
from lockgroove.engines import Engine
from lockgroove.guard.batch import analyse
from lockgroove.guard.batch.daily import days_of
from lockgroove.guard.batch.leak import estimated, leak_by, merged, sketches
from lockgroove.guard.batch.tables import as_arrow, columns_of, plays_of
from lockgroove.guard.coincidence import Everybody
from lockgroove.guard.events import FIELDS
from lockgroove.guard.peeling import peel
from lockgroove.guard.trial import Habits, listen
from lockgroove.report import Silence

pytestmark = sparkcluster.NEEDED


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    made = town(people=250, days=3)
    habits = Habits.of_people(40, made.rng).but(radio=0, avoids=1)
    made.add("mimic", listen(made.world, habits, made.days, 44, START_MS), 40)
    told = made.rows()
    told["network"] = told["account"] % np.uint64(20)
    return told


def test_a_peel_on_a_cluster_has_the_order_core_and_score_of_one_in_memory(spark: Engine) -> None:
    pairs, bare = pools(spark, *planted(24, 6, seed=2), here_max=-1)
    here, there = pairs.in_strata_of(pairs, STEPS), bare.in_strata_of(bare, STEPS)

    expected, found = peel(here, Everybody.of(here)), peel(there, there.everybody())

    for name in ("order", "left", "observed", "expected"):
        assert (getattr(found, name) == getattr(expected, name)).all()
    assert np.mean(expected.core(6) >= 18) > 0.6  # a quarter would be chance


def test_tracks_are_dealt_out_alike(spark: Engine, local: Engine) -> None:
    dealt = []
    for engine in (spark, local):
        _, bare = pools(engine, *planted(36, 9), here_max=-1)
        there = bare.in_strata_of(bare, STEPS).shuffled(np.random.default_rng(4))
        met = there.everybody()
        dealt.append((met.met, met.had))

    assert all((one == other).all() for one, other in zip(*dealt, strict=True))


def test_days_are_the_same(spark: Engine, local: Engine, rows: np.ndarray) -> None:
    found, expected = (
        columns_of(e, days_of(plays_of(e.take("told", as_arrow(rows)), FIELDS))) for e in (spark, local)
    )

    orders = [np.lexsort((told["day"], told["account"])) for told in (found, expected)]
    for name in expected:
        assert (found[name][orders[0]] == expected[name][orders[1]]).all(), name


def test_a_whole_log_comes_to_the_same(spark: Engine, local: Engine, rows: np.ndarray) -> None:
    found, expected = (analyse(e, e.take("told", as_arrow(rows)), FIELDS, Silence()) for e in (spark, local))

    assert found.leak == expected.leak
    assert found.replayed.suspects == expected.replayed.suspects
    assert found.replayed.group_accounts == expected.replayed.group_accounts
    assert found.replayed.account_days == expected.replayed.account_days


def test_sketches_of_a_cluster_and_of_this_machine_are_of_one_kind(
    spark: Engine, local: Engine, rows: np.ndarray
) -> None:
    pytest.importorskip("datasketches", exc_type=ImportError)

    there, here = (dict(sketches(e, e.take("told", as_arrow(rows)), "network")) for e in (spark, local))

    exact = columns_of(local, leak_by(local.known("told"), "network"))
    for network, tracks in zip(exact["network"].tolist(), exact["tracks"].tolist(), strict=True):
        assert estimated(there[network]) == pytest.approx(tracks, rel=0.08)
        both = estimated(merged([there[network], here[network]]))
        assert both == pytest.approx(estimated(merged([there[network]] * 2)))
