"""Fill an archive with generated claims, their listens and the truth about them, group by group of parts."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.claims import Harvest, Waiting
from lockgroove.catalogue.claims.packs import Packing
from lockgroove.report import Report
from lockgroove.testing.generated import Catalogue, Changes, parquet

READER = "generated/1"
HARVEST = "h-2026-01-01T00:00:00.000000Z"
AT = "2026-01-01T00:00:00.000000Z"
LATER_HARVEST = "h-2026-02-01T00:00:00.000000Z"
LATER_AT = "2026-02-01T00:00:00.000000Z"
TRUTH, CHANGED_TRUTH = "truth", "truth-changed"
_PARTS_A_GROUP = 50

# Of one source: frames, records in each, bytes, bytes of text, records in all.
_Packed = tuple[str, list[bytes], list[int], int, int, int]
_Made = tuple[list[_Packed], Mapping[str, pa.Table], pa.Table]


def fill(rooms: Rooms, tracks: int, seed: int, report: Report) -> None:
    """Claims, listens and truth of so many generated tracks. A run that was cut is gone on with."""
    _fill(rooms, Catalogue(tracks=tracks, seed=seed, harvest=HARVEST, at=AT), TRUTH, report)


def fill_changes(rooms: Rooms, tracks: int, seed: int, share: float, report: Report) -> None:
    """What a later harvest finds of the same: of a share of the claims most changed, some new, some gone."""
    catalogue = Catalogue(tracks=tracks, seed=seed, harvest=HARVEST, at=AT)
    changes = catalogue.changes(share, seed, LATER_HARVEST, LATER_AT)
    _fill(rooms, changes, CHANGED_TRUTH, report)


def _fill(rooms: Rooms, catalogue: Catalogue | Changes, folder: str, report: Report) -> None:
    os.makedirs(f"{rooms.root}/{folder}", exist_ok=True)
    parts = list(catalogue.parts())
    groups = [parts[i : i + _PARTS_A_GROUP] for i in range(0, len(parts), _PARTS_A_GROUP)]
    with rooms.lock("claims"), _pool() as pool:
        for number, group in enumerate(groups):
            truth = f"{rooms.root}/{folder}/{number:05}.parquet"
            if not os.path.exists(truth):
                made = _made(pool, catalogue, group)
                _fill_group(rooms, made, truth, catalogue, number)
            report.progress("generate", number + 1, len(groups), "parts")


def _fill_group(
    rooms: Rooms, made: Iterator[_Made], truth_path: str, catalogue: Catalogue | Changes, number: int
) -> None:
    """A group is done when its truth is there. One that was cut is claimed again; its listens are not."""
    harvest = f"{catalogue.harvest}-{number:05}"
    counted = {part.source for part in rooms.store.parts() if part.is_listens and part.harvest == harvest}
    listens: dict[str, list[pa.Table]] = {}
    truths = []
    waiting: dict[str, Waiting] = {}
    for packed, tables, truth in made:
        for source, frames, counts, size, text, records in packed:
            run = Harvest(source, READER, catalogue.harvest, catalogue.at)
            own = waiting.setdefault(source, Waiting(rooms.store, run))
            own.add_packed(Packing(frames, counts, size, text, records))
            if own.is_full:
                own.acknowledge()
        for source, table in tables.items():
            listens.setdefault(source, []).append(table)
        truths.append(truth)
    for claims in waiting.values():
        claims.acknowledge()
    for source in sorted(set(listens) - counted):
        table = pa.concat_tables(listens[source])
        group = Harvest(source, READER, harvest, catalogue.at)
        rooms.store.add_listens_file(group, parquet(table), table.num_rows, "add")
    pq.write_table(pa.concat_tables(truths), f"{truth_path}.new", compression="zstd")
    os.replace(f"{truth_path}.new", truth_path)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("forkserver"))


def _made(pool: ProcessPoolExecutor, catalogue: Catalogue | Changes, parts: Sequence[Any]) -> Iterator[_Made]:
    """What each part is, in order; a few are made ahead."""
    left = iter(parts)
    running = [pool.submit(_make, catalogue, part) for part in islice(left, 2 * (os.cpu_count() or 1))]
    while running:
        done = running.pop(0).result()
        running.extend(pool.submit(_make, catalogue, part) for part in islice(left, 1))
        yield done


def _make(catalogue: Catalogue | Changes, part: Any) -> _Made:
    made = catalogue.make(part)
    packed = []
    for source, lines in made.lines_by_source.items():
        packing = Packing()
        packing.add(lines)
        packing.finish()
        told = (packing.frames, packing.counts, packing.size_bytes, packing.text_bytes, packing.records)
        packed.append((source, *told))
    return packed, made.listens_by_source, made.truth
