"""An archive whose journal is damaged can still be opened, audited and mended from a place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lockgroove import archive as archives
from lockgroove.archive import Archive
from lockgroove.report import Silence

DEMO = Path(__file__).parents[2] / "src" / "lockgroove" / "cli" / "demo_music" / "Sampler"


# The last line has no line behind it that holds its digest. With state.sqlite lost too, a place that differs
# there shows that one of the two is wrong, and not which.
CASES = [("first", False), ("first", True), ("middle", False), ("middle", True), ("last", False)]


@pytest.mark.parametrize(("at", "state_lost"), CASES)
def test_a_damaged_journal_is_named_and_mended_from_a_place(
    tmp_path: Path, at: str, state_lost: bool
) -> None:
    shutil.copytree(DEMO, tmp_path / "shelf")
    root = tmp_path / "archive"
    with archives.init(str(root)) as archive:
        archive.gather_folder(str(tmp_path / "shelf"), None, False, Silence())
        archive.keep(Silence())
        archive.add_place(str(tmp_path / "place"), None, Silence())
    segment = next((root / "journal").glob("*.jsonl"))
    good = segment.read_bytes()
    flipped = bytearray(good)
    flipped[{"first": 20, "middle": len(good) // 2, "last": len(good) - 20}[at]] ^= 1
    segment.write_bytes(flipped)
    if state_lost:
        for path in root.glob("state.sqlite*"):
            path.unlink()

    with Archive(str(root)) as archive:
        audited = archive.audit(Silence())
        repaired = archive.repair(Silence())

    assert "journal-damaged" in {finding.code for finding in audited.findings}
    assert not repaired.unmended
    assert segment.read_bytes().startswith(good)
    with Archive(str(root)) as archive:
        assert not archive.audit(Silence()).damaged
