"""The same bytes under statements that contradict each other are dark, wherever they lie."""

from __future__ import annotations

import shutil
from pathlib import Path

from lockgroove import archive as archives
from lockgroove.report import Silence

SOUND = (
    Path(__file__).parents[2]
    / "src"
    / "lockgroove"
    / "cli"
    / "demo_music"
    / "Sampler"
    / "02 - Canon in D.ogg"
)


def an_archive(tmp_path: Path, **licences: str | None) -> archives.Archive:
    archive = archives.init(str(tmp_path / "archive"))
    for name, licence in licences.items():
        (tmp_path / name).mkdir()
        shutil.copy(SOUND, tmp_path / name / "01.ogg")
        if licence:
            (tmp_path / name / "LICENSE").write_text(licence)
        archive.gather_folder(str(tmp_path / name), None, False, Silence())
    archive.keep(Silence())
    return archive


def statuses(archive: archives.Archive) -> set[str]:
    return {row["status"] for row in _sound(archive, public=False)}


def _sound(archive: archives.Archive, public: bool) -> list[dict[str, object]]:
    reader = archive.reader(Silence(), public)
    rows = reader.select(
        "SELECT r.status FROM files f JOIN rights r ON r.row = f.rights_row WHERE f.role = 'sound'"
    )
    reader.close()
    return rows


def test_an_open_and_an_undecided_copy_are_both_dark(tmp_path: Path) -> None:
    with an_archive(tmp_path, one="CC-BY-4.0", two="GPL") as archive:
        assert statuses(archive) == {"undecided"}
        assert _sound(archive, public=True) == []


def test_two_different_open_licences_are_dark(tmp_path: Path) -> None:
    with an_archive(tmp_path, one="CC-BY-4.0", two="CC0-1.0") as archive:
        assert statuses(archive) == {"undecided"}


def test_a_copy_without_any_statement_contradicts_nothing(tmp_path: Path) -> None:
    with an_archive(tmp_path, one="CC-BY-4.0", two=None) as archive:
        assert statuses(archive) == {"open", "none"}
        assert len(_sound(archive, public=True)) == 1


def test_a_decision_that_makes_them_agree_opens_them(tmp_path: Path) -> None:
    with an_archive(tmp_path, one="CC-BY-4.0", two="GPL") as archive:
        for row in archive.statements(Silence(), everything=True):
            if row["status"] != "none":
                archive.decide_rights(row["statement"], None, "CC-BY-4.0", "asked the band", "me", Silence())

        assert statuses(archive) == {"open"}
