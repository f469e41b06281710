"""Work on many files at once: a process pool that survives what a single file does to it.

Work travels in units; a unit whose worker dies or stalls is tried again by halves, until the one item that
does it stands alone and is given up by name. Results come in the order of the items.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

UNIT_ITEMS = 32
SMALL_JOB_ITEMS = 128  # below this, starting processes costs more than it saves
SECONDS_PER_UNIT_MAX = 120.0
MEMORY_BYTES_MAX = 2 << 30


class Workers(Generic[T, R]):
    """Applies `function` to items. `given_up` makes the result of an item that no worker survives."""

    def __init__(
        self,
        function: Callable[[T], R],
        given_up: Callable[[T, str], R],
        processes: int | None = None,
        seconds_per_unit_max: float = SECONDS_PER_UNIT_MAX,
    ) -> None:
        self._function = function
        self._given_up = given_up
        self._processes = processes or os.cpu_count() or 1
        self._seconds = seconds_per_unit_max
        self._pool: ProcessPoolExecutor | None = None

    def map(self, items: Sequence[T]) -> Iterator[R]:
        """The results, in order."""
        if len(items) < SMALL_JOB_ITEMS and self._pool is None:
            yield from map(self._function, items)
            return
        units = [items[i : i + UNIT_ITEMS] for i in range(0, len(items), UNIT_ITEMS)]
        futures = [self._submit(unit) for unit in units]
        for unit, future in zip(units, futures, strict=True):
            yield from self._result(unit, future)

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, unit: Sequence[T]) -> Future[list[R]] | None:
        try:
            return self._started().submit(_apply, self._function, unit)
        except BrokenProcessPool:
            return None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([self._function.__module__])
            self._pool = ProcessPoolExecutor(self._processes, context, initializer=_limit)
        return self._pool

    def _result(self, unit: Sequence[T], future: Future[list[R]] | None) -> list[R]:
        reason = "its worker died"
        try:
            if future is not None:
                return future.result(timeout=self._seconds)
        except BrokenProcessPool:
            pass
        except FutureTimeout:
            reason = f"more than {self._seconds:.0f} s"
        return self._again(unit, reason)

    def _again(self, unit: Sequence[T], reason: str) -> list[R]:
        """A fresh pool, and the unit once more; by halves when that fails too."""
        self._kill()
        try:
            return self._started().submit(_apply, self._function, unit).result(timeout=self._seconds)
        except BrokenProcessPool:
            pass
        except FutureTimeout:
            reason = f"more than {self._seconds:.0f} s"
        self._kill()
        if len(unit) == 1:
            return [self._given_up(unit[0], reason)]
        middle = len(unit) // 2
        return [*self._again(unit[:middle], reason), *self._again(unit[middle:], reason)]

    def _kill(self) -> None:
        if self._pool is None:
            return
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None


def _apply(function: Callable[[T], R], unit: Sequence[T]) -> list[R]:
    return [function(item) for item in unit]


def _limit() -> None:
    """A worker may not take the machine's memory with it, and Ctrl-C is its parent's to answer."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
