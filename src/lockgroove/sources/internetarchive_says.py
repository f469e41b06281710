"""What an item of the Internet Archive says as a release: titles, people, licence, and tracks in order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from lockgroove.sources.cells import Saying, as_text
from lockgroove.sources.dumpreading import Malformed, Note
from lockgroove.sources.saying import barcode

KEY_CHARS_MAX = 500
TRACKS_MAX = 10_000
_LOSSLESS = ("flac", "wav", "aif", "aiff", "shn", "ape", "wv", "m4a", "tta", "dsf")
_SOUND = (*_LOSSLESS, "mp3", "ogg", "oga", "opus", "mp2", "mpc", "wma", "aac", "mka", "spx", "au")
_PLACE = re.compile(r"d([0-9]{1,3})_?t([0-9]{1,4})(?![0-9])", re.I)
_LICENCES = ("licenseurl", "rights", "license")
_MBID_OF = {"recording_mbid": "urn:mb_recording_id:", "release_mbid": "urn:mb_release_id:"}

Fields = Mapping[str, Any]


def key_of(document: Fields) -> str:
    """An item's identifier. Raises Malformed."""
    key = as_text(document["metadata"].get("identifier")).strip()
    if not key or len(key) > KEY_CHARS_MAX or not key.isprintable():
        raise Malformed("an item without its identifier")
    return key


def say_item(key: str, document: Fields, note: Note) -> dict[str, Any]:
    """What the item says in the catalogue's words."""
    given = document["metadata"]
    say = Saying(note)
    say.text("title", _first(given, "title"))
    creators = _list(given.get("creator"))
    if artist := say.text("artist", _joined(creators)):
        names = [say.shown(name) for name in creators]
        say.says["artists"] = [{"name": name} for name in names if name] or [{"name": artist}]
    say.date(_first(given, "date") or _first(given, "year"))
    say.texts("genre", _list(given.get("genre")))
    say.text("label", _first(given, "publisher") or _first(given, "label"))
    _say_identifiers(say, given)
    say.licences({name: text for name in _LICENCES if (text := _joined(_list(given.get(name))))})
    if tracks := list(_tracks(key, document.get("files"), as_text(say.says.get("artist")), note)):
        say.says["tracks"] = tracks
    return say.says


def _say_identifiers(say: Saying, given: Fields) -> None:
    outside = [as_text(text) for text in _list(given.get("external-identifier"))]
    for text in outside:
        if text.startswith(_MBID_OF["release_mbid"]):
            say.mbid("release_mbid", text)
        elif text.startswith("urn:upc:") and (digits := barcode(text.removeprefix("urn:upc:"))):
            say.says["barcode"] = digits


def _tracks(key: str, files: Any, artist: str, note: Note) -> Iterator[dict[str, Any]]:
    """The original sound, each piece once, by medium and number."""
    sound = [f for f in _list(files)[:TRACKS_MAX] if isinstance(f, dict) and _is_original_sound(f)]
    best: dict[str, Fields] = {}
    for file in sorted(sound, key=lambda f: _LOSSLESS.count(_ending(f)), reverse=True):
        best.setdefault(_stem(file), file)  # the same piece in another format is no other track
    pieces = [file for file in sound if best[_stem(file)] is file]
    places = _places(pieces)
    order = sorted(range(len(pieces)), key=lambda n: (*places[n], n))
    for n in order:
        yield _track(key, pieces[n], places[n], artist, note)


def _track(key: str, file: Fields, place: tuple[int, int], artist: str, note: Note) -> dict[str, Any]:
    name = as_text(file.get("name"))
    say = Saying(note)
    say.text("key", f"{key}/{name}")
    say.text("title", _first(file, "title") or _stem(file).rpartition("/")[2])
    by = say.shown(_joined(_list(file.get("artist") or file.get("creator"))))
    if by and by != artist:
        say.says |= {"artist": by, "artists": [{"name": by}]}
    say.duration(_first(file, "length"))
    say.says |= {"medium_number": place[0], "track_number": place[1]}
    say.text("position", _first(file, "track"))
    for text in map(as_text, _list(file.get("external-identifier"))):
        if text.startswith(_MBID_OF["recording_mbid"]):
            say.mbid("recording_mbid", text)
        elif text.startswith("urn:isrc:"):
            say.isrc(text.removeprefix("urn:isrc:"))
    return say.says


def _places(files: Sequence[Fields]) -> list[tuple[int, int]]:
    """Medium and number of each file: as given, or as its name has it, or else its place in the list."""
    named = [_PLACE.search(as_text(file.get("name"))) for file in files]
    places = []
    for file, found in zip(files, named, strict=True):
        say = Saying(lambda code, detail: None)
        say.number("track", _first(file, "track"))
        say.number("disc", _first(file, "disc"))
        medium = say.says.get("disc") or (int(found[1]) if found else 0) or 1
        places.append((medium, say.says.get("track") or (int(found[2]) if found else 0)))
    if len(set(places)) < len(places) or any(number == 0 for _, number in places):
        return [(1, number) for number in range(1, len(files) + 1)]
    return places


def _is_original_sound(file: Fields) -> bool:
    return file.get("source") == "original" and _ending(file) in _SOUND


def _ending(file: Fields) -> str:
    return as_text(file.get("name")).rpartition(".")[2].lower()


def _stem(file: Fields) -> str:
    return as_text(file.get("name")).rpartition(".")[0]


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _joined(values: Sequence[Any]) -> str:
    return "; ".join(text for text in map(as_text, values) if text.strip())


def _first(fields: Fields, name: str) -> str:
    """The first value that is any; people's text went through web pages, and has their entities."""
    return next((unescape(text) for text in map(as_text, _list(fields.get(name))) if text.strip()), "")
