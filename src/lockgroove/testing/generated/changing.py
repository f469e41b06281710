"""What a later harvest finds otherwise: titles, durations and ISRCs corrected, claims gone."""

from __future__ import annotations

import numpy as np

from lockgroove.testing.generated.draws import Draws
from lockgroove.testing.generated.layout import DISCOGS, Layout
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.tracks import (
    Tracks,
    packed_isrc,
    registrant,
    release_label,
    release_year,
    title_words,
)
from lockgroove.testing.generated.truth import CHANGED, NUMBER, Truth

# Of all that is changed, shares of what is new and what is gone.
NEW, GONE = 0.2, 0.1
_ANOTHER_CENTURY = 50  # years of this century plus these are in no ISRC of the first harvest's
_TITLE, _DURATION, _ISRC = range(3)


def chosen(draws: Draws, slots: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are changed, and rows that are gone."""
    drawn = draws.below("change", slots, 1_000_000)
    gone = round(fraction * GONE * 1_000_000)
    changed = round(fraction * (1 - NEW) * 1_000_000)
    return np.flatnonzero((drawn >= gone) & (drawn < changed)), np.flatnonzero(drawn < gone)


def change(
    draws: Draws, place: Place, layout: Layout, tracks: Tracks, truth: Truth, rows: np.ndarray
) -> None:
    """Change the tracks at `rows`, each in one way. They stay the recordings that they were."""
    kinds = draws.choice("change/kind", tracks.slot[rows], (0.4, 0.3, 0.3))
    kinds[(kinds == _ISRC) & (layout.source[layout.release[rows]] == DISCOGS)] = _TITLE
    title, duration, isrc = (rows[kinds == kind] for kind in (_TITLE, _DURATION, _ISRC))
    slots, artist = tracks.slot[title], tracks.artist[title]
    tracks.words[title] = title_words(draws, place.artists, "change/title", slots, artist)
    longer = 1_500 + draws.below("change/duration", tracks.slot[duration], 3_000)
    tracks.duration_ms[duration] = (np.maximum(tracks.duration_ms[duration], 60_000) + longer) // 1000 * 1000
    tracks.isrc[isrc] = _another_isrc(place, layout, isrc)
    truth.shares_isrc[isrc] = False
    truth.difference[rows] = np.array([NUMBER[name] for name in CHANGED])[kinds]


def _another_isrc(place: Place, layout: Layout, rows: np.ndarray) -> np.ndarray:
    releases = layout.ids[layout.release[rows]]
    code = registrant(release_label(place.draws, releases, layout.part))
    return packed_isrc(code, release_year(place.draws, releases) + _ANOTHER_CENTURY, rows)
