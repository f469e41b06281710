"""Lookalikes: recordings of their own that share a name, a length or an ISRC with another and are not it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lockgroove.testing.generated.layout import DISCOGS, LOOKALIKE, Layout
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.tracks import (
    ALONE,
    NO_SUFFIX,
    SUFFIX_VERSION,
    SUFFIXES,
    Tracks,
    packed_isrc,
    registrant,
)
from lockgroove.testing.generated.truth import NOT_SAME, NUMBER, Truth
from lockgroove.testing.generated.words import ABSENT

_PART_SUFFIXES = [n for n, (version, _, _) in enumerate(SUFFIXES) if version == "part"]
_VERSION_SUFFIXES = [
    n for n, (version, _, share) in enumerate(SUFFIXES) if version not in ("", "part") and share >= 2
]


def make_lookalikes(
    place: Place, layout: Layout, tracks: Tracks, truth: Truth, rows: np.ndarray, models: Tracks
) -> None:
    """Give the tracks at those of `rows` that are lookalikes one likeness each with `models`."""
    chosen = np.flatnonzero(layout.role[layout.release[rows]] == LOOKALIKE)
    mine = rows[chosen]
    draws, slots, like = place.draws, tracks.slot[mine], models.at(chosen)
    kinds = draws.choice("lookalike/kind", slots, list(NOT_SAME.values()))
    names = np.array(list(NOT_SAME))[kinds]
    # An ISRC that either side does not have cannot be shared.
    without = layout.source[layout.release[mine]] == DISCOGS
    names[np.isin(names, _SHARING) & ((like.isrc == ABSENT) | without)] = "not-cover"
    names[(names == "not-placeholder-isrc") & without] = "not-cover"
    names[(names == "not-cover") & (tracks.artist[mine] == like.artist)] = "not-part"
    for name, make in _LOOKALIKES.items():
        here = np.flatnonzero(names == name)
        make(_Row(place, tracks, mine[here], slots[here], like.at(here)))
    truth.like[mine[names == "not-placeholder-isrc"]] = ABSENT
    truth.difference[mine] = [NUMBER[name] for name in names.tolist()]


@dataclass(frozen=True)
class _Row:
    """Rows of `tracks` to be made like the rows of `like`."""

    place: Place
    tracks: Tracks
    rows: np.ndarray
    slots: np.ndarray
    like: Tracks

    def take(self, *columns: str) -> None:
        """Take columns over from the model."""
        for name in columns:
            getattr(self.tracks, name)[self.rows] = getattr(self.like, name)

    def near(self, ms: int) -> None:
        """Take a duration that differs by up to `ms`."""
        drawn = self.place.draws.below("lookalike/near", self.slots, 2 * ms) - ms
        self.tracks.duration_ms[self.rows] = np.maximum(self.like.duration_ms + drawn, 5_000)

    def far(self) -> None:
        """Take a duration that is longer by 12 to 60 s and by a tenth and more."""
        drawn = self.place.draws.below("lookalike/far", self.slots, 48_000)
        self.tracks.duration_ms[self.rows] = self.like.duration_ms * 11 // 10 + 12_000 + drawn


_NAMES = ("artist", "second", "credit", "words", "suffix")
_SHARING = ["not-version-same-isrc", "not-same-isrc", "not-same-isrc-duration", "not-same-names-same-isrc"]


def _version(row: _Row) -> None:
    row.take(*_NAMES)
    drawn = np.array(_VERSION_SUFFIXES)[
        row.place.draws.below("lookalike/suffix", row.slots, len(_VERSION_SUFFIXES))
    ]
    same = SUFFIX_VERSION[drawn] == SUFFIX_VERSION[row.like.suffix]
    live, demo = (next(n for n, s in enumerate(SUFFIXES) if s[0] == v) for v in ("live", "demo"))
    fallback = np.where(row.like.suffix == NO_SUFFIX, live, demo)
    fallback[SUFFIX_VERSION[fallback] == SUFFIX_VERSION[row.like.suffix]] = live
    row.tracks.suffix[row.rows] = np.where(same, fallback, drawn)
    row.near(3_000)


def _version_same_isrc(row: _Row) -> None:
    _version(row)
    row.take("isrc")


def _part(row: _Row) -> None:
    row.take(*_NAMES)
    drawn = row.place.draws.below("lookalike/part", row.slots, len(_PART_SUFFIXES))
    parts = np.array(_PART_SUFFIXES)
    following = parts[(drawn + 1) % len(parts)]
    row.tracks.suffix[row.rows] = np.where(parts[drawn] == row.like.suffix, following, parts[drawn])
    row.near(1_500)


def _same_isrc_duration(row: _Row) -> None:
    row.take("isrc")
    row.near(3_000)


def _same_names(row: _Row) -> None:
    row.take(*_NAMES)
    row.far()


def _same_names_same_isrc(row: _Row) -> None:
    _same_names(row)
    row.take("isrc")


def _cover(row: _Row) -> None:
    row.take("words", "suffix")
    row.tracks.credit[row.rows], row.tracks.second[row.rows] = ALONE, ABSENT
    row.near(3_000)


def _placeholder(row: _Row) -> None:
    """One code for some 240 tracks: the number 00001 of a registrant that no label has."""
    count = max(1, row.place.tracks // 100_000)
    number = row.place.draws.below("lookalike/placeholder", row.slots, count)
    year = np.zeros(len(number), dtype=np.int64)
    row.tracks.isrc[row.rows] = packed_isrc(registrant(_PLACEHOLDER_LABELS - number), year, year + 1)


_PLACEHOLDER_LABELS = 2_799_000  # far beyond the labels of any catalogue that fits a machine
_LOOKALIKES: dict[str, Callable[[_Row], None]] = {
    "not-version": _version,
    "not-version-same-isrc": _version_same_isrc,
    "not-part": _part,
    "not-same-isrc": lambda row: row.take("isrc"),
    "not-same-isrc-duration": _same_isrc_duration,
    "not-same-names": _same_names,
    "not-same-names-same-isrc": _same_names_same_isrc,
    "not-cover": _cover,
    "not-placeholder-isrc": _placeholder,
}
