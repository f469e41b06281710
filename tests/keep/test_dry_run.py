"""What a dry run lists is what a run keeps, with a plan and without one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lockgroove import archive as archives
from lockgroove.report import Silence

DEMO = Path(__file__).parents[2] / "src" / "lockgroove" / "cli" / "demo_music"


class Listing(Silence):
    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()

    def item(self, item: Mapping[str, Any]) -> None:
        self.keys.add(item["keep"])


@pytest.mark.parametrize("budget", ["no plan", None, 2_000_000])
def test_a_dry_run_lists_what_a_run_keeps(tmp_path: Path, budget: str | int | None) -> None:
    for album in ("Sampler", "Keyboard Pieces"):
        shutil.copytree(DEMO / album, tmp_path / "shelf" / album)
    with archives.init(str(tmp_path / "archive")) as archive:
        archive.gather_folder(str(tmp_path / "shelf"), None, False, Silence())
        if not isinstance(budget, str):
            archive.plan(budget, Silence())
        before = archive.journal.head()
        listing = Listing()

        told, _ = archive.keep(listing, dry_run=True)

        assert archive.journal.head() == before
        archive.keep(Silence())
        held = {file.key for batch in archive.index.held_batches() for file in batch}
        assert listing.keys == held
        assert told.files == len(held) > 0
