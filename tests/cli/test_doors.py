"""The operator's door: every verb explains itself, answers programs in JSON lines, and ends as it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import publishing
import pytest
from publishing import CC0, shelf, song

import worlds
from lockgroove import archive, locks
from lockgroove.archive import Archive
from lockgroove.cli import VERBS, cli, main
from lockgroove.report import Silence

Run = Callable[..., tuple[int, list[dict[str, Any]]]]
TYPES = {"progress", "item", "finding", "error", "summary"}
DERIVED = ("catalogue/", "cache/", "state.sqlite", "staging/")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb and subverb by its full name."""
    ctx = click.Context(cli)
    for name in VERBS:
        command = cli.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            for inner in command.list_commands(ctx):
                found = command.get_command(ctx, inner)
                assert found is not None
                yield f"{name} {inner}", found
        else:
            yield name, command


EVERY = dict(commands())


@pytest.mark.parametrize("name", EVERY)
def test_the_help_of_every_verb_names_its_exit_codes_and_json(name: str) -> None:
    text = EVERY[name].get_help(click.Context(EVERY[name], info_name=name))

    assert re.search(r"Exit codes:\s+0 ", text)
    assert "--json" in text


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_the_verb_says(verb: str) -> None:
    """Most words of the line stand in the help of the verb or of its subverbs."""
    helps = " ".join(command.help or "" for name, command in EVERY.items() if name.split()[0] == verb)
    group = cli.get_command(click.Context(cli), verb)
    said = set(re.findall(r"\w+", f"{helps} {group.help if group else ''}".lower()))
    words = set(re.findall(r"\w+", VERBS[verb].lower()))

    assert len(words & said) >= 0.6 * len(words), words - said


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type a command with --json; its exit code and lines, which keep the contract."""

    def typed(*words: object) -> tuple[int, list[dict[str, Any]]]:
        monkeypatch.setattr(sys, "argv", ["lockgroove", *map(str, words), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out = capsys.readouterr()
        assert out.err == ""
        lines = [json.loads(line) for line in out.out.splitlines()]
        code = ended.value.code
        assert isinstance(code, int)
        keeps_the_contract(lines, code)
        return code, lines

    return typed


def keeps_the_contract(lines: list[dict[str, Any]], code: int) -> None:
    for line in lines:
        assert line["v"] == 1
        assert line["type"] in TYPES
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["at"])
    assert [line["type"] for line in lines].count("summary") == 1
    assert lines[-1]["type"] == "summary"
    assert lines[-1]["exit"] == code


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive that gathered two deposits, one of them dark, and nothing more."""
    files: dict[str | bytes, bytes] = {
        "Open/01.flac": song(title="Song", artist="A", isrc="DEA123456789"),
        "Open/LICENSE": CC0,
        "Dark/01.flac": song(title="Unsaid"),
    }
    monkeypatch.setenv("LOCKGROOVE_ARCHIVE", str(tmp_path / "a"))
    monkeypatch.chdir(tmp_path)
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(shelf(tmp_path / "shelf", files), None, False, Silence())
    return tmp_path / "a"


def truth(root: Path) -> dict[str, bytes]:
    tree = worlds.tree_below(root, ".")
    return {path: data for path, data in tree.items() if not any(part in path for part in DERIVED)}


