"""Several front ends that share the guard: one quota, one keeper, and no harm while the server is away."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_live import DIGESTS, LISTENS, Clock, member, rare
from valkeyserver import ValkeyServer

from lockgroove.access.guarding import answered
from lockgroove.access.metrics import measured
from lockgroove.errors import Locked, UsageError
from lockgroove.guard.cases import Cases
from lockgroove.guard.events import Context, Kind
from lockgroove.guard.live import Guard
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.settings import read_settings
from lockgroove.guard.sharing import stream
from lockgroove.guard.sharing.stream import Inbox

valkey = pytest.importorskip("valkey", reason="the client is in the extra `shared`")


@pytest.fixture
def clock() -> Clock:
    return Clock()


Opened = Callable[..., Guard]


@pytest.fixture
def opened(tmp_path: Path, clock: Clock, served: ValkeyServer) -> Iterator[Opened]:
    """Opens a front end in a folder of its own; `keeper` is the one that keeps."""
    guards: list[Guard] = []

    def opens(name: str, **settings: object) -> Guard:
        table = {"days": {"shadow": 0.001}, "shared": served.url, "keeper": name == "keeper", **settings}
        read = read_settings({"pairs_bytes": 1 << 20, **table}, 1_000_000)
        os.makedirs(tmp_path / name / "people", exist_ok=True)
        cases = Cases(f"{tmp_path}/{name}/people/guard.sqlite", read.policy, clock)
        guard = Guard(f"{tmp_path}/{name}", read, DIGESTS, cases, LISTENS, clock)
        guard.now_s = clock  # type: ignore[method-assign]
        guards.append(guard)
        clock.now += 3600
        return guard

    yield opens
    for guard in guards:
        if guard.shared is not None:
            guard.shared.server.close()
        guard._held.close()
        guard.cases.close()


def logged(guard: Guard, name: str = "ann") -> int:
    assert guard.log is not None
    return sum(len(rows) for rows in guard.log.of_account(member(name).account))


def plays(guard: Guard, name: str = "ann") -> int:
    watch = guard.memory.watch
    slot = watch.accounts.known(np.array([member(name).account], np.uint64))[0]
    return int(watch.records[slot]["plays"]) if slot >= 0 else 0


def test_a_sanction_decided_at_one_holds_at_the_other(opened: Opened, clock: Clock) -> None:
    keeper, other = opened("keeper"), opened("other")
    ann = member("ann")
    for track in range(1, 60):
        clock.now += 60
        keeper.sound(ann, rare(track))
        keeper.turn()

    other.turn()

    case = keeper.cases.of_account(ann.account)[0]
    held = other.gate.held[ann.account]
    assert (held.case, held.stage) == (case.number, Stage.THROTTLED)
    assert (held.decided_by, held.because) == ("", "")
    refused = [other.sound(ann, rare(track)) for track in range(1000, 1100)]
    assert refused[-1] is not None
    assert (refused[-1].code, refused[-1].case) == ("slowed-down", case.number)
    assert other.sound(ann, rare(7)) is None, "had before, at the keeper's door"

    keeper.cases.decide(case.number, Stage.FREE, "olga", "a mistake")
    keeper.turn()
    other.turn()
    assert ann.account not in other.gate.held


def test_a_sanction_holds_everywhere_within_a_second_or_so(opened: Opened, clock: Clock) -> None:
    keeper, other = opened("keeper"), opened("other")
    ann = member("ann")
    for track in range(1, 60):
        clock.now += 60
        keeper.sound(ann, rare(track))
    other.start()
    keeper.start()
    began = time.monotonic()
    while ann.account not in other.gate.held and time.monotonic() < began + 20:
        time.sleep(0.01)
    took_s = time.monotonic() - began
    keeper.close()
    other.close()
    assert took_s < 5, "a second, and what other tests take of the machine"


def test_shuffled_scraping_through_two_front_ends_is_found(opened: Opened, clock: Clock) -> None:
    fronts = [opened("keeper"), opened("one"), opened("two")]
    ann = member("ann")
    tracks = list(range(1, 121))
    random.Random(1).shuffle(tracks)

    for number, track in enumerate(tracks):
        clock.now += 60
        fronts[1 + number % 2].sound(ann, rare(track))
        for front in fronts:
            front.turn()

    case = fronts[0].cases.of_account(ann.account)[0]
    assert case.stage(fronts[0].cases.now_ms()) == Stage.THROTTLED
    refused = [front.sound(ann, rare(5000)) for front in fronts]
    assert {one and one.code for one in refused} == {"slowed-down"}
    assert fronts[1].log is None, "what is not the keeper keeps nothing"
    assert not os.path.exists(os.path.dirname(fronts[1].memory._path))


def test_repeats_are_free_at_every_door(opened: Opened) -> None:
    one, other = (
        opened("one", quotas={"member": {"new": "1/day"}}),
        opened("other", quotas={"member": {"new": "1/day"}}),
    )
    ann = member("ann")

    first = one.sound(ann, rare(1))
    one.turn()
    answers = [other.sound(ann, rare(track)) for track in (1, 2)]

    assert first is None
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[1].code == "too-many-new-tracks"


def test_where_a_track_was_shown_is_known_at_every_door(opened: Opened, served: ValkeyServer) -> None:
    one, other = opened("one"), opened("other")
    ann = member("ann")
    one.listed(ann, Kind.META, Context.ALBUM, [5, 6])
    one.turn()

    known = [other.shown_in(ann, track) for track in (5, 6, 7)]
    served.kill()
    alone = [other.shown_in(ann, 5), one.shown_in(ann, 5)]

    assert known == [Context.ALBUM, Context.ALBUM, Context.DIRECT_ID]
    assert alone == [Context.UNKNOWN, Context.ALBUM], "nobody is told to have come without being shown"


def test_without_the_server_each_counts_alone_and_events_wait(
    opened: Opened, served: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    quotas = {"member": {"new": "40/day"}, "slowed": {"new": "40/day", "rare": "off"}}
    keeper, other = opened("keeper", quotas=quotas), opened("other", quotas=quotas)
    ann, given = member("ann"), 0
    caplog.set_level(logging.WARNING, "lockgroove.guard")

    for track in range(1, 31):
        if track == 11:
            served.kill()
        if track == 21:
            served.start()
        given += other.sound(ann, rare(track)) is None
        other.turn()
        keeper.turn()
        if track == 15:
            assert (other.waiting, keeper.waiting) == (5, 0)
            assert "lockgroove_guard_shared_up 0.0" in measured(other, other.cases)

    assert given == 30
    assert (logged(keeper), plays(keeper)) == (30, 30)
    assert other.waiting == 0
    told = [record.message for record in caplog.records]
    assert len([line for line in told if "is away" in line]) == 2, "once at each front end"
    assert len([line for line in told if "is back" in line]) == 2
    assert "lockgroove_guard_shared_up 1.0" in measured(other, other.cases)
    assert other.gate.had(ann.account, 3)
    third = opened("third")
    assert third.gate.had(ann.account, 3), "the keeper has filled in what the server forgot"


def test_a_quota_that_is_used_up_stays_so_while_the_server_is_away(
    opened: Opened, served: ValkeyServer
) -> None:
    one = opened("one", quotas={"member": {"new": "5/day"}})
    for track in range(1, 6):
        one.sound(member("ann"), rare(track))

    served.kill()

    refused = one.sound(member("ann"), rare(6))
    assert refused is not None
    assert refused.code == "too-many-new-tracks"


def test_a_front_end_starts_without_the_server(opened: Opened, served: ValkeyServer) -> None:
    served.kill()

    keeper, other = opened("keeper"), opened("other")

    assert other.sound(member("ann"), rare(1)) is None
    other.turn()
    keeper.turn()
    served.start()
    other.turn()
    keeper.turn()
    assert logged(keeper) == 1


def test_a_server_that_hangs_is_waited_for_once(opened: Opened, served: ValkeyServer) -> None:
    other = opened("other")
    other.sound(member("ann"), rare(1))
    served.hang()

    took = []
    for track in range(2, 40):
        began = time.monotonic()
        assert other.sound(member("ann"), rare(track)) is None
        took.append(time.monotonic() - began)

    assert took[0] < 0.5
    assert sorted(took)[-2] < 0.04


def test_the_web_door_waits_for_the_server_in_another_thread(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, threads = opened("other"), []
    ask = other.gate.request
    monkeypatch.setattr(other.gate, "request", lambda *a: threads.append(threading.get_ident()) or ask(*a))

    answer = asyncio.run(answered(other, other.request, member("ann")))

    assert answer is None
    assert threads != [threading.get_ident()]


def test_events_beyond_the_bound_are_dropped_and_counted(
    opened: Opened, served: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WAITING_MAX", 10)
    other = opened("other")
    served.kill()

    for track in range(1, 16):
        other.sound(member("ann"), rare(track))
    other.turn()

    assert other.waiting == 10
    assert "lockgroove_guard_shared_dropped_events_total 5.0" in measured(other, other.cases)


def test_what_cannot_be_acknowledged_is_not_logged_twice(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, other = opened("keeper"), opened("other")
    other.sound(member("ann"), rare(1))
    other.turn()

    def lost(*_: object) -> None:
        raise valkey.exceptions.ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "_forget", lost)
        keeper.turn()
    keeper.turn()
    keeper.turn()

    assert (logged(keeper), plays(keeper)) == (1, 1)


def test_a_full_disk_at_the_keeper_loses_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, other = opened("keeper"), opened("other")
    other.sound(member("ann"), rare(1))
    other.turn()

    def full(rows: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(keeper.log, "append", full)
        with pytest.raises(OSError, match="No space"):
            keeper.turn()
    keeper.turn()

    assert (logged(keeper), plays(keeper)) == (1, 1)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[3])
from test_live import DIGESTS, LISTENS
from lockgroove.guard.cases import Cases
from lockgroove.guard.live import Guard
from lockgroove.guard.settings import read_settings
from lockgroove.guard.sharing.stream import Inbox
settings = read_settings({"pairs_bytes": 1 << 20, "shared": sys.argv[2]}, 1_000_000)
os.makedirs(sys.argv[1] + "/people", exist_ok=True)
cases = Cases(sys.argv[1] + "/people/guard.sqlite", settings.policy)
guard = Guard(sys.argv[1], settings, DIGESTS, cases, LISTENS)
at = sys.argv[4]
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if at == "before the log":
    guard.log.append = killed
else:
    Inbox._forget = killed
guard.turn()
"""


