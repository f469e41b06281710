"""What is to be found of a folder of tables: recordings with their names and what filters ask of them.

Read in order of rows, in little memory: every table that is asked for more is in the same order, or is looked
up by a row number that the rows of a batch share a small stretch of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgroove.catalogue.search.build import DOC_SCHEMA, build_shards

_BATCH_ROWS = 10_000
_OWN = ("listens", "title", "artist", "composer", "year", "duration_ms")


@dataclass(frozen=True)
class Recordings:
    """The recordings in `folder`, as an index takes them. Another process reads them from its own copy."""

    folder: str

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Batches with these columns of DOC_SCHEMA, rows ascending."""
        asked = [name for name in DOC_SCHEMA.names if name in columns]
        own = [name for name in asked if name in _OWN]
        more = {"release": ["release_row"], "sources": ["source"]}
        read = [*own, *chain.from_iterable(more.get(name, []) for name in asked)]
        others = _Others(self.folder, asked)
        first = 0
        with pq.ParquetFile(f"{self.folder}/recordings.parquet") as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=read):
                found = {name: batch.column(name) for name in own} | others.of(first, batch)
                arrays = [found[name].cast(DOC_SCHEMA.field(name).type) for name in asked]
                yield pa.RecordBatch.from_arrays(arrays, names=asked)
                first += batch.num_rows


def build_search(folder: str, target: str) -> None:
    """Index the recordings of a folder of tables."""
    build_shards(target, Recordings(folder))


class _Others:
    """The columns that other tables have: of so many recordings at once, asked for in order."""

    def __init__(self, folder: str, asked: Sequence[str]) -> None:
        self._asked = asked
        self._titles = _Titles(f"{folder}/releases.parquet")
        self._matches = _Following(f"{folder}/matches.parquet", ["source"])
        self._holdings = _Following(f"{folder}/holdings.parquet", [])
        self._copies = _Following(f"{folder}/copies.parquet", ["file_row"])
        self._licence_of = _licences(folder) if "licences" in asked else np.empty(0, dtype=object)

    def of(self, first: int, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        """The columns for recordings `first` and those after it."""
        makers: dict[str, Callable[[], pa.Array]] = {
            "row": lambda: pa.array(np.arange(first, first + batch.num_rows)),
            "release": lambda: self._titles.of(batch.column("release_row")),
            "held": lambda: self._held(first, batch.num_rows),
            "sources": lambda: self._sources(first, batch.column("source")),
            "licences": lambda: self._licences(first, batch.num_rows),
        }
        return {name: make() for name, make in makers.items() if name in self._asked}

    def _held(self, first: int, count: int) -> pa.Array:
        held = np.zeros(count, dtype=bool)
        held[self._holdings.until(first + count)[0] - first] = True
        return pa.array(held)

    def _sources(self, first: int, own: pa.Array) -> pa.Array:
        """The source of the first claim, and those of the others."""
        rows, (sources,) = self._matches.until(first + len(own))
        return _joined([{source} for source in own.to_pylist()], rows - first, sources.to_pylist())

    def _licences(self, first: int, count: int) -> pa.Array:
        rows, (files,) = self._copies.until(first + count)
        licences = self._licence_of[files.to_numpy(zero_copy_only=False)] if len(rows) else []
        return _joined([set() for _ in range(count)], rows - first, licences)


def _joined(several: list[set[str]], places: np.ndarray, values: Sequence[str | None]) -> pa.Array:
    for place, value in zip(places.tolist(), values, strict=True):
        if value:
            several[place].add(value)
    return pa.array(["\n".join(sorted(some)) for some in several])


def _licences(folder: str) -> np.ndarray:
    """The licence of each file, by its row."""
    rights = pq.read_table(f"{folder}/rights.parquet", columns=["licence"]).column("licence").to_pylist()
    rows = pq.read_table(f"{folder}/files.parquet", columns=["rights_row"]).column("rights_row")
    licences: np.ndarray = np.array([*rights, None], dtype=object)[rows.to_numpy()]
    return licences


class _Following:
    """A table ordered by `recording_row`, read along with the recordings."""

    def __init__(self, path: str, columns: Sequence[str]) -> None:
        self._file = pq.ParquetFile(path)
        self._batches = self._file.iter_batches(_BATCH_ROWS, columns=["recording_row", *columns])
        nothing = pa.Table.from_batches([], self._file.schema_arrow)
        self._waiting = nothing.select(["recording_row", *columns])
        self._ended = False

    def until(self, end: int) -> tuple[np.ndarray, list[pa.Array]]:
        """The rows of recordings before `end` that were not given yet, and their other columns."""
        while not self._ended and (not len(self._waiting) or self._last() < end):
            more = next(self._batches, None)
            self._ended = more is None
            if more is not None:
                self._waiting = pa.concat_tables([self._waiting, pa.Table.from_batches([more])])
        rows = self._waiting.column("recording_row").to_numpy()
        count = int(np.searchsorted(rows, end))
        given, self._waiting = self._waiting.slice(0, count), self._waiting.slice(count)
        return rows[:count], [column.combine_chunks() for column in given.columns[1:]]

    def _last(self) -> int:
        return int(self._waiting.column("recording_row")[-1].as_py())


class _Titles:
    """Titles of releases by row: those of a batch lie close together, so row groups are kept a while."""

    def __init__(self, path: str) -> None:
        self._file = pq.ParquetFile(path)
        counts = [self._file.metadata.row_group(n).num_rows for n in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._kept: dict[int, pa.Array] = {}

    def of(self, rows: pa.Array) -> pa.Array:
        """The title of each row, none where there is none."""
        known = rows.drop_null().to_numpy()
        if not len(known):
            return pa.nulls(len(rows), pa.string())
        first, last = (
            int(self._starts.searchsorted(row, side="right")) for row in (known.min(), known.max())
        )
        groups = range(first - 1, last)
        self._kept = {n: self._kept[n] if n in self._kept else self._read(n) for n in groups}
        titles = pa.concat_arrays([self._kept[n] for n in groups])
        return titles.take(pc.subtract(rows, int(self._starts[first - 1])))

    def _read(self, group: int) -> pa.Array:
        return self._file.read_row_group(group, columns=["title"]).column("title").combine_chunks()