def test_the_whole_line_answers_in_json_and_ends_as_it_says(run: Run, tmp_path: Path, home: Path) -> None:
    plays = tmp_path / "plays.csv"
    plays.write_text("artist,title,plays\nA,Song,3\n")
    shutil.rmtree(home)

    assert run("init", home)[0] == 0
    assert run("gather", "folder", tmp_path / "shelf")[0] == 0
    assert run("gather", "listens", plays)[0] == 0
    assert run("plan", "--budget", "1MB")[0] == 0
    assert run("status")[0] == 3
    assert run("keep")[1][-1]["files"] == 3
    assert run("rights", "undecided")[0] == 3
    assert run("place", "add", tmp_path / "second")[0] == 0
    assert run("place", "list")[0] == 0
    assert run("audit")[0] == 0
    assert run("repair")[0] == 0
    code, lines = run("search", "song")
    assert (code, lines[-1]["found"]) == (0, 1)
    identifier = lines[0]["recording_id"]
    assert run("show", identifier)[0] == 0
    assert run("show", "DEA123456789")[0] == 0
    assert run("export", identifier, tmp_path / "out")[1][-1]["files"] == 2
    assert run("dump")[1][-1]["objects"] == 1
    code, lines = run("mirror", home, tmp_path / "m")
    assert (code, lines[-1]["tables_different"]) == (0, [])
    assert run("rebuild")[0] == 0
    assert run("place", "remove", "second")[0] == 0
    assert run("init", tmp_path / "back", "--from", tmp_path / "second")[0] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["search", "nothing such"], 3),
        (["show", "nothing"], 2),
        (["plan", "--budget", "much"], 2),
        (["plan", "--no-such-option"], 2),
        (["sarch", "x"], 2),
        (["search"], 2),
        (["gather", "folder", "/nowhere"], 2),
        (["gather", "listens", "/nowhere"], 2),
        (["gather", "folder", "a"], 2),
        (["gather", "nothing", "x"], 2),
        (["export", "r-0", "out"], 2),
        (["export", "out"], 2),
        (["export", "--where", "nonsense", "out"], 2),
        (["export", "--where", "title = 'Song'", "out"], 3),
        (["rights", "decide", "s-none", "--licence", "CC0-1.0", "--because", "x"], 2),
        (["rights", "decide", "s-none", "--licence", "what", "--because", "x"], 2),
        (["place", "add", "a/inner"], 2),
        (["place", "remove", "nothing"], 2),
        (["mirror", "/nowhere", "m"], 2),
        (["mirror", "http://127.0.0.1:9/x", "m"], 1),
        (["init", "a"], 2),
        (["init", "b", "--from", "shelf"], 2),
        (["serve", "--operator", "--host", "0.0.0.0"], 5),
        (["-C", "elsewhere", "status"], 10),
        (["status", "-C", "shelf"], 10),
        (["status"], 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_cannot_be_done_is_said_in_json_with_its_exit_code(
    run: Run, home: Path, words: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "http" in " ".join(words):
        from lockgroove import fetch

        monkeypatch.setattr(fetch, "_TRIES", 0)

    found, lines = run(*words)

    assert found == code
    if code not in (0, 3):
        (error,) = [line for line in lines if line["type"] == "error"]
        assert error["exit"] == code
        assert len(error["message"]) > 10


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ("claims", ["gather", "folder", "shelf"]),
        ("vault", ["keep"]),
        ("vault", ["repair"]),
        ("catalogue", ["rebuild"]),
        ("dumps", ["dump"]),
        ("vault", ["place", "add", "p"]),
    ],
)
def test_who_writes_at_the_same_time_is_told_to_try_again(
    run: Run, home: Path, lock: str, words: list[str]
) -> None:
    with locks.hold(str(home / "staging"), lock):
        code, lines = run(*words)

    assert code == 11
    assert [line["retry"] for line in lines if line["type"] == "error"] == [True]


def test_damage_and_another_key_have_codes_of_their_own(run: Run, home: Path, tmp_path: Path) -> None:
    run("keep")
    run("dump")
    dump = home / "dumps" / "000001"
    assert run("mirror", dump, "m")[0] == 0
    worlds.flip(next(iter((home / "vault").rglob("01.flac"))))
    assert run("audit")[0] == 4
    assert run("repair")[0] == 4
    worlds.flip(dump / "tables" / "files.parquet")
    code, lines = run("mirror", dump, "m2")
    assert code == 4
    assert "files.parquet" in lines[-2]["message"]
    publishing.publish(tmp_path / "other", str(tmp_path / "shelf"))
    assert run("mirror", tmp_path / "other", "m")[0] == 5


def test_a_dry_run_changes_nothing(run: Run, home: Path, tmp_path: Path) -> None:
    shelf(tmp_path / "more", {"B/01.flac": song(title="More")})
    run("keep")
    run("dump")
    Path("shelf/New").mkdir()
    Path("shelf/New/01.flac").write_bytes(song(title="New"))
    run("gather", "folder", "shelf")
    with Archive(str(home)) as opened:
        statement, source = opened.statements(Silence())[0]["statement"], next(iter(opened.sources()))
    before = truth(tmp_path)

    for words in (
        "plan --budget 3kB",
        "keep",
        "dump",
        "gather folder more",
        "mirror a/dumps/000001 m",
        "export --where TRUE out",
        f"rights decide {statement} --licence CC0-1.0 --because mine --source {source}",
    ):
        code, lines = run(*words.split(" "), "--dry-run")

        assert (words, code in (0, 3), lines[-1]["dry_run"]) == (words, True, True)
        assert truth(tmp_path) == before, words


