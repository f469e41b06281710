"""A log played again: who is told of, who is not, and with which reasons."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logbook import MAP, START_MS, Town, add_scrapers, add_traps, as_table, combined, town

from lockgroove.cli import main
from lockgroove.guard.events import FIELDS, STAND_IN, Batch
from lockgroove.guard.hot import DAY
from lockgroove.guard.replay import NOTED, Alarm, Replayed, Suspect, replay
from lockgroove.guard.signals import Heard, heard_in, switched_off
from lockgroove.guard.trial import Habits, in_order, listen
from lockgroove.report import Silence


@pytest.fixture(scope="module")
def made() -> Town:
    """People, scrapers, a group that shares out, and those who only look like it."""
    made = town(people=1200, days=7)
    add_scrapers(made)
    add_traps(made)
    habits = Habits.of_people(120, made.rng).but(radio=0, avoids=1)
    made.add("mimic", listen(made.world, habits, made.days, 44, START_MS), 120)
    return made


@pytest.fixture(scope="module")
def replayed(made: Town, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    folder = str(tmp_path_factory.mktemp("replay"))
    return replay(made.batches(), folder, Silence(), made.world.count)


def proposals(made: Town, replayed: Replayed) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for suspect in replayed.suspects:
        found.setdefault(made.truth[suspect.account], Counter())[suspect.proposal.partition(",")[0]] += 1
    return found


def test_scrapers_are_found_by_two_witnesses_and_people_by_none(made: Town, replayed: Replayed) -> None:
    found = proposals(made, replayed)

    assert found["fast"] == {"suspend": 1}
    assert found["slow"] == {"suspend": 3}
    assert found["shuffled"] == {"suspend": 20}
    for benign in ("person", "heavy", "thorough", "radio"):
        assert found.get(benign, Counter())["suspend"] == 0
    assert found.get("person", Counter())["throttle"] <= 3


def test_a_group_that_passes_for_people_one_by_one_is_found_together(made: Town, replayed: Replayed) -> None:
    in_groups = Counter(made.truth[account] for group in replayed.group_accounts for account in group)

    assert in_groups["mimic"] >= 40
    assert in_groups["mimic"] >= 0.95 * in_groups.total()
    assert proposals(made, replayed)["mimic"]["suspend"] >= 20


def test_what_goes_in_is_counted(made: Town, replayed: Replayed) -> None:
    rows = made.rows()

    assert replayed.plays == len(rows)
    assert replayed.accounts == len(np.unique(rows["account"]))
    account_days = set(zip(rows["account"].tolist(), (rows["ts_ms"] // 86_400_000).tolist(), strict=True))
    assert replayed.account_days == len(account_days)


def test_events_in_another_order_within_a_batch_tell_the_same(
    made: Town, replayed: Replayed, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    mixed = [Batch(rng.permutation(batch.rows), batch.told) for batch in made.batches()]

    again = replay(mixed, str(tmp_path), Silence(), made.world.count)

    assert {s.account for s in again.suspects} == {s.account for s in replayed.suspects}


def test_what_a_log_does_not_tell_is_switched_off_and_said(made: Town, tmp_path: Path) -> None:
    told = FIELDS - {"context", "place", "origin", "seconds_possible"}

    replayed = replay(
        [Batch(b.rows, told) for b in made.batches()], str(tmp_path), Silence(), made.world.count
    )

    assert set(replayed.switched_off) == {
        "never-sleeps", "catalogue-order", "faster-than-sound", "never-shown", "groups"
    }  # fmt: skip
    assert not any(suspect.signals or suspect.group is not None for suspect in replayed.suspects)


def test_whoever_is_not_named_is_never_proposed_for_more_than_a_slower_pace(
    made: Town, tmp_path: Path
) -> None:
    nameless = [Batch(b.rows.copy(), b.told) for b in made.batches()]
    for batch in nameless:
        batch.rows["account"] |= STAND_IN

    replayed = replay(nameless, str(tmp_path), Silence(), made.world.count)

    assert len(replayed.suspects) > 20
    assert {suspect.proposal for suspect in replayed.suspects} == {"throttle"}


def test_an_empty_log_tells_of_nobody(tmp_path: Path) -> None:
    replayed = replay([], str(tmp_path), Silence())

    assert (replayed.accounts, replayed.plays, list(replayed.suspects)) == (0, 0, [])


@pytest.mark.parametrize(
    ("days", "proposal"), [((5,), "throttle"), ((5, 6), "suspend, if an operator agrees")]
)
def test_what_is_seen_on_one_day_is_no_habit(days: tuple[int, ...], proposal: str) -> None:
    """A program that fills a phone is faster than sound, once."""
    suspect = Suspect(7, 3000, 3000, alarms=[Alarm(0, 1, 90.0, 45.0, 50, 50)])
    suspect.signals = [Heard(0, day, "faster-than-sound", 7.6) for day in days]

    assert suspect.proposal == proposal


def test_signals_need_what_they_need() -> None:
    assert switched_off(FIELDS) == {}
    assert heard_in(np.zeros(3, DAY), FIELDS) == []


Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def typed(*words: object) -> tuple[int, list[dict[str, Any]]]:
        monkeypatch.setattr(sys, "argv", ["lockgroove", "guard", "replay", *map(str, words), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return int(str(ended.value.code)), [line for line in lines if line["type"] != "progress"]

    return typed


def test_a_table_is_replayed_with_the_names_it_has(run: Run, tmp_path: Path) -> None:
    made = town(people=150, days=3)
    add_scrapers(made)
    names = {digest: f"{kind} {n}" for n, (digest, kind) in enumerate(made.truth.items())}
    as_table(made.rows(), names, tmp_path / "plays.parquet")
    (tmp_path / "map.toml").write_text(MAP)

    code, lines = run(tmp_path / "plays.parquet", "--map", tmp_path / "map.toml")

    found = {line["account"]: line for line in lines if "account" in line}
    assert code == 3
    assert {name.partition(" ")[0] for name in found} >= {"fast", "slow", "shuffled"}
    assert all(line["reasons"] for line in found.values())
    assert lines[-1]["read"] == lines[-1]["events"] == len(made.rows())


def test_a_table_is_gone_over_in_batch_with_the_names_it_has(run: Run, tmp_path: Path) -> None:
    made = town(people=150, days=3)
    add_scrapers(made)
    names = {digest: f"{kind} {n}" for n, (digest, kind) in enumerate(made.truth.items())}
    as_table(made.rows(), names, tmp_path / "plays.parquet")
    (tmp_path / "map.toml").write_text(MAP)

    code, lines = run(tmp_path / "plays.parquet", "--map", tmp_path / "map.toml", "--engine", "duckdb")

    found = {line["account"]: line for line in lines if "account" in line}
    assert code == 3
    assert {name.partition(" ")[0] for name in found} >= {"fast", "slow"}
    assert lines[-1]["switched_off"] == {"plays": ["order"]}
    assert lines[-1]["leak"] == {"account": 9000}


def test_an_engine_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(combined())

    assert run(tmp_path / "access.log", "--engine", "abacus")[0] == 2


def test_a_log_of_nobody_special_ends_with_0_and_names_its_bad_lines(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    song = {"request": "GET /music/a.mp3 HTTP/1.1"}
    log.write_text("\n".join([combined(**song), "half a li", combined(user="ben", **song)]))

    code, lines = run(log)

    assert code == 0
    assert [(line["code"], line["where"]) for line in lines if line["type"] == "finding"] == [
        ("log-line-unreadable", f"{log}, line 2")
    ]
    assert (lines[-1]["read"], lines[-1]["events"], lines[-1]["unreadable"]) == (3, 2, 1)


def test_a_table_without_a_mapping_is_refused_with_advice(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plays.csv").write_text("a,b\n1,2\n")

    code, lines = run(tmp_path / "plays.csv")

    assert code == 2
    assert "--map" in lines[0]["message"]


@pytest.mark.parametrize(("days", "proposal", "ended"), [(1, NOTED, 0), (2, "throttle", 3)])
def test_albums_in_order_on_one_day_are_only_noted(
    run: Run, tmp_path: Path, days: int, proposal: str, ended: int
) -> None:
    made = town(people=60, days=3)
    made.add("orderly", in_order(made.world, 1, 60, days, START_MS), 1)
    names = {digest: f"{kind} {n}" for n, (digest, kind) in enumerate(made.truth.items())}
    as_table(made.rows(), names, tmp_path / "plays.parquet")
    (tmp_path / "map.toml").write_text(MAP)

    # What plays weigh is not asked with an engine: habits are alone.
    code, lines = run(tmp_path / "plays.parquet", "--map", tmp_path / "map.toml", "--engine", "duckdb")

    (found,) = (line for line in lines if line.get("account", "").startswith("orderly"))
    assert (found["proposal"], code) == (proposal, ended)


def test_the_same_log_twice_is_refused(run: Run, tmp_path: Path) -> None:
    log, copy, other = (tmp_path / name for name in ("access.log", "copy.log", "other.log"))
    log.write_text(combined(request="GET /music/a.mp3 HTTP/1.1") + "\n")
    copy.write_bytes(log.read_bytes())
    other.write_text(combined(request="GET /music/b.mp3 HTTP/1.1") + "\n")

    assert [run(log, again)[0] for again in (log, copy)] == [2, 2]
    assert run(log, other)[0] == 0


def test_a_log_without_plays_says_how_to_tell_them(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(combined(request="GET /listen/123 HTTP/1.1"))

    code, lines = run(log)

    assert code == 2
    assert "[[paths]]" in str(lines)


def test_where_nothing_can_be_judged_that_is_said(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(combined(request=f"GET /music/{n}.mp3 HTTP/1.1") for n in range(9)))

    assert run(log, "--engine", "duckdb")[0] == 1
    assert run(log)[0] == 0


def test_rows_of_too_few_columns_are_told_by_their_lines(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("user,song,at\na,1,1700000000000\nb,2\n")
    second.write_text("user,song,at\na,3,1700000000000\na,4,1700000001000\nb\n")
    (tmp_path / "map.toml").write_text('[fields]\naccount = "user"\ntrack = "song"\nts_ms = "at"\n')

    _, lines = run(first, second, "--map", tmp_path / "map.toml")

    assert [line["where"] for line in lines if line["type"] == "finding"] == [
        f"{first}, line 3", f"{second}, line 4",
    ]  # fmt: skip
