"""The leak meter: what went to whom, beside what others had and what could be had at the most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockgroove.guard.eventlog import EventLog
from lockgroove.guard.events import Kind, Scope, empty
from lockgroove.guard.leaks import Leak, Taken, leak_of

PEOPLE, ALIKE, TAKERS = 40, 20, 4
EACH = 25


def plays(account: int, tracks: list[int], bytes_each: int = 100) -> np.ndarray:
    rows = empty(len(tracks))
    rows["ts_ms"], rows["kind"], rows["account"] = 1_700_000_000_000, Kind.STREAM_START, account
    rows["track"], rows["bytes_sent"] = tracks, bytes_each
    return rows


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    """People who hear the same 20 tracks again and again, and four who leave tracks to each other."""
    log = EventLog(f"{tmp_path}/events")
    rng = np.random.default_rng(3)
    for person in range(1, PEOPLE + 1):
        log.append(plays(person, rng.integers(1, ALIKE + 1, EACH).tolist()))
    for taker in range(TAKERS):
        first = 1000 + taker * EACH
        log.append(plays(100 + taker, list(range(first, first + EACH)), 1000))
    return log


def told(log: EventLog, since_ms: int = 0, accused: tuple[int, ...] = (100, 101, 102, 103)) -> Leak:
    return leak_of(log, since_ms, {"1-1": set(accused)}, set(accused))


def test_who_had_most_is_told_beside_what_others_had_who_fetched_as_often(log: EventLog) -> None:
    leak = told(log)

    own = {
        int(account): {int(t) for t in rows["track"][rows["account"] == account]}
        for rows, _ in log.since(type(log.end)())
        for account in np.unique(rows["account"])
    }
    usual = int(np.median([len(own[person]) for person in range(1, PEOPLE + 1)]))  # fewer than are compared
    assert leak.most[:TAKERS] == [Taken(100 + n, EACH, EACH, EACH * 1000, usual) for n in range(TAKERS)]
    assert usual < ALIKE
    assert (leak.accounts, leak.plays) == (PEOPLE + TAKERS, (PEOPLE + TAKERS) * EACH)
    assert leak.tracks == len(set.union(*own.values()))
    assert leak.added == sum(map(len, own.values()))


def test_a_group_that_shares_out_reaches_its_bound_and_people_do_not(log: EventLog) -> None:
    (group,) = told(log).groups

    assert (group.members, group.tracks, group.bound) == (TAKERS, TAKERS * EACH, TAKERS * EACH)
    assert group.usual <= ALIKE


def test_the_curve_is_of_those_without_a_case(log: EventLog) -> None:
    leak, all_honest = told(log), told(log, accused=())

    assert leak.curve[-1] == (PEOPLE, ALIKE)
    assert leak.bound[-1][1] == leak.added - TAKERS * EACH
    assert all_honest.curve[-1] == (PEOPLE + TAKERS, ALIKE + TAKERS * EACH)


def test_where_nobody_is_honest_nothing_is_usual(log: EventLog) -> None:
    everybody = (*range(1, PEOPLE + 1), 100, 101, 102, 103)
    leak = told(log, accused=everybody)

    assert (leak.curve, leak.bound) == ([], [])
    assert {one.usual for one in leak.most} == {leak.groups[0].usual} == {None}


def test_who_takes_far_more_than_anybody_is_not_usual_for_being_alone(log: EventLog) -> None:
    log.append(plays(500, list(range(5000, 10_000))))

    first = told(log).most[0]

    assert (first.account, first.tracks, first.usual) == (500, 5000, None)


def test_who_has_a_grant_tells_nothing_of_what_is_usual(log: EventLog) -> None:
    for mirror in range(600, 700):
        rows = plays(mirror, list(range(mirror * 100, mirror * 100 + EACH)))
        rows["scope"] = Scope.MIRROR
        log.append(rows)

    leak = told(log)

    assert leak.curve[-1] == (PEOPLE, ALIKE)
    assert leak.groups[0].usual is not None
    assert leak.groups[0].usual <= ALIKE


def test_nobody_stands_in_for_two(tmp_path: Path) -> None:
    """Of honest ones who never meet a dozen have what a dozen have that share out."""
    log = EventLog(f"{tmp_path}/alone")
    for account in range(1, 25):
        log.append(plays(account, list(range(account * 100, account * 100 + EACH))))

    leak = told(log, accused=tuple(range(1, 13)))
    too_few = told(log, accused=tuple(range(1, 14)))

    assert (leak.groups[0].tracks, leak.groups[0].usual) == (12 * EACH, 12 * EACH)
    assert too_few.groups[0].usual is None


def test_of_nothing_nothing_leaked_and_a_group_of_strangers_had_nothing(log: EventLog) -> None:
    leak = told(log, since_ms=1_800_000_000_000)

    assert (leak.accounts, leak.tracks, leak.most, leak.curve) == (0, 0, [], [])
    assert (leak.groups[0].tracks, leak.groups[0].usual) == (0, None)
