"""A shelf, read: deposits, companions, cue sheets, and all that a real disk holds."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from lockgroove.model import Batch, Claim
from lockgroove.sources.folder import Folder
from lockgroove.testing import SourceContract
from lockgroove.testing.sources import Remembering

SOUNDS = Path(__file__).parents[1] / "data" / "sounds"
DEMO = Path(__file__).parents[2] / "src" / "lockgroove" / "cli" / "demo_music"


def a_sound() -> Path:
    return next(p for p in sorted(SOUNDS.iterdir()) if p.suffix == ".flac")


def gathered(root: Path, known: Remembering | None = None, **options: bool) -> list[Batch]:
    source = Folder(os.fsencode(root), "shelf-0123456789abcdef", None, **options)
    return list(source.batches(None, known or Remembering()))


def claims(batches: list[Batch]) -> dict[str, Claim]:
    return {f"{c.kind}:{c.key}": c for batch in batches for c in batch.claims}


def codes(batches: list[Batch]) -> Counter[str]:
    return Counter(f.code for batch in batches for f in batch.findings)


class TestFolder(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Folder:
        shelf = tmp_path / "shelf"
        (shelf / "Album" / "Scans").mkdir(parents=True)
        shutil.copy(a_sound(), shelf / "Album" / "01.flac")
        (shelf / "Album" / "Scans" / "front.jpg").write_bytes(b"\xff\xd8\xff picture")
        (shelf / "Album" / "LICENSE").write_text("CC-BY-4.0")
        (shelf / "notes.txt").write_text("outside")
        return Folder(os.fsencode(shelf), "shelf-0123456789abcdef")


def test_companions_below_a_folder_of_sound_belong_to_its_deposit(tmp_path: Path) -> None:
    (tmp_path / "Album" / "Scans").mkdir(parents=True)
    shutil.copy(a_sound(), tmp_path / "Album" / "01.flac")
    (tmp_path / "Album" / "Scans" / "front.jpg").write_bytes(b"\xff\xd8\xff picture")

    found = claims(gathered(tmp_path))

    assert found["file:Album/Scans/front.jpg"].says["role"] == "companion"
    assert found["file:Album/Scans/front.jpg"].says["deposit"] == "Album"
    assert found["file:Album/Scans/front.jpg"].says["name"] == "Scans/front.jpg"


def test_the_discs_of_an_album_are_one_deposit_with_its_booklet(tmp_path: Path) -> None:
    for disc in ("CD1", "CD 2"):
        (tmp_path / "Album" / disc).mkdir(parents=True)
        shutil.copy(a_sound(), tmp_path / "Album" / disc / "01.flac")
    (tmp_path / "Album" / "booklet.pdf").write_bytes(b"%PDF-1.4")

    found = claims(gathered(tmp_path))

    assert {c.says["deposit"] for c in found.values() if c.kind == "file"} == {"Album"}
    assert found["file:Album/booklet.pdf"].says["role"] == "companion"


def test_sound_only_leaves_companions_out_and_reads_nothing_again(tmp_path: Path) -> None:
    shutil.copy(a_sound(), tmp_path / "01.flac")
    (tmp_path / "booklet.pdf").write_bytes(b"%PDF-1.4")
    known = Remembering()

    first = gathered(tmp_path, known, sound_only=True)
    for batch in first:
        known.take(batch)
    second = gathered(tmp_path, known, sound_only=True)

    assert claims(first)["file:booklet.pdf"].says["role"] == "outside"
    assert not claims(second)


def test_sound_that_comes_later_makes_its_neighbours_companions(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    known = Remembering()
    for batch in gathered(tmp_path, known):
        known.take(batch)
    shutil.copy(a_sound(), tmp_path / "01.flac")

    found = claims(gathered(tmp_path, known))

    assert found["file:notes.txt"].says["role"] == "companion"
    assert found["file:01.flac"].says["role"] == "sound"


def test_a_cue_sheet_with_one_long_file_gives_tracks_with_start_and_end() -> None:
    found = claims(gathered(DEMO / "Airs and Dances"))

    tracks = found["file:Airs and Dances.flac"].says["tracks"]

    assert [t["index"] for t in tracks] == [1, 2, 3]
    assert tracks[0]["start_ms"] == 0
    assert all(t["start_ms"] < t["end_ms"] for t in tracks)
    assert tracks[-1]["end_ms"] == found["file:Airs and Dances.flac"].says["duration_ms"]


def test_a_cue_sheet_that_comes_later_is_noticed(tmp_path: Path) -> None:
    for name in ("Airs and Dances.flac", "LICENSE"):
        shutil.copy(DEMO / "Airs and Dances" / name, tmp_path / name)
    known = Remembering()
    for batch in gathered(tmp_path, known):
        known.take(batch)
    shutil.copy(DEMO / "Airs and Dances" / "Airs and Dances.cue", tmp_path)

    found = claims(gathered(tmp_path, known))

    assert len(found["file:Airs and Dances.flac"].says["tracks"]) == 3


def test_links_never_lead_out_or_round(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    (shelf / "a").mkdir(parents=True)
    shutil.copy(a_sound(), shelf / "a" / "01.flac")
    (shelf / "a" / "loop").symlink_to(shelf)
    (shelf / "a" / "self").symlink_to("self")
    (shelf / "a" / "out").symlink_to(tmp_path)
    (shelf / "a" / "gone").symlink_to("nowhere")
    (shelf / "a" / "twin").symlink_to("01.flac")
    os.mkfifo(shelf / "a" / "pipe")

    found = gathered(shelf)

    assert codes(found) == Counter(
        {"symlink-loop": 2, "symlink-outside": 1, "symlink-broken": 1, "special-file": 1}
    )
    assert [c for c in claims(found) if c.startswith("file:")] == ["file:a/01.flac"]


def test_a_name_that_is_not_utf8_is_kept_to_the_byte(tmp_path: Path) -> None:
    name = b"caf\xe9 100%.flac"
    shutil.copy(a_sound(), os.fsdecode(os.fsencode(tmp_path) + b"/" + name))

    found = gathered(tmp_path)

    assert "file:caf%E9 100%25.flac" in claims(found)
    assert codes(found)["name-not-utf8"] == 1


def test_empty_and_truncated_files_are_findings_with_their_path(tmp_path: Path) -> None:
    whole = a_sound().read_bytes()
    (tmp_path / "whole.flac").write_bytes(whole)
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "nothing.mp3").write_bytes(b"")

    batches = gathered(tmp_path)

    where = {(f.code, f.where) for b in batches for f in b.findings}
    assert {("truncated", "cut.flac"), ("empty-file", "nothing.mp3")} <= where
    assert {"file:cut.flac", "file:nothing.mp3", "file:whole.flac"} <= set(claims(batches))


def test_a_misnamed_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    shutil.copy(a_sound(), tmp_path / "really.mp3")

    batches = gathered(tmp_path)

    assert claims(batches)["file:really.mp3"].says["format"] == "flac"
    assert codes(batches)["misnamed"] == 1


def test_a_thousand_files_in_one_folder_are_each_claimed_once(tmp_path: Path) -> None:
    whole = a_sound().read_bytes()
    for number in range(1100):
        (tmp_path / f"{number:04}.flac").write_bytes(whole)

    batches = gathered(tmp_path)

    keys = Counter(c.key for b in batches for c in b.claims if c.kind == "file")
    assert len(keys) == 1100
    assert set(keys.values()) == {1}
