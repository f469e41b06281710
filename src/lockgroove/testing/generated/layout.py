"""How a part is laid out: which stretch of its slots is which release, in which source, and in which role.

A slot is the place of one claim in the catalogue; its number, counted over all parts, names it for ever. The
layout of a part depends on seed and part alone.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from lockgroove.testing.generated.draws import Draws

PART_RECORDS = 100_000

SOURCES = ("catalogue-a", "musicbrainz", "discogs")
CATALOGUE_A, MUSICBRAINZ, DISCOGS = range(3)

# What a release's tracks are: the first claims of their recordings, further claims of recordings that other
# slots claim first, or recordings of their own that merely look like another's.
FIRST, FURTHER, LOOKALIKE = range(3)

# Shares of (source, role). All in all 80, 12 and 8 % by source, 77, 20 and 3 % by role.
_ROLES = (
    (CATALOGUE_A, FIRST, 0.712),
    (CATALOGUE_A, FURTHER, 0.063),
    (CATALOGUE_A, LOOKALIKE, 0.025),
    (MUSICBRAINZ, FIRST, 0.038),
    (MUSICBRAINZ, FURTHER, 0.078),
    (MUSICBRAINZ, LOOKALIKE, 0.004),
    (DISCOGS, FIRST, 0.020),
    (DISCOGS, FURTHER, 0.059),
    (DISCOGS, LOOKALIKE, 0.001),
)
# Shares of releases with 1, 2, … 20 tracks: mean 4.4.
_LENGTHS = (
    0.44, 0.11, 0.06, 0.06, 0.04, 0.03, 0.02, 0.03, 0.03, 0.045,
    0.04, 0.03, 0.02, 0.015, 0.010, 0.006, 0.005, 0.003, 0.003, 0.003,
)  # fmt: skip
_RELEASES_PER_PART_MAX = 1 << 20


@dataclass(frozen=True)
class Layout:
    """A part's releases (`source`, `role`, `length`, `first` slot within the part) and its slots.

    `release` is each slot's release within the part, `position` its place in it from 0; `ids` are the numbers
    of the releases in the whole catalogue.
    """

    part: int
    first_slot: int
    source: np.ndarray
    role: np.ndarray
    length: np.ndarray
    first: np.ndarray
    release: np.ndarray
    position: np.ndarray

    @property
    def slots(self) -> int:
        """How many slots the part has."""
        return len(self.release)

    @property
    def ids(self) -> np.ndarray:
        """The numbers of the releases."""
        return np.arange(len(self.length), dtype=np.int64) + self.part * _RELEASES_PER_PART_MAX

    @functools.cached_property
    def firsts(self) -> np.ndarray:
        """The slots, within the part, that claim a recording first. At least one."""
        return np.flatnonzero(self.role[self.release] == FIRST)


def lay_out(draws: Draws, part: int, first_slot: int, slots: int) -> Layout:
    """The layout of a part that begins at `first_slot` of the catalogue."""
    numbers = np.arange(slots, dtype=np.int64) + part * _RELEASES_PER_PART_MAX
    lengths = draws.choice("release/length", numbers, _LENGTHS) + 1
    ends = np.cumsum(lengths)
    count = int(np.searchsorted(ends, slots)) + 1
    ends = np.minimum(ends[:count], slots)
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    drawn = draws.choice("release/role", numbers[:count], [share for _, _, share in _ROLES])
    drawn[0] = 0  # so that there is a first claim to refer to
    release = np.repeat(np.arange(count), lengths)
    return Layout(
        part,
        first_slot,
        np.array([source for source, _, _ in _ROLES])[drawn],
        np.array([role for _, role, _ in _ROLES])[drawn],
        lengths,
        starts,
        release,
        np.arange(slots) - starts[release],
    )
