"""Tracks as columns of numbers: by whom, which words, how long, which ISRC.

All is arithmetic on the numbers of slots, releases and artists; texts come later (`texts`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lockgroove.testing.generated.draws import Draws, Quantiles
from lockgroove.testing.generated.layout import DISCOGS, Layout
from lockgroove.testing.generated.words import ABSENT, LATIN, SCRIPTS, Words

TRACKS_PER_ARTIST = 17
LABELS_PER_PART = 64
TITLE_WORDS_MAX = 5
ISRC_YEARS, ISRC_NUMBERS = 100, 100_000
REGISTRANTS = 36**3
COUNTRIES = (
    "AT AU BE BG BR CA CH CL CN CO CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN IS IT JP"
    " KE KR LT LV MA MX MY NG NL NO NZ PE PH PL PT RO RU SE SG SI SK TH TR TW UA US UY VN ZA QM"
).split()
_ISRC_CODES = len(COUNTRIES) * REGISTRANTS
_ISRC_STEP = 1_000_003  # a prime that does not divide the number of codes: every code comes once

# How a second artist is credited.
ALONE, FEATURED, JOINT, IN_TITLE = range(4)

NO_SUFFIX = 0
# Suffix of a title: what version it tells, text as JSON has it, and its share of all titles that have one.
SUFFIXES = (
    ("", "", 0.0),
    ("live", " - Live", 18.0),
    ("live", " (Live)", 10.0),
    ("remix", " (Remix)", 10.0),
    ("remix", " - Club Mix", 5.0),
    ("remix", ' (12\\" Mix)', 2.0),
    ("edit", " - Radio Edit", 8.0),
    ("remaster", " - Remastered", 5.0),
    *(("remaster", f" - {year} Remaster", 0.7) for year in range(1996, 2024)),
    *(("remaster", f" (Remastered {year})", 0.2) for year in range(1996, 2024)),
    ("acoustic", " (Acoustic)", 5.0),
    ("acoustic", " - Acoustic Version", 3.0),
    ("instrumental", " (Instrumental)", 5.0),
    ("instrumental", " - Instrumental", 3.0),
    ("demo", " (Demo)", 3.0),
    ("karaoke", " (Karaoke Version)", 3.0),
    ("part", ", Pt. 1", 3.0),
    ("part", ", Pt. 2", 3.0),
    ("part", " (Part 3)", 1.5),
)
VERSIONS = tuple(dict.fromkeys(version for version, _, _ in SUFFIXES))
SUFFIX_VERSION = np.array([VERSIONS.index(version) for version, _, _ in SUFFIXES])


@dataclass(frozen=True)
class Tracks:
    """Columns of equal length, a row a slot; numbers only.

    `second` is ABSENT where nobody else is credited; `isrc` is ABSENT or a packed code (`packed_isrc`);
    `duration_ms` is ABSENT where it is not told. `words` has TITLE_WORDS_MAX columns.
    """

    slot: np.ndarray
    artist: np.ndarray
    second: np.ndarray
    credit: np.ndarray
    words: np.ndarray
    suffix: np.ndarray
    duration_ms: np.ndarray
    isrc: np.ndarray

    def at(self, rows: np.ndarray) -> Tracks:
        """The tracks at some rows."""
        return Tracks(
            **{column.name: getattr(self, column.name)[rows] for column in dataclasses.fields(self)}
        )

    def put(self, rows: np.ndarray, other: Tracks) -> None:
        """Write another's columns into rows of these."""
        for column in dataclasses.fields(self):
            getattr(self, column.name)[rows] = getattr(other, column.name)


@dataclass(frozen=True)
class Artists:
    """What can be told of artists by their numbers."""

    draws: Draws
    words: Words
    count: int

    @functools.cached_property
    def popularity(self) -> Quantiles:
        """Artists by how many tracks they have: Zipf's law with a bent head (Mandelbrot).

        Of 15 million artists with 256 million tracks, the first has some 80,000.
        """
        bend = 300
        steep = math.log1p(self.count / bend)
        return Quantiles(lambda p: min(self.count, bend * math.expm1(p * steep)))

    def script(self, artists: np.ndarray) -> np.ndarray:
        """The script in which an artist's name is written."""
        return self.draws.choice("artist/script", artists, [script.share for script in SCRIPTS])


def own(draws: Draws, artists: Artists, layout: Layout, rows: np.ndarray) -> Tracks:
    """What the slots at `rows` of a part are when nothing else makes them another's copy."""
    slots = layout.first_slot + rows
    releases = layout.ids[layout.release[rows]]
    artist = release_artist(draws, artists, releases)
    second, credit = _guests(draws, artists, slots, artist)
    made = Tracks(
        slots,
        artist,
        second,
        credit,
        title_words(draws, artists, "track", slots, artist),
        _suffixes(draws, slots),
        draws.values("track/duration", slots, _durations()),
        _isrcs(draws, layout, rows, slots, releases),
    )
    as_discogs_has_it(made, layout.source[layout.release[rows]] == DISCOGS)
    return made


