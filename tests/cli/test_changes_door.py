"""A catalogue brought up to date by a delta, as an operator meets it; a dump and a rebuild make it whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.catalogue import generations
from lockgroove.catalogue.facts import families
from lockgroove.cli import main
from lockgroove.rebuild import changes
from lockgroove.report import Silence

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type a command with --json, in an archive where nothing is too small for a delta."""
    monkeypatch.setattr(changes, "WHOLE_BYTES", 0)
    monkeypatch.setattr(changes, "_SHARE_MAX", 0)
    monkeypatch.setenv("LOCKGROOVE_ARCHIVE", str(tmp_path / "a"))

    def typed(*words: object) -> tuple[int, list[dict[str, Any]]]:
        monkeypatch.setattr("sys.argv", ["lockgroove", *map(str, words), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert isinstance(ended.value.code, int)
        return ended.value.code, [line for line in said if line["type"] != "progress"]

    archive.init(str(tmp_path / "a")).close()
    return typed


def dump(tmp_path: Path, name: str, songs: dict[int, tuple[str, int]]) -> Path:
    """A dump of recordings: by number, title and length."""
    credited = {"id": "00000000-2222-4222-8222-222222222222", "name": "Choir"}
    rows = [
        {
            "id": f"{number:08x}-1111-4111-8111-111111111111", "title": title, "length": ms,
            "artist-credit": [{"name": "Choir", "joinphrase": "", "artist": credited}],
        }
        for number, (title, ms) in songs.items()
    ]  # fmt: skip
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


OLD = {number: (f"Song {number}", 100_000 + 10_000 * number) for number in range(20)}
NEW = {3: ("Another song", 130_000), 30: ("Kalinka", 180_000)}


def titles(said: list[dict[str, Any]]) -> list[str]:
    return [line["title"] for line in said if line["type"] == "item"]


def current(tmp_path: Path) -> generations.Generation:
    found = generations.current(str(tmp_path / "a"))
    assert found is not None
    return found


def changed(run: Run, tmp_path: Path) -> None:
    run("gather", "musicbrainz", dump(tmp_path, "old.jsonl", OLD))
    assert run("search", "song")[0] == 0
    run("gather", "musicbrainz", dump(tmp_path, "new.jsonl", NEW))


def test_what_is_new_is_found_and_what_changed_is_changed(run: Run, tmp_path: Path) -> None:
    changed(run, tmp_path)

    assert titles(run("search", "kalinka")[1]) == ["Kalinka"]
    assert not current(tmp_path).is_whole
    assert titles(run("search", "another")[1]) == ["Another song"]
    assert run("search", "song 3")[0] == 3
    said = run("show", "00000003-1111-4111-8111-111111111111", "--evidence")[1]
    (shown,) = [line for line in said if line["type"] == "item"]
    assert shown["title"] == "Another song"
    assert [claim["body"]["title"] for claim in shown["claims_as_given"]] == ["Another song"]
    counted = [line for line in run("status")[1] if line.get("recordings") is not None]
    assert counted[0]["recordings"] == 21


def test_one_delta_follows_another_and_rebuild_makes_it_whole(run: Run, tmp_path: Path) -> None:
    changed(run, tmp_path)
    run("search", "kalinka")
    run(
        "gather",
        "musicbrainz",
        dump(tmp_path, "newer.jsonl", {30: ("Katyusha", 180_000), 31: ("Kalinka", 1)}),
    )

    assert titles(run("search", "kalinka")[1]) == ["Kalinka"]
    assert titles(run("search", "katyusha")[1]) == ["Katyusha"]
    assert not current(tmp_path).is_whole
    digest = run("rebuild")[1][-1]["digest"]
    assert current(tmp_path).is_whole
    assert current(tmp_path).digest == digest
    assert titles(run("search", "katyusha")[1]) == ["Katyusha"]


def test_a_dump_is_written_from_whole_tables(run: Run, tmp_path: Path) -> None:
    changed(run, tmp_path)
    run("search", "kalinka")
    assert not current(tmp_path).is_whole

    assert run("dump")[0] == 0

    assert current(tmp_path).is_whole
    (written,) = (tmp_path / "a" / "dumps").glob("*/tables/recordings.parquet")
    assert written.read_bytes() == Path(current(tmp_path).public, "recordings.parquet").read_bytes()


def test_a_plan_and_a_match_by_hand_come_in_by_a_delta(run: Run, tmp_path: Path) -> None:
    changed(run, tmp_path)
    one, other = (run("search", f"song {n}")[1][0]["recording_id"] for n in (5, 6))

    assert run("match", one, other, "--because", "one take")[0] == 0
    assert run("plan", "--budget", "1GB")[0] == 0

    matched = run("search", "song 5")[1][0]
    assert matched["claims"] == 2
    assert not current(tmp_path).is_whole
    for word, claims in (("unmatch", 1), ("match", 2), ("unmatch", 1)):
        assert run(word, one, other, "--because", "listened again")[0] == 0
        assert run("search", "song 5")[1][0]["claims"] == claims
        assert not current(tmp_path).is_whole


def test_facts_that_were_let_go_of_are_not_asked_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue too large to keep them reads again only what changed, and what that concerns."""
    monkeypatch.setattr(families, "_KEPT_BYTES_MAX", 0)

    changed(run, tmp_path)

    assert titles(run("search", "another")[1]) == ["Another song"]
    assert not current(tmp_path).is_whole
    assert len(list((tmp_path / "a" / "cache").glob("facts-*/*/nodes.parquet"))) == 1
    said = run("show", "00000000-2222-4222-8222-222222222222", "--evidence")[1]
    (artist,) = [line for line in said if line["type"] == "item"]
    assert {value["name"] for value in artist["evidence"]} >= {"name", "mbid"}
    assert all(claim["body"]["artist-credit"][0]["name"] == "Choir" for claim in artist["claims_as_given"])
    assert len(list((tmp_path / "a" / "cache").glob("facts-*/*/nodes.parquet"))) == 1


def test_a_lost_cache_means_a_whole_build(run: Run, tmp_path: Path) -> None:
    changed(run, tmp_path)
    for path in sorted((tmp_path / "a" / "cache").glob("facts-*/*/*")):
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()

    assert titles(run("search", "kalinka")[1]) == ["Kalinka"]
    assert current(tmp_path).is_whole


def test_a_delta_that_was_cut_is_made_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(run, tmp_path)
    with monkeypatch.context() as patched, Archive(str(tmp_path / "a")) as opened:
        patched.setattr("lockgroove.catalogue.deltas.make.write_search_delta", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            opened.refresh(Silence())

    assert titles(run("search", "kalinka")[1]) == ["Kalinka"]
    assert not current(tmp_path).is_whole
