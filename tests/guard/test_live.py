"""The guard at work: quotas, evidence, what follows, and what a crash leaves."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lockgroove.errors import Locked
from lockgroove.guard.cases import Cases
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import Context, Kind, Scope
from lockgroove.guard.gate import Caller, Refusal, visitor
from lockgroove.guard.live import Guard, Wanted
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.settings import read_settings

DIGESTS = Digests(b"k" * 32)
# A catalogue of a million, as popularity is spread: most are hardly heard.
LISTENS = np.zeros(256, np.int64)
LISTENS[:200] = (1_000_000 * np.exp(-np.arange(200) / 12) / 12).astype(np.int64)


class Clock:
    """The wall's time; quotas have a clock of their own, which is moved along."""

    def __init__(self) -> None:
        self.now = 1_699_963_200.0  # noon

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Opened = Callable[..., Guard]


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Opened]:
    """Opens the guard of one archive, again and again."""
    guards: list[Guard] = []

    def opens(**settings: object) -> Guard:
        read = read_settings({"days": {"shadow": 0.001}, **settings}, 1_000_000)
        cases = Cases(f"{tmp_path}/people/guard.sqlite", read.policy, clock)
        guard = Guard(str(tmp_path), read, DIGESTS, cases, LISTENS, clock)
        guard.now_s = clock  # type: ignore[method-assign]
        guards.append(guard)
        clock.now += 3600
        return guard

    yield opens
    for guard in guards:
        guard._held.close()
        guard.cases.close()


def member(name: str, scope: Scope = Scope.MEMBER) -> Caller:
    return Caller(DIGESTS.of("account", name), DIGESTS.of("token", name), 1, 1, 7, scope)