def as_discogs_has_it(tracks: Tracks, rows: np.ndarray) -> None:
    """Whole seconds and no ISRCs."""
    seconds = (tracks.duration_ms + 500) // 1000 * 1000
    tracks.duration_ms[rows] = np.where(tracks.duration_ms == ABSENT, ABSENT, seconds)[rows]
    tracks.isrc[rows] = ABSENT


def release_artist(draws: Draws, artists: Artists, releases: np.ndarray) -> np.ndarray:
    """The artist of each release."""
    return draws.values("release/artist", releases, artists.popularity)


def release_year(draws: Draws, releases: np.ndarray) -> np.ndarray:
    """The year of each release: the newer the more, from 1950 to 2025."""
    return 2025 - draws.values("release/year", releases, _ages())


def release_label(draws: Draws, releases: np.ndarray, part: int) -> np.ndarray:
    """The number of each release's label; a label has releases in one part only."""
    return part * LABELS_PER_PART + draws.below("release/label", releases, LABELS_PER_PART)


def title_words(
    draws: Draws, artists: Artists, purpose: str, numbers: np.ndarray, artist: np.ndarray
) -> np.ndarray:
    """Titles of one to five words: the first from all over the vocabulary, the others mostly common ones."""
    counts = draws.choice(f"{purpose}/words", numbers, (0.18, 0.34, 0.25, 0.15, 0.08)) + 1
    script = np.where(draws.happens(f"{purpose}/script", numbers, 0.88), artists.script(artist), LATIN)
    words = np.full((len(numbers), TITLE_WORDS_MAX), ABSENT, dtype=np.int64)
    latin = int(artists.words.sizes[LATIN])
    for place in range(TITLE_WORDS_MAX):
        rows = np.flatnonzero(counts > place)
        exponent = 0.5 if place == 0 else 1.0
        ranks = draws.values(f"{purpose}/word/{place}", numbers[rows], _ranks(latin, exponent))
        words[rows, place] = artists.words.of(script[rows], ranks)
    generic = np.flatnonzero(draws.happens(f"{purpose}/generic", numbers, 0.003))
    words[generic] = ABSENT
    words[generic, 0] = artists.words.generic + draws.below(f"{purpose}/which", numbers[generic], 4)
    return words


def packed_isrc(code: np.ndarray, year: np.ndarray, number: np.ndarray) -> np.ndarray:
    """An ISRC as one number: country and registrant, year of two digits, number of five."""
    return np.asarray((code % _ISRC_CODES * ISRC_YEARS + year % 100) * ISRC_NUMBERS + number)


def registrant(labels: np.ndarray) -> np.ndarray:
    """Country and registrant code of labels; no two labels of the first 2.8 million share one."""
    return np.asarray(labels * _ISRC_STEP % _ISRC_CODES)


def _guests(
    draws: Draws, artists: Artists, slots: np.ndarray, artist: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    credit = draws.choice("track/credit", slots, (0.86, 0.05, 0.05, 0.04))
    guest = draws.values("track/second", slots, artists.popularity)
    credit[guest == artist] = ALONE
    return np.where(credit == ALONE, ABSENT, guest), credit


def _suffixes(draws: Draws, slots: np.ndarray) -> np.ndarray:
    has = draws.happens("track/suffixed", slots, 0.15)
    return np.where(has, draws.choice("track/suffix", slots, [share for _, _, share in SUFFIXES]), NO_SUFFIX)


def _isrcs(
    draws: Draws, layout: Layout, rows: np.ndarray, slots: np.ndarray, releases: np.ndarray
) -> np.ndarray:
    """Unique by the registrant's label and the place in the part; consecutive within a release."""
    code = registrant(release_label(draws, releases, layout.part))
    packed = packed_isrc(code, release_year(draws, releases), rows)
    # Mostly all tracks of a release have one or none has.
    has = draws.happens("release/isrc", releases, 0.74) ^ draws.happens("track/isrc", slots, 0.04)
    return np.where(has, packed, ABSENT)


@functools.cache
def _durations() -> Quantiles:
    normal = NormalDist(math.log(212_000), 0.38)
    return Quantiles(lambda p: min(max(math.exp(normal.inv_cdf(p)), 15_000), 10_800_000))


@functools.cache
def _ages() -> Quantiles:
    return Quantiles(lambda p: min(75.0, -14 * math.log1p(-p)))


@functools.cache
def _ranks(size: int, exponent: float) -> Quantiles:
    return Quantiles.ranks(size, exponent)
