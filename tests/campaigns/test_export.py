"""Music out again: named, whole, checked, and nothing of anybody's overwritten."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import publishing
import pytest
from publishing import shelf, song

import worlds
from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.campaigns.export import Exported
from lockgroove.errors import StorageFailed, UsageError
from lockgroove.report import Silence

TREE: dict[str | bytes, bytes] = {
    "Satie/1888/01 Gymnopédie.flac": song(
        title="Gymnopédie No. 1", artist="Erik Satie", album="Pieces", tracknumber="1"
    ),
    "Satie/1888/02.flac": song(title="A/B: “C”?", artist="Erik Satie", album="Pieces", tracknumber="2"),
    "Satie/1888/Scans/front.jpg": b"\xff\xd8\xff picture",
    "Satie/1888/notes.txt": b"notes",
    b"Latin/caf\xe9.flac": song(title="Café", artist="Latin"),
    b"Latin/100%\xff.txt": b"odd",
    f"Long/{'n' * 246}.flac": song(title="t" * 300, artist="Long"),
    "Dots/..hidden.flac": song(title="..", artist="..."),
    "Discs/CD1/01.flac": song(
        title="Disc one", artist="D", album="Two discs", discnumber="1", tracknumber="1"
    ),
    "Discs/CD2/01.flac": song(
        title="Disc two", artist="D", album="Two discs", discnumber="2", tracknumber="1"
    ),
    "Twins/a/01.flac": song(title="Twin", artist="T"),
    "Twins/b/01.flac": song(title="Twin", artist="T"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export")
    with archive.init(str(root / "a")) as opened:
        opened.gather_folder(shelf(root / "shelf", TREE), None, False, Silence())
        opened.keep(Silence())
    return root


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Iterator[Archive]:
    shutil.copytree(made / "a", tmp_path / "a")
    with Archive(str(tmp_path / "a")) as opened:
        yield opened


def run(home: Archive, folder: Path, *ids: str, where: str | None = None, **more: Any) -> Exported:
    as_received, dry_run = more.get("as_received", False), more.get("dry_run", False)
    return home.export(ids, where, str(folder), as_received, Silence(), dry_run)


def tree(folder: Path) -> dict[bytes, bytes]:
    found = {}
    for here, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            if os.path.islink(os.path.join(here, name)):
                continue
            with open(os.path.join(here, name), "rb") as file:
                found[os.path.relpath(os.path.join(here, name), os.fsencode(folder))] = file.read()
    return found


def test_as_received_is_the_very_tree_that_came(home: Archive, tmp_path: Path) -> None:
    done = run(home, tmp_path / "out", where="TRUE", as_received=True)

    assert tree(tmp_path / "out") == {os.fsencode(name): data for name, data in TREE.items()}
    assert (done.files, done.damaged, done.missing, done.present) == (len(TREE), 0, 0, 0)


def test_again_copies_nothing(home: Archive, tmp_path: Path) -> None:
    run(home, tmp_path / "out", where="TRUE", as_received=True)

    again = run(home, tmp_path / "out", where="TRUE", as_received=True)

    assert (again.files, again.present) == (0, len(TREE))
    assert tree(tmp_path / "out") == {os.fsencode(name): data for name, data in TREE.items()}


def test_tidy_names_are_by_artist_release_and_title_companions_beside(home: Archive, tmp_path: Path) -> None:
    run(home, tmp_path / "out", where="artist = 'Erik Satie' OR artist = 'D'")

    assert set(tree(tmp_path / "out")) == {
        os.fsencode(name)
        for name in (
            "Erik Satie/Pieces/01 Gymnopédie No. 1.flac",
            "Erik Satie/Pieces/02 A_B_ “C”_.flac",
            "Erik Satie/Pieces/Scans/front.jpg",
            "Erik Satie/Pieces/notes.txt",
            "D/Two discs/01 Disc one.flac",
            "D/Two discs/2-01 Disc two.flac",
        )
    }


def test_every_tidy_name_can_be_a_file_and_keeps_its_ending(home: Archive, tmp_path: Path) -> None:
    done = run(home, tmp_path / "out", where="TRUE")

    names = tree(tmp_path / "out")
    assert set(names.values()) == set(TREE.values())
    assert (done.files, done.present) == (len(names), len(TREE) - len(names))  # twins have one name
    assert {data for name, data in names.items() if name.endswith(b".flac")} == {
        data for name, data in TREE.items() if os.fsencode(name).endswith(b".flac")
    }
    assert all(len(part) <= 255 for name in names for part in name.split(b"/"))
    assert not any(part.startswith(b".l") for name in names for part in name.split(b"/"))


def test_a_name_that_something_else_has_gets_a_number(home: Archive, tmp_path: Path) -> None:
    taken = tmp_path / "out" / "Erik Satie" / "Pieces"
    taken.mkdir(parents=True)
    (taken / "01 Gymnopédie No. 1.flac").write_bytes(b"mine")
    (taken / "01 Gymnopédie No. 1.flac.part").write_bytes(b"mine too")
    (taken / "02 A_B_ “C”_.flac").mkdir()
    (taken / "notes.txt").symlink_to("nowhere")

    done = run(home, tmp_path / "out", where="artist = 'Erik Satie'")

    after = tree(tmp_path / "out")
    assert done.files == 4
    assert after[os.fsencode("Erik Satie/Pieces/01 Gymnopédie No. 1.flac")] == b"mine"
    assert after[os.fsencode("Erik Satie/Pieces/01 Gymnopédie No. 1.flac.part")] == b"mine too"
    assert after[os.fsencode("Erik Satie/Pieces/01 Gymnopédie No. 1 (2).flac")] in TREE.values()
    assert os.readlink(taken / "notes.txt") == "nowhere"


def test_a_damaged_file_is_told_and_leaves_nothing(home: Archive, tmp_path: Path) -> None:
    (kept,) = Path(home.root, "vault").rglob("01 Gymnop*.flac")
    worlds.flip(kept)
    report = Silence()

    done = home.export([], "artist = 'Erik Satie'", str(tmp_path / "out"), False, report)

    assert (done.damaged, done.files) == (1, 3)
    assert [f.code for f in report.findings] == ["file-damaged"]
    assert not any(b"Gymnop" in name or name.endswith(b".part") for name in tree(tmp_path / "out"))


def test_a_missing_file_is_told_too(home: Archive, tmp_path: Path) -> None:
    (kept,) = Path(home.root, "vault").rglob("01 Gymnop*.flac")
    kept.unlink()

    assert run(home, tmp_path / "out", where="title LIKE 'Gymno%'").damaged == 1


def test_a_disk_that_refuses_is_not_called_damage(home: Archive, small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 2_090_000)

    with pytest.raises(StorageFailed):
        run(home, small_disk / "out", where="TRUE")

    assert not [name for name in tree(small_disk) if b".part" in name]


def test_a_folder_that_is_a_file_is_not_called_damage(home: Archive, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")

    with pytest.raises(StorageFailed):
        run(home, tmp_path / "out", where="TRUE")


@pytest.mark.parametrize(
    "where",
    [
        "nonsense",
        "1 = ",
        "artist = ",
        "))",
        "1); COPY (SELECT 1) TO '/tmp/lockgroove-outside'; SELECT (1",
        "TRUE) UNION SELECT (1",
        "artist",
        "--",
        "",
        "1=1; DROP VIEW files",
        "no_such_column = 1",
        "/* ",
    ],
)
def test_a_condition_that_is_none_is_a_usage_error(home: Archive, tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError):
        run(home, tmp_path / "out", where=where)

    assert not (tmp_path / "out").exists()
    assert not os.path.exists("/tmp/lockgroove-outside")


@pytest.mark.parametrize("item", ["r-00000000000000000000", "0" * 128, "nothing", "DEA123456780"])
def test_an_unknown_item_is_a_usage_error(home: Archive, tmp_path: Path, item: str) -> None:
    with pytest.raises(UsageError):
        run(home, tmp_path / "out", item)


def test_ids_of_every_kind_can_be_exported(home: Archive, tmp_path: Path) -> None:
    reader = home.reader(Silence())
    (song_row,) = reader.select("SELECT * FROM recordings WHERE title LIKE 'Gymno%'")
    (release,) = reader.select("SELECT * FROM releases WHERE title = 'Pieces'")
    (artist,) = reader.select("SELECT * FROM artists WHERE name = 'Erik Satie'")
    (file,) = reader.select("SELECT * FROM files WHERE key LIKE '%Gymno%'")
    (picture,) = reader.select("SELECT * FROM files WHERE key LIKE '%front.jpg'")
    (track,) = reader.select("SELECT * FROM tracks WHERE recording_row = ?", song_row["row"])
    reader.close()
    counts = [
        run(home, tmp_path / f"{n}", item).files
        for n, item in enumerate(
            [
                song_row["recording_id"],
                release["release_id"],
                artist["artist_id"],
                file["sha512"],
                picture["sha512"],
                track["track_id"],
            ]
        )
    ]

    assert counts == [3, 4, 4, 3, 1, 3]


def test_a_dry_run_lists_and_copies_nothing(home: Archive, tmp_path: Path) -> None:
    done = run(home, tmp_path / "out", where="TRUE", dry_run=True)

    assert done.files == len(TREE)
    assert not (tmp_path / "out").exists()


def test_of_two_versions_the_current_one_has_the_name(tmp_path: Path) -> None:
    """As received: the older version, which the vault keeps too, stands beside it."""
    folder = shelf(tmp_path / "shelf", {"A/01.flac": song(title="Old", comment="of the two the longer")})
    new = song(title="New")
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
        Path(folder, "A/01.flac").write_bytes(new)
        opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
        opened.export([], "TRUE", str(tmp_path / "out"), True, Silence())

    after = tree(tmp_path / "out")
    assert len(after) == 2
    assert after[b"A/01.flac"] == new


def test_what_is_not_held_is_counted(tmp_path: Path) -> None:
    folder = publishing.open_shelf(tmp_path / "shelf", 1)
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(folder, None, False, Silence())
        done = opened.export([], "artist LIKE 'Artist%'", str(tmp_path / "out"), False, Silence())

    assert (done.files, done.missing) == (0, 2)
