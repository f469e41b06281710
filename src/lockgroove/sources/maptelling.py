"""What rows say by a mapping, column by column: what is plain in one quick pass, what is odd on its own.

In: a map and columns. Out: for each row what its claim says, and notes on what cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from lockgroove.sources.cells import Saying, as_text, iso, milliseconds, position
from lockgroove.sources.dumpreading import Note
from lockgroove.sources.mapping import FIELDS, Column, Map
from lockgroove.sources.saying import DURATION_MS_MAX, barcode, dated

LISTENS_MAX = 10**12

Says = dict[str, Any]
Columns = Callable[[Column], Sequence[Any]]
_Slow = Callable[[Saying, Any, Column], Any]
_NUMBERS = ("medium_number", "track_number")
_RELEASE: Mapping[str, str] = {  # of a recording's columns those that tell of its release
    "album": "title",
    "album_key": "key",
    "album_artist": "artist",
    "album_date": "date",
    "barcode": "barcode",
    "release_mbid": "mbid",
    "label": "label",
}
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Notes:
    """What is odd, by the number of its row in the chunk."""

    def __init__(self) -> None:
        self.of: dict[int, list[tuple[str, str]]] = {}

    def at(self, number: int) -> Note:
        """A function that notes something of a row."""
        return lambda code, detail: self.of.setdefault(number, []).append((code, detail))


def tell(map_: Map, columns: Columns, size: int, notes: Notes) -> list[Says]:
    """What each of `size` rows says."""
    given = {name: map_.says[name] for name in FIELDS[map_.kind] if name in map_.says}
    within = {name: given.pop(name) for name in _RELEASE if map_.kind == "recording" and name in given}
    said = _told({name: (name, column) for name, column in given.items()}, columns, size, notes)
    if within:
        release = _told(
            {_RELEASE[n]: (_RELEASE[n], column) for n, column in within.items()}, columns, size, notes
        )
        for says, one in zip(said, release, strict=True):
            if one:
                says["release"] = one
    return said


def _told(fields: Mapping[str, tuple[str, Column]], columns: Columns, size: int, notes: Notes) -> list[Says]:
    names: list[str] = []
    told: list[Sequence[Any]] = []
    for name, column in fields.values():
        if name in ("artist_key", "artist_mbid") and "artist" in fields:
            continue  # they are told with the artist
        values = columns(column)
        for as_name, one in _column(name, column, values, notes).items():
            names.append(as_name)
            told.append(one)
        if name == "artist":
            names.append("artists")
            told.append(_artists(fields, values, told[-1], columns, notes))
    if not told:
        return [{} for _ in range(size)]
    return [
        dict(zip(names, row, strict=True))
        if all(row)
        else {n: v for n, v in zip(names, row, strict=True) if v}
        for row in zip(*told, strict=True)
    ]


def _column(name: str, column: Column, values: Sequence[Any], notes: Notes) -> Mapping[str, Sequence[Any]]:
    """A field's column as it is said, under its names."""
    if column.constant:
        said = _alone(name, column, column.constant, notes.at(0))
        return {as_name: [one] * len(values) for as_name, one in said.items()}
    found = _quickly(_quick(name, column), values)
    odd = [n for n, one in enumerate(found) if one is None and values[n] is not None and values[n] != ""]
    others: dict[str, list[Any]] = {}
    for number in odd:
        for as_name, one in _alone(name, column, values[number], notes.at(number)).items():
            if as_name == _SAID_AS.get(name, name):
                found[number] = one
            else:
                others.setdefault(as_name, [None] * len(values))[number] = one
    if name == "date":
        years = [int(one[:4]) if one else None for one in found]
        for number in odd:
            years[number] = others.get("year", years)[number]
        others["year"] = years
    return {_SAID_AS.get(name, name): found, **others}


def _quickly(quick: Callable[[str], Any], values: Sequence[Any]) -> list[Any]:
    if quick is _text:  # written out, for there are most of these
        return [v.strip() if v.__class__ is str and v.isprintable() else None for v in values]
    return [quick(value) if value.__class__ is str else None for value in values]


_SAID_AS = {"duration": "duration_ms", "licence": "licences", "listens": ""}


def _alone(name: str, column: Column, value: Any, note: Note) -> Says:
    """One value told with all care."""
    saying = Saying(note)
    _slow(name)(saying, value, column)
    return saying.says


def _quick(name: str, column: Column) -> Callable[[str], Any]:
    """A function that says what a plain text is, or None where it takes more care."""
    if name in ("genre", "aliases"):
        return lru_cache(1 << 10)(lambda text: [text.strip()] if _is_one(text, column) else None)
    if name == "artist" and column.split:
        return lambda text: text.strip() if _is_one(text, column) else None
    if name == "duration":
        return _whole_ms if column.unit_ms == 1 else partial(_milliseconds, unit_ms=column.unit_ms)
    if name == "licence":
        return _licence_of(column)
    return _QUICK.get(name) or (_mbid if name.endswith("mbid") else _text)


def _is_one(text: str, column: Column) -> bool:
    return text.isprintable() and bool(text.strip()) and not (column.split and column.split in text)


