"""Nothing dark leaves the house: names, tags, folders and reasons of dark files, sought in all of a dump."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from publishing import CC0, everything_in, publish, shelf, song, take

import worlds
from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.errors import DamageFound
from lockgroove.report import Silence

DARK = "xqzdark"  # stands in everything that must not be told
DARK_LICENCE = f"All rights reserved, {DARK}\n".encode()


def leaks(dump: Path) -> list[str]:
    return [name for name, data in everything_in(dump) if DARK.encode() in data.lower()]


def random_shelf(chance: random.Random) -> dict[str, bytes]:
    """Open and dark deposits, mixed ones, and the same bytes under both."""
    files: dict[str, bytes] = {}
    shared = [song(title=f"Shared {n}", artist="Both") for n in range(3)]
    picture = b"\xff\xd8\xff one picture for all"
    for n in range(6):
        dark = chance.random() < 0.45
        mark = f"{DARK} " if dark else ""
        folder = f"{mark}Album {chance.randrange(100)}-{n}"
        for m in range(chance.randrange(1, 4)):
            tags = {"title": f"{mark}Song {n}.{m}", "artist": f"{mark}Artist {chance.randrange(3)}"}
            files[f"{folder}/{mark}{m} song.flac"] = song(**tags)
        if chance.random() < 0.6:
            files[f"{folder}/{mark}shared.flac"] = chance.choice(shared)
        if chance.random() < 0.5:
            files[f"{folder}/{mark}cover.jpg"] = picture
        if chance.random() < 0.3:
            files[f"{folder}/{mark}notes.cue"] = f'TITLE "{mark}Sheet"\n'.encode()
        if not dark:
            files[f"{folder}/LICENSE"] = CC0
            if chance.random() < 0.4:
                tags = {"title": f"{DARK} within", "license": f"All rights reserved {DARK}"}
                files[f"{folder}/{DARK} within.flac"] = song(**tags)
        elif chance.random() < 0.5:
            files[f"{folder}/LICENSE"] = DARK_LICENCE
    return files


def change(folder: str, chance: random.Random) -> None:
    """Retag, remove, and turn some open deposits dark by their licence."""
    for path in sorted(Path(folder).rglob("*.flac")):
        fate = chance.random()
        if fate < 0.15:
            path.unlink()
        elif fate < 0.35:
            mark = f"{DARK} " if DARK in str(path) else ""
            licence = {"license": f"All rights reserved {DARK}"} if "within" in path.name else {}
            path.write_bytes(song(title=f"{mark}Retagged {path.stem}", artist="Both", **licence))


@pytest.mark.parametrize("seed", range(3))
def test_nothing_dark_is_in_a_dump_and_its_mirror_has_the_same_tables(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = shelf(tmp_path / "shelf", dict(random_shelf(chance)))
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
        change(folder, chance)
        opened.gather_folder(folder, None, False, Silence())
        if chance.random() < 0.7:
            opened.keep(Silence())
        result, dump = opened.dump(Silence(), 30_000)

    mirrored = take(dump, tmp_path / "m")

    assert leaks(Path(dump)) == []
    assert result.objects > 0
    assert result.withheld > 0
    assert mirrored.tables_different == []


def test_dark_bytes_that_an_open_deposit_has_too_tell_nothing_of_the_dark_one(tmp_path: Path) -> None:
    """The dark copy comes first, and so the vault holds the bytes under the dark one's name."""
    same = song(title="Same")
    files = {
        f"A {DARK}/{DARK}.flac": same,
        "B open/01.flac": same,
        "B open/02.flac": song(title="Other"),
        "B open/LICENSE": CC0,
    }

    dump = publish(tmp_path / "a", shelf(tmp_path / "shelf", dict(files)))

    assert leaks(dump) == []
    assert take(dump, tmp_path / "m").tables_different == []


