"""A catalogue of any size, made part by part: claims, listens, and which claims are of one recording."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgroove.testing.generated import changing
from lockgroove.testing.generated.bodies import Stamped
from lockgroove.testing.generated.differences import tracks_of
from lockgroove.testing.generated.draws import Draws
from lockgroove.testing.generated.layout import PART_RECORDS, SOURCES, Layout
from lockgroove.testing.generated.lines import Lines, Named, joined, lines_of, withdrawn
from lockgroove.testing.generated.listening import listens_of
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.releases import releases_of
from lockgroove.testing.generated.texts import Texts, credits_of, only
from lockgroove.testing.generated.tracks import TRACKS_PER_ARTIST, Artists, Tracks
from lockgroove.testing.generated.truth import DIFFERENCES, NUMBER, SPELLINGS, Truth
from lockgroove.testing.generated.words import ABSENT, Words

WORDS_MAX = 200_000

TRUTH_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("recording_truth", pa.int64(), nullable=False),
        pa.field("difference", pa.string(), nullable=False),
        pa.field("resembles", pa.int64()),
        pa.field("shares_isrc", pa.bool_(), nullable=False),
        pa.field("shares_mbid", pa.bool_(), nullable=False),
    ]
)


@dataclass(frozen=True)
class PartSpec:
    """A part to be made: its number, and how many slots it has; of changes, only some give claims."""

    number: int
    records: int


@dataclass(frozen=True)
class Made:
    """A part: for each source its claim lines and its listens, and the truth, a row a claim that is there.

    Claims of one recording have the same `recording_truth`. `resembles` is the `recording_truth` of the claim
    that this one was made like: its own where they are one recording, another where they only look so, none
    where it was made like no other. `shares_isrc` and `shares_mbid` say what joins it to that one.
    """

    part: PartSpec
    lines_by_source: Mapping[str, Lines]
    listens_by_source: Mapping[str, pa.Table]
    truth: pa.Table


@dataclass(frozen=True)
class Catalogue:
    """A catalogue of `tracks` claims. Small, and travels to other processes; the same fields, the same bytes.

    `harvest` and `at` stand in every line. `grouped_share` of the tracks have listens by month and group.
    """

    tracks: int
    seed: int = 1
    harvest: str = "generated"
    at: str = "2025-11-01T00:00:00.000000Z"
    grouped_share: float = 0.0
    part_records: int = PART_RECORDS

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that claims are from."""
        return SOURCES

    def parts(self) -> Iterator[PartSpec]:
        """The parts, in order."""
        for number, first in enumerate(range(0, self.tracks, self.part_records)):
            yield PartSpec(number, min(self.part_records, self.tracks - first))

    def make(self, part: PartSpec) -> Made:
        """Make a part; in any order, in any process."""
        place, texts = _world(self.seed, self.tracks, self.part_records, 0)
        layout = place.layout(part.number)
        tracks, truth = tracks_of(place, layout)
        every = np.arange(layout.slots)
        stamped = Stamped(self.harvest, self.at, "1")
        return _made(part, place, texts, layout, tracks, truth, every, stamped, self.grouped_share)

    def changes(self, fraction: float, seed: int, harvest: str, at: str) -> Changes:
        """What a later harvest finds: of `fraction` of the claims, most changed, some new, some gone."""
        return Changes(self, fraction, seed, harvest, at)


