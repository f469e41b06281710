"""What the slots of a part come to be: their own recordings, further claims of others', or lookalikes."""

from __future__ import annotations

import numpy as np

from lockgroove.testing.generated.draws import Draws
from lockgroove.testing.generated.further import make_further
from lockgroove.testing.generated.layout import DISCOGS, FIRST, FURTHER, MUSICBRAINZ, Layout
from lockgroove.testing.generated.lookalikes import make_lookalikes
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.tracks import Tracks, as_discogs_has_it, own
from lockgroove.testing.generated.truth import NUMBER, Truth
from lockgroove.testing.generated.words import ABSENT

_REFERENCE_PARTS = 3


def tracks_of(place: Place, layout: Layout) -> tuple[Tracks, Truth]:
    """The tracks of a part, and their truth."""
    tracks = own(place.draws, place.artists, layout, np.arange(layout.slots))
    truth = Truth.plain(tracks.slot)
    rows = np.flatnonzero(layout.role[layout.release] != FIRST)
    models, sources = _models(place, layout, rows)
    truth.like[rows] = models.slot
    make_further(place, layout, tracks, truth, rows, models)
    make_lookalikes(place, layout, tracks, truth, rows, models)
    source = layout.source[layout.release]
    as_discogs_has_it(tracks, source == DISCOGS)
    truth.shares_isrc[rows] = (tracks.isrc[rows] == models.isrc) & (models.isrc != ABSENT)
    truth.shares_mbid[rows] = (
        (sources == MUSICBRAINZ)
        & (source[rows] != MUSICBRAINZ)
        & (layout.role[layout.release[rows]] == FURTHER)
        & place.draws.happens("further/mbid", tracks.slot[rows], 0.5)
    )
    _settle(tracks, truth, rows, models)
    return tracks, truth


def _settle(tracks: Tracks, truth: Truth, rows: np.ndarray, models: Tracks) -> None:
    """Where a difference of ISRCs could not be made, the label says what there is instead."""
    labels = truth.difference[rows]
    identified = np.isin(labels, [NUMBER["isrc-missing"], NUMBER["isrc-other"]])
    has = tracks.isrc[rows] != ABSENT
    labels[identified & ~has] = NUMBER["isrc-missing"]
    labels[identified & (models.isrc == ABSENT)] = NUMBER["exact"]
    truth.difference[rows] = labels


def _models(place: Place, layout: Layout, rows: np.ndarray) -> tuple[Tracks, np.ndarray]:
    """What rows are made like: first claims of this part or of two earlier ones.

    A reissue takes a run of them in order, a compilation takes them from anywhere in the part.
    """
    draws, slots = place.draws, layout.first_slot + rows
    releases = layout.ids[layout.release[rows]]
    which = draws.below("further/part", releases, _REFERENCE_PARTS)
    start = draws.bits("further/start", releases) >> np.uint64(32)
    anywhere = draws.bits("further/anywhere", slots) >> np.uint64(32)
    run = np.where(is_compilation(draws, releases), anywhere, start + layout.position[rows].astype(np.uint64))
    parts, sources = [], np.empty(len(rows), dtype=np.int64)
    for number in range(_REFERENCE_PARTS):
        mine = np.flatnonzero(which == number)
        other = layout if number == 0 else place.layout(_earlier(draws, layout.part, number))
        chosen = other.firsts[(run[mine] % np.uint64(len(other.firsts))).astype(np.int64)]
        sources[mine] = other.source[other.release[chosen]]
        parts.append((mine, own(draws, place.artists, other, chosen)))
    models = own(draws, place.artists, layout, rows)
    for mine, chosen_tracks in parts:
        models.put(mine, chosen_tracks)
    return models, sources


def _earlier(draws: Draws, part: int, number: int) -> int:
    return int(draws.below(f"further/earlier/{number}", np.array([part]), part + 1)[0])


def is_compilation(draws: Draws, releases: np.ndarray) -> np.ndarray:
    """Whether a release of further claims gathers tracks from anywhere."""
    return draws.happens("further/compilation", releases, 0.3)
