"""Places are checked before they are named, and forgotten without touching what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgroove import archive as archives
from lockgroove.errors import UsageError
from lockgroove.report import Silence


def test_looking_at_a_place_makes_nothing(tmp_path: Path) -> None:
    with archives.init(str(tmp_path / "archive")) as archive:
        chosen = archive.check_place(str(tmp_path / "second"), None)

        assert (chosen.name, archive.places()) == ("second", {})
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("inside", ["archive/second", "archive", "."])
def test_a_place_and_the_archive_lie_apart(tmp_path: Path, inside: str) -> None:
    with archives.init(str(tmp_path / "archive")) as archive, pytest.raises(UsageError):
        archive.add_place(str(tmp_path / inside), "second", Silence())


def test_a_place_is_forgotten_only_when_it_is_meant(tmp_path: Path) -> None:
    with archives.init(str(tmp_path / "archive")) as archive:
        archive.add_place(str(tmp_path / "second"), None, Silence())

        archive.remove_place("second", dry_run=True)
        assert list(archive.places()) == ["second"]

        assert archive.remove_place("second") == str(tmp_path / "second")
        assert archive.places() == {}
    assert (tmp_path / "second" / "vault").is_dir()