def rare(track: int) -> Wanted:
    place = track * 7919 % 1_000_000
    return Wanted(track, 4_000_000, 4_000_000, False, place, place // 10 + 1, 200.0)


def take(
    guard: Guard, clock: Clock, caller: Caller, tracks: range, every_s: float = 60
) -> list[Refusal | None]:
    answers = []
    for track in tracks:
        clock.now += every_s
        answers.append(guard.sound(caller, rare(track)))
        guard.turn()
    return answers


def test_who_takes_rare_tracks_one_after_the_other_is_slowed_down_and_repeats_stay_free(
    opened: Opened, clock: Clock
) -> None:
    guard = opened()
    ann = member("ann")

    answers = take(guard, clock, ann, range(1, 100))

    case = guard.cases.of_account(ann.account)[0]
    assert case.stage(guard.cases.now_ms()) == Stage.THROTTLED
    plays = next(one for one in case.evidence if one.family == "plays")
    assert plays.body["fresh_today"] <= 60
    assert len(plays.body["heaviest"]) == 5
    refused = [answer for answer in answers if answer]
    assert len(refused) > 80
    assert {(r.code, r.case, r.whose) for r in refused} == {("slowed-down", case.number, "account")}
    given = [track for track, answer in zip(range(1, 100), answers, strict=True) if answer is None]
    assert all(guard.sound(ann, rare(track)) is None for track in given), "had before"
    assert guard.sound(member("ben"), rare(99)) is None, "nobody else is held back"


def test_on_a_second_day_a_person_is_asked_for_and_saying_so_helps(opened: Opened, clock: Clock) -> None:
    guard = opened(quotas={"slowed": {"new": "500/day", "rare": "500/day"}})
    ann = member("ann")
    take(guard, clock, ann, range(1, 40))
    clock.now += 86_400
    take(guard, clock, ann, range(100, 140))

    refused = guard.sound(ann, rare(5000))

    assert refused is not None
    assert refused.code == "are-you-a-person"
    assert guard.sound(ann, rare(1)) is None, "had before"
    assert guard.cases.confirm(ann.account)
    guard.turn()
    assert guard.sound(ann, rare(5000)) is None


def test_who_is_suspended_gets_no_music_and_may_still_ask(opened: Opened, clock: Clock) -> None:
    guard = opened()
    ann = member("ann")
    take(guard, clock, ann, range(1, 60))
    for hour in range(60):  # all around the clock
        clock.now += 1800
        guard.sound(ann, rare(1 + hour % 9))
        guard.turn()
    clock.now += 86_400
    guard.turn()
    case = guard.cases.of_account(ann.account)[0]
    guard.cases.decide(case.number, Stage.SUSPENDED, "olga", "takes the catalogue")
    guard.turn()

    refused = guard.sound(ann, rare(1))

    assert case.families == {"plays", "habits"}
    assert refused is not None
    assert refused.code == "suspended"
    assert refused.wait_s > 0
    assert guard.request(ann) is None


def test_researchers_meet_no_quota_and_are_written_down(opened: Opened, clock: Clock) -> None:
    guard = opened(quotas={"member": {"new": "5/day"}})
    rita, ann = member("rita", Scope.RESEARCH), member("ann")

    granted = take(guard, clock, rita, range(1, 200), 1)
    refused = take(guard, clock, ann, range(1, 10), 1)

    assert granted == [None] * 199
    assert [answer is None for answer in refused] == [True] * 5 + [False] * 4
    assert guard.cases.of_account(rita.account) == []
    assert sum(len(rows) for rows in guard.log.of_account(rita.account)) == 199


def test_visitors_of_a_network_share_a_quota_and_all_of_them_another(opened: Opened, clock: Clock) -> None:
    guard = opened(quotas={"network": {"new": "3/day"}, "visitors": {"new": "5/day", "share": "off"}})
    one, other = visitor(DIGESTS, 11, 1), visitor(DIGESTS, 12, 1)

    answers = [guard.sound(caller, rare(track)) for caller in (one, other) for track in range(1, 5)]

    codes = [answer and (answer.code, answer.whose) for answer in answers]
    new = "too-many-new-tracks"
    assert codes == [None, None, None, (new, "network"), None, None, (new, "visitors"), (new, "visitors")]


def test_where_a_track_was_shown_is_known(opened: Opened) -> None:
    guard = opened()
    ann = member("ann")

    guard.listed(ann, Kind.META, Context.ALBUM, [5, 6])
    guard.listed(ann, Kind.SEARCH, Context.SEARCH, [6, 7])

    where = [guard.shown_in(ann, track) for track in (5, 6, 7, 8)]
    assert where == [Context.ALBUM, Context.ALBUM, Context.SEARCH, Context.DIRECT_ID]
    assert guard.shown_in(member("ben"), 5) == Context.DIRECT_ID


def test_what_was_told_survives_an_end_and_what_was_decided_a_crash(opened: Opened, clock: Clock) -> None:
    guard = opened()
    ann = member("ann")
    take(guard, clock, ann, range(1, 60))
    before = guard.memory.watch.records[: guard.memory.watch.accounts.count].copy()
    guard._held.close()  # and nothing was saved

    again = opened()

    assert again.keeper.behind > 0
    after = again.memory.watch.records[: again.memory.watch.accounts.count]
    assert (before == after).all()
    assert len(again.cases.of_account(ann.account)) == 1
    refused = [again.sound(ann, rare(track)) for track in range(1000, 1100)]
    assert refused[-1] is not None
    assert refused[-1].code == "slowed-down"


def test_what_was_saved_is_brought_back_without_going_over_the_log(opened: Opened, clock: Clock) -> None:
    guard = opened()
    take(guard, clock, member("ann"), range(1, 60))
    guard.keeper.save()
    guard._held.close()

    again = opened()

    assert again.keeper.behind == 0
    assert again.memory.watch.records.dtype.isalignedstruct, "or loops are compiled once more"
    assert again.gate.had(member("ann").account, 7)
    assert not again.gate.had(member("ann").account, 700)


@pytest.mark.parametrize(("new", "refused"), [("3/day", True), ("4/day", False)])
def test_who_owed_under_quotas_that_were_raised_since_owes_nothing(
    opened: Opened, clock: Clock, new: str, refused: bool
) -> None:
    ann, guard = member("ann"), opened(quotas={"member": {"new": "3/day", "rare": "off"}})
    assert [bool(answer) for answer in take(guard, clock, ann, range(1, 5))] == [False] * 3 + [True]
    guard.keeper.save()
    guard._held.close()
    clock.now -= 3600

    again = opened(quotas={"member": {"new": new, "rare": "off"}})

    assert bool(take(again, clock, ann, range(5, 6))[0]) == refused


@pytest.mark.parametrize("damage", ["cut", "bit", "other layout"])
def test_damaged_memory_is_made_again_from_the_log(
    opened: Opened, clock: Clock, tmp_path: Path, damage: str
) -> None:
    guard = opened()
    take(guard, clock, member("ann"), range(1, 10))
    guard.keeper.save()
    guard._held.close()
    path = tmp_path / "guard" / "memory.npz"
    data = bytearray(path.read_bytes())
    if damage == "bit":
        at = data.index(b"watch/records.npy") + 400
        data[at] ^= 1
    path.write_bytes(
        data.replace(b"last_ms", b"lost_ms")
        if damage == "other layout"
        else data[: -100 if damage == "cut" else None]
    )

    again = opened()

    assert again.keeper.behind == 9
    assert again.gate.had(member("ann").account, 7)


def test_a_full_disk_loses_nothing_that_was_told(
    opened: Opened, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = opened()
    guard.sound(member("ann"), rare(1))

    def full(rows: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(guard.log, "append", full)
        with pytest.raises(OSError, match="No space"):
            guard.turn()
        guard.sound(member("ann"), rare(2))
    assert guard.turn() == 2
    assert sum(len(rows) for rows in guard.log.of_account(member("ann").account)) == 2


def test_a_day_is_closed_and_what_is_old_is_forgotten(opened: Opened, clock: Clock, tmp_path: Path) -> None:
    guard = opened(events_days=2)
    take(guard, clock, member("ann"), range(1, 20))
    clock.now += 86_400
    guard.turn()
    assert [path.suffix for path in sorted((tmp_path / "guard" / "events").iterdir())] == [".parquet"]

    for _ in range(3):
        clock.now += 2 * 86_400
        guard.turn()

    assert list((tmp_path / "guard" / "events").iterdir()) == []
    assert guard.memory.watch.accounts.count == 0


def test_a_clock_that_leaps_removes_nothing(opened: Opened, clock: Clock, tmp_path: Path) -> None:
    guard = opened()
    take(guard, clock, member("ann"), range(1, 20))
    right = clock.now

    clock.now += 5000 * 86_400
    guard.turn()
    guard.sound(member("ben"), rare(5))
    guard.turn()
    clock.now = right + 60
    guard.turn()

    assert sum(len(rows) for rows in guard.log.of_account(member("ann").account)) > 8
    assert guard.gate.had(member("ann").account, 1)
    assert guard.cases.in_force()[member("ann").account].stage == Stage.THROTTLED


def test_who_asks_to_be_forgotten_is(opened: Opened, clock: Clock, tmp_path: Path) -> None:
    guard = opened()
    ann, ben = member("ann"), member("ben")
    take(guard, clock, ann, range(1, 60))
    take(guard, clock, ben, range(1, 5))
    guard.cases.ask_to_erase(ann.account)

    guard.turn()

    assert guard.cases.to_erase() == set()
    assert list(guard.log.of_account(ann.account)) == []
    assert sum(len(rows) for rows in guard.log.of_account(ben.account)) == 4
    assert guard.cases.of_account(ann.account)[0].evidence == []
    assert guard.cases.broken_at() is None


def test_what_fails_after_events_were_written_does_not_double_them(
    opened: Opened, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, ann = opened(), member("ann")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(guard.memory, "save", full)
        guard.keeper._pause_s = -1
        for track in range(1, 6):
            guard.sound(ann, rare(track))
            guard.turn()
    guard.turn()

    assert sum(len(rows) for rows in guard.log.of_account(ann.account)) == 5
    assert guard.memory.watch.records[0]["plays"] == 5


def test_what_cases_cannot_take_now_they_take_later(
    opened: Opened, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, ann = opened(), member("ann")

    def busy(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(guard.cases, "witness", busy)
        take(guard, clock, ann, range(1, 40))
        assert guard.cases.of_account(ann.account) == []
    guard.turn()

    assert guard.cases.in_force()[ann.account].stage == Stage.THROTTLED


def test_a_crash_while_a_day_ends_counts_nothing_twice(
    opened: Opened, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, ann = opened(), member("ann")
    take(guard, clock, ann, range(1, 10))
    clock.now += 86_400

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    real = guard.log.seal
    with monkeypatch.context() as patch:
        patch.setattr(guard.log, "seal", lambda before: (real(before), killed()))
        with pytest.raises(Killed):
            guard.turn()
    guard._held.close()
    again = opened()

    assert again.memory.watch.records[0]["plays"] == 9
    assert again.memory.customs.days == 1


def test_days_are_ended_also_where_nobody_serves_at_night(
    opened: Opened, clock: Clock, tmp_path: Path
) -> None:
    for _ in range(6):
        guard = opened(events_days=2)
        guard.sound(member("ann"), rare(int(clock.now) % 1000))
        guard.close()
        clock.now += 20 * 3600

    assert len(list((tmp_path / "guard" / "events").glob("*"))) <= 4
    assert guard.memory.customs.days >= 4


def test_whoever_serves_again_after_weeks_forgets_at_once_what_is_old(opened: Opened, clock: Clock) -> None:
    guard = opened(events_days=10)
    guard.sound(member("ann"), rare(1))
    guard.close()
    clock.now += 60 * 86_400

    again = opened(events_days=10)
    again.turn()

    assert again.memory.watch.accounts.count == 0
    assert list(again.log.of_account(member("ann").account)) == []


def test_damaged_memory_opens_no_case_for_what_is_past(opened: Opened, clock: Clock, tmp_path: Path) -> None:
    guard, ann = opened(days={"shadow": 30}), member("ann")
    take(guard, clock, ann, range(1, 40))
    guard.keeper.save()
    guard._held.close()
    (tmp_path / "guard" / "memory.npz").write_bytes(b"PK")
    clock.now += 40 * 86_400

    again = opened()

    assert again.keeper.behind > 9
    assert again.cases.in_force() == {}


def test_a_stretch_counts_as_much_as_was_sent(opened: Opened, clock: Clock) -> None:
    guard, ann = opened(), member("ann")
    whole = Wanted(7, 400_000_000, 400_000_000, True, 7, 1, 7200.0)

    for _ in range(100):  # somebody seeks in a long set
        clock.now += 30
        assert guard.sound(ann, whole) is None
        guard.sent(ann, whole, 2_000_000)
    guard.turn()

    record = guard.memory.watch.records[0]
    assert record["fetched_s"] == pytest.approx(3600, rel=0.01)
    assert (record["plays"], record["fresh"]) == (1, 1)


def test_tiny_stretches_of_what_was_had_speak_for_nobody(opened: Opened, clock: Clock) -> None:
    guard, ann = opened(), member("ann")

    for track in range(1, 60):
        clock.now += 60
        guard.sound(ann, rare(track))
        for earlier in range(max(1, track - 3), track):
            piece = Wanted(earlier, 4_000_000, 1, True, earlier, 1, 200.0)
            if guard.sound(ann, piece) is None:
                guard.sent(ann, piece, 1)
        guard.turn()

    assert guard.cases.in_force()[ann.account].stage == Stage.THROTTLED


def test_one_process_guards_an_archive(opened: Opened) -> None:
    opened()

    with pytest.raises(Locked):
        opened()


KILLED = """
import sys, time
import numpy as np
sys.path.insert(0, sys.argv[2])
from test_live import DIGESTS, LISTENS, member, rare
from lockgroove.guard.cases import Cases
from lockgroove.guard.live import Guard
from lockgroove.guard.settings import read_settings
settings = read_settings({"days": {"shadow": 1e-9}}, 1_000_000)
cases = Cases(sys.argv[1] + "/people/guard.sqlite", settings.policy)
guard = Guard(sys.argv[1], settings, DIGESTS, cases, LISTENS)
guard.start()
for track in range(1, 100_000):
    refused = guard.sound(member("ann"), rare(track))
    print(track, refused.code if refused else "given", flush=True)
    time.sleep(0.002)
"""


@pytest.mark.parametrize("after", [30, 80])
def test_killed_at_any_event_no_decision_is_lost(tmp_path: Path, after: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), os.path.dirname(__file__)],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.split())
            if said[-1][1] == "slowed-down" or len(said) >= 3000:
                after -= 1
            if after < 0:
                break
        process.send_signal(signal.SIGKILL)
    given = [int(track) for track, answer in said if answer == "given"]
    settings = read_settings({"days": {"shadow": 1e-9}}, 1_000_000)
    cases = Cases(f"{tmp_path}/people/guard.sqlite", settings.policy)
    began = time.monotonic()

    guard = Guard(str(tmp_path), settings, DIGESTS, cases, LISTENS)

    assert said[-1][1] == "slowed-down"
    assert guard.cases.in_force()[member("ann").account].stage >= Stage.THROTTLED
    refused = guard.sound(member("ann"), rare(200_001))
    assert refused is None or refused.code in ("slowed-down", "are-you-a-person")
    kept = sum(len(rows) for rows in guard.log.of_account(member("ann").account))
    in_one_batch = 0.5 / 0.002 + 50
    assert len(given) - in_one_batch <= kept <= len(given) + 1
    assert time.monotonic() - began < 60
    guard.close()
    cases.close()
