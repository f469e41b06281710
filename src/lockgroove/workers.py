"""Work on many files at once: a process pool that survives what a single file does to it.

Work travels in units; a unit whose worker dies, stalls or runs out of memory is tried again item by item,
and the one item that does it is given up by name. Results come in the order of the items.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

UNIT_ITEMS = 32
SMALL_JOB_ITEMS = 128  # below this, starting processes costs more than it saves
SECONDS_PER_UNIT_MAX = 120.0
MEMORY_BYTES_MAX = 2 << 30
_RESTART_SECONDS = (0.05, 0.2, 1.0)
_LOST = (BrokenProcessPool, CancelledError, FutureTimeout, MemoryError)


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
        for number, unit in enumerate(units):
            results = self._result(futures[number])
            if results is None:
                results = self._singly(unit)
                futures[number + 1 :] = map(self._unless_done, futures[number + 1 :], units[number + 1 :])
            yield from results

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, unit: Sequence[T]) -> Future[list[R]] | None:
        """None when the pool has fallen, or falls while it starts another worker (then with any of these)."""
        try:
            return self._started().submit(_apply, self._function, unit)
        except (BrokenProcessPool, OSError, EOFError):
            return None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([self._function.__module__])
            self._pool = ProcessPoolExecutor(self._processes, context, initializer=_limit)
        return self._pool

    def _result(self, future: Future[list[R]] | None) -> list[R] | None:
        try:
            return None if future is None else future.result(timeout=self._seconds)
        except _LOST:
            return None

    def _singly(self, unit: Sequence[T]) -> list[R]:
        """The unit once more, item by item, with fresh workers after each that is given up."""
        results: list[R] = []
        self._kill()
        for item in unit:
            try:
                results += self._alone(item).result(timeout=self._seconds)
            except _LOST as error:
                self._kill()
                results.append(self._given_up(item, self._reason(error)))
        return results

    def _alone(self, item: T) -> Future[list[R]]:
        """Asked for from workers that stand; a fallen pool may take along the server that starts them."""
        for wait_seconds in _RESTART_SECONDS:
            future = self._submit([item])
            if future is not None:
                return future
            self._kill()
            time.sleep(wait_seconds)
        return self._started().submit(_apply, self._function, [item])

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, FutureTimeout):
            return f"more than {self._seconds:.0f} s"
        return "more memory than it may take" if isinstance(error, MemoryError) else "its worker died"

    def _unless_done(self, future: Future[list[R]] | None, unit: Sequence[T]) -> Future[list[R]] | None:
        """What fell with the other workers is asked for again."""
        done = future is not None and future.done() and not future.cancelled() and not future.exception()
        return future if done else self._submit(unit)

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
