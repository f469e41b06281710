"""A catalogue from dumps, as an operator meets it: search with filters, evidence, and matches by hand."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgroove import archive
from lockgroove.catalogue.facts import families
from lockgroove.cli import main
from lockgroove.model import entity_id, id_text
from lockgroove.rebuild import tables as rebuilding

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LOCKGROOVE_ARCHIVE", str(tmp_path / "a"))
    archive.init(str(tmp_path / "a")).close()

    def typed(*words: object) -> tuple[int, list[dict[str, Any]]]:
        """Type a command with --json: its exit code, and what it said but for progress."""
        monkeypatch.setattr(sys, "argv", ["lockgroove", *map(str, words), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert isinstance(ended.value.code, int)
        return ended.value.code, [line for line in said if line["type"] != "progress"]

    return typed


def recordings(tmp_path: Path) -> Path:
    rows = []
    songs = [
        ("Kalinka", "Ivan Larionov", 180_000, "1860"),
        ("Kalinka", "Larionov, I. P.", 181_000, "1860"),
        ("Kalinka (live)", "Ivan Larionov", 300_000, "1990"),
    ]
    for n, (title, artist, ms, year) in enumerate(songs):
        credited = {"id": f"{n:08x}-2222-4222-8222-222222222222", "name": artist}
        rows.append(
            {
                "id": f"{n:08x}-1111-4111-8111-111111111111", "title": title, "length": ms,
                "first-release-date": year,
                "artist-credit": [{"name": artist, "joinphrase": "", "artist": credited}],
            }
        )  # fmt: skip
    path = tmp_path / "recordings.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def claim_id(number: int) -> str:
    return id_text(
        "recording", entity_id("recording", "musicbrainz", f"{number:08x}-1111-4111-8111-111111111111")
    )


def titles(said: list[dict[str, Any]]) -> list[str]:
    return [line["title"] for line in said if line["type"] == "item"]


def test_what_a_dump_says_is_found_by_words_and_filters(run: Run, tmp_path: Path) -> None:
    assert run("gather", "musicbrainz", recordings(tmp_path))[0] == 0

    assert sorted(titles(run("search", "калинка")[1])) == ["Kalinka", "Kalinka", "Kalinka (live)"]
    assert titles(run("search", "kalinka", "--length", "4:00-")[1]) == ["Kalinka (live)"]
    assert titles(run("search", "kalinka", "--length", "-3:00")[1]) == ["Kalinka"]
    assert titles(run("search", "kalinka", "--source", "musicbrainz", "--not-held")[1]) != []
    assert run("search", "kalinka", "--held")[0] == 3
    assert run("search", "kalinka", "--source", "discogs")[0] == 3
    assert run("search", "kalinka", "--year", "soon")[0] == 2


def test_every_value_is_traced_to_its_claim_as_given(run: Run, tmp_path: Path) -> None:
    run("gather", "musicbrainz", recordings(tmp_path))

    code, said = run("show", claim_id(0), "--evidence")

    assert code == 0
    (item,) = [line for line in said if line["type"] == "item"]
    assert {"title", "artist", "duration_ms", "mbid"} <= {value["name"] for value in item["evidence"]}
    assert all(value["source"] == "musicbrainz" for value in item["evidence"])
    (claim,) = item["claims_as_given"]
    assert claim["body"]["length"] == 180_000
    assert claim["body"]["first-release-date"] == "1860"


def test_listens_that_were_added_stand_in_no_way_of_evidence(run: Run, tmp_path: Path) -> None:
    run("gather", "musicbrainz", recordings(tmp_path))
    heard = {"track_metadata": {"track_name": "Kalinka", "artist_name": "Ivan Larionov"}}
    heard |= {"user_name": "ada", "listened_at": 1_700_000_000}
    (tmp_path / "1.listens").write_text(json.dumps(heard) + "\n")
    assert run("gather", "listenbrainz", tmp_path / "1.listens")[1][-1]["listens"] == 1

    code, said = run("show", claim_id(0), "--evidence")

    assert code == 0
    assert next(line for line in said if line["type"] == "item")["claims_as_given"]


def test_evidence_and_the_catalogue_never_tell_different_things(run: Run, tmp_path: Path) -> None:
    """Several claims of one rank and time: whichever the catalogue chose, the evidence says that one."""
    run("gather", "musicbrainz", recordings(tmp_path))
    run("match", claim_id(0), claim_id(1), "--because", "one take")
    run("match", claim_id(1), claim_id(2), "--because", "one take")

    (item,) = [line for line in run("show", claim_id(2), "--evidence")[1] if line["type"] == "item"]

    assert len(item["claims_as_given"]) == 3
    values = {value["name"]: value for value in item["evidence"]}
    assert set(values) == {"title", "artist", "duration_ms", "mbid", "year"}
    assert {name: value["value"] for name, value in values.items()} == {name: item[name] for name in values}
    given = {claim["key"]: claim["body"] for claim in item["claims_as_given"]}
    assert given[values["duration_ms"]["key"]]["length"] == item["duration_ms"]
    assert values["mbid"]["key"] == item["mbid"]


def test_an_artists_evidence_are_the_claims_that_name_them(run: Run, tmp_path: Path) -> None:
    run("gather", "musicbrainz", recordings(tmp_path))

    _, said = run("show", "00000000-2222-4222-8222-222222222222", "--evidence")

    (item,) = [line for line in said if line["type"] == "item"]
    assert item["name"] == "Ivan Larionov"
    assert [claim["key"] for claim in item["claims_as_given"]] == ["00000000-1111-4111-8111-111111111111"]


def test_a_match_by_hand_wins_and_an_unmatch_after_it_wins_over_that(run: Run, tmp_path: Path) -> None:
    run("gather", "musicbrainz", recordings(tmp_path))
    assert len(titles(run("search", "kalinka")[1])) == 3

    assert run("match", claim_id(0), claim_id(1), "--because", "the same composer")[0] == 0
    _, said = run("show", claim_id(1))
    (item,) = [line for line in said if line["type"] == "item"]
    assert [m["rule"] for m in item["matches"] if m["rule"]] == ["6 by hand"]
    assert len(titles(run("search", "kalinka")[1])) == 2

    assert run("match", claim_id(0), claim_id(1), "--because", "again")[0] == 2
    assert run("unmatch", claim_id(0), claim_id(1), "--because", "another arrangement", "--dry-run")[0] == 0
    assert len(titles(run("search", "kalinka")[1])) == 2
    assert run("unmatch", claim_id(0), claim_id(1), "--because", "another arrangement")[0] == 0
    assert len(titles(run("search", "kalinka")[1])) == 3


def test_facts_that_were_let_go_of_come_back_from_the_claims(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue too large to keep them twice does not, and is the same at the next build."""
    run("gather", "musicbrainz", recordings(tmp_path))
    kept = run("rebuild")[1][-1]["digest"]
    held = list((tmp_path / "a" / "cache").glob("facts-*/*/nodes.parquet"))
    monkeypatch.setattr(families, "_KEPT_BYTES_MAX", 0)

    first, second = (run("rebuild")[1][-1]["digest"] for _ in range(2))

    assert first == second == kept
    assert held
    assert list((tmp_path / "a" / "cache").glob("facts-*/*/nodes.parquet")) == []
    assert titles(run("search", "live")[1]) == ["Kalinka (live)"]


