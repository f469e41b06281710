"""While the archive is served, its catalogue follows what is gathered and kept, once things have settled.

A rebuild waits until the truth has stood still between two looks, so that a long gather is not chased.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from lockgroove.archive import Archive
from lockgroove.errors import LockgrooveError
from lockgroove.report import Silence

SECONDS_BETWEEN_LOOKS = 5.0


@contextlib.contextmanager
def renewing(root: str, seconds: float = SECONDS_BETWEEN_LOOKS) -> Iterator[None]:
    """Keep the catalogue of the archive at `root` current in the background."""
    stop = threading.Event()
    thread = threading.Thread(target=_look_again, args=(root, seconds, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def _look_again(root: str, seconds: float, stop: threading.Event) -> None:
    before: dict[str, int] | None = None
    while not stop.wait(seconds):
        with contextlib.suppress(LockgrooveError, OSError), Archive(root) as archive:
            truth = archive.index.truth()[0]
            if truth == before and archive.rooms.current() is None:
                archive.refresh(Silence())
            before = truth
