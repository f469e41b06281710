"""Cases: what follows from evidence, who may decide what, appeals, and the docket."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgroove.errors import Refused, UsageError
from lockgroove.guard.casefile import AUTOMATIC, Evidence
from lockgroove.guard.cases import Cases
from lockgroove.guard.events import STAND_IN
from lockgroove.guard.sanctions import Policy, Stage

DAY_MS = 86_400_000
ANN = 4711


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, days: float) -> None:
        self.now += days * 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cases(tmp_path: Path, clock: Clock) -> Iterator[Cases]:
    made = Cases(f"{tmp_path}/people/guard.sqlite", Policy(shadow_days=0.0), clock)
    made.begin()
    yield made
    made.close()


def plays(clock: Clock, days_ago: int = 0) -> Evidence:
    return Evidence(int(clock.now * 1000) - days_ago * DAY_MS, "plays", "plays-unlike-people", {"weight": 50})


def habit(clock: Clock, days_ago: int = 0) -> Evidence:
    return Evidence(int(clock.now * 1000) - days_ago * DAY_MS, "habits", "never-sleeps", {"value": 24})


def group(clock: Clock, certain: bool) -> Evidence:
    return Evidence(int(clock.now * 1000), "group", "leave-tracks-to-each-other", {"certain": certain})


def test_plays_slow_an_account_down_and_on_a_second_day_ask_for_a_person(cases: Cases, clock: Clock) -> None:
    first = cases.witness(ANN, True, [plays(clock)])
    clock.sleep(1)
    second = cases.witness(ANN, True, [plays(clock)])

    assert first is not None
    assert second is not None
    assert first.stage(cases.now_ms()) == Stage.THROTTLED
    assert second.stage(cases.now_ms()) == Stage.CHALLENGED
    assert second.number == first.number
    assert cases.confirm(ANN)
    assert cases.in_force()[ANN].stage == Stage.THROTTLED, "a person may still be slowed down"


def test_a_habit_alone_does_nothing(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [habit(clock)])

    assert case is not None
    assert case.stage(cases.now_ms()) == Stage.FREE
    assert cases.in_force() == {}
    assert case.waits == ""


def test_a_habit_of_one_day_is_none(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock), habit(clock)])

    assert case is not None
    assert case.waits == ""


def test_a_stage_ends_by_itself(cases: Cases, clock: Clock) -> None:
    cases.witness(ANN, True, [plays(clock)])
    clock.sleep(7.01)

    assert cases.in_force() == {}


def test_a_score_alone_never_suspends(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock), group(clock, certain=False)][:1])
    assert case is not None

    with pytest.raises(Refused, match="score alone"):
        cases.decide(case.number, Stage.SUSPENDED, "olga", "many plays")
    with pytest.raises(Refused, match="score alone"):
        cases.decide(case.number, Stage.DISABLED, "olga", "many plays")


@pytest.mark.parametrize("what", ["two families", "certain member"])
def test_two_witnesses_or_a_certain_member_let_an_operator_suspend(
    cases: Cases, clock: Clock, what: str
) -> None:
    habits = [habit(clock), habit(clock, days_ago=1)]
    told = [plays(clock), *habits] if what == "two families" else [group(clock, certain=True)]

    case = cases.witness(ANN, True, told)

    assert case is not None
    assert case.waits == "decision"
    assert cases.in_force()[ANN].stage == Stage.THROTTLED, "nobody decided yet"
    decided = cases.decide(case.number, Stage.SUSPENDED, "olga", "takes the catalogue")
    assert cases.in_force()[ANN].stage == Stage.SUSPENDED
    assert decided.waits == ""
    assert decided.sanctions[-1].until_ms is not None


def test_of_a_network_no_more_than_a_slower_pace_follows(cases: Cases, clock: Clock) -> None:
    network = 77 | int(STAND_IN)
    cases.witness(network, False, [plays(clock), habit(clock)])
    clock.sleep(1)

    case = cases.witness(network, False, [plays(clock)])

    assert case is not None
    assert cases.in_force()[network].stage == Stage.THROTTLED
    assert case.waits == ""
    with pytest.raises(Refused):
        cases.decide(case.number, Stage.SUSPENDED, "olga", "it is an office")


def test_at_first_the_rules_only_watch(tmp_path: Path, clock: Clock) -> None:
    cases = Cases(f"{tmp_path}/guard.sqlite", Policy(), clock)
    cases.begin()
    watched = cases.witness(ANN, True, [plays(clock)])
    clock.sleep(14.1)

    follows = cases.witness(ANN, True, [plays(clock)])

    assert watched is not None
    assert watched.shadow
    assert watched.stage(cases.now_ms()) == Stage.FREE
    assert follows is not None
    assert follows.number != watched.number
    assert cases.in_force()[ANN].stage == Stage.THROTTLED
    cases.close()


def test_told_again_after_a_crash_changes_nothing(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    assert case is not None
    cases.decide(case.number, Stage.FREE, "olga", "a library")
    lines = len(cases.history())

    assert cases.witness(ANN, True, [plays(clock)]) is None
    assert len(cases.history()) == lines
    assert cases.in_force() == {}


def test_an_appeal_is_decided_by_somebody_else_and_frees_the_account(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock), habit(clock), habit(clock, days_ago=1)])
    assert case is not None
    cases.decide(case.number, Stage.SUSPENDED, "olga", "takes the catalogue")
    waiting = cases.appeal(case.number, "I digitise my own records.")

    assert waiting.waits == "appeal"
    with pytest.raises(Refused, match="does not review"):
        cases.review(case.number, True, "olga", "so it is")
    with pytest.raises(Refused, match="already"):
        cases.appeal(case.number, "once more")
    freed = cases.review(case.number, True, "petra", "the records are there")
    assert freed.state == "overturned"
    assert cases.in_force() == {}
    assert cases.trusted() == {ANN}
    clock.sleep(2)
    assert cases.witness(ANN, True, [plays(clock)]) is None, "it is left alone for a while"
    assert cases.tally()["appeals upheld"] == 1


def test_a_rejected_appeal_changes_nothing(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    assert case is not None
    cases.appeal(case.number, "It was my son.")

    after = cases.review(case.number, False, "petra", "it was not")

    assert after.stage(cases.now_ms()) == Stage.THROTTLED
    assert cases.trusted() == set()
    with pytest.raises(UsageError, match="no appeal"):
        cases.review(case.number, False, "petra", "again")


def test_every_change_is_a_line_and_no_line_can_be_changed_unseen(
    cases: Cases, clock: Clock, tmp_path: Path
) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    assert case is not None
    cases.decide(case.number, Stage.FREE, "olga", "a mistake")
    acts = [line.body["act"] for line in cases.history() if line.body]
    assert acts == ["case opened", "witness", "slowed down", "dismissed"]
    assert cases.broken_at() is None
    noted = cases.head()

    with sqlite3.connect(f"{tmp_path}/people/guard.sqlite") as db:
        db.execute("UPDATE docket SET body = replace(body, 'olga', 'paul') WHERE number = 4")
    assert cases.broken_at() == 4
    with sqlite3.connect(f"{tmp_path}/people/guard.sqlite") as db:
        db.execute("UPDATE docket SET body = replace(body, 'paul', 'olga') WHERE number = 4")
        db.execute("DELETE FROM docket WHERE number = 4")
    assert cases.broken_at() is None, "what is cut off at the end is told by a head that was noted"
    assert cases.broken_at(noted) == 0


def test_a_person_can_be_erased_and_the_chain_still_holds(cases: Cases, clock: Clock, tmp_path: Path) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    other = cases.witness(99, True, [plays(clock)])
    assert case is not None
    assert other is not None
    cases.appeal(case.number, "Grandmother's shellacs from Riga.")

    silenced = cases.erase(ANN)

    assert silenced == 4
    assert cases.broken_at() is None
    assert cases.case(case.number).evidence == []
    assert cases.case(other.number).evidence
    assert [line.body for line in cases.history(ANN)] == []
    for name in (tmp_path / "people").iterdir():
        assert b"Riga" not in name.read_bytes()
        assert f"{ANN:016x}".encode() not in name.read_bytes()


def test_cases_in_which_nothing_happens_are_closed(cases: Cases, clock: Clock) -> None:
    cases.witness(ANN, True, [plays(clock)])
    clock.sleep(31)

    assert cases.expire() == 1
    assert cases.all("open") == []
    assert [one.decided_by for one in cases.all()[0].sanctions] == [AUTOMATIC]


def test_two_processes_open_the_file_at_once(cases: Cases, clock: Clock, tmp_path: Path) -> None:
    other = Cases(f"{tmp_path}/people/guard.sqlite", Policy(shadow_days=0), clock)
    cases.witness(ANN, True, [plays(clock)])

    assert other.in_force()[ANN].stage == Stage.THROTTLED
    other.witness(98, True, [plays(clock)])
    assert cases.broken_at() is None
    other.close()


def test_an_odd_habit_does_not_bring_back_what_has_ended(cases: Cases, clock: Clock) -> None:
    cases.witness(ANN, True, [plays(clock)])
    clock.sleep(20)
    cases.witness(ANN, True, [habit(clock)])
    assert cases.in_force() == {}
    clock.sleep(40)

    later = cases.witness(ANN, True, [habit(clock), habit(clock, days_ago=1)])

    assert later is not None
    assert later.proposal == Stage.FREE, "what was two months ago is no second witness"


def test_what_an_operator_decided_the_rules_do_not_outdo(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    assert case is not None
    cases.decide(case.number, Stage.THROTTLED, "olga", "slower is enough")
    clock.sleep(1)
    cases.witness(ANN, True, [plays(clock)])

    assert cases.in_force()[ANN].stage == Stage.THROTTLED


def test_whose_case_was_dismissed_is_left_alone_for_a_while(cases: Cases, clock: Clock) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    assert case is not None
    cases.decide(case.number, Stage.FREE, "olga", "a radio station")
    clock.sleep(1)

    assert cases.witness(ANN, True, [plays(clock)]) is None
    with pytest.raises(UsageError, match="closed"):
        cases.decide(case.number, Stage.THROTTLED, "olga", "after all")


def test_a_network_is_not_asked_whether_it_is_a_person(cases: Cases, clock: Clock) -> None:
    case = cases.witness(77 | int(STAND_IN), False, [plays(clock)])
    assert case is not None

    with pytest.raises(Refused, match="Many people"):
        cases.decide(case.number, Stage.CHALLENGED, "olga", "odd")


def test_the_time_of_watching_begins_when_the_guard_does(tmp_path: Path, clock: Clock) -> None:
    looked = Cases(f"{tmp_path}/guard.sqlite", Policy(), clock)
    clock.sleep(30)
    looked.begin()

    case = looked.witness(ANN, True, [plays(clock)])

    assert case is not None
    assert case.shadow
    looked.close()


def test_while_somebody_reads_erasing_is_not_done_and_is_done_later(
    cases: Cases, clock: Clock, tmp_path: Path
) -> None:
    case = cases.witness(ANN, True, [plays(clock)])
    assert case is not None
    cases.appeal(case.number, "Grandmother's shellacs from Riga.")
    cases.ask_to_erase(ANN)

    with sqlite3.connect(f"{tmp_path}/people/guard.sqlite", isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM cases").fetchone()
        cases.erase(ANN)
        assert cases.to_erase() == {ANN}
        reader.execute("COMMIT")
    cases.erase(ANN)

    assert cases.to_erase() == set()
    assert all(b"Riga" not in path.read_bytes() for path in (tmp_path / "people").iterdir())
