"""One writer at a time for vault, claims, catalogue and dumps. A lock dies with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from lockgroove.errors import Locked


@contextlib.contextmanager
def hold(folder: str, what: str, wait_seconds_max: float = 0.0) -> Iterator[None]:
    """Hold the lock `what` below `folder`. Raises Locked when another process has it for too long."""
    path = f"{folder}/{what}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor, what, time.monotonic() + wait_seconds_max)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, what: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            raise Locked(
                f"Another process is writing the {what}", advice="Wait for it to end, then try again."
            ) from None
        else:
            return


def lives(pid: int) -> bool:
    """Whether a process of this number runs here, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
