"""What a delta starts from, and what it is to bring in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow.parquet as pq

from lockgroove.catalogue.facts import Facts
from lockgroove.catalogue.layers import base_rows, member_files
from lockgroove.catalogue.spilling import parquet

# One in so many claims may be read again; with more, a whole build is the quicker way.
_SHARE_MAX = 4
_CLAIMS_MIN = 10_000


class TooMuchChanged(Exception):
    """So much is concerned that a whole build takes less."""


@dataclass(frozen=True)
class Base:
    """A whole build: its tables, and what it kept for its deltas."""

    tables: str
    state: str

    def rows(self, name: str) -> str:
        """SQL for the rows of a table, each with its number as `row`."""
        return base_rows(self.tables, name)

    def count(self, name: str) -> int:
        """How many rows a table has."""
        rows: int = pq.read_metadata(f"{self.tables}/{name}.parquet").num_rows
        return rows

    @property
    def members(self) -> str:
        """SQL for (recording_row, seq, withdrawn)."""
        return parquet(member_files(self.state))

    @cached_property
    def claims_max(self) -> int:
        """How many claims may be read again."""
        count: int = sum(pq.read_metadata(path).num_rows for path in member_files(self.state))
        return _CLAIMS_MIN + count // _SHARE_MAX


@dataclass(frozen=True)
class Change:
    """All that a build reads, what of it is `fresh`, and how claims are read again.

    `facts` are those of all parts, of which `nodes` and names may be missing where no file is spoken of;
    `fresh` those of parts that the base has not. `counted` are Parquet files of listens that count now or
    counted then, but not both; `said` ids that were spoken of by hand since. `nodes_of` writes the nodes of
    claims of the base, by their ordinals, into a new folder, and tells the files.
    """

    facts: Facts
    fresh: Facts
    held: Sequence[str]
    told: Sequence[str]
    listens: Sequence[str]
    counted: Sequence[str]
    by_hand: Sequence[tuple[bytes, bytes, bool]]
    said: Sequence[bytes]
    nodes_of: Callable[[np.ndarray, str], Sequence[str]]

    @property
    def files(self) -> list[str]:
        """Everything but the base."""
        return [*self.facts.files("files"), *self.fresh.files("nodes"), *self.held, *self.listens]
