"""An archive that holds nothing, made once and copied."""

from __future__ import annotations

from pathlib import Path

import pytest

import worlds
from lockgroove import archive


@pytest.fixture(scope="module")
def empty_once(tmp_path_factory: pytest.TempPathFactory) -> worlds.World:
    world = worlds.World(tmp_path_factory.mktemp("empty"))
    archive.init(str(world.home)).close()
    return world


@pytest.fixture
def empty(empty_once: worlds.World, tmp_path: Path) -> worlds.World:
    """A new archive that holds nothing."""
    return worlds.copied(empty_once, tmp_path)
