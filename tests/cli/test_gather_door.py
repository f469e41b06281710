"""Gathering dumps from the door: what was read adds up, a cut goes on, and each outcome has its exit code."""

from __future__ import annotations

import gzip
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgroove import archive, locks
from lockgroove.archive import Archive
from lockgroove.cli import main
from lockgroove.report import Silence

DATA = Path(__file__).parents[1] / "data" / "dumps"
ARTIST = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d"
Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCKGROOVE_ARCHIVE", str(tmp_path / "a"))
    archive.init(str(tmp_path / "a")).close()
    return tmp_path / "a"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type a command; its exit code, its summary when it has one, and all it said."""

    def typed(*words: object) -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr(sys, "argv", ["lockgroove", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out = capsys.readouterr()
        summary = json.loads(out.out.splitlines()[-1]) if "--json" in words else {}
        assert isinstance(ended.value.code, int)
        return ended.value.code, summary, out.out + out.err

    return typed


def recordings(numbers: range, title: str = "T") -> bytes:
    rows = [
        {"id": f"{n:08x}-1111-4111-8111-111111111111", "title": f"{title} {n}", "length": 1000 * n + 1,
         "artist-credit": [{"name": "A", "joinphrase": "", "artist": {"id": ARTIST, "name": "A"}}]}
        for n in numbers
    ]  # fmt: skip
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_what_was_read_is_kept_or_refused_and_a_second_time_unchanged(run: Run, home: Path) -> None:
    files = sorted((DATA / "musicbrainz").glob("*.jsonl"))

    dry = run("gather", "musicbrainz", *files, "--dry-run", "--json")
    first = run("gather", "musicbrainz", *files, "--json")
    second = run("gather", "musicbrainz", *files, "--json")

    assert (dry[0], first[0], second[0]) == (0, 0, 0)
    assert dry[1]["claims"] == first[1]["claims"] == second[1]["unchanged"] == first[1]["read"] > 10
    assert first[1]["refused"] == second[1]["claims"] == 0
    assert {file["name"] for file in first[1]["files"]} == {file.name for file in files}


def test_a_newer_dump_withdraws_what_it_lacks_and_only_of_its_kind(
    run: Run, home: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "recording.xz", tmp_path / "recording-2.gz"
    old.write_bytes(lzma.compress(recordings(range(10))))
    new.write_bytes(gzip.compress(recordings(range(2, 12))))
    run("gather", "musicbrainz", old, DATA / "musicbrainz" / "artist.jsonl")

    code, done, _ = run("gather", "musicbrainz", new, "--json")

    assert (code, done["claims"], done["unchanged"], done["withdrawn"]) == (0, 2, 8, 2)
    assert done["kinds"] == {"recording": 10}


def test_a_dump_that_is_cut_keeps_what_came_withdraws_nothing_and_ends_partial(
    run: Run, home: Path, tmp_path: Path
) -> None:
    whole = lzma.compress(recordings(range(4000)))
    (tmp_path / "recording.xz").write_bytes(whole)
    run("gather", "musicbrainz", tmp_path / "recording.xz")
    (tmp_path / "cut.xz").write_bytes(whole[: len(whole) // 2])

    code, done, _ = run("gather", "musicbrainz", tmp_path / "cut.xz", "--full", "--json")
    _, _, said = run("gather", "musicbrainz", tmp_path / "cut.xz", "--full")

    assert (code, done["claims"], done["withdrawn"], done["files"][0]["broken"]) == (3, 0, 0, True)
    assert 0 < done["read"] < 4000
    assert "cut.xz is not whole: fetch it again" in said


def test_a_piece_of_a_dump_is_told_from_a_newer_one(run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(recordings(range(30)))
    (tmp_path / "piece").write_bytes(recordings(range(5)))
    run("gather", "musicbrainz", tmp_path / "whole")

    by_default, spared, _ = run("gather", "musicbrainz", tmp_path / "piece", "--json")
    delta = run("gather", "musicbrainz", tmp_path / "piece", "--delta", "--json")
    full = run("gather", "musicbrainz", tmp_path / "piece", "--full", "--json")

    assert (by_default, spared["withdrawn"], spared["spared"]) == (3, 0, 25)
    assert (delta[0], delta[1]["withdrawn"], delta[1]["spared"]) == (0, 0, 0)
    assert (full[0], full[1]["withdrawn"]) == (0, 25)


def test_what_cannot_be_understood_is_refused_counted_and_located(run: Run, home: Path) -> None:
    broken = sorted((DATA / "discogs" / "broken").iterdir())

    code, done, said = run("gather", "discogs", *broken, "--json")

    assert code == 3
    assert done["read"] == done["kept"] + done["refused"]
    assert done["refused"] == done["findings_by_code"]["record-malformed"] > 0
    assert "record-malformed.xml record 3 at byte" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["musicbrainz", "nosuch"], 2),
        (["musicbrainz"], 2),
        (["mapped", "nosuch.csv"], 2),
        (["mapped", "nosuch.csv", "--map", "nosuch.toml"], 2),
    ],
)
def test_what_is_not_there_is_said(run: Run, home: Path, words: list[str], code: int) -> None:
    assert run("gather", *words)[0] == code


def test_a_table_of_ones_own_is_gathered_by_its_mapping(run: Run, home: Path) -> None:
    words = (DATA / "mapped" / "shop.csv", "--map", DATA / "mapped" / "shop.toml")

    first = run("gather", "mapped", *words, "--json")
    second = run("gather", "mapped", *words, "--json")

    assert first[1]["source"] == second[1]["source"]
    assert first[1]["source"].startswith("shelf-")
    assert first[1]["claims"] > 0
    assert (second[1]["claims"], second[1]["withdrawn"]) == (0, 0)


def test_two_at_once_are_one_too_many(run: Run, home: Path) -> None:
    with locks.hold(f"{home}/staging", "claims"):
        assert run("gather", "musicbrainz", DATA / "musicbrainz" / "label.jsonl")[0] == 11


KILLED = """
import os, signal, sys
from lockgroove.gather import Checkpoints, harvest
harvest.PART_SECONDS = 0.0
stored, count = Checkpoints.store, [0]
def store(*given):
    stored(*given)
    count[0] += 1
    if count[0] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