@pytest.mark.parametrize("at", ["before the log", "after the log"])
def test_a_keeper_killed_before_it_acknowledges_loses_no_event(
    opened: Opened, served: ValkeyServer, tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_READ_AT_ONCE", 3)
    other = opened("other")
    for track in range(1, 21):
        other.sound(member("ann"), rare(track))
        other.turn()
    program = [
        sys.executable,
        "-c",
        KILLED,
        str(tmp_path / "keeper"),
        served.url,
        os.path.dirname(__file__),
        at,
    ]

    ended = subprocess.run(program, capture_output=True, text=True)
    keeper = opened("keeper")
    keeper.turn()

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (plays(keeper), logged(keeper)) == (20, 20)
    keeper.turn()
    assert (plays(keeper), logged(keeper)) == (20, 20)


def test_another_keeper_is_told_of_and_takes_nothing(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    keeper, second, other = opened("keeper"), opened("second", keeper=True), opened("other")
    keeper.turn()
    other.sound(member("ann"), rare(1))
    other.turn()

    second.turn()
    second.turn()
    keeper.turn()

    assert (logged(second), logged(keeper)) == (0, 1)
    assert [record.levelname for record in caplog.records if "keeps for all" in record.message] == ["ERROR"]


def test_only_the_keeper_holds_the_folder(opened: Opened, tmp_path: Path) -> None:
    opened("keeper")

    beside = opened("keeper", keeper=False)

    assert beside.log is None
    with pytest.raises(Locked):
        opened("keeper")


@pytest.mark.parametrize(
    "settings", [{"keeper": False, "shared": ""}, {"shared": "cheese"}, {"shared": "x://:secret@y"}]
)
def test_what_cannot_be_shared_is_refused_without_its_password(
    opened: Opened, settings: dict[str, Any]
) -> None:
    with pytest.raises(UsageError) as refused:
        opened("one", **settings)

    assert "secret" not in str(refused.value)
