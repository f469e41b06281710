"""Writes a search index: one pass over the recordings in row order, each into its shard.

The most heard million is the first shard, and each next one is four times as large; what is left is the
tail. So a question is mostly answered by the small shards, and its page is full before the tail is asked.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from lockgroove.catalogue.search import layout as layouts
from lockgroove.catalogue.search.filters import fact_terms
from lockgroove.catalogue.search.layout import Layout
from lockgroove.catalogue.search.terms import name_terms

FIRST_SHARD = 1 << 20
_GROWTH = 4
_PART_ROWS_MAX = 48_000_000
_HEAP_BYTES_MIN, _HEAP_BYTES_MAX = 16 << 20, 384 << 20
_HEAP_BYTES_A_DOCUMENT = 400
_DOCS_A_BATCH = 10_000
_LISTENS_EXACT = 1024  # counts below are told apart when thresholds are sought, those above to a 64th octave
_OCTAVE = 64

NAMES = ("title", "artist", "release", "composer")
FACTS = ("year", "duration_ms", "held", "sources", "licences")
DOC_SCHEMA = pa.schema(
    [pa.field("row", pa.int64()), pa.field("listens", pa.int64())]
    + [pa.field(name, pa.string()) for name in NAMES]
    + [pa.field("year", pa.int32()), pa.field("duration_ms", pa.int64()), pa.field("held", pa.bool_())]
    + [pa.field("sources", pa.string()), pa.field("licences", pa.string())]
)
"""A recording to be indexed. `sources` and `licences` hold several with a line break between; columns after
`listens` may be missing from a batch."""


@dataclass(frozen=True)
class Doc:
    """A recording to be found: its row, listens, all names it goes by, and what filters ask of it."""

    row: int
    listens: int
    names: tuple[str | None, ...]
    year: int | None = None
    duration_ms: int | None = None
    held: bool = False
    sources: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()


class Recordings(Protocol):
    """What is to be indexed. Can be read again, in another process too (it is pickled), in the same order."""

    def batches(self, columns: Sequence[str]) -> Iterable[pa.RecordBatch]:
        """Batches with these columns of `DOC_SCHEMA`, those it lacks left out; rows ascending."""
        ...


def build_index(folder: str, docs: Iterable[Doc]) -> int:
    """Write an index of one shard, for what one shard can hold; the number of documents."""
    docs = iter(docs)
    os.makedirs(folder, exist_ok=True)
    lines = itertools.chain.from_iterable(
        map(_line_of, batch) for batch in iter(lambda: list(itertools.islice(docs, _DOCS_A_BATCH)), [])
    )
    count = _write_one(folder, 0, lines, FIRST_SHARD)
    layouts.save(folder, Layout(rows=count, documents=(count,)))
    return count


def build_shards(
    folder: str, recordings: Recordings, processes: int = 2, first_shard: int = FIRST_SHARD
) -> Layout:
    """Write an index of as many shards as the recordings ask for, the first of about `first_shard`."""
    layout, expected = plan(column_pairs(recordings), first_shard)
    documents = _write_shards(folder, recordings, layout, expected, processes)
    layout = replace(layout, documents=tuple(documents[number] for number in range(layout.shards)))
    layouts.save(folder, layout)
    return layout


def build_delta(
    folder: str, base: str, recordings: Recordings, superseded: Iterable[int] = (), processes: int = 1
) -> Layout:
    """Write what changed since `base` was built, which stays as it is.

    Rows of `recordings` replace the same rows of the base and of earlier deltas; `superseded` are rows that
    went away. Levels are those of the base, so that what is heard much is still asked first.
    """
    layout = replace(layouts.load(base), parts=1)
    pairs = list(column_pairs(recordings))
    expected = _sizes(layout, iter(pairs))
    documents = _write_shards(folder, recordings, layout, expected, processes)
    _save_superseded(folder, itertools.chain((rows for rows, _ in pairs), _blocks(superseded)))
    layout = replace(layout, documents=tuple(documents[number] for number in range(layout.shards)))
    layouts.save(folder, layout)
    return layout


def column_pairs(recordings: Recordings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and listens, batch by batch."""
    for batch in recordings.batches(("row", "listens")):
        rows, listens = batch.column("row"), batch.column("listens")
        yield rows.to_numpy(zero_copy_only=False), listens.to_numpy(zero_copy_only=False)


