"""An archive with three deposits: one open, one open with a cue sheet, one that nobody spoke of."""

from __future__ import annotations

import os
import shutil
import warnings
from dataclasses import dataclass
from typing import Any

import lockgroove
from lockgroove import archive as archives
from lockgroove.archive import Archive
from lockgroove.report import Silence

with warnings.catch_warnings():
    # Starlette would rather have httpx2; httpx is what the rest of the house has.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", UserWarning)
    from starlette.testclient import TestClient

__all__ = ["CC0", "DARK_TITLE", "MUSIC", "Place", "TestClient", "make_archive", "make_place"]

MUSIC = f"{os.path.dirname(lockgroove.__file__)}/cli/demo_music"
DARK_TITLE = "Minuet in G major, BWV Anh. 114"
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/\n"


@dataclass(frozen=True)
class Place:
    """Where the test's archive is, and a file of each sort in it."""

    archive: Archive
    open: dict[str, Any]
    dark: dict[str, Any]
    stretch: dict[str, Any]

    def bytes_of(self, file: dict[str, Any]) -> bytes:
        held = self.archive.index.object(file["object_id"])
        assert held is not None
        return b"".join(self.archive.storage.read(f"vault/{held.path}/v1/content/{file['path']}"))


def fill_shelf(shelf: str) -> None:
    shutil.copytree(f"{MUSIC}/Songs Without a Border", f"{shelf}/Songs Without a Border")
    shutil.copytree(f"{MUSIC}/Airs and Dances", f"{shelf}/Airs and Dances")
    with open(f"{shelf}/Airs and Dances/LICENSE", "w") as file:
        file.write(CC0)
    os.makedirs(f"{shelf}/Dark Deposit")
    shutil.copy(f"{MUSIC}/Keyboard Pieces/02 Minuet in G.opus", f"{shelf}/Dark Deposit/02 Minuet in G.opus")


def make_archive(root: str) -> Archive:
    fill_shelf(f"{root}/shelf")
    archive = archives.init(f"{root}/archive", "Test & Archive")
    archive.gather_folder(f"{root}/shelf", None, False, Silence())
    archive.gather_listens(f"{MUSIC}/plays.csv", Silence())
    archive.plan(None, Silence())
    archive.keep(Silence())
    archive.audit(Silence())
    archive.index.catch_up()
    return archive


def make_place(root: str) -> Place:
    archive = make_archive(root)
    reader = archive.reader(Silence())
    rows = reader.select(
        "SELECT f.*, r.recording_id, r.title, c.start_ms FROM files f JOIN copies c ON c.file_row = f.row"
        " JOIN recordings r ON r.row = c.recording_row ORDER BY f.row, c.start_ms"
    )
    reader.close()
    return Place(
        archive,
        open=next(r for r in rows if r["format"] == "mp3"),
        dark=next(r for r in rows if r["title"] == DARK_TITLE),
        stretch=next(r for r in rows if r["start_ms"]),
    )
