"""Whatever one item does to its worker, the results of all others come, and in order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from lockgroove import workers
from lockgroove.workers import SMALL_JOB_ITEMS, UNIT_ITEMS, Workers

ITEMS = list(range(SMALL_JOB_ITEMS + UNIT_ITEMS + 5))
SECONDS = 1.0


def square(item: int) -> str:
    return str(item * item)


def die_at_50(item: int) -> str:
    if item == 50:
        os._exit(3)
    return square(item)


def die_in_many_places(item: int) -> str:
    if item in (0, 31, 32, 33, 100, ITEMS[-1]):
        os._exit(3)
    return square(item)


def hang_at_7(item: int) -> str:
    if item == 7:
        time.sleep(600)
    return square(item)


def hang_and_die(item: int) -> str:
    if item == 40:
        time.sleep(600)
    if item == 41:
        os._exit(3)
    return square(item)


def eat_at_70(item: int) -> str:
    if item == 70:
        return str(len(bytearray(workers.MEMORY_BYTES_MAX + 1)))
    return square(item)


def stumble_at_90(item: int) -> str:
    if item == 90:
        raise LookupError("a fault of ours")
    return square(item)


def pid(item: int) -> str:
    return str(os.getpid())


def given_up(item: int, reason: str) -> str:
    return f"gave up {item}: {reason}"


@pytest.fixture
def work() -> Iterator:
    """Make workers; they are ended afterwards."""
    made: list[Workers] = []

    def make(function, seconds: float = 60.0) -> Workers:
        made.append(Workers(function, given_up, processes=2, seconds_per_unit_max=seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


def expected(lost: dict[int, str]) -> list[str]:
    return [given_up(n, lost[n]) if n in lost else square(n) for n in ITEMS]


@pytest.mark.parametrize("count", [0, 1, SMALL_JOB_ITEMS - 1, SMALL_JOB_ITEMS, len(ITEMS)])
def test_results_come_in_the_order_of_the_items(work, count) -> None:
    assert list(work(square).map(ITEMS[:count])) == [square(n) for n in ITEMS[:count]]


def test_a_large_job_is_done_by_other_processes(work) -> None:
    found = set(work(pid).map(ITEMS))

    assert str(os.getpid()) not in found
    assert 1 <= len(found) <= 2


@pytest.mark.parametrize(
    ("function", "lost"),
    [(die_at_50, [50]), (die_in_many_places, [0, 31, 32, 33, 100, ITEMS[-1]])],
)
def test_an_item_that_kills_its_worker_is_given_up_alone(work, function, lost) -> None:
    assert list(work(function).map(ITEMS)) == expected(dict.fromkeys(lost, "its worker died"))


def test_an_item_that_never_ends_is_given_up_alone(work) -> None:
    assert list(work(hang_at_7, SECONDS).map(ITEMS)) == expected({7: "more than 1 s"})


def test_neighbours_that_hang_and_die_are_each_given_up(work) -> None:
    results = list(work(hang_and_die, SECONDS).map(ITEMS))

    assert results == expected({40: "more than 1 s", 41: "its worker died"})


def test_an_item_that_takes_too_much_memory_is_given_up_alone(work) -> None:
    assert list(work(eat_at_70).map(ITEMS)) == expected({70: "more memory than it may take"})


def test_a_fault_of_ours_is_not_hidden(work) -> None:
    with pytest.raises(LookupError, match="of ours"):
        list(work(stumble_at_90).map(ITEMS))


def test_workers_go_on_after_a_death(work) -> None:
    made = work(die_at_50)
    list(made.map(ITEMS))

    assert list(made.map(ITEMS[60:70])) == [square(n) for n in ITEMS[60:70]]


def test_one_death_does_not_make_the_rest_go_one_by_one(work, monkeypatch) -> None:
    """What fell with the dead worker is asked for again in units: a large shelf must not crawl."""
    alone: list[int] = []
    made = work(die_at_50)
    real = made._singly
    monkeypatch.setattr(made, "_singly", lambda unit: (alone.extend(unit), real(unit))[1])

    list(made.map(range(1000)))

    assert 50 in alone
    assert len(alone) <= 4 * UNIT_ITEMS


def test_no_process_is_left_behind(work) -> None:
    made = work(pid)
    found = set(made.map(ITEMS))

    made.close()

    assert not any(os.path.exists(f"/proc/{process}") for process in found)
