"""Tables are the same to the byte, built at once or in many parts, in one run or after cuts."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import claimbook
import pytest
from claimbook import LISTENS, SHELF, build, count, listened, record, rows, sound

from lockgroove.catalogue import spilling
from lockgroove.catalogue.build import staging
from lockgroove.catalogue.build import tables as building
from lockgroove.catalogue.identity import edges
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.model import entity_id

LATER = "2026-02-01T00:00:00.000000Z"


def a_recording(chance: random.Random, number: int) -> claimbook.Record:
    artist = f"Artist {chance.randrange(12)}"
    release = chance.randrange(20)
    says: dict[str, Any] = {
        "title": chance.choice(["Song", "Lied", "Песня", "曲"]) + f" {chance.randrange(9)}",
        "artist": artist,
        "artists": [{"name": artist, "key": artist[7:]}],
        "duration_ms": chance.choice([100_000, 101_000, 200_000]),
        "track_number": chance.randrange(1, 9),
        "release": {"key": f"e{release}", "title": f"Album {release}", "year": 1980 + release},
    }
    if chance.random() < 0.5:
        says["isrc"] = [f"DEA1234567{chance.randrange(20):02}"]
    return record("recording", chance.choice(["discogs", "fma"]), f"{number}", says)


def a_world(seed: int) -> tuple[list[claimbook.Record], list[dict[str, Any]]]:
    chance = random.Random(seed)
    records = [a_recording(chance, n) for n in range(60)]
    records += [sound(f"{n}.flac", f"Song {n % 9}", f"Artist {n % 12}", album="A") for n in range(15)]
    records += [listened(f"n{n}", f"Song {n % 9}", f"Artist {n % 12}") for n in range(15)]
    heard = [count(f"n{n}", n + 1) for n in range(15)]
    heard += [count(f"{n}", n + 1, "discogs") for n in range(0, 60, 3)]
    return records, heard


@pytest.mark.parametrize("part_rows", [3, 17])
@pytest.mark.parametrize("public", [False, True])
def test_many_parts_make_the_same_bytes_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int, public: bool
) -> None:
    records, heard = a_world(part_rows)
    at_once = claimbook.tables_of(build(tmp_path, records, listens=heard, public=public))

    monkeypatch.setattr(spilling, "PART_ROWS", part_rows)
    monkeypatch.setattr(edges, "_ROWS_PER_PART", 5 * part_rows)
    random.Random(1).shuffle(records)
    in_parts = claimbook.tables_of(build(tmp_path, records, listens=heard, public=public, parts=5))

    assert in_parts == at_once


STAGES = (
    "write_tracks",
    "write_matches",
    "write_recordings",
    "count_listens",
    "find_groups",
    "seat",
    "write_keys",
)


@pytest.mark.parametrize("stage", STAGES)
def test_a_build_that_was_cut_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    records, heard = a_world(1)
    whole = claimbook.tables_of(build(tmp_path, records, listens=heard))
    work = tmp_path / "cut"
    calls = []

    def cut(*_: Any) -> None:
        calls.append(stage)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(building, stage, cut)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, records, listens=heard, work=work)
    done_before = set(claimbook.stages_of(work))
    tables = build(tmp_path, records, listens=heard, work=work)

    assert calls == [stage]
    assert claimbook.tables_of(tables) == whole
    assert done_before < set(claimbook.stages_of(work))


@pytest.mark.parametrize("stage", ["write_names", *STAGES])
def test_a_stage_that_was_cut_at_its_very_end_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """What it left behind, tables and views, is in nobody's way."""
    records, heard = a_world(1)
    whole = claimbook.tables_of(build(tmp_path, records, listens=heard))
    work = tmp_path / "cut"
    real = getattr(building, stage)

    def cut(*given: Any) -> None:
        real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(building, stage, cut)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, records, listens=heard, work=work)

    assert claimbook.tables_of(build(tmp_path, records, listens=heard, work=work)) == whole


def test_after_a_new_start_of_the_machine_nothing_counts_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    staging.Stages(str(tmp_path)).do("one", lambda: done.append("before"))
    staging.Stages(str(tmp_path)).do("one", lambda: done.append("still the same machine"))
    monkeypatch.setattr(staging, "_boot", lambda: "another start")
    staging.Stages(str(tmp_path)).do("one", lambda: done.append("after"))

    assert done == ["before", "after"]