def _licence_of(column: Column) -> Callable[[str], Any]:
    @lru_cache(1 << 10)
    def licence(text: str) -> list[Says] | None:
        return [{"text": text.strip(), "where": column.name}] if _is_one(text, column) else None

    return licence


def _text(text: str) -> str | None:
    return text.strip() if text.isprintable() else None


def _whole_ms(text: str) -> int | None:
    if text.isdigit() and text.isascii() and len(text) < 9:
        return int(text) or None
    return _milliseconds(text, 1)


@lru_cache(1 << 14)
def _milliseconds(text: str, unit_ms: float) -> int | None:
    length = milliseconds(text, unit_ms)
    return round(length) if length is not None and 0 < length <= DURATION_MS_MAX else None


def _silent(code: str, detail: str) -> None:
    """Who asks here asks again, and then it is noted."""


@lru_cache(1 << 14)
def _date(text: str) -> str | None:
    said: str | None = dated(iso(text), _silent).get("date") if len(text) <= 100 else None
    return said


def _isrc(text: str) -> list[str] | None:
    return [text] if _ISRC.fullmatch(text) else None


def _mbid(text: str) -> str | None:
    return text if _MBID.fullmatch(text) and text.strip("0-") else None


def _total(text: str) -> str | None:
    return "" if total_of(text) is not None else None  # it is counted, not said


_QUICK: Mapping[str, Callable[[str], Any]] = {
    "date": _date,
    "isrc": _isrc,
    "barcode": barcode,
    "listens": _total,
    **dict.fromkeys(_NUMBERS, position),
}


def _artists(
    fields: Mapping[str, tuple[str, Column]],
    values: Sequence[Any],
    credits_: Sequence[Any],
    columns: Columns,
    notes: Notes,
) -> list[Any]:
    """The artists one by one, each with its key and MBID where there are as many of these."""
    column = fields["artist"][1]
    ids = {
        as_name: (fields[name][1], columns(fields[name][1]))
        for name, as_name in (("artist_key", "key"), ("artist_mbid", "mbid"))
        if name in fields
    }
    if column.split or any(value.__class__ is list for value in values):
        found = [_several_artists(value, column, notes.at(n)) for n, value in enumerate(values)]
    else:
        found = [[{"name": credit}] if credit else None for credit in credits_]
    for as_name, (of, given) in ids.items():
        for artists, value in zip(found, given, strict=True):
            if artists and value:
                _add_ids(artists, as_name, value, of)
    return found


def _several_artists(value: Any, column: Column, note: Note) -> list[Says] | None:
    names = filter(None, map(Saying(note).shown, _several(value, column)))
    return [{"name": name} for name in names] or None


def _add_ids(artists: list[Says], as_name: str, value: Any, column: Column) -> None:
    given = [as_text(text).strip() for text in _several(value, column)]
    quick = _mbid if as_name == "mbid" else _text
    if len(given) == len(artists) and all(map(quick, given)):
        for artist, text in zip(artists, given, strict=True):
            artist[as_name] = text


def total_of(value: Any) -> int | None:
    """A number of listens, or None for what is none."""
    total = as_text(value).strip().removesuffix(".0")
    if total.isascii() and total.isdigit() and len(total) <= 13 and int(total) <= LISTENS_MAX:
        return int(total)
    return None


def _several(value: Any, column: Column) -> list[Any]:
    """The values in a cell: a list's, or those that the mapping's `split` parts."""
    if isinstance(value, list):
        return value
    text = as_text(value)
    return text.split(column.split) if column.split else [text]


def _slow(name: str) -> _Slow:
    if name in _SLOW:
        return _SLOW[name]
    if name in _NUMBERS:
        return lambda saying, value, _: saying.number(name, value)
    if name.endswith("mbid"):
        return lambda saying, value, _: saying.mbid(name, value)
    return lambda saying, value, _: saying.told_text(name, _joined(value, "; "))


def _joined(value: Any, between: str) -> Any:
    return between.join(filter(None, map(as_text, value))) if isinstance(value, list) else value


def _slow_artist(saying: Saying, value: Any, column: Column) -> None:
    saying.told_text("artist", _joined(value, ", "))


def _slow_barcode(saying: Saying, value: Any, _: Column) -> None:
    if digits := barcode(as_text(value)):
        saying.says["barcode"] = digits


def _slow_listens(saying: Saying, value: Any, _: Column) -> None:
    if total_of(value) is None:
        is_negative = re.fullmatch(r"-[0-9.]+", as_text(value).strip()) is not None
        saying.note("listen-negative" if is_negative else "listen-malformed", "its number of listens")


_SLOW: Mapping[str, _Slow] = {
    "artist": _slow_artist,
    "duration": lambda saying, value, column: saying.duration(value, column.unit_ms),
    "date": lambda saying, value, _: saying.date(value),
    "isrc": lambda saying, value, _: saying.isrc(_joined(value, "; ")),
    "barcode": _slow_barcode,
    "genre": lambda saying, value, column: saying.texts("genre", _several(value, column)),
    "aliases": lambda saying, value, column: saying.texts("aliases", _several(value, column)),
    "listens": _slow_listens,
    "licence": lambda saying, value, column: saying.licences({column.name or "the mapping": value}),
}
