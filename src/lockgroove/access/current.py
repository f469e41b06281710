"""The catalogue generation that requests are answered from.

Each request pins one. When `catalogue/current.json` changes, new requests get the new generation; the old
reader is closed when its last request has ended.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from lockgroove.archive import Archive
from lockgroove.catalogue import generations
from lockgroove.catalogue.generations import Generation
from lockgroove.catalogue.reader import Reader
from lockgroove.errors import LockgrooveError
from lockgroove.report import Silence

_SECONDS_BETWEEN_CHECKS = 1.0
_REMEMBERED_MAX = 4096

T = TypeVar("T")


class Pinned:
    """A generation in use: its tables, and answers that hold as long as it does."""

    def __init__(self, generation: Generation, public: bool) -> None:
        which = generations.PUBLIC if public else generations.PRIVATE
        self.generation = generation
        self.reader = Reader(f"{generation.folder}/{which}", f"{generation.folder}/search-{which}")
        self.users = 0
        self.retired = False
        self._remembered: dict[Hashable, object] = {}

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer to a question that was asked before, else made now; the oldest are forgotten."""
        try:
            return self._remembered[key]  # type: ignore[return-value]
        except KeyError:
            value = make()
        self._keep(key, value)
        return value

    def remember_each(
        self, kind: str, keys: Sequence[Hashable], make: Callable[[list[Any]], list[T]]
    ) -> list[T]:
        """The same for many keys: `make` gets those that are not known, and answers in their order."""
        known = {key: self._remembered.get((kind, key)) for key in keys}
        missing = [key for key, value in known.items() if value is None]
        for key, value in zip(missing, make(missing) if missing else [], strict=True):
            self._keep((kind, key), value)
            known[key] = value
        return [known[key] for key in keys]  # type: ignore[misc]

    def _keep(self, key: Hashable, value: object) -> None:
        if len(self._remembered) >= _REMEMBERED_MAX:
            with contextlib.suppress(KeyError, RuntimeError, StopIteration):  # another thread was quicker
                del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = value


class Current:
    """Hands out the current generation, public or private tables."""

    def __init__(self, archive: Archive, public: bool) -> None:
        self._archive = archive
        self._public = public
        self._lock = threading.Lock()
        self._looked_at = time.monotonic()
        self._stamp = self._read_stamp()
        self._pinned = Pinned(_newest(archive), public)

    @contextlib.contextmanager
    def pin(self) -> Iterator[Pinned]:
        """The generation for one request."""
        with self._lock:
            self._move_on()
            pinned = self._pinned
            pinned.users += 1
        try:
            yield pinned
        finally:
            with self._lock:
                pinned.users -= 1
                _close_if_done(pinned)

    def close(self) -> None:
        """No requests come any more."""
        with self._lock:
            self._retire()

    def _move_on(self) -> None:
        if time.monotonic() - self._looked_at < _SECONDS_BETWEEN_CHECKS:
            return
        self._looked_at = time.monotonic()
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        generation = generations.current(self._archive.root)
        if generation is None:
            return  # it is being deleted or made anew; what is open answers until then
        fresh = Pinned(generation, self._public)
        self._retire()
        self._pinned, self._stamp = fresh, stamp

    def _retire(self) -> None:
        self._pinned.retired = True
        _close_if_done(self._pinned)

    def _read_stamp(self) -> tuple[int, int]:
        try:
            stat = os.stat(f"{self._archive.root}/{generations.FOLDER}/{generations.CURRENT}")
        except FileNotFoundError:
            return (0, 0)
        return stat.st_mtime_ns, stat.st_ino


def _newest(archive: Archive) -> Generation:
    """The generation of all that is acknowledged; the last one made, while another process writes."""
    try:
        return archive.refresh(Silence())
    except LockgrooveError:
        generation = generations.current(archive.root)
        if generation is None:
            raise
        return generation


def _close_if_done(pinned: Pinned) -> None:
    if pinned.retired and not pinned.users:
        pinned.reader.close()
