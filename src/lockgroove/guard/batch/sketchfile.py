"""Sketches of who was given which tracks, as a table: `by`, `key`, `sketch`, in the order of both.

Written over one log and merged over many: of several months, or of several front ends. They add up where the
digests in them were made with one key, of which the file keeps a mark.

Keys have the bits of a digest as a signed number.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.engines import Engine
from lockgroove.errors import UsageError
from lockgroove.guard.batch.leak import (
    LEAKS,
    Union,
    estimated,
    is_sketch,
    merged,
    require_sketching,
    sketches,
)

_MARK = b"lockgroove.leak_sketches_of_key"
_SCHEMA = pa.schema([("by", pa.string()), ("key", pa.int64()), ("sketch", pa.binary())])
_ROWS = 2_000  # some 8 MB of sketches

Row = tuple[str, int, bytes]


def write_sketches(engine: Engine, plays: ir.Table, told: frozenset[str], path: str, mark: str) -> None:
    """Write the sketches of all accounts, networks and cohorts that are told.

    `mark` says which key made the digests. Raises UsageError where the `datasketches` extra is missing.
    """
    rows = _rows(engine, plays, [by for by in sorted(LEAKS) if {by, "track"} <= told])
    schema = _SCHEMA.with_metadata({_MARK: mark.encode()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(itertools.islice(rows, _ROWS)):
            columns = zip(zip(*some, strict=True), schema.types, strict=True)
            writer.write_table(pa.table([pa.array(*column) for column in columns], schema=schema))


def require_room(path: str) -> None:
    """Whether sketches may be written to a file. Raises UsageError for one that has something else.

    Also where no sketches can be made, so that nobody waits for nothing.
    """
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise UsageError("There is no such folder", folder, "Make it, or name another file.")
    if os.path.exists(path):
        _opened(path, "There is another file already; nothing of it was touched").close()
    require_sketching()


def _rows(engine: Engine, plays: ir.Table, kinds: Sequence[str]) -> Iterator[Row]:
    for by in kinds:
        yield from ((by, key, sketch) for key, sketch in sketches(engine, plays, by))


@dataclass(frozen=True)
class SketchedLeak:
    """About how many tracks were given in all, to each group, and to the ones that were given most.

    `counts` has how many accounts, networks and cohorts there are, `most` those that had most (key, tracks),
    `groups` how many accounts of each are there and how many tracks they had.
    """

    tracks: float
    counts: Mapping[str, int]
    most: Mapping[str, Sequence[tuple[int, float]]]
    groups: Mapping[str, tuple[int, float]]


def leak_in(paths: Sequence[str], groups: Mapping[str, Collection[int]], shown: int) -> SketchedLeak:
    """The leak of all files together; of the first `shown` of each kind. Raises UsageError.

    Groups of which no account is in the files are left out.
    """
    counts: Counter[str] = Counter()
    heaps: dict[str, list[tuple[float, int]]] = {by: [] for by in LEAKS}
    everything, together = Union(), {name: Union() for name in groups}
    for by, key, sketch in merged_files(paths):
        counts[by] += 1
        push = heapq.heappush if len(heaps[by]) < shown else heapq.heappushpop
        push(heaps[by], (estimated(sketch), key))
        if by == "account":
            everything.add(sketch)
            for name in (name for name, members in groups.items() if key % (1 << 64) in members):
                together[name].add(sketch)
    most = {by: [(key, tracks) for tracks, key in sorted(heap, reverse=True)] for by, heap in heaps.items()}
    had = {name: (union.added, union.estimate()) for name, union in together.items() if union.added}
    highest = max((tracks for of_kind in most.values() for _, tracks in of_kind), default=0.0)
    return SketchedLeak(max(everything.estimate(), highest), counts, most, had)


def merged_files(paths: Sequence[str]) -> Iterator[Row]:
    """What all files have together, in the order of `by` and key; memory for one batch of each file.

    Raises UsageError for a file that has no sketches, and for digests that were made with several keys.
    """
    with ExitStack() as opened:
        files = {path: opened.enter_context(_opened(path, _NONE)) for path in paths}
        if len({file.schema_arrow.metadata[_MARK] for file in files.values()}) > 1:
            what = "These sketches were made with several keys: what is the same has another digest in each"
            hint = "Make them in one archive: lockgroove guard replay -C DIR."
            raise UsageError(what, ", ".join(paths), hint)
        key = operator.itemgetter(0, 1)
        rows_of = [_read(path, file) for path, file in files.items()]
        for (by, of), rows in itertools.groupby(heapq.merge(*rows_of, key=key), key):
            yield by, of, merged(row[2] for row in rows)


_NONE = "The file has no sketches"


def _opened(path: str, what: str) -> pq.ParquetFile:
    """Raises UsageError, of which `what` says what is the matter, for a file that has none."""
    hint = "lockgroove guard replay --sketches writes such a file."
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise UsageError(what, path, hint) from None
    if _MARK not in (file.schema_arrow.metadata or {}) or not file.schema_arrow.equals(_SCHEMA):
        file.close()
        raise UsageError(what, path, hint)
    return file


def _read(path: str, file: pq.ParquetFile) -> Iterator[Row]:
    """Rows, each of them looked at: none is of another kind, and each sketch can be read."""
    try:
        for batch in file.iter_batches(_ROWS):
            for by, key, sketch in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if by not in LEAKS or key is None or not is_sketch(sketch):
                    raise UsageError(
                        "A sketch is damaged", path, "Write the file anew: lockgroove guard replay."
                    )
                yield by, key, sketch
    except (pa.ArrowException, OSError) as error:
        raise UsageError("The file is damaged", path, "Write it anew: lockgroove guard replay.") from error