def test_what_a_killed_build_spilled_is_gone_when_it_goes_on(tmp_path: Path) -> None:
    """A build of millions spills gigabytes, and one that is killed cannot remove them."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getppid()):
        (tmp_path / f"spill-{pid}").mkdir()
        (tmp_path / f"spill-{pid}" / "spilled.tmp").write_bytes(b"rows")
    (tmp_path / "seats").mkdir()

    with spilling.engine(str(tmp_path), [], name="build"):
        left = {path.name for path in tmp_path.iterdir() if path.is_dir()}

    assert left - {f"spill-{os.getpid()}"} == {"seats", f"spill-{os.getppid()}"}


def test_an_id_that_was_given_once_leads_to_a_row_for_ever(tmp_path: Path) -> None:
    """Its source has withdrawn it, a newer claim of the release lists it no more, or it became another's."""
    tracks = [{"key": "t1", "title": "One", "medium_number": 1, "track_number": 1},
              {"key": "t2", "title": "Two", "medium_number": 1, "track_number": 2}]  # fmt: skip
    records = [
        record("release", "discogs", "9", {"title": "Album", "artist": "A", "tracks": tracks}),
        record("release", "discogs", "9", {"title": "Album", "artist": "A", "tracks": tracks[:1]}, at=LATER),
        record("recording", "fma", "7", {"title": "Gone", "artist": "B"}),
        record("withdrawn", "fma", "recording\0007", {}, at=LATER),
    ]
    tables = build(tmp_path, records)

    keys = KeyIndex(f"{tables}/keys.bin")
    titles = [row["title"] for row in rows(tables, "recordings")]
    found = {key: [titles[row] for row in keys.rows("R", entity_id("recording", source, key))]
             for source, key in (("discogs", "t1"), ("discogs", "t2"), ("fma", "7"))}  # fmt: skip
    tracks_found = [keys.rows("T", entity_id("track", "discogs", key)) for key in ("t1", "t2")]
    keys.close()
    assert found == {"t1": ["One"], "t2": ["Two"], "7": ["Gone"]}
    assert all(tracks_found)


def test_listens_of_a_catalogue_belong_to_its_recordings(tmp_path: Path) -> None:
    records = [record("recording", "fma", "7", {"title": "Song", "artist": "A", "duration_ms": 100_000}),
               sound("a.flac", "Song", "A", ms=100_500), listened("n", "Song", "A")]  # fmt: skip
    heard = [count("7", 30, "fma"), count("n", 4)]

    tables = build(tmp_path, records, listens=heard)

    assert [(r["listens"], r["claims"], r["source"]) for r in rows(tables, "recordings")] == [(34, 3, "fma")]
    assert [(r["source"], r["listens"]) for r in rows(tables, "listens")] == [("fma", 30), (LISTENS, 4)]


def test_one_name_of_several_artists_joins_none_of_them(tmp_path: Path) -> None:
    """A source, or MusicBrainz, tells them apart; who has the name alone is another still."""
    records = [
        record("artist", "discogs", "1", {"name": "Nirvana"}),
        record("artist", "discogs", "2", {"name": "Nirvana"}),
        record("artist", "discogs", "3", {"name": "The Beatles"}),
        sound("a", "Song", "Nirvana"),
        sound("b", "Song", "Beatles"),
    ]
    tables = build(tmp_path, records)

    assert [row["name"] for row in rows(tables, "artists")] == [
        "The Beatles",
        "Nirvana",
        "Nirvana",
        "Nirvana",
    ]


def test_what_a_private_shelf_says_in_a_table_of_its_own_is_not_published(tmp_path: Path) -> None:
    mine = {"title": "Mine", "artist": "Me", "release": {"title": "Secret"}}
    records = [record("recording", SHELF, "1", mine),
               record("recording", "fma", "1", {"title": "Theirs", "artist": "Them"})]  # fmt: skip
    tables = build(tmp_path, records, public=True)

    assert [row["title"] for row in rows(tables, "recordings")] == ["Theirs"]
    assert rows(tables, "releases") == []
    assert [row["name"] for row in rows(tables, "artists")] == ["Them"]
