"""Claim records as text, put together column by column.

Each source tells in words of its own (`body`) what the claim says in the catalogue's (`says`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lockgroove.testing.generated.layout import CATALOGUE_A, DISCOGS, MUSICBRAINZ
from lockgroove.testing.generated.releases import Releases
from lockgroove.testing.generated.texts import join

READER = "generated/1"


@dataclass(frozen=True)
class Stamped:
    """What the lines of one harvest have in common."""

    harvest: str
    at: str
    stamp: str


@dataclass(frozen=True)
class Told:
    """All texts of some tracks, a row a track of one source; empty where nothing is told.

    `main` and `guest` are names as credited; `guest_key` is empty where there is no guest.
    """

    key: pa.Array
    title: pa.Array
    credit: pa.Array
    main: pa.Array
    main_key: pa.Array
    guest: pa.Array
    guest_key: pa.Array
    joiner: pa.Array
    duration_ms: pa.Array
    isrc: pa.Array
    mbid: pa.Array
    medium: pa.Array
    later_medium: pa.Array
    number: pa.Array
    position: pa.Array
    seconds: pa.Array


@dataclass(frozen=True)
class _Line:
    """What lines are made of: tracks, their releases (`at` is each track's place there), the source."""

    told: Told
    releases: Releases
    at: pa.Array
    source: str
    stamped: Stamped

    def of_release(self, *pieces: Any) -> pa.Array:
        """A text that is put together once a release, a row a track."""
        return join(*pieces).take(self.at)


def withdrawal(keys: pa.Array, source: str, stamped: Stamped) -> pa.Array:
    """Claims that recordings of those keys are there no more."""
    return join(
        f'{{"at":"{stamped.at}","body":{{}},"harvest":"{stamped.harvest}","key":"recording\\u0000',
        keys,
        f'","kind":"withdrawn","reader":"{READER}","says":{{}},"source":"{source}","stamp":"","v":1}}\n',
    )


def _maybe(before: str, text: pa.Array, *after: Any) -> pa.Array:
    """A text with what stands around it, or nothing where it is empty."""
    return pc.if_else(pc.not_equal(text, ""), join(before, text, *after), "")


def _record(line: _Line, body: list[Any], mbid: pa.Array) -> pa.Array:
    stamped = line.stamped
    return join(
        f'{{"at":"{stamped.at}","body":{{',
        *body,
        f'}},"harvest":"{stamped.harvest}","key":"',
        line.told.key,
        f'","kind":"recording","reader":"{READER}",',
        *_says(line, mbid),
        f',"source":"{line.source}","stamp":"{stamped.stamp}","v":1}}\n',
    )


def _says(line: _Line, mbid: pa.Array) -> list[Any]:
    """The claim in the catalogue's words."""
    t, r = line.told, line.releases
    release = line.of_release(
        ',"release":{"artist":"', r.artist, '"', _maybe(',"barcode":"', r.barcode, '"'),
        ',"date":"', r.date, '","key":"', r.key, '","label":"', r.label, '","title":"', r.title,
        '","year":', r.year, '},"title":"',
    )  # fmt: skip
    return [
        '"says":{"artist":"', t.credit, '","artists":[{"key":"', t.main_key,
        '","name":"', t.main, '"}',
        _maybe(',{"key":"', t.guest_key, '","name":"', t.guest, '"}'),
        "]", _maybe(',"duration_ms":', t.duration_ms), line.of_release(',"genre":["', r.genre, '"]'),
        _maybe(',"isrc":["', t.isrc, '"]'), ',"medium_number":', t.medium,
        _maybe(',"recording_mbid":"', mbid, '"'), release,
        t.title, '","track_number":', t.number, line.of_release(',"year":', r.year, "}"),
    ]  # fmt: skip


def _catalogue_a(line: _Line) -> pa.Array:
    t, r = line.told, line.releases
    album = line.of_release(
        '"album":{"genre":"', r.genre, '","id":', r.key, ',"label":"', r.label, '","name":"', r.title,
        '","release_date":"', r.date, '"', _maybe(',"upc":"', r.barcode, '"'), '},"artists":[{"id":',
    )  # fmt: skip
    body = [
        album, t.main_key, ',"name":"', t.main, '"}',
        _maybe(',{"id":', t.guest_key, ',"name":"', t.guest, '"}'), "]",
        _maybe(',"disc_number":', t.later_medium), _maybe(',"duration_ms":', t.duration_ms),
        _maybe(',"isrc":"', t.isrc, '"'), _maybe(',"mbid":"', t.mbid, '"'),
        ',"name":"', t.title, '","track_number":', t.number,
    ]  # fmt: skip
    return _record(line, body, t.mbid)


def _musicbrainz(line: _Line) -> pa.Array:
    t, r = line.told, line.releases
    release = line.of_release(
        ',"releases":[{"barcode":"', r.barcode, '","date":"', r.date, '","id":"', r.key,
        '","label":"', r.label, '","media":[{"position":',
    )  # fmt: skip
    body = [
        '"artist-credit":[{"artist":{"id":"', t.main_key, '"},"joinphrase":"', t.joiner,
        '","name":"', t.main, '"}',
        _maybe(',{"artist":{"id":"', t.guest_key, '"},"joinphrase":"","name":"', t.guest, '"}'),
        '],"id":"', t.key, '"', _maybe(',"isrcs":["', t.isrc, '"]'), _maybe(',"length":', t.duration_ms),
        release, t.medium, ',"tracks":[{"number":"', t.number,
        line.of_release('"}]}],"title":"', r.title, '"}],"title":"'), t.title, '"',
    ]  # fmt: skip
    return _record(line, body, t.key)


def _discogs(line: _Line) -> pa.Array:
    t, r = line.told, line.releases
    release = line.of_release(
        '","release":{"id":', r.key, ',"labels":["', r.label, '"],"released":"', r.date,
        '","title":"', r.title, '"},"title":"',
    )  # fmt: skip
    body = [
        '"artists":[{"id":', t.main_key, ',"join":"', t.joiner, '","name":"', t.main, '"}',
        _maybe(',{"id":', t.guest_key, ',"join":"","name":"', t.guest, '"}'),
        '],"duration":"', t.seconds, '"', _maybe(',"mbid":"', t.mbid, '"'), ',"position":"', t.position,
        release, t.title, '"',
    ]  # fmt: skip
    return _record(line, body, t.mbid)


_RECORDS: dict[int, Callable[[_Line], pa.Array]] = {
    CATALOGUE_A: _catalogue_a,
    MUSICBRAINZ: _musicbrainz,
    DISCOGS: _discogs,
}


def records(
    source: int, name: str, told: Told, releases: Releases, at: pa.Array, stamped: Stamped
) -> pa.Array:
    """Records of tracks of one source, whose releases stand at the places `at` of `releases`."""
    return _RECORDS[source](_Line(told, releases, at, name, stamped))