Checkpoints.store = store
from lockgroove.cli import main
main()
"""


def test_a_killed_command_typed_again_goes_on(run: Run, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "recording.xz"
    path.write_bytes(lzma.compress(recordings(range(9000)), preset=0))
    killed = subprocess.run([sys.executable, "-c", KILLED, "gather", "musicbrainz", path])
    assert killed.returncode == -9

    code, _, said = run("gather", "musicbrainz", path)

    assert code == 0
    assert "9,000 records read = 9,000 new + 0 unchanged + 0 refused; 0 gone. It went on where it was" in said
    with Archive(str(home)) as opened:
        keys = [r["key"] for part in opened.store.parts() for r in opened.store.read(part)]
        assert len(keys) == len(set(keys)) == 9000
        assert len({part.harvest for part in opened.store.parts()}) == 1


@pytest.mark.parametrize("part_seconds", [10.0, 0.0])
def test_a_broken_file_lowers_no_listens_and_the_whole_one_counts_again(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_seconds: float
) -> None:
    """Also where what was read is made safe long before the break is met."""
    monkeypatch.setattr("lockgroove.gather.harvest.PART_SECONDS", part_seconds)
    rows = [f"{n},Title {n},{n * 100}" for n in range(1, 12_000)]
    whole = gzip.compress("\n".join(["track_id,track_title,track_listens", *rows, ""]).encode())
    paths = {name: tmp_path / name / "raw_tracks.csv.gz" for name in ("whole", "cut")}
    for path in paths.values():
        path.parent.mkdir()
        path.write_bytes(whole if path == paths["whole"] else whole[: len(whole) // 2])

    def listens() -> int:
        with Archive(str(home)) as opened:
            reader = opened.reader(Silence())
            total = reader.select("SELECT sum(listens) AS n FROM recordings")[0]["n"]
            reader.close()
        return int(total or 0)

    run("gather", "fma", paths["cut"], "--json")
    first = listens()
    run("gather", "fma", paths["whole"], "--json")
    full = listens()
    _, summary, _ = run("gather", "fma", paths["cut"], "--json")

    assert 0 < first < full == 100 * 11_999 * 12_000 // 2
    assert listens() == full
    assert "listens-left-as-they-were" in summary["findings_by_code"]
    run("gather", "fma", paths["whole"], "--json")
    assert listens() == full