def test_a_dark_copy_that_comes_later_takes_nothing_from_the_open_one(tmp_path: Path) -> None:
    same = song(title="Same")
    files = {"A open/01.flac": same, "A open/LICENSE": CC0, f"B {DARK}/{DARK}.flac": same}

    dump = publish(tmp_path / "a", shelf(tmp_path / "shelf", dict(files)))

    mirrored = take(dump, tmp_path / "m")
    assert leaks(dump) == []
    assert (mirrored.objects, mirrored.files) == (1, 2)
    assert mirrored.tables_different == []


def test_a_decision_on_dark_files_alone_is_not_published(tmp_path: Path) -> None:
    """One shelf's unlicensed files are opened, the other's are closed, with reasons."""
    one = shelf(tmp_path / "one", {"A/01.flac": song(title="Mine")})
    two = shelf(tmp_path / "two", {f"{DARK}/01.flac": song(title=DARK)})
    with archive.init(str(tmp_path / "a")) as opened:
        for folder in (one, two):
            opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
        mine, dark = opened.sources("shelf-")
        (statement,) = [row["statement"] for row in opened.statements(Silence())]
        opened.decide_rights(statement, mine, "CC0-1.0", "I made it", "me", Silence())
        opened.decide_rights(statement, dark, "dark", f"{DARK} asked", "me", Silence())
        result, dump = opened.dump(Silence(), 1 << 20)

    assert leaks(Path(dump)) == []
    assert dark.encode() not in (Path(dump) / "decisions.jsonl").read_bytes()
    assert result.objects == 1


def test_a_mirrors_decisions_open_none_of_our_own_files(tmp_path: Path) -> None:
    """The publisher says of all files without a licence that they are free: that is, of its own."""
    theirs = shelf(tmp_path / "theirs", {"A/01.flac": song(title="Theirs")})
    ours = shelf(tmp_path / "ours", {f"{DARK}/01.flac": song(title=DARK)})
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(theirs, None, False, Silence())
        opened.keep(Silence())
        (statement,) = [row["statement"] for row in opened.statements(Silence())]
        outcome = {"licence": "CC0-1.0", "because": "we made them all", "by": "them"}
        opened.journal.append("rights-decided", {"statement": statement}, outcome)
        dump = opened.dump(Silence(), 1 << 20)[1]
    with archive.init(str(tmp_path / "b")) as opened:
        opened.gather_folder(ours, None, False, Silence())
        opened.keep(Silence())
    take(dump, tmp_path / "b")

    with Archive(str(tmp_path / "b")) as opened:
        result, own = opened.dump(Silence(), 1 << 20)

    assert leaks(Path(own)) == []
    assert (result.objects, result.withheld) == (1, 1)


def test_a_retagged_version_that_is_dark_hides_the_open_one_from_nobody(tmp_path: Path) -> None:
    folder = shelf(tmp_path / "shelf", {"A/01.flac": song(title="Open", license=CC0.decode())})
    with archive.init(str(tmp_path / "a")) as opened:
        opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
        Path(folder, "A/01.flac").write_bytes(song(title=DARK, license=f"All rights reserved {DARK}"))
        opened.gather_folder(folder, None, False, Silence())
        opened.keep(Silence())
        result, dump = opened.dump(Silence(), 1 << 20)

    assert leaks(Path(dump)) == []
    assert (result.objects, result.withheld) == (1, 1)
    assert take(dump, tmp_path / "m").tables_different == []


def test_a_damaged_file_is_not_published(tmp_path: Path) -> None:
    publish(tmp_path / "a", shelf(tmp_path / "shelf", {"A/01.flac": song(title="One"), "A/LICENSE": CC0}))
    (kept,) = (tmp_path / "a" / "vault").rglob("01.flac")
    worlds.flip(kept)
    shutil.rmtree(tmp_path / "a" / "dumps" / "000001")

    with Archive(str(tmp_path / "a")) as opened, pytest.raises(DamageFound, match=r"01\.flac"):
        opened.dump(Silence(), 1 << 20)

    assert os.listdir(tmp_path / "a" / "dumps") == []
    assert not [n for n in os.listdir(tmp_path / "a" / "staging") if not n.endswith(".lock")]
