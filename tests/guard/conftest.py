"""A server for the tests of what front ends share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import valkeyserver
from valkeyserver import ValkeyServer


@pytest.fixture(scope="module")
def running() -> Iterator[ValkeyServer]:
    """Empty it before use."""
    pytest.importorskip("valkey", reason="the client is in the extra `shared`")
    if valkeyserver.PROGRAM is None:
        pytest.skip("there is no valkey-server or redis-server")
    with valkeyserver.running() as server:
        yield server


@pytest.fixture
def served(running: ValkeyServer) -> Iterator[ValkeyServer]:
    """With nothing on it; it may be killed."""
    running.kill()
    running.start()
    yield running
    running.kill()
    running.start()
