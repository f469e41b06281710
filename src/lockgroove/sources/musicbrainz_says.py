"""MusicBrainz's records in the catalogue's words.

The structs name what is read of a record and nothing else, so that the rest is passed over unread; any of it
may be missing or null. Invariant: `artist` is the credit as printed, `artists` who they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from lockgroove.sources.dumpreading import Note
from lockgroove.sources.saying import barcode, dated, duration, isrcs, mbid, said


class _Part(msgspec.Struct, rename="kebab", gc=False):
    """Part of a record. Nothing in it points back, so the collector may leave it alone."""


class _Name(_Part):
    name: str | None = None


class _Artist(_Part):
    id: str | None = None
    name: str | None = None


class _Credit(_Part):
    name: str | None = None
    joinphrase: str | None = None
    artist: _Artist | None = None


class _InRelease(_Part):
    id: str | None = None
    title: str | None = None
    date: str | None = None
    country: str | None = None
    barcode: str | None = None


class _Recording(_Part):
    id: str | None = None
    title: str | None = None
    length: int | None = None
    artist_credit: list[_Credit] | None = None
    isrcs: list[str] | None = None
    first_release_date: str | None = None
    releases: list[_InRelease] | None = None


class _Track(_Part):
    id: str | None = None
    title: str | None = None
    length: int | None = None
    position: int | None = None
    number: str | None = None
    artist_credit: list[_Credit] | None = None
    recording: _Recording | None = None


class _Medium(_Part):
    position: int | None = None
    format: str | None = None
    pregap: _Track | None = None
    tracks: list[_Track] | None = None
    data_tracks: list[_Track] | None = None


class _LabelInfo(_Part):
    label: _Name | None = None


class _Id(_Part):
    id: str | None = None


class _Release(_Part):
    id: str | None = None
    title: str | None = None
    artist_credit: list[_Credit] | None = None
    date: str | None = None
    country: str | None = None
    barcode: str | None = None
    label_info: list[_LabelInfo] | None = None
    release_group: _Id | None = None
    media: list[_Medium] | None = None


class _ReleaseGroup(_Part):
    id: str | None = None
    title: str | None = None
    artist_credit: list[_Credit] | None = None
    primary_type: str | None = None
    secondary_types: list[str] | None = None
    first_release_date: str | None = None


class _Person(_Part):
    id: str | None = None
    name: str | None = None
    sort_name: str | None = None
    aliases: list[_Name] | None = None
    type: str | None = None
    country: str | None = None


_ABSENT = msgspec.Raw()


class Identity(_Part):
    """What tells a record's kind."""

    media: msgspec.Raw = _ABSENT
    barcode: msgspec.Raw = _ABSENT
    primary_type: msgspec.Raw = _ABSENT
    length: msgspec.Raw = _ABSENT
    isrcs: msgspec.Raw = _ABSENT
    video: msgspec.Raw = _ABSENT
    label_code: msgspec.Raw = _ABSENT
    sort_name: msgspec.Raw = _ABSENT


def _artist(record: _Person, note: Note) -> Mapping[str, Any]:
    aliases = dict.fromkeys(a.name for a in record.aliases or () if a.name and a.name != record.name)
    return said(
        name=record.name,
        sort_name=record.sort_name,
        aliases=list(aliases),
        artist_mbid=mbid(record.id),
        type=record.type,
        country=record.country,
    )


def _label(record: _Person, note: Note) -> Mapping[str, Any]:
    return said(name=record.name, country=record.country, label_mbid=mbid(record.id))


def _release_group(record: _ReleaseGroup, note: Note) -> Mapping[str, Any]:
    types = [record.primary_type, *(record.secondary_types or ())]
    return said(
        title=record.title,
        **_credited(record.artist_credit),
        type=" + ".join(t for t in types if t),
        year=dated(record.first_release_date, note).get("year"),
        release_group_mbid=mbid(record.id),
    )


def _recording(record: _Recording, note: Note) -> Mapping[str, Any]:
    return said(
        title=record.title,
        **_credited(record.artist_credit),
        duration_ms=duration(record.length, note),
        isrc=isrcs(record.isrcs or (), note),
        recording_mbid=mbid(record.id),
        release=_on_release(record.releases, note),
        **dated(record.first_release_date, note),
    )


def _on_release(releases: list[_InRelease] | None, note: Note) -> Mapping[str, Any]:
    """The first release that a recording names, if it names any."""
    for release in releases or ():
        if key := mbid(release.id):
            code = barcode(release.barcode)
            return said(key=key, title=release.title, barcode=code, mbid=key, **dated(release.date, note))
    return {}


def _release(record: _Release, note: Note) -> Mapping[str, Any]:
    credit = _credited(record.artist_credit)
    labels = dict.fromkeys(i.label.name for i in record.label_info or () if i.label and i.label.name)
    formats = dict.fromkeys(medium.format for medium in record.media or () if medium.format)
    return said(
        title=record.title,
        **credit,
        **dated(record.date, note),
        country=record.country,
        barcode=barcode(record.barcode),
        label=next(iter(labels), None),
        labels=list(labels) if len(labels) > 1 else None,
        release_mbid=mbid(record.id),
        release_group=mbid(record.release_group.id) if record.release_group else None,
        format=", ".join(formats),
        tracks=list(_tracks(record.media, credit, note)),
    )


def _tracks(
    media: list[_Medium] | None, credit: Mapping[str, Any], note: Note
) -> Iterator[Mapping[str, Any]]:
    """The tracks in order, the one in the pregap of a medium before its first, data tracks after its last."""
    for medium in media or ():
        for track in (medium.pregap, *(medium.tracks or ()), *(medium.data_tracks or ())):
            if track is not None:
                yield _track(track, medium.position, credit, note)


def _track(track: _Track, medium: int | None, credit: Mapping[str, Any], note: Note) -> Mapping[str, Any]:
    recording = track.recording or _Recording()
    own = _credited(track.artist_credit or recording.artist_credit)
    recording_mbid = mbid(recording.id)
    return said(
        key=mbid(track.id),
        title=track.title or recording.title,
        **(own if own != credit else {}),
        duration_ms=duration(track.length or recording.length, note),
        medium_number=medium,
        track_number=track.position,
        position=track.number,
        isrc=isrcs(recording.isrcs or (), note),
        recording_key=recording_mbid,
        recording_mbid=recording_mbid,
    )


def _credited(credit: list[_Credit] | None) -> dict[str, Any]:
    """A credit as printed, and the artists by the names that MusicBrainz knows them by."""
    if not credit:
        return {}
    shown = "".join(f"{_name(name)}{name.joinphrase or ''}" for name in credit)
    artists = []
    for name in credit:
        artist = name.artist or _Artist()
        key = mbid(artist.id)
        if known_as := artist.name or name.name:
            artists.append({"name": known_as, "key": key, "mbid": key} if key else {"name": known_as})
    return said(artist=shown, artists=artists)


def _name(credit: _Credit) -> str:
    return credit.name or (credit.artist and credit.artist.name) or ""


DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "artist": msgspec.json.Decoder(_Person),
    "label": msgspec.json.Decoder(_Person),
    "release-group": msgspec.json.Decoder(_ReleaseGroup),
    "release": msgspec.json.Decoder(_Release),
    "recording": msgspec.json.Decoder(_Recording),
}
SAYS: Mapping[str, Callable[[Any, Note], Mapping[str, Any]]] = {
    "artist": _artist,
    "label": _label,
    "release-group": _release_group,
    "release": _release,
    "recording": _recording,
}
