"""What was measured: a line a figure, and how memory, disk and time are taken."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_LOOK_SECONDS = 5.0


@dataclass
class Figures:
    """All figures, in the order in which they were taken: name, value, unit, and what was to be reached.

    Each is told at once: a trial of hours that ends in the middle has told what it knew.
    """

    tracks: int
    tell: Callable[[dict[str, Any]], None] = lambda _: None
    lines: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, reach: str | None = None) -> None:
        """One figure more."""
        shown = round(value, 4) if isinstance(value, float) else int(value)
        line = {"name": name, "size": self.tracks, "value": shown, "unit": unit, "reach": reach}
        self.lines.append(line)
        self.tell(line)

    def percentiles(self, name: str, seconds: Sequence[float], p50: str | None, p99: str | None) -> None:
        """The 50th and 99th of a hundred, in milliseconds."""
        for percent, reach in ((50, p50), (99, p99)):
            self.add(f"{name}, p{percent}", float(np.percentile(seconds, percent) * 1000), "ms", reach)


@contextlib.contextmanager
def timed(figures: Figures, name: str, reach: str | None = None) -> Iterator[None]:
    """Take the seconds of what is done within."""
    began = time.monotonic()
    yield
    figures.add(name, time.monotonic() - began, "s", reach)


def peak_memory_bytes() -> int:
    """The most memory that this process or one of its children has had."""
    asked = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in asked) * 1024


def size_of(folder: str) -> int:
    """The bytes of all files below a folder; a file with two names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for inner, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(f"{inner}/{name}")
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


class DiskWatch:
    """Looks at some folders every few seconds and remembers the most that they held together."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.most_bytes = 0

    def __enter__(self) -> DiskWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._measure()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._measure()

    def _measure(self) -> None:
        self.most_bytes = max(self.most_bytes, sum(size_of(folder) for folder in self._folders))