def test_a_cache_that_was_deleted_between_two_tries_is_made_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cache/` may go at any time: a build that goes on must not take it for an archive without claims."""
    run("gather", "musicbrainz", recordings(tmp_path))
    whole = run("rebuild")[1][-1]["digest"]
    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "build_tables", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run("rebuild")
    shutil.rmtree(tmp_path / "a" / "cache")

    assert run("rebuild")[1][-1]["digest"] == whole


@pytest.mark.parametrize("word", ["match", "unmatch"])
def test_what_is_not_there_cannot_be_matched(run: Run, tmp_path: Path, word: str) -> None:
    run("gather", "musicbrainz", recordings(tmp_path))

    assert run(word, claim_id(0), "r-00000000000000000000", "--because", "no")[0] == 2
    assert run(word, claim_id(0), claim_id(1))[0] == 2  # without a reason


def test_a_generated_catalogue_is_measured_and_judged(run: Run, tmp_path: Path) -> None:
    code, said = run("-C", tmp_path / "t", "bench", "catalogue", "--tracks", "3000", "--questions", "20")

    assert code == 0
    figures = {line["name"]: line for line in said if line["type"] == "item"}
    assert figures["matched pairs that are right"]["value"] > 99
    assert figures["  merged wrongly: not-version"]["value"] == 0
    assert figures["tables"]["unit"] == "B/track"
    assert run("-C", tmp_path / "a", "gather", "musicbrainz", recordings(tmp_path))[0] == 0
    assert run("-C", tmp_path / "a", "bench", "catalogue", "--tracks", "10")[0] == 2  # claims of its own