@dataclass(frozen=True)
class Changes:
    """A later harvest of a catalogue: changed claims with a new stamp, new ones, and withdrawals."""

    of: Catalogue
    fraction: float
    seed: int
    harvest: str
    at: str

    @property
    def new(self) -> int:
        """How many claims are new."""
        return round(self.of.tracks * self.fraction * changing.NEW)

    def parts(self) -> Iterator[PartSpec]:
        """The catalogue's own parts, for changed claims and withdrawals; then the parts of new claims."""
        yield from self.of.parts()
        place, _ = self._world()
        for number in range(place.parts, place.parts - (-self.new // place.part_records)):
            yield PartSpec(number, place.records(number))

    def make(self, part: PartSpec) -> Made:
        """Make a part; in any order, in any process. Listens come with new claims only."""
        place, texts = self._world()
        layout = place.layout(part.number)
        tracks, truth = tracks_of(place, layout)
        stamped = Stamped(self.harvest, self.at, "2")
        if part.number >= place.parts:
            every = np.arange(layout.slots)
            return _made(part, place, texts, layout, tracks, truth, every, stamped, self.of.grouped_share)
        draws = Draws(self.seed)
        changed, gone = changing.chosen(draws, tracks.slot, self.fraction)
        releases = releases_of(place, texts, layout, tracks, _named(texts, tracks, truth).title)
        lost = withdrawn(place, layout, releases, gone, stamped)
        changing.change(draws, place, layout, tracks, truth, changed)
        made = _made(part, place, texts, layout, tracks, truth, changed, stamped, None)
        sources = sorted({*made.lines_by_source, *lost})
        lines = {s: joined([m[s] for m in (made.lines_by_source, lost) if s in m]) for s in sources}
        return Made(part, lines, {}, made.truth)

    def _world(self) -> tuple[Place, Texts]:
        return _world(self.of.seed, self.of.tracks, self.of.part_records, self.new)


def parquet(table: pa.Table) -> bytes:
    """A table as a Parquet file, as listens are kept."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue()


@functools.lru_cache(maxsize=4)
def _world(seed: int, tracks: int, part_records: int, new: int) -> tuple[Place, Texts]:
    """What all parts share; made once a process."""
    draws = Draws(seed)
    artists = Artists(
        draws, _words(seed, min(WORDS_MAX, max(2_000, tracks // 4))), max(1, tracks // TRACKS_PER_ARTIST)
    )
    return Place(draws, artists, part_records, tracks, new), Texts(draws, artists)


@functools.lru_cache(maxsize=2)
def _words(seed: int, size: int) -> Words:
    return Words(seed, size)


def _made(
    part: PartSpec,
    place: Place,
    texts: Texts,
    layout: Layout,
    tracks: Tracks,
    truth: Truth,
    rows: np.ndarray,
    stamped: Stamped,
    grouped_share: float | None,
) -> Made:
    """The claims of some rows of a part; with listens unless `grouped_share` is None."""
    named = _named(texts, tracks, truth)
    releases = releases_of(place, texts, layout, tracks, named.title)
    lines, listens, truths = {}, {}, [TRUTH_SCHEMA.empty_table()]
    for source, mine, keys, made in lines_of(place, layout, tracks, truth, named, releases, stamped, rows):
        lines[source] = made
        if grouped_share is not None:
            listens[source] = listens_of(place.draws, source, tracks.slot[mine], keys, grouped_share)
        truths.append(_truth_table(source, keys, truth, mine))
    return Made(part, lines, listens, pa.concat_tables(truths))


def _named(texts: Texts, tracks: Tracks, truth: Truth) -> Named:
    """Names as spelt; where the spelling changed nothing, the truth is told that the claims are alike."""
    named = _spelt(texts, tracks, truth)
    rows = np.flatnonzero(np.isin(truth.difference, [NUMBER[name] for name in SPELLINGS]))
    usual = _spelt(texts, tracks.at(rows), Truth.plain(tracks.slot[rows]))
    taken = pa.array(rows)
    same = np.logical_and.reduce(
        [
            pc.equal(column, spelt.take(taken)).to_numpy(zero_copy_only=False)
            for column, spelt in (
                (usual.title, named.title),
                (usual.main, named.main),
                (usual.guest, named.guest),
            )
        ]
    )
    truth.difference[rows[same]] = NUMBER["exact"]
    return named


def _spelt(texts: Texts, tracks: Tracks, truth: Truth) -> Named:
    main = texts.names(tracks.artist, truth.name_form, truth.the)
    guest = only(tracks.second != ABSENT, lambda at: texts.names(tracks.second[at], truth.name_form[at]))
    title = texts.titles(tracks, truth.title_form, guest)
    return Named(title, credits_of(tracks, main, guest), main, guest)


def _truth_table(source: str, keys: pa.Array, truth: Truth, rows: np.ndarray) -> pa.Table:
    like = truth.like[rows]
    columns = [
        pa.repeat(source, len(rows)), keys, pa.array(truth.recording[rows]),
        pa.array(DIFFERENCES).take(pa.array(truth.difference[rows])),
        pa.array(like, mask=like == ABSENT), pa.array(truth.shares_isrc[rows]),
        pa.array(truth.shares_mbid[rows]),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=TRUTH_SCHEMA)
