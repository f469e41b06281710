"""The catalogue comes back from claims, vault and journal, the same to the byte."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import publishing
import pytest
from publishing import CC0, fixed_names, shelf, song

import worlds
from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.rebuild import DecisionMade, Judging
from lockgroove.report import Silence

DEMO = Path(__file__).parents[2] / "src" / "lockgroove" / "cli" / "demo_music"
PAIRS = Path(__file__).parents[3] / "shared" / "data" / "audio-music-cc"
NONE = "s-4f53cda18c2b"  # the statement of those without any


def digest(home: Path) -> str:
    with Archive(str(home)) as opened:
        return opened.refresh(Silence()).digest


def recordings(home: Path, public: bool = False) -> list[dict[str, object]]:
    with Archive(str(home)) as opened:
        reader = opened.reader(Silence(), public)
        try:
            return reader.select("SELECT * FROM recordings ORDER BY row")
        finally:
            reader.close()


def test_after_everything_derived_is_deleted_the_digest_is_the_same(tmp_path: Path) -> None:
    folder = publishing.open_shelf(tmp_path / "shelf", 3)
    plays = tmp_path / "plays.csv"
    plays.write_text("artist,title,plays\nArtist 0,Song 0.1,7\n")
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(folder, None, False, Silence())
        opened.gather_listens(str(plays), Silence())
        opened.plan(60_000, Silence())
        opened.keep(Silence())
        opened.decide_rights(NONE, next(iter(opened.sources("shelf-"))), "CC0-1.0", "mine", "me", Silence())
        Path(folder, "Album 0", "01 song.flac").write_bytes(song(title="Retagged"))
        Path(folder, "Album 1", "01 song.flac").unlink()
        opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
    before = digest(tmp_path / "a")
    for part in ("catalogue", "cache"):
        shutil.rmtree(tmp_path / "a" / part)
    for name in ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"):
        (tmp_path / "a" / name).unlink(missing_ok=True)

    with Archive(str(tmp_path / "a")) as opened:
        again = opened.rebuild(Silence()).digest

    assert again == before == digest(tmp_path / "a")


@pytest.mark.parametrize("kept", [False, True])
def test_the_order_of_gathers_changes_no_recording(tmp_path: Path, kept: bool) -> None:
    """Two shelves, either first; each under the name that it has in the other archive."""
    one = publishing.open_shelf(tmp_path / "one", 2)
    files: dict[str | bytes, bytes] = {
        "Other/01.flac": song(title="Song 0.0", artist="Artist 0"),
        "Other/LICENSE": CC0,
    }
    two = shelf(tmp_path / "two", files)
    found = []
    for number, order in enumerate(((one, two), (two, one))):
        home = tmp_path / f"a{number}"
        with fixed_names(), archive.init(str(home)) as opened:
            opened.gather_folder(order[0], None, False, Silence())
            opened.gather_folder(order[1], None, False, Silence())
            if kept:
                opened.keep(Silence())
            names = {name: os.path.basename(path) for name, path in opened.sources("shelf-").items()}
            reader = opened.reader(Silence())
            rows = reader.select(
                "SELECT r.title, r.artist, r.claims, r.listens, list_sort(list([m.source, m.key])) AS members"
                " FROM recordings r JOIN matches m ON m.recording_row = r.row GROUP BY ALL"
            )
            reader.close()
        members = sorted(
            repr({**row, "members": sorted([names[source], key] for source, key in row["members"])})
            for row in rows
        )
        found.append(members)

    assert found[0] == found[1]
    assert len([row for row in found[0] if "Other/01.flac" in row]) == 1


def test_the_demos_two_gymnopedies_are_one_recording_and_each_cue_track_is_one(tmp_path: Path) -> None:
    """One as Opus on an album, one as FLAC on a sampler."""
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(str(DEMO), None, False, Silence())
        reader = opened.reader(Silence())
        copies = reader.select(
            "SELECT r.title, f.format FROM recordings r JOIN copies c ON c.recording_row = r.row"
            " JOIN files f ON f.row = c.file_row ORDER BY r.row, f.format"
        )
        reader.close()

    gymnopedies = [row["format"] for row in copies if "Gymno" in str(row["title"])]
    assert sorted(map(str, gymnopedies)) == ["flac", "opus"]
    assert len({row["title"] for row in copies}) == len(copies) - 1


@pytest.mark.skipif(not PAIRS.is_dir(), reason="the shared recordings are not here")
def test_two_encodings_of_one_recording_are_one(tmp_path: Path) -> None:
    """The pairs of librosa's examples, as downloaded: tagged alike, or not tagged at all."""
    sounds = sorted(p for p in PAIRS.iterdir() if p.suffix == ".ogg")
    (tmp_path / "shelf").mkdir()
    for path in sounds:
        shutil.copyfile(path, tmp_path / "shelf" / path.name)
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(str(tmp_path / "shelf"), None, False, Silence())
        reader = opened.reader(Silence())
        rows = reader.select(
            "SELECT r.title, r.artist, list_sort(list(m.key)) AS keys FROM recordings r"
            " JOIN matches m ON m.recording_row = r.row GROUP BY ALL"
        )
        reader.close()

    tagged = [
        row["keys"] for row in rows if f"{row['title']}.ogg" not in row["keys"]
    ]  # not named by its file
    assert len(tagged) == 2
    for keys in tagged:
        assert len(keys) == 2
        assert len({str(key).removesuffix(".ogg").removesuffix(".hq") for key in keys}) == 1


STATED = [{"text": "CC BY 4.0, or all rights reserved?", "where": "tag:LICENSE"}]


def decision(source: str | None, licence: str, key: str | None = None) -> DecisionMade:
    statement = str(Judging([])("shelf-a", STATED)["statement"])
    return DecisionMade(statement, source, licence, "because", "me", "t", key)


@pytest.mark.parametrize(
    ("decisions", "licence"),
    [
        ([], None),
        ([decision(None, "CC0-1.0")], "CC0-1.0"),
        ([decision(None, "CC0-1.0"), decision(None, "CC-BY-4.0")], "CC-BY-4.0"),
        ([decision("shelf-a", "CC0-1.0"), decision(None, "CC-BY-4.0")], "CC-BY-4.0"),
        ([decision(None, "CC-BY-4.0"), decision("shelf-a", "CC0-1.0")], "CC0-1.0"),
        ([decision("shelf-b", "CC0-1.0")], None),
        ([decision(None, "CC0-1.0", key="theirs")], None),
        ([decision("shelf-a", "CC0-1.0", key="theirs")], "CC0-1.0"),
        ([decision(None, "CC-BY-4.0"), decision("shelf-a", "CC0-1.0", key="theirs")], "CC-BY-4.0"),
    ],
)
def test_the_last_of_our_decisions_wins_and_theirs_come_after_ours(
    decisions: list[DecisionMade], licence: str | None
) -> None:
    assert Judging(decisions)("shelf-a", STATED)["licence"] == licence


def test_two_generations_stay_and_the_rest_goes(tmp_path: Path) -> None:
    world = worlds.gathered(tmp_path)

    with world.open() as opened:
        names = [os.path.basename(opened.rebuild(Silence()).folder) for _ in range(3)]

    left = sorted(n for n in os.listdir(world.home / "catalogue") if n.startswith("g"))
    assert left == sorted(names)[-2:]
