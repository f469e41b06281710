"""Shards that are asked one after the other, until a page is full.

A shard's order never changes: score weighed with listens, then the place in it, which is the order of rows.
What a later delta supersedes is passed over; what it brings stands among what is heard as much.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockgroove.catalogue.search import layout as layouts
from lockgroove.catalogue.search.layout import LISTENS, ROW, Layout

_SPARED_FROM = 2  # shards beyond the first five million recordings
_GROWTH = 4


class Marks:
    """Marked rows: one bit each, the lowest bit of a byte first."""

    def __init__(self, bits: np.ndarray) -> None:
        self._bits = bits
        self.total = int(np.bitwise_count(bits).sum()) if hasattr(np, "bitwise_count") else _count(bits)

    @classmethod
    def read(cls, folder: str) -> Marks:
        """Those of a delta."""
        return cls(np.fromfile(f"{folder}/{layouts.SUPERSEDED_FILE}", np.uint8))

    @classmethod
    def joined(cls, several: Sequence[Marks]) -> Marks:
        """Rows that any of them marks."""
        bits = np.zeros(max((len(marks._bits) for marks in several), default=0), np.uint8)
        for marks in several:
            bits[: len(marks._bits)] |= marks._bits
        return cls(bits)

    def __contains__(self, row: int) -> bool:
        byte = row >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (row & 7) & 1)


@dataclass(frozen=True)
class Page:
    """Rows of a shard, best first; how many it has in all, exactly or at least."""

    rows: list[int]
    count: int
    is_exact: bool


class _Part:
    """An index of tantivy's, and what later deltas supersede in it."""

    def __init__(self, folder: str, dead: Marks) -> None:
        self._searcher = layouts.open_shard(folder).searcher()
        self.dead = dead

    def best(self, query: Any, limit: int, offset: int = 0) -> tuple[list[tuple[float, int]], int]:
        """Scores and rows, best first, and how many there are in all."""
        result = self._searcher.search(
            query, limit=max(1, limit), count=True, offset=offset, weight_by_field=LISTENS
        )
        rows = self._searcher.fast_field_values(ROW, [address for _, address in result.hits])
        return [(score, row) for (score, _), row in zip(result.hits, rows, strict=True)], result.count

    def living(self, query: Any, wanted: int) -> tuple[list[tuple[float, int]], int, bool]:
        """The same without what is superseded: at least `wanted`, or all; the count is exact or the least."""
        window = wanted
        while True:
            hits, count = self.best(query, window)
            left = [hit for hit in hits if hit[1] not in self.dead] if self.dead.total else hits
            if len(hits) == count:
                return left, len(left), True
            if len(left) >= wanted:
                return left, max(len(left), count - self.dead.total), not self.dead.total
            window *= _GROWTH


class Shard:
    """One shard, open for reading: that of the base, and those of the same level in deltas."""

    def __init__(self, layout: Layout, number: int) -> None:
        self._parts: list[_Part] = []
        self.is_spared = min(number, len(layout.thresholds)) >= _SPARED_FROM

    def add(self, folder: str, dead: Marks) -> None:
        """Open one more index of this level; those that come first win ties."""
        self._parts.append(_Part(folder, dead))

    def page(self, query: Any, start: int, limit: int, skip: frozenset[int]) -> Page:
        """Rows from `start` on, those in `skip` passed over and not counted; all of these would be found."""
        if len(self._parts) == 1 and not self._parts[0].dead.total and not skip:
            hits, count = self._parts[0].best(query, limit, start)
            return Page([row for _, row in hits[:limit]], count, True)
        wanted = start + limit
        found = [part.living(query, wanted + len(skip)) for part in self._parts]
        merged = heapq.merge(*(hits for hits, _, _ in found), key=lambda hit: -hit[0])
        rows = [row for _, row in merged if row not in skip]
        count = sum(count for _, count, _ in found) - len(skip)
        return Page(rows[start:wanted], count, all(exact for *_, exact in found))


@dataclass(frozen=True)
class Walk:
    """What a walk over the shards found: rows by shard; how many there are; whether it saw them all."""

    found: list[list[int]]
    count: int
    is_exact: bool
    is_whole: bool

    @property
    def rows(self) -> list[int]:
        """All rows, in the order of answers."""
        return [row for rows in self.found for row in rows]


def walk(
    shards: Sequence[Shard],
    query_for: Callable[[bool], Any],
    limit: int,
    offset: int,
    skip: Sequence[Sequence[int]] = (),
    enough: int | None = None,
) -> Walk:
    """Ask shard after shard until the page is full and one more is known, or all were asked.

    `query_for` gives a shard's query, told whether it is one to be spared; `skip` are rows to pass over,
    by shard. Shards behind one that brought the answers to `enough` are left out of the whole.
    """
    query = functools.cache(query_for)  # a guess holds a thousand terms: made once, and only if asked
    found: list[list[int]] = []
    count, missing, exact = 0, limit, True
    for number, shard in enumerate(shards):
        if enough is not None and count >= enough:
            break
        if count > offset + limit:
            return Walk(found, count, False, False)
        passed = frozenset(skip[number]) if number < len(skip) else frozenset()
        page = shard.page(query(shard.is_spared), max(0, offset - count), missing, passed)
        found.append(page.rows)
        missing -= len(page.rows)
        count += page.count
        exact &= page.is_exact
    return Walk(found, count, exact, True)


def _count(bits: np.ndarray) -> int:
    return int(np.unpackbits(bits).sum())
