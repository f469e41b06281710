"""From nodes to the rows of their recordings, and the seats read part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.build.grouping import Groups
from lockgroove.catalogue.build.seating import Seats


class Rows:
    """From nodes to the rows of their recordings. 4 bytes a node, on top of the labels."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._of_root = np.zeros(groups.count, dtype=np.uint32)
        self.count = 0

    def save(self, path: str) -> None:
        """Keep them for a run that goes on after this one."""
        np.save(f"{path}.npy", self._of_root)
        with open(f"{path}.count", "w", encoding="ascii") as file:
            file.write(str(self.count))

    @staticmethod
    def load(groups: Groups, path: str) -> Rows:
        """What `save` kept."""
        rows = Rows(groups)
        rows._of_root = np.load(f"{path}.npy")
        with open(f"{path}.count", encoding="ascii") as file:
            rows.count = int(file.read())
        return rows

    def number(self, roots: np.ndarray) -> None:
        """These groups get the next rows."""
        self._of_root[roots] = np.arange(self.count, self.count + len(roots), dtype=np.uint32)
        self.count += len(roots)

    def of(self, nids: np.ndarray | slice) -> np.ndarray:
        """The rows of these nodes."""
        return self.of_roots(self._groups.labels[nids])

    def of_roots(self, roots: np.ndarray) -> np.ndarray:
        """The rows of these groups."""
        rows: np.ndarray = self._of_root[roots]
        return rows


def parts_of_seats(seats: Seats, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
    """The number of the first node of each part, and its rows."""
    for path, start in zip(seats.files, seats.starts, strict=True):
        yield start, pq.read_table(path, columns=None if columns is None else list(columns))


def flags(column: pa.ChunkedArray) -> np.ndarray:
    """A column of truth values as an array."""
    return np.asarray(column, dtype=bool)
