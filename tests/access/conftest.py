"""The doors onto the archive of `access_world`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from access_world import Place, TestClient, make_place

from lockgroove.access import build_app


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Not to be changed."""
    made = make_place(str(tmp_path_factory.mktemp("web")))
    yield made
    made.archive.close()


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Place]:
    """One that a test may damage."""
    made = make_place(str(tmp_path))
    yield made
    made.archive.close()


@pytest.fixture(scope="session")
def visitor(place: Place) -> TestClient:
    return TestClient(build_app(place.archive), raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="session")
def operator(place: Place) -> TestClient:
    app = build_app(place.archive, operator=True)
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False)
