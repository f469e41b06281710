"""Logs in batch: the same days, the same peel and the same groups as where plays go one after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logbook import MAP, START_MS, Town, add_scrapers, add_traps, as_table, joined, town

from lockgroove.campaigns.replaying import analyse as analyse_logs
from lockgroove.engines import Engine
from lockgroove.guard.batch import TablePool, analyse, are_events, read_events, write_events
from lockgroove.guard.batch.daily import day_rows, days_of
from lockgroove.guard.batch.leak import estimated, leak_by, merged, most, sketches
from lockgroove.guard.batch.tables import as_arrow, columns_of, plays_of
from lockgroove.guard.coincidence import Everybody, Pairs
from lockgroove.guard.events import EVENT, FIELDS, STAND_IN, Batch, Kind, Origin, Scope, empty
from lockgroove.guard.halves import groups_in_halves
from lockgroove.guard.hot import DAY
from lockgroove.guard.logs import LogMap, read_log_map
from lockgroove.guard.peeling import peel
from lockgroove.guard.replay import replay
from lockgroove.guard.seen import Seen
from lockgroove.guard.trial import Habits, listen
from lockgroove.guard.watch import Rules, Watch
from lockgroove.report import Silence

STEPS = np.array([1, 2, 3, 5, 8])
PAIRS = st.lists(st.tuples(st.integers(-3, 5), st.integers(-2, 7)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def made() -> Town:
    made = town(people=900, days=7)
    add_scrapers(made)
    add_traps(made)
    habits = Habits.of_people(100, made.rng).but(radio=0, avoids=1)
    made.add("mimic", listen(made.world, habits, made.days, 44, START_MS), 100)
    return made


def pools(engine: Engine, account: np.ndarray, track: np.ndarray, here_max: int) -> tuple[Pairs, TablePool]:
    """The same pairs in memory and in tables."""
    rows = pa.table({"account": pa.array(account, pa.int64()), "track": pa.array(track, pa.int64())})
    names, accounts = np.unique(account, return_inverse=True)
    distinct, tracks = np.unique(track, return_inverse=True)
    pairs = Pairs.of(accounts, tracks, np.zeros(len(distinct), np.int64))
    pool = TablePool.of(engine, engine.take("told", rows).distinct(), here_max)
    assert (pool.names == names).all()
    return pairs, pool


def planted(accounts: int, members: int, tracks: int = 40, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """People who draw by popularity, and the last `members` of them, who share out what is popular."""
    rng = np.random.default_rng(seed)
    drawn = [np.unique((rng.random(tracks) ** 3 * 500).astype(np.int64)) for _ in range(accounts - members)]
    shared = rng.permutation(members * tracks // 3)
    drawn += [shared[n::members] for n in range(members)]
    digests = np.sort(rng.integers(-(1 << 62), 1 << 62, accounts))
    return np.repeat(digests, [len(one) for one in drawn]), np.concatenate(drawn) * 7_919 - 1000


@given(PAIRS)
def test_a_pool_in_tables_answers_as_one_in_memory(local: Engine, told: list[tuple[int, int]]) -> None:
    account, track = np.array(told, np.int64).T
    pairs, bare = pools(local, account, track, here_max=0)
    here, there = pairs.in_strata_of(pairs, STEPS), replace(bare.in_strata_of(bare, STEPS), here_max=-1)
    some = np.arange(0, pairs.accounts, 2)

    for one, other in ((here, there), (here.of_accounts(some), there.of_accounts(some))):
        met, others = one.everybody(), other.everybody()
        assert all((getattr(met, name) == getattr(others, name)).all() for name in ("met", "had", "tracks"))
        everyone = np.arange(one.accounts)
        assert (one.met_with(everyone) == other.met_with(everyone)).all()
        assert one.tracks_of(everyone) == other.tracks_of(everyone)


def test_a_peel_in_tables_is_that_in_memory_wherever_the_last_rounds_are(local: Engine) -> None:
    pairs, bare = pools(local, *planted(120, 20), here_max=-1)
    here = pairs.in_strata_of(pairs, STEPS)
    expected = peel(here, Everybody.of(here))

    for here_max in (-1, 2000, 1 << 30):
        there = replace(bare, here_max=here_max).in_strata_of(bare, STEPS)
        found = peel(there, there.everybody())

        for name in ("order", "left", "observed", "expected"):
            assert (getattr(found, name) == getattr(expected, name)).all()
    assert set(expected.core(15).tolist()) <= set(range(100, 120))


@given(PAIRS, st.integers(0, 9))
def test_a_pool_that_was_dealt_out_has_the_same_plays(
    local: Engine, told: list[tuple[int, int]], seed: int
) -> None:
    account, track = np.array(told, np.int64).T
    _, bare = pools(local, account, track, here_max=0)
    there = bare.in_strata_of(bare, STEPS)

    dealt = there.shuffled(np.random.default_rng(seed))

    assert (dealt.everybody().had == there.everybody().had).all()
    assert dealt.everybody().met.sum() == there.everybody().met.sum()


def test_groups_in_tables_are_those_in_memory(local: Engine, made: Town) -> None:
    rows = made.rows()
    chosen = rows[rows["origin"] == Origin.USER]
    account, track = chosen["account"].astype(np.int64), chosen["track"].astype(np.int64)
    pairs, there = pools(local, account, track, here_max=1 << 30)

    found = groups_in_halves(there, np.random.default_rng(1))
    expected = groups_in_halves(pairs, np.random.default_rng(1))

    assert len(found) == len(expected) == 1
    assert found[0].met == expected[0].met
    assert (found[0].members == expected[0].members).all()
    assert (found[0].certain == expected[0].certain).all()


def days_one_by_one(batch: Batch) -> np.ndarray:
    """What the loop over events tells of days, by rising digests."""
    watch = Watch(Rules.none(), Seen(1 << 24))
    days = np.concatenate([watch.observe(batch).days, watch.end_of_day(1 << 30)[0]])
    digests = watch.accounts.keys[: watch.accounts.count].astype(np.int64)
    days["slot"] = np.searchsorted(np.sort(digests), digests[days["slot"]])
    return np.sort(days, order=["slot", "day"])


def test_days_are_those_of_the_loop(local: Engine, made: Town) -> None:
    batch = joined(made.batches())
    rng = np.random.default_rng(3)
    batch.rows["scope"][rng.random(len(batch)) < 0.05] = Scope.RESEARCH
    batch.rows["kind"][rng.random(len(batch)) < 0.05] = Kind.SEARCH
    pieces = rng.random(len(batch)) < 0.4
    batch.rows["range"][pieces] = 1
    batch.rows["bytes_sent"] = np.where(pieces, rng.random(len(batch)), 1) * batch.rows["bytes_full"]
    batch.rows["bytes_full"][rng.random(len(batch)) < 0.1] = 0
    batch.rows["track"][rng.random(len(batch)) < 0.3] = 7  # so that pieces come in a row, and again
    expected = days_one_by_one(batch)

    days = days_of(plays_of(local.take("told", as_arrow(batch.rows)), FIELDS)).order_by("account", "day")
    accounts = np.unique(batch.rows["account"].astype(np.int64))
    found = np.concatenate([day_rows(rows, accounts) for rows in local.batches(days)])

    for name in ("slot", "day", "plays", "fresh", "hours", "border", "direct", "system"):
        assert (found[name] == expected[name]).all(), name
    assert found["fetched_s"] == pytest.approx(expected["fetched_s"], rel=1e-3)
    assert found.dtype == DAY


def test_a_log_in_batch_tells_of_the_same_habits_and_of_the_group(
    local: Engine, made: Town, tmp_path: Path
) -> None:
    told = write_events(made.batches(), str(tmp_path / "events"))
    events, columns = read_events(local, [str(tmp_path / "events")])
    expected = replay(made.batches(), str(tmp_path), Silence(), made.world.count)

    found = analyse(local, events, told, Silence())

    replayed = found.replayed
    assert columns == told == FIELDS
    for name in ("accounts", "tracks", "plays", "account_days", "first_ms", "last_ms"):
        assert getattr(replayed, name) == getattr(expected, name)
    assert replayed.switched_off == {"plays": ["order"]}
    by_habits = [{s.account for s in one.suspects if s.signals} for one in (replayed, expected)]
    assert by_habits[0] == by_habits[1]
    in_groups = Counter(made.truth[account] for group in replayed.group_accounts for account in group)
    assert set(in_groups) == {"mimic"}
    assert in_groups["mimic"] >= 40
    assert found.leak["account"] == 21_000


def test_tables_of_events_are_read_as_they_are_and_others_by_a_mapping(made: Town, tmp_path: Path) -> None:
    own, mapped = str(tmp_path / "own.parquet"), str(tmp_path / "mapped.parquet")
    names = {digest: f"{kind} {n}" for n, (digest, kind) in enumerate(made.truth.items())}
    pq.write_table(as_arrow(made.rows()).select(["ts_ms", "account", "track", "origin", "context"]), own)
    as_table(made.rows(), names, Path(mapped))

    as_they_are = analyse_logs([own], LogMap(), bytes(32), Silence(), "duckdb")
    by_mapping = analyse_logs(
        [mapped], read_log_map(MAP.encode(), "map"), bytes(32), Silence(), "duckdb", str(tmp_path)
    )

    assert (are_events([own]), are_events([mapped])) == (True, False)
    assert as_they_are.counts.events == by_mapping.counts.events == len(made.rows())
    assert "faster-than-sound" in as_they_are.replayed.switched_off
    assert {name.partition(" ")[0] for name in by_mapping.names.values()} >= {"fast", "mimic"}


def test_events_told_twice_and_of_no_time_count_once_or_not_at_all(local: Engine) -> None:
    rows = empty(5)
    rows["kind"], rows["track"], rows["event_id"] = Kind.DOWNLOAD, 7, [1, 1, 0, 0, 2]
    rows["account"], rows["ts_ms"] = np.uint64(5) | STAND_IN, [9, 9, 9, 9, -1]

    plays = plays_of(local.take("told", as_arrow(rows)), FIELDS)

    told = columns_of(local, plays)
    assert sorted(told["event_id"].tolist()) == [0, 0, 1]
    assert set(told["account"].view(np.uint64).tolist()) == {5 | int(STAND_IN)}


def test_a_log_of_nothing_tells_of_nobody(local: Engine) -> None:
    found = analyse(local, local.take("told", as_arrow(np.zeros(0, EVENT))), FIELDS, Silence())

    assert (found.replayed.accounts, found.replayed.plays, list(found.replayed.suspects)) == (0, 0, [])


def test_the_leak_is_counted_and_sketches_of_it_add_up(local: Engine) -> None:
    rows = empty(40_000)
    rows["track"], rows["network"] = np.arange(40_000) % 15_000 + 1, np.arange(40_000) % 2 + 1
    plays = local.take("told", as_arrow(rows))

    exact = columns_of(local, leak_by(plays, "network").order_by("network"))["tracks"].tolist()
    assert (exact, most(local, plays, "network"), most(local, plays, "cohort")) == ([7500, 7500], 7500, 0)

    pytest.importorskip("datasketches", exc_type=ImportError)
    found = dict(sketches(local, plays, "network"))
    assert [estimated(found[n]) for n in (1, 2)] == pytest.approx(exact, rel=0.05)
    assert estimated(merged([*found.values(), found[1]])) == pytest.approx(15_000, rel=0.05)
