"""Events on disk, to be gone over again: plays of a log in the order in which they were read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lockgroove.guard.events import EVENT, Batch, Kind

_ROWS_AT_ONCE = 500_000


class Spool:
    """A file of plays in a scratch folder; what is no play is not kept."""

    def __init__(self, scratch: str) -> None:
        self._path = f"{scratch}/events.bin"
        self._told: frozenset[str] | None = None
        self.plays = 0
        with open(self._path, "wb"):
            pass

    @property
    def told(self) -> frozenset[str]:
        """What all batches tell."""
        return self._told or frozenset()

    def add(self, batch: Batch) -> None:
        """Append a batch's plays."""
        kinds = batch.rows["kind"]
        plays = batch.rows[(kinds == Kind.STREAM_START) | (kinds == Kind.DOWNLOAD)]
        with open(self._path, "ab") as file:
            plays.tofile(file)
        self.plays += len(plays)
        self._told = batch.told if self._told is None else self._told & batch.told

    def batches(self) -> Iterator[Batch]:
        """All plays again, in the order in which they came."""
        with open(self._path, "rb") as file:
            while len(rows := np.fromfile(file, EVENT, _ROWS_AT_ONCE)):
                yield Batch(rows, self.told)
