"""Every sample command of README.md, CONTRIBUTING.md and docs/ does what its page says."""

from __future__ import annotations

import ast
import os
import shlex
import sys
from importlib import resources
from pathlib import Path

import pytest
from console import Shell, Unparsable, blocks, furnish, match, play, steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])

# Commands of `sh` blocks are not run here, each for its reason.
NOT_RUN = {
    "make demo": "sets up a virtual environment over the network, then serves until it is stopped",
    "make test": "would run these tests again, within themselves",
    "make check": "would run these tests again, within themselves",
    "make help": "lists the targets of the Makefile, which a reader's home does not have",
    "pipx install .": "needs pipx and the network",
    "lockgroove demo": "serves until it is stopped; tests/cli runs it with --no-serve",
    "lockgroove guard replay access.log": "needs a log; docs/guides/guard.md runs it on three lines",
    "lockgroove serve": "serves until it is stopped; tests/access asks the same pages",
    "zstd -dc": "zstd is not on every machine; the tests of claims read the same bytes",
    "minisign -Vm": "minisign is not on every machine; the tests of keys call it where it is",
}
# Pages none of whose commands are run, each for its reason.
PAGES_NOT_RUN = {
    "docs/measurements.md": "figures of one machine, taken over hours on music that is not ours to ship",
}


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def shell(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    furnish(home, Path(str(resources.files("lockgroove.cli") / "demo_music")))
    opened = Shell(home, f"{os.path.dirname(sys.executable)}:/usr/bin:/bin")
    yield opened
    opened.close()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_samples_of_a_page_run(page, shell):
    if _name(page) in PAGES_NOT_RUN:
        pytest.skip(PAGES_NOT_RUN[_name(page)])

    differences = play(page.read_text(encoding="utf-8"), shell)

    assert not differences, f"{_name(page)}, " + "\n".join(differences)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_is_not_run_has_a_reason(page):
    if _name(page) in PAGES_NOT_RUN:
        return
    found = [block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "sh"]

    for line in (line for block in found for line in block.lines):
        command = " ".join(shlex.split(line, comments=True))
        known = not command or any(command == c or command.startswith(f"{c} ") for c in NOT_RUN)
        assert known, f"{_name(page)}: {line!r} is neither run nor listed in NOT_RUN"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_in_a_page_is_python(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python":
            ast.parse("\n".join(block.lines), f"{_name(page)}:{block.line}")


def test_every_reason_is_needed():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert [command for command in NOT_RUN if command not in text] == []


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ true\n",
        "```\n$ true\n```\n",
        "```console\nan answer\n```\n",
        "```console\n$ true \\\n```\n",
    ],
    ids=["no end", "no language", "no command", "half a command"],
)
def test_a_block_that_cannot_be_parsed_is_refused(page):
    with pytest.raises(Unparsable):
        [steps(block) for block in blocks(page)]


@pytest.mark.parametrize(
    ("said", "is_"),
    [
        ("kept 3 files", "kept 4 files"),
        ("kept 3 files, 7.3 MB", "kept 3 files, 9.9 MB"),
        ("root " + "a" * 64 + ", again " + "a" * 64, "root " + "b" * 64 + ", again " + "c" * 64),
        ("as of 2026-01-02T03:04:05Z", "as of yesterday"),
    ],
)
def test_a_difference_is_seen(said, is_):
    assert match([said], [is_], {}) is None


@pytest.mark.parametrize(
    ("said", "is_"),
    [
        ("kept 3 files, 7.3 MB", "kept 3 files, 7.4 MB"),
        ("root " + "a" * 64 + ", again " + "a" * 64, "root " + "b" * 64 + ", again " + "b" * 64),
        ("as of 2026-01-02T03:04:05Z", "as of 2027-11-12T13:14:15.161718Z"),
        ("first\n…\nlast", "first\none\ntwo\nlast"),
        ("it … holds", "it certainly holds"),
    ],
)
def test_what_differs_from_run_to_run_is_no_difference(said, is_):
    assert match(said.splitlines(), is_.splitlines(), {}) is not None


def test_a_name_of_the_page_stands_for_that_of_the_run_in_later_commands(tmp_path):
    page = f"```console\n$ echo {'0' * 16}{'1' * 16} | rev\n{'2' * 32}\n$ echo {'2' * 32}\n{'2' * 32}\n```\n"
    shell = Shell(tmp_path, "/usr/bin:/bin")

    differences = play(page, shell)
    shell.close()

    assert differences == []
