"""Releases as columns of texts, a row a release of one part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lockgroove.testing.generated.differences import is_compilation
from lockgroove.testing.generated.layout import FIRST, MUSICBRAINZ, Layout
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.texts import (
    Texts,
    barcodes,
    chosen,
    join,
    numbers,
    padded,
    uuids,
    where,
)
from lockgroove.testing.generated.tracks import Tracks, release_label, release_year, title_words

_EDITIONS = ("", " (Deluxe Edition)", " EP", " - Single", " (Remastered)", " (Live)", ", Vol. 2")
_LABEL_ENDS = (" Records", " Music", " Recordings", " Entertainment", " Discos", "")
_GENRES = (
    "Pop Rock Hip-Hop Electronic Jazz Classical Metal Folk Country Soul Blues Reggae Latin House Techno Punk"
    " Ambient Indie Gospel Soundtrack Disco Funk Trap Dancehall Flamenco Samba Tango Chanson Schlager"
    " K-Pop J-Pop Afrobeat"
).split()


@dataclass(frozen=True)
class Releases:
    """Columns of texts; `barcode` is empty where none is told, `date` is a day or a year alone."""

    key: pa.Array
    title: pa.Array
    artist: pa.Array
    label: pa.Array
    date: pa.Array
    year: pa.Array
    barcode: pa.Array
    genre: pa.Array


def releases_of(place: Place, texts: Texts, layout: Layout, tracks: Tracks, titles: pa.Array) -> Releases:
    """The releases of a part whose tracks have those titles."""
    draws, ids = place.draws, layout.ids
    gathered = is_compilation(draws, ids) & (layout.role != FIRST)
    artist = tracks.artist[layout.first]
    words = texts.phrases(title_words(draws, place.artists, "release", ids, artist))
    edition = draws.choice("release/edition", ids, (0.84, 0.04, 0.03, 0.03, 0.02, 0.02, 0.02))
    named = where(
        layout.length <= 2, titles.take(pa.array(layout.first)), join(words, chosen(_EDITIONS, edition))
    )
    year = release_year(draws, ids)
    return Releases(
        _keys(place, layout),
        named,
        where(gathered, "Various Artists", texts.names(artist)),
        _labels(place, texts, release_label(draws, ids, layout.part)),
        _dates(place, ids, year),
        numbers(year),
        where(draws.happens("release/barcode", ids, 0.6), barcodes(_first_slots(layout))),
        chosen(_GENRES, draws.choice("artist/genre", artist, [1 / (n + 3) for n in range(len(_GENRES))])),
    )


def _first_slots(layout: Layout) -> np.ndarray:
    return np.asarray(layout.first + layout.first_slot)


def _keys(place: Place, layout: Layout) -> pa.Array:
    plain = numbers(_first_slots(layout) + 1)
    uuid = uuids(place.draws, "release/uuid", layout.ids)
    return where(layout.source == MUSICBRAINZ, uuid, plain)


def _labels(place: Place, texts: Texts, labels: np.ndarray) -> pa.Array:
    """A label's name is made once: few labels have all the releases of a part."""
    each, at = np.unique(labels, return_inverse=True)
    latin = int(place.artists.words.sizes[0])
    words = place.draws.below("label/word", each, latin)[:, None]
    ends = place.draws.below("label/end", each, len(_LABEL_ENDS))
    return join(texts.phrases(words), chosen(_LABEL_ENDS, ends)).take(pa.array(at))


def _dates(place: Place, ids: np.ndarray, year: np.ndarray) -> pa.Array:
    month = place.draws.below("release/month", ids, 12) + 1
    day = place.draws.below("release/day", ids, 28) + 1
    whole = join(numbers(year), "-", padded(month, 2), "-", padded(day, 2))
    return where(place.draws.happens("release/day-known", ids, 0.7), whole, numbers(year))
