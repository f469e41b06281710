"""Some claims read again by their ordinals: the nodes that they make, without those of all others.

In: ordinals as `facts.ordinal_of` counts them. Out: Parquet files of nodes. Only frames that hold one of the
claims are unpacked: where they lie all over, that is every frame, of which little is parsed.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import zstandard

from lockgroove.catalogue.claims import ClaimStore, Part, frameindex
from lockgroove.catalogue.claims.packs import frame_lines
from lockgroove.catalogue.facts.facing import Facing
from lockgroove.catalogue.facts.families import ordinal_of, tables_of, write_columns
from lockgroove.catalogue.facts.records import decoded
from lockgroove.errors import DamageFound

_CLAIMS_A_FILE = 50_000
_FEW = 20_000  # below this, starting processes costs more than it saves

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Wanted:
    """Records of one part, by number, with the ordinal of its first."""

    root: str
    part: Part
    frames: frameindex.Frames
    first: int
    numbers: _Numbers


def nodes_of(store: ClaimStore, parts: Sequence[Part], seqs: _Numbers, folder: str) -> list[str]:
    """Write the nodes of these claims, of these parts, into a new folder; the files. Raises DamageFound."""
    os.makedirs(folder)
    lots = [(lot, f"{folder}/{n:06}.parquet") for n, lot in enumerate(_lots(store, parts, np.unique(seqs)))]
    if len(seqs) < _FEW:
        for lot in lots:
            _write(lot)
    else:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with ProcessPoolExecutor(os.cpu_count(), context) as pool:
            list(pool.map(_write, lots))
    return [path for _, path in lots]


def _lots(store: ClaimStore, parts: Sequence[Part], seqs: _Numbers) -> Iterator[list[_Wanted]]:
    """What is wanted of parts, as much at a time as one file takes."""
    lot: list[_Wanted] = []
    count = 0
    for wanted in _wanted(store, parts, seqs):
        lot.append(wanted)
        count += len(wanted.numbers)
        if count >= _CLAIMS_A_FILE:
            yield lot
            lot, count = [], 0
    if lot:
        yield lot


def _wanted(store: ClaimStore, parts: Sequence[Part], seqs: _Numbers) -> Iterator[_Wanted]:
    """Each writer has its own packs and numbers: an ordinal may be that of one claim of each."""
    by_writer: dict[str, list[tuple[int, Part]]] = {}
    for part in parts:
        if not part.is_listens:
            writer = os.path.basename(part.path).partition("-")[0]
            by_writer.setdefault(writer, []).append((ordinal_of(part), part))
    for own in by_writer.values():
        own.sort(key=lambda pair: pair[0])
        firsts = np.array([first for first, _ in own], np.int64)
        places = np.searchsorted(firsts, seqs, side="right") - 1
        bounds = np.searchsorted(places, np.arange(len(own) + 1))
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            first, part = own[number]
            numbers = seqs[bounds[number] : bounds[number + 1]] - first
            yield _Wanted(store.root, part, store.frames(part), first, numbers)


def _write(lot: tuple[Sequence[_Wanted], str]) -> None:
    several, path = lot
    facing = Facing(0)
    for wanted in several:
        for number, line in _lines(wanted):
            for record in decoded([line]):
                facing.take_at(wanted.first + number, record)
    nodes = next(table for family, table in tables_of(facing) if family == "nodes")
    write_columns(nodes, path)


def _lines(wanted: _Wanted) -> Iterator[tuple[int, bytes]]:
    part = wanted.part
    with open(f"{wanted.root}/{part.path}", "rb") as pack:
        for offset, length, places, before in frameindex.frames_of(wanted.frames, wanted.numbers):
            pack.seek(part.offset + offset)
            try:
                lines = frame_lines(pack.read(length))
                yield from ((before + place, lines[place]) for place in places.tolist())
            except (zstandard.ZstdError, IndexError):
                where = f"{part.path} at {part.offset}"
                raise DamageFound(
                    "A pack of claims is not as acknowledged", where, "Run: lockgroove repair."
                ) from None
