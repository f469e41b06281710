"""Accounts by hand: made, listed, let in and kept out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgroove import archive
from lockgroove.cli import main
from lockgroove.people import open_people

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCKGROOVE_ARCHIVE", str(tmp_path / "a"))
    archive.init(str(tmp_path / "a")).close()
    return tmp_path / "a"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def typed(*words: object) -> tuple[int, list[dict[str, Any]]]:
        monkeypatch.setattr(sys, "argv", ["lockgroove", "account", *map(str, words), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return int(str(ended.value.code)), lines

    return typed


def listed(run: Run) -> list[dict[str, Any]]:
    return [line for line in run("list")[1] if line["type"] == "item"]


def test_a_key_is_printed_once_and_lets_its_account_in(run: Run, home: Path) -> None:
    run("add", "Ada", "--role", "operator")
    _, lines = run("key", "ada", "--label", "phone", "--scope", "read", "--days", 7)
    key = next(line["key"] for line in lines if line["type"] == "item")

    people = open_people(str(home))
    asker = people.ask(key)
    people.close()

    assert asker is not None
    assert (asker.role, sorted(asker.scopes)) == ("operator", ["read"])
    assert key not in json.dumps(listed(run))
    assert listed(run)[0]["keys"] == 1


def test_what_was_granted_and_why_an_account_is_out_is_listed(run: Run) -> None:
    run("add", "Lab X", "--role", "researcher")
    run("grant", "Lab X", "--because", "tuning of pianos", "--days", 30)
    run("disable", "lab x", "--because", "asked for it")
    out = listed(run)[0]
    run("grant", "Lab X", "--end")
    run("enable", "Lab X", "--because", "asked again")
    back = listed(run)[0]

    assert [grant["because"] for grant in out["grants"]] == ["tuning of pianos"]
    assert (out["disabled_because"], back["disabled_because"], back["grants"]) == ("asked for it", None, [])


@pytest.mark.parametrize(
    "words",
    [
        ["add", "Ben"],
        ["key", "Ada"],
        ["key", "Ada", "--revoke"],
        ["grant", "Ada", "--because", "pianos"],
        ["disable", "Ada", "--because", "asked"],
    ],
    ids=" ".join,
)
def test_a_dry_run_changes_no_account(run: Run, words: list[str]) -> None:
    run("add", "Ada")
    run("key", "Ada")
    before = [{**line, "at": ""} for line in listed(run)]

    code, lines = run(*words, "--dry-run")

    assert (code, lines[-1]["dry_run"]) == (0, True)
    assert not any("key" in line for line in lines)
    assert [{**line, "at": ""} for line in listed(run)] == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add", "ada"], 2),
        (["add", ""], 2),
        (["key", "Nobody"], 2),
        (["key", "Ada", "--scope", "operate"], 2),
        (["grant", "Ada"], 2),
        (["disable", "Nobody", "--because", "x"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_cannot_be_is_refused_with_a_reason(run: Run, words: list[str], code: int) -> None:
    run("add", "Ada")

    found, lines = run(*words)

    assert found == code
    assert [line["exit"] for line in lines if line["type"] == "error"] == [code]