def plan(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], first: int = FIRST_SHARD
) -> tuple[Layout, list[int]]:
    """Thresholds for the levels, found in one pass over listens, and how many each shard will hold."""
    histogram = np.zeros(_LISTENS_EXACT + 64 * _OCTAVE, np.int64)
    rows = 0
    for numbers, listens in pairs:
        histogram += np.bincount(_codes(listens), minlength=len(histogram))
        rows = max(rows, int(numbers.max()) + 1) if len(numbers) else rows
    reaching = np.cumsum(histogram[::-1])[::-1]  # how many have this code or a higher one
    codes = _threshold_codes(reaching, first)
    heads = [int(reaching[code]) for code in codes]
    tail = int(reaching[0]) - (heads[-1] if heads else 0)
    layout = Layout(tuple(_listens_of(code) for code in codes), max(1, -(-tail // _PART_ROWS_MAX)), rows)
    sizes = [int(n) for n in np.diff([0, *heads])] + [tail // layout.parts] * layout.parts
    return layout, sizes


def _threshold_codes(reaching: np.ndarray, first: int) -> list[int]:
    """The codes that the levels begin at. Ties are not torn apart; a last level of little use is left out."""
    codes: list[int] = []
    level, bound = first, first
    while bound * 3 < int(reaching[0]) * 2:
        code = int(np.argmax(reaching <= bound * 5 // 4)) if reaching[-1] <= bound else len(reaching)
        if code < len(reaching) and reaching[code] > 0 and (not codes or code < codes[-1]):
            codes.append(code)
        level *= _GROWTH
        bound += level
    return codes


def _codes(listens: np.ndarray) -> np.ndarray:
    exact = np.maximum(listens, 0)
    octaves = np.log2(np.maximum(exact, _LISTENS_EXACT)) - np.log2(_LISTENS_EXACT)
    coarse = _LISTENS_EXACT + (octaves * _OCTAVE).astype(np.int64)
    return np.asarray(np.where(exact < _LISTENS_EXACT, exact, coarse))


def _listens_of(code: int) -> int:
    """The fewest listens of a code."""
    if code < _LISTENS_EXACT:
        return code
    guess = int(_LISTENS_EXACT * 2 ** ((code - _LISTENS_EXACT) / _OCTAVE))
    return next(n for n in range(guess - 1, guess + 3) if _codes(np.array([n]))[0] >= code)


def _sizes(layout: Layout, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[int]:
    sizes = np.zeros(layout.shards, np.int64)
    for rows, listens in pairs:
        sizes += np.bincount(layout.shards_of(rows, listens), minlength=layout.shards)
    return [int(size) for size in sizes]


def _write_shards(
    folder: str, recordings: Recordings, layout: Layout, expected: Sequence[int], processes: int
) -> dict[int, int]:
    os.makedirs(folder, exist_ok=True)
    shares = _shares(expected, processes)
    if len(shares) == 1:
        return _write_share(folder, recordings, layout, expected, shares[0])
    spawned = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads that are running
    with concurrent.futures.ProcessPoolExecutor(len(shares), mp_context=spawned) as pool:
        parts = [pool.submit(_write_share, folder, recordings, layout, expected, share) for share in shares]
        return {number: count for part in parts for number, count in part.result().items()}


def _shares(expected: Sequence[int], processes: int) -> list[list[int]]:
    """Shards for each process, the largest given out first, so that all have about the same to do."""
    if sum(expected) < FIRST_SHARD:
        return [list(range(len(expected)))]
    shares: list[list[int]] = [[] for _ in range(min(processes, len(expected)))]
    for number in sorted(range(len(expected)), key=lambda n: -expected[n]):
        min(shares, key=lambda share: sum(expected[n] for n in share)).append(number)
    return shares


def _write_share(
    folder: str, recordings: Recordings, layout: Layout, expected: Sequence[int], share: Sequence[int]
) -> dict[int, int]:
    with contextlib.ExitStack() as stack:
        writers = {n: stack.enter_context(_writer(folder, n, expected[n])) for n in share}
        counts = dict.fromkeys(share, 0)
        for batch in recordings.batches(DOC_SCHEMA.names):
            rows, listens = batch.column("row").to_numpy(), batch.column("listens").to_numpy()
            shards = layout.shards_of(rows, listens)
            for number in share:
                mine = np.flatnonzero(shards == number)
                add = writers[number].add_json
                for line in _lines(batch.take(pa.array(mine))) if len(mine) else ():
                    add(line)
                counts[number] += len(mine)
    return counts


def _write_one(folder: str, number: int, lines: Iterable[str], expected: int) -> int:
    count = 0
    with _writer(folder, number, expected) as writer:
        for line in lines:
            writer.add_json(line)
            count += 1
    return count


@contextlib.contextmanager
def _writer(folder: str, number: int, expected: int) -> Iterator[Any]:
    """A writer of a shard, in one thread, so that documents keep the order of rows; whole when it is left."""
    path = layouts.shard_folder(folder, number)
    shutil.rmtree(path, ignore_errors=True)
    heap = max(_HEAP_BYTES_MIN, min(_HEAP_BYTES_MAX, expected * _HEAP_BYTES_A_DOCUMENT))
    writer = layouts.create_shard(path).writer(heap_size=heap, num_threads=1)
    yield writer
    writer.commit()
    writer.wait_merging_threads()


def _lines(batch: pa.RecordBatch) -> Iterator[str]:
    """Documents as JSON. Terms hold no quote, backslash or control character: folding leaves none."""
    present = set(batch.schema.names)
    names = [batch.column(name).to_pylist() for name in NAMES if name in present]
    facts = [batch.column(name).to_pylist() if name in present else itertools.repeat(None) for name in FACTS]
    rows, listens = batch.column("row").to_pylist(), batch.column("listens").to_pylist()
    for row, heard, year, duration, held, sources, licences, *given in zip(
        rows, listens, *facts, *names, strict=False
    ):
        words = " ".join([name_terms(name) for name in given if name])
        known = fact_terms(_several(sources), _several(licences), bool(held), year, duration)
        yield _line(row, heard, words, known)


def _line_of(doc: Doc) -> str:
    words = " ".join([name_terms(name) for name in doc.names if name])
    known = fact_terms(doc.sources, doc.licences, doc.held, doc.year, doc.duration_ms)
    return _line(doc.row, doc.listens, words, known)


def _line(row: int, listens: int, words: str, facts: str) -> str:
    return f'{{"terms":"{words} {facts}","row":{row},"listens":{max(0, listens)}}}'


def _several(text: str | None) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def _blocks(rows: Iterable[int]) -> Iterator[np.ndarray]:
    numbers = iter(rows)
    while block := list(itertools.islice(numbers, _DOCS_A_BATCH)):
        yield np.array(block, np.int64)


def _save_superseded(folder: str, blocks: Iterable[np.ndarray]) -> None:
    """One bit a row, the lowest bit of a byte first."""
    kept = [block for block in blocks if len(block)]
    size = max((int(block.max()) + 1 for block in kept), default=0)
    marks = np.zeros(size, bool)
    for block in kept:
        marks[block] = True
    np.packbits(marks, bitorder="little").tofile(f"{folder}/{layouts.SUPERSEDED_FILE}")
