"""Claims as lines of canonical JSON, each with its LF: what the format calls a claim record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lockgroove.testing.generated.bodies import Stamped, Told, records, withdrawal
from lockgroove.testing.generated.layout import CATALOGUE_A, MUSICBRAINZ, SOURCES, Layout
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.releases import Releases
from lockgroove.testing.generated.texts import (
    JOINERS,
    chosen,
    isrcs,
    join,
    numbers,
    only,
    padded,
    uuids,
    where,
)
from lockgroove.testing.generated.tracks import Tracks
from lockgroove.testing.generated.truth import Truth
from lockgroove.testing.generated.words import ABSENT

_TWO_DISCS_FROM = 15


@dataclass(frozen=True)
class Lines:
    """Lines in one piece of bytes, each with its LF; `ends` is where each ends."""

    data: bytes
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for end in self.ends.tolist():
            yield self.data[start:end]
            start = end

    def frames(self, bytes_max: int) -> Iterator[bytes]:
        """Stretches of whole lines of at most `bytes_max`; a longer line stands alone."""
        start = first = 0
        while first < len(self.ends):
            last = max(int(np.searchsorted(self.ends, start + bytes_max, side="right")), first + 1)
            end = int(self.ends[last - 1])
            yield self.data[start:end]
            start, first = end, last


@dataclass(frozen=True)
class Named:
    """Texts of a part's tracks that do not depend on the source, a row a slot."""

    title: pa.Array
    credit: pa.Array
    main: pa.Array
    guest: pa.Array


def lines_of(
    place: Place,
    layout: Layout,
    tracks: Tracks,
    truth: Truth,
    named: Named,
    releases: Releases,
    stamped: Stamped,
    rows: np.ndarray,
) -> Iterator[tuple[str, np.ndarray, pa.Array, Lines]]:
    """The claims of some rows of a part: for each source that has any, its name, rows, keys and lines."""
    of = layout.source[layout.release[rows]]
    for source, name in enumerate(SOURCES):
        mine = rows[of == source]
        if not len(mine):
            continue
        told = _told(place, layout, tracks, truth, named, releases, source, mine)
        theirs = np.flatnonzero(layout.source == source)
        release = pa.array(np.searchsorted(theirs, layout.release[mine]))
        text = records(source, name, told, _rows(releases, theirs), release, stamped)
        yield name, mine, told.key, _as_lines(text)


def withdrawn(
    place: Place, layout: Layout, releases: Releases, rows: np.ndarray, stamped: Stamped
) -> dict[str, Lines]:
    """Withdrawals of the claims at some rows of a part, by source."""
    of, made = layout.source[layout.release[rows]], {}
    for source, name in enumerate(SOURCES):
        mine = rows[of == source]
        if len(mine):
            keys = _keys(place, layout, releases, source, mine)
            made[name] = _as_lines(withdrawal(keys, name, stamped))
    return made


def joined(several: Sequence[Lines]) -> Lines:
    """Lines one after the other."""
    starts = np.cumsum([0, *(len(lines.data) for lines in several)])
    ends = [lines.ends + start for lines, start in zip(several, starts, strict=False)]
    return Lines(b"".join(lines.data for lines in several), np.concatenate(ends))


def _rows(columns: Any, rows: np.ndarray) -> Any:
    taken = pa.array(rows)
    return type(columns)(*(getattr(columns, f.name).take(taken) for f in dataclasses.fields(columns)))


def _as_lines(text: pa.Array) -> Lines:
    _, offsets, data = text.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[text.offset : text.offset + len(text) + 1]
    return Lines(data[int(ends[0]) : int(ends[-1])].to_pybytes(), (ends[1:] - ends[0]).astype(np.int64))


def _told(
    place: Place,
    layout: Layout,
    tracks: Tracks,
    truth: Truth,
    named: Named,
    releases: Releases,
    source: int,
    rows: np.ndarray,
) -> Told:
    mine = _rows(named, rows)
    later, number = _placed(layout, rows)
    guests, duration = tracks.second[rows], tracks.duration_ms[rows]
    known = duration != ABSENT
    seconds = np.maximum(duration, 0) // 1000
    return Told(
        _keys(place, layout, releases, source, rows),
        mine.title,
        mine.credit,
        mine.main,
        _artist_keys(place, source, tracks.artist[rows]),
        mine.guest,
        only(guests != ABSENT, lambda at: _artist_keys(place, source, guests[at])),
        chosen(JOINERS, tracks.credit[rows]),
        where(known, numbers(duration)),
        isrcs(tracks.isrc[rows]),
        only(
            truth.shares_mbid[rows],
            lambda at: uuids(place.draws, "recording/uuid", truth.recording[rows[at]]),
        ),
        where(later, "2", "1"),
        where(later, "2"),
        numbers(number),
        _sides(layout, rows),
        where(known, join(numbers(seconds // 60), ":", padded(seconds % 60, 2))),
    )


def _placed(layout: Layout, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether tracks are on a second disc, and their numbers on their disc."""
    length, position = layout.length[layout.release[rows]], layout.position[rows]
    half = (length + 1) // 2
    later = (length >= _TWO_DISCS_FROM) & (position >= half)
    return later, position + 1 - np.where(later, half, 0)


def _sides(layout: Layout, rows: np.ndarray) -> pa.Array:
    later, number = _placed(layout, rows)
    return join(where(later, "B", "A"), numbers(number))


def _keys(place: Place, layout: Layout, releases: Releases, source: int, rows: np.ndarray) -> pa.Array:
    slots = layout.first_slot + rows
    if source == CATALOGUE_A:
        return numbers(slots + 1)
    if source == MUSICBRAINZ:
        return uuids(place.draws, "recording/uuid", slots)
    return join(releases.key.take(pa.array(layout.release[rows])), "#", _sides(layout, rows))


def _artist_keys(place: Place, source: int, artists: np.ndarray) -> pa.Array:
    if source == MUSICBRAINZ:
        return uuids(place.draws, "artist/uuid", artists)
    return numbers(artists + 1 if source == CATALOGUE_A else artists * 2 + 3)
