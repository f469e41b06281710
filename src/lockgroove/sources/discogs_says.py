"""Discogs' records in the catalogue's words.

Invariant: an artist's name is said without the number that tells namesakes apart; the number's use is in the
key. Extra artists are nobody's credit. Headings are no tracks, and an index with a position is one track.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from lockgroove.sources.discogs_positions import places
from lockgroove.sources.dumpreading import Note
from lockgroove.sources.saying import barcode, clock, dated, isrcs, said, year

_NAMESAKE = re.compile(r"\s+\([0-9]+\)$")
_POSITION = re.compile(r"[A-Z]{0,3}[0-9]+(?:[-.][0-9]+)?[a-z]?|[A-Z]", re.I)


def _artist(record: Element, note: Note) -> Mapping[str, Any]:
    given = {child.tag: child for child in record}
    name = _name(_in(given, "name"))
    variations = dict.fromkeys(_name(e.text) for e in given.get("namevariations", ()))
    return said(name=name, aliases=[v for v in variations if v and v != name])


def _label(record: Element, note: Note) -> Mapping[str, Any]:
    return said(name=_name(record.findtext("name")))


def _master(record: Element, note: Note) -> Mapping[str, Any]:
    given = {child.tag: child for child in record}
    digits = _in(given, "year")
    return said(
        title=_in(given, "title"),
        **_credited(given.get("artists")),
        year=year(int(digits), note) if digits.isdecimal() and len(digits) < 10 else None,
    )


def _release(record: Element, note: Note) -> Mapping[str, Any]:
    given = {child.tag: child for child in record}
    identifiers = [
        (e.get("type"), e.get("value", ""), e.get("description", "")) for e in given.get("identifiers", ())
    ]
    labels = dict.fromkeys(_name(e.get("name")) for e in given.get("labels", ()))
    formats = dict.fromkeys(_text(e.get("name")) for e in given.get("formats", ()))
    genres = dict.fromkeys(_text(e.text) for tag in ("genres", "styles") for e in given.get(tag, ()))
    codes = (barcode(value) for kind, value, _ in identifiers if kind == "Barcode")
    return said(
        title=_in(given, "title"),
        **_credited(given.get("artists")),
        **dated(_in(given, "released"), note),
        country=_in(given, "country"),
        barcode=next((code for code in codes if code), None),
        label=next(iter(labels), None),
        labels=list(labels) if len(labels) > 1 else None,
        release_group=_key(_in(given, "master_id")),
        format=", ".join(f for f in formats if f),
        genre=[g for g in genres if g],
        tracks=_with_isrcs(_tracks(given.get("tracklist"), note), identifiers, note),
    )


def _in(given: Mapping[str, Element], tag: str) -> str:
    """The text of a part of a record; "" where there is none."""
    return _text(given[tag].text) if tag in given else ""


def _tracks(tracklist: Element | None, note: Note) -> list[dict[str, Any]]:
    """The tracks, each with its medium and number as its position has them."""
    if tracklist is None:
        return []
    leaves = list(_leaves([_entry(element) for element in tracklist]))
    tracks = []
    for (entry, index), (medium, number) in zip(leaves, places([e.position for e, _ in leaves]), strict=True):
        track = _track(entry, index, note)
        track["medium_number"], track["track_number"] = medium, number
        tracks.append(track)
    return tracks


class _Entry(NamedTuple):
    """An entry of a tracklist: a track, a heading, or an index with parts."""

    position: str
    title: str
    duration: str
    artists: Element | None
    parts: Sequence[_Entry]


def _entry(element: Element) -> _Entry:
    given = {child.tag: child for child in element}
    parts = [_entry(part) for part in given["sub_tracks"]] if "sub_tracks" in given else ()
    place = _in(given, "position")
    return _Entry(place, _in(given, "title"), _in(given, "duration"), given.get("artists"), parts)


def _leaves(entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, str]]:
    """What of a tracklist is a track, with the title of the index that it stands under.

    Entries without a position are headings where others have one, unless they have a duration.
    """
    is_placed = any(e.position or any(part.position for part in e.parts) for e in entries)
    for entry in entries:
        if entry.parts and not entry.position:
            yield from ((part, entry.title) for part in entry.parts)
        elif entry.position or entry.duration or not is_placed:
            yield entry, ""


def _track(entry: _Entry, index: str, note: Note) -> dict[str, Any]:
    track: dict[str, Any] = {}
    if title := f"{index}: {entry.title}" if index and entry.title else entry.title or index:
        track["title"] = title
    if entry.artists is not None:
        track |= _credited(entry.artists)
    if entry.duration and (duration_ms := clock(entry.duration, note)):
        track["duration_ms"] = duration_ms
    if entry.position:
        track["position"] = entry.position
    return track


def _with_isrcs(
    tracks: list[dict[str, Any]], identifiers: Sequence[tuple[str | None, str, str]], note: Note
) -> list[dict[str, Any]]:
    """The tracks with the ISRCs whose description names their position, or the only track with any."""
    for kind, value, description in identifiers:
        if kind != "ISRC":
            continue
        found = isrcs([value], note)
        names = {name.casefold() for name in _POSITION.findall(description)}
        for track in tracks if found else ():
            if len(tracks) == 1 or track.get("position", "").casefold() in names:
                track["isrc"] = list(dict.fromkeys([*track.get("isrc", ()), *found]))
    return tracks


def _credited(artists: Element | None) -> dict[str, Any]:
    """A credit as printed, with the variations of names and the words that join them; and who they are."""
    shown, known = "", []
    for artist in artists if artists is not None else ():
        given = {child.tag: child.text for child in artist}
        name, join = _name(given.get("name")), _text(given.get("join"))
        shown += (_name(given.get("anv")) or name) + (", " if join == "," else f" {join} " if join else " ")
        if name:
            key = _key(given.get("id"))
            known.append({"name": name, "key": key} if key else {"name": name})
    return said(artist=shown.strip().removesuffix(",").rstrip(), artists=known)


def _key(text: str | None) -> str | None:
    """The number of another record; 0 is none."""
    digits = (text or "").strip().lstrip("0")
    return digits if digits.isascii() and digits.isdigit() else None


def _name(text: str | None) -> str:
    name = _text(text)
    return _NAMESAKE.sub("", name) if name.endswith(")") else name


def _text(text: str | None) -> str:
    return text.strip() if text else ""


SAYS: Mapping[str, Callable[[Element, Note], Mapping[str, Any]]] = {
    "artist": _artist,
    "label": _label,
    "master": _master,
    "release": _release,
}
