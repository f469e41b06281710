"""Archives that are made once and copied for each test that changes them."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import sparkcluster
import worlds
from lockgroove.engines import DuckDBEngine, Engine, open_engine

# numba looks for the package `coverage`, and would find our folder of tests for the room of that name.
sys.modules.setdefault("coverage", None)  # type: ignore[arg-type]  as the import system has it

settings.register_profile("lockgroove", deadline=None)  # disks and other people's tests take their time
settings.load_profile("lockgroove")
logging.getLogger("ocfl").setLevel(logging.CRITICAL)


@pytest.fixture(scope="session")
def gathered_once(tmp_path_factory: pytest.TempPathFactory) -> worlds.World:
    """Gathered and planned, nothing kept. Not to be changed: copy it."""
    return worlds.gathered(tmp_path_factory.mktemp("gathered"))


@pytest.fixture(scope="session")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> worlds.World:
    """Everything kept, here and at a place. Not to be changed: copy it."""
    return worlds.kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def gathered(gathered_once: worlds.World, tmp_path: Path) -> worlds.World:
    return worlds.copied(gathered_once, tmp_path)


@pytest.fixture
def kept(kept_once: worlds.World, tmp_path: Path) -> worlds.World:
    return worlds.copied(kept_once, tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB. Only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """DuckDB, as what a cluster answers is compared with."""
    opened = DuckDBEngine.opened(str(tmp_path_factory.mktemp("duckdb")), 1 << 30)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One session on a real cluster for all who ask: starting it costs more than what it is asked."""
    scratch = tmp_path_factory.mktemp("scratch")
    with sparkcluster.cluster(tmp_path_factory.mktemp("cluster")) as url:
        opened = open_engine(url, str(scratch), 1 << 30)
        yield opened
        opened.close()
        assert list(scratch.iterdir()) == []