def test_a_dry_run_of_keep_lists_what_keep_then_keeps(run: Run, home: Path) -> None:
    run("plan", "--budget", "5kB")
    _, lines = run("keep", "--dry-run")
    listed = {(line["source"], line["keep"]) for line in lines if line["type"] == "item"}
    summary = lines[-1]

    _, lines = run("keep")

    with Archive(str(home)) as opened:
        held = {(file.source, file.key) for batch in opened.index.held_batches() for file in batch}
    assert held == listed != set()
    assert (lines[-1]["files"], lines[-1]["bytes"]) == (summary["files"], summary["bytes"])


def test_a_dry_run_of_gather_counts_what_gather_then_claims(run: Run, home: Path, tmp_path: Path) -> None:
    shelf(tmp_path / "more", {"B/01.flac": song(title="More"), "B/notes.txt": b"notes"})

    dry = run("gather", "folder", "more", "--dry-run")[1][-1]
    done = run("gather", "folder", "more")[1][-1]

    assert (dry["claims"], dry["roles"]) == (done["claims"], done["roles"])


# what people see


def typed(home: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lockgroove", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"LOCKGROOVE_ARCHIVE": str(home)}, **more
    )


def test_people_get_sentences_on_stdout_and_trouble_on_stderr(home: Path) -> None:
    good, bad = typed(home, "search", "song"), typed(home, "show", "nothing")

    assert (good.returncode, good.stderr) == (0, "")
    assert "Song" in good.stdout
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("lockgroove: ")
    assert "Traceback" not in bad.stderr


def test_names_that_are_not_utf8_are_told_all_the_same(home: Path) -> None:
    odd = os.fsencode(home.parent) + b"/shelf \xff"
    worlds.fill(os.fsdecode(odd), {b"A/caf\xe9.flac": song(title="Caf\ue000")})

    for words in (
        ["gather", "folder", os.fsdecode(odd)],
        ["keep"],
        ["export", "--where", "TRUE", os.fsdecode(odd) + "out"],
        ["show", "\udcff"],
        ["search", "\udcff"],
    ):
        for form in ([], ["--json"]):
            done = typed(home, *words, *form, errors="surrogateescape")
            assert "Traceback" not in done.stderr
            assert done.returncode in (0, 2, 3)
            if form:
                keeps_the_contract([json.loads(line) for line in done.stdout.splitlines()], done.returncode)
    assert os.path.exists(odd + b"out/A/caf\xe9.flac") or os.listdir(odd + b"out")


def test_a_pipe_that_closes_early_is_no_failure(home: Path) -> None:
    command = f"{sys.executable} -m lockgroove rights undecided --all | true; exit ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ)

    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 3)


def test_help_is_quick_because_it_loads_no_engine() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lockgroove", "--help"], capture_output=True, text=True
    )

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert not loaded & {
        "duckdb",
        "pyarrow",
        "rich",
        "starlette",
        "fastapi",
        "tantivy",
        "numpy",
        "urllib3",
        "mutagen",
    }


# The first file takes its time: Ctrl-C comes in the middle of it.
_SLOW = """
import sys, time
from lockgroove.campaigns import keeping
real = keeping.open_shelf_file
def slow(*given):
    for chunk in real(*given):
        print("reading", file=sys.stderr, flush=True)
        time.sleep(0.3)
        yield chunk
keeping.open_shelf_file = slow
from lockgroove.cli import main
main()
"""


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["people", "json"])
def test_ctrl_c_ends_keep_with_130_and_the_next_run_goes_on(home: Path, form: list[str]) -> None:
    shelf(home.parent / "shelf", {f"Many/{n:02}.flac": song(title=f"{n}") for n in range(12)})
    assert typed(home, "gather", "folder", str(home.parent / "shelf")).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW, "keep", *form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "reading\n"

    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    if form:
        keeps_the_contract([json.loads(line) for line in out.splitlines()], 130)
    else:
        assert "Interrupted" in err
    again = typed(home, "keep")
    assert again.returncode == 0, again.stderr
    with Archive(str(home)) as opened:
        assert sum(len(batch) for batch in opened.index.held_batches()) == 15
        assert opened.audit(Silence()).findings == []


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("20GB", 20 * 10**9),
        ("1.5TB", 15 * 10**11),
        ("10GiB", 10 << 30),
        ("7", 7),
        ("1 kB", 1000),
        ("1,000", 1000),
        ("0", 0),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    from lockgroove.cli.door import Bytes

    assert Bytes().convert(text, None, None) == size


@pytest.mark.parametrize(
    "text", ["", "much", "GB", "-1", "-5GB", "nan", "inf", "1e400", "5 apples", "1.2.3MB"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    from lockgroove.cli.door import Bytes

    with pytest.raises(click.BadParameter):
        Bytes().convert(text, None, None)
