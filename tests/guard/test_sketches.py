"""Sketches of logs: written over one, added up over many, and refused where they cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from lockgroove.campaigns.replaying import analyse
from lockgroove.cli import cli
from lockgroove.errors import UsageError
from lockgroove.guard.batch import leak_in
from lockgroove.guard.digests import Digests
from lockgroove.guard.logs import read_log_map
from lockgroove.report import Silence

pytest.importorskip("datasketches", exc_type=ImportError)

MAP = """
[fields]
ts_ms = "at"
account = "user"
track = "song"
"""
DAY_MS = 86_400_000


def a_month(path: Path, month: int, people: int = 6, each: int = 3000) -> str:
    """People whose tracks of one month overlap by half with those of the next."""
    user = np.repeat(np.arange(people), each)
    song = user * 100_000 + month * each // 2 + np.tile(np.arange(each), people)
    at = 1_700_000_000_000 + month * 30 * DAY_MS + np.arange(len(user)) * 1000
    table = {"at": at, "user": [f"user {n}" for n in user], "song": [f"song {n}" for n in song]}
    pq.write_table(pa.table(table), path)
    return str(path)


def sketched(tmp_path: Path, month: int, key: bytes = bytes(32)) -> str:
    log, made = a_month(tmp_path / f"{month}.parquet", month), str(tmp_path / f"{month}.sketches")
    analyse([log], read_log_map(MAP.encode(), "map"), key, Silence(), "duckdb", str(tmp_path), made)
    return made


def test_months_add_up_and_count_once_what_both_have(tmp_path: Path) -> None:
    months = [sketched(tmp_path, month) for month in (0, 1)]
    digests = Digests(bytes(32))
    pair = {digests.of("account", f"user {n}") for n in (0, 1)}

    one, both = (leak_in(some, {"pair": pair, "others": {5}}, 3) for some in (months[:1], months))

    assert (one.tracks, both.tracks) == (pytest.approx(18_000, rel=0.05), pytest.approx(27_000, rel=0.05))
    assert both.groups == {"pair": (2, pytest.approx(9000, rel=0.05))}
    assert both.counts == {"account": 6}
    assert [tracks for _, tracks in both.most["account"]] == pytest.approx([4500] * 3, rel=0.06)
    assert sorted(p.name for p in tmp_path.iterdir() if ".new" in p.name) == []


def test_sketches_of_several_keys_are_not_added_up(tmp_path: Path) -> None:
    files = [sketched(tmp_path, 0), sketched(tmp_path, 1, bytes([1] * 32))]

    with pytest.raises(UsageError, match="several keys"):
        leak_in(files, {}, 3)


@pytest.mark.parametrize("what", ["a table", "no table", "cut"])
def test_what_is_no_table_of_sketches_is_refused_by_name(tmp_path: Path, what: str) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    if what != "a table":
        path.write_bytes(b"what?" if what == "no table" else path.read_bytes()[:-3])

    with pytest.raises(UsageError, match=r"other\.parquet"):
        leak_in([str(path)], {}, 3)


@pytest.mark.parametrize(
    ("column", "value"),
    [("sketch", b"junk"), ("sketch", b""), ("sketch", None), ("by", "planet"), ("key", None)],
)
def test_a_damaged_sketch_is_refused_by_name(tmp_path: Path, column: str, value: object) -> None:
    made = sketched(tmp_path, 0)
    told = pq.read_table(made)
    other = pa.array([value, *told[column].to_pylist()[1:]], told.schema.field(column).type)
    place = told.schema.get_field_index(column)
    pq.write_table(told.set_column(place, told.schema.field(column), other), made)

    with pytest.raises(UsageError, match=r"0\.sketches"):
        leak_in([made], {}, 3)


def test_a_flipped_bit_in_a_page_is_refused_by_name(tmp_path: Path) -> None:
    made = Path(sketched(tmp_path, 0))
    data = bytearray(made.read_bytes())
    for place in range(40, len(data) // 2, 97):
        data[place] ^= 0x55
    made.write_bytes(data)

    with pytest.raises(UsageError, match=r"0\.sketches"):
        leak_in([str(made)], {}, 3)


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., Result]:
    """Types a command in a folder without an archive, which has a log and what it means."""
    a_month(tmp_path / "log.parquet", 0)
    (tmp_path / "map.toml").write_text(MAP)

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, ["-C", str(tmp_path), "guard", *(w.format(tmp_path) for w in words)])

    return run


REPLAY = ("replay", "{}/log.parquet", "--map", "{}/map.toml", "--engine", "duckdb", "--sketches")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{}/log.parquet", "one of the files that are read"),
        ("{}/map.toml", "one of the files that are read"),
        ("{}/notes.txt", "There is another file already"),
        ("{}/nowhere/made", "There is no such folder"),
    ],
)
def test_nothing_else_is_written_over(
    typed: Callable[..., Result], tmp_path: Path, target: str, said: str
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    ended = typed(*REPLAY, target)

    assert ended.exit_code != 0
    assert said in f"{ended.output} {ended.exception}"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_log_of_nothing_leaves_earlier_sketches_alone(typed: Callable[..., Result], tmp_path: Path) -> None:
    made, link = tmp_path / "made", tmp_path / "link"
    link.symlink_to(made)
    typed(*REPLAY, "{}/link")
    before = made.read_bytes()
    (tmp_path / "bad.log").write_text("nothing\nat all\n")

    ended = typed("replay", "{}/bad.log", "--engine", "duckdb", "--sketches", "{}/made")

    assert ended.exit_code != 0
    assert made.read_bytes() == before
    assert link.is_symlink()


def test_they_are_written_and_read_from_the_command_line_without_an_archive(
    typed: Callable[..., Result],
) -> None:
    refused = typed("replay", "{}/log.parquet", "--map", "{}/map.toml", "--sketches", "{}/made")
    written = typed(*REPLAY, "{}/made")
    told = typed("leak", "--sketches", "{}/made", "--json")

    assert (refused.exit_code, "--engine duckdb" in refused.output) == (2, True)
    assert written.exit_code == 1, written.output  # nobody could be judged
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.exit_code == 0
    assert lines[-1]["counts"] == {"account": 6}
    assert lines[-1]["tracks"] == pytest.approx(18_000, rel=0.05)
    assert {line["by"] for line in lines[:-1]} == {"account"}
    assert typed("leak", "--sketches", "{}/made", "--days", "3").exit_code == 2
