"""What is gathered while the archive is served shows up by itself."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from lockgroove import archive as archives
from lockgroove.access import renewing
from lockgroove.catalogue import generations
from lockgroove.report import Silence

DEMO = Path(__file__).parents[2] / "src" / "lockgroove" / "cli" / "demo_music"


def test_the_catalogue_follows_what_is_gathered_while_it_is_served(tmp_path: Path) -> None:
    shutil.copytree(DEMO / "Sampler", tmp_path / "shelf")
    with archives.init(str(tmp_path / "archive")) as archive:
        before = archive.refresh(Silence())

        with renewing(archive.root, seconds=0.2):
            archive.gather_folder(str(tmp_path / "shelf"), None, False, Silence())
            current = _other_than(before, archive.root)

    assert current.truth != before.truth
    assert current.summary["recordings"] == 3


def _other_than(before: generations.Generation, root: str) -> generations.Generation:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        current = generations.current(root)
        if current is not None and current.folder != before.folder:
            return current
        time.sleep(0.05)
    raise AssertionError("no new generation came")
