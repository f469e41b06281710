"""A mapping in TOML: which column of somebody's own table is what in the catalogue's words.

In: the text of a mapping. Out: a Map, or UsageError that says what is wrong, in which line, and what there is
to choose from. `docs/guides/own-tables.md` tells how one is written.
"""

from __future__ import annotations

import codecs
import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lockgroove.errors import UsageError

# what a claim of each kind can be told by columns
FIELDS: Mapping[str, Sequence[str]] = {
    "recording": [
        *("title", "artist", "artist_key", "artist_mbid", "duration", "isrc", "recording_mbid"),
        *("album", "album_key", "album_artist", "album_date", "barcode", "release_mbid", "label"),
        *("medium_number", "track_number", "date", "genre", "composer", "licence", "listens"),
    ],
    "release": [
        *("title", "artist", "artist_key", "artist_mbid", "date", "country", "barcode", "label"),
        *("release_mbid", "release_group", "format", "genre", "licence"),
    ],
    "release-group": ["title", "artist", "artist_key", "artist_mbid", "date", "type", "release_group_mbid"],
    "artist": ["name", "sort_name", "aliases", "artist_mbid", "type", "country"],
    "label": ["name", "country", "label_mbid"],
}
UNITS_MS: Mapping[str, float] = {"ms": 1, "s": 1000, "min": 60_000, "us": 0.001, "ns": 0.000_001}
FORMATS = ("csv", "jsonl", "parquet")
_TABLES = ("file", "says")
_FILE = ("format", "encoding", "delimiter", "quote")
_COLUMN = ("column", "constant", "split", "unit", "optional")


@dataclass(frozen=True)
class Column:
    """Where one value comes from: a column, whose cells may hold several values, or a constant."""

    name: str = ""
    constant: str = ""
    split: str = ""
    unit_ms: float = 1000
    optional: bool = False
    line: int = 0


@dataclass(frozen=True)
class Map:
    """A mapping as read. `mark` changes with its text, and so do the stamps of what is read by it."""

    where: str
    mark: str
    kind: str
    key: Sequence[Column]
    says: Mapping[str, Column]
    format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    quote: str = '"'
    lines: Sequence[str] = field(default=(), repr=False)

    def check_columns(self, there: Iterable[str], name: str) -> None:
        """Raise UsageError when a column is named that the file has not."""
        found = list(there)
        for column in (*self.key, *self.says.values()):
            if column.name and not column.optional and not _is_there(column.name, found):
                raise UsageError(
                    f"{name} has no column “{column.name}”",
                    f"{self.where}, line {column.line}",
                    f"{_nearest(column.name, found)}The columns are: {_listed(found)}.",
                )


def read_map(data: bytes, where: str = "the mapping") -> Map:
    """The mapping in a text. Raises UsageError."""
    try:
        text = data.decode("utf-8-sig")
        given = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise UsageError("The mapping is not UTF-8", where) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"The mapping is not TOML: {error}", where) from error
    return _Reader(text, where, hashlib.sha256(data).hexdigest()[:16]).read(given)


class _Reader:
    def __init__(self, text: str, where: str, mark: str) -> None:
        self._lines = text.splitlines()
        self._where = where
        self._mark = mark

    def read(self, given: Mapping[str, Any]) -> Map:
        self._known(given, "", ("kind", "key", *_TABLES))
        kind = given.get("kind", "recording")
        if kind not in FIELDS:
            self._wrong("", "kind", f"There is no kind {kind!r}", f"There are: {', '.join(FIELDS)}.")
        if "key" not in given:
            self._wrong(
                "", "key", "The mapping names no key", 'Say which column tells rows apart: key = "id".'
            )
        keys = given["key"] if isinstance(given["key"], list) else [given["key"]]
        if not keys:
            self._wrong("", "key", "The key is an empty list", "Name a column.")
        key = [self._column("", "key", value) for value in keys]
        return Map(
            self._where, self._mark, kind, key, self._says(given.get("says", {}), kind), **self._file(given)
        )

    def _says(self, given: Any, kind: str) -> Mapping[str, Column]:
        if not isinstance(given, dict) or not given:
            self._wrong(
                "", "says", "The mapping says nothing", 'Begin a table [says], with title = "…" in it.'
            )
        self._known(given, "says", FIELDS[kind])
        return {name: self._column("says", name, value) for name, value in given.items()}

    def _column(self, table: str, name: str, value: Any) -> Column:
        line = self._line(table, name)
        if isinstance(value, str) and value:
            return Column(value, line=line, split=";" if name == "genre" else "")
        if not isinstance(value, dict) or ("column" in value) == ("constant" in value):
            advice = 'It is a column\'s name, or { column = "…" } or { constant = "…" }.'
            self._wrong(table, name, f"“{name}” names no column", advice)
        self._known(value, table, _COLUMN, name)
        texts = {key: value.get(key, "") for key in ("column", "constant", "split")}
        if not all(isinstance(text, str) for text in texts.values()) or not (
            texts["column"] or texts["constant"]
        ):
            self._wrong(table, name, f"“{name}” names no column", "A column and a constant are text.")
        unit = value.get("unit", "s")
        if unit not in UNITS_MS:
            self._wrong(table, name, f"There is no unit {unit!r}", f"There are: {', '.join(UNITS_MS)}.")
        return Column(
            texts["column"],
            texts["constant"],
            texts["split"],
            UNITS_MS[unit],
            bool(value.get("optional", False)),
            line,
        )

    def _file(self, given: Mapping[str, Any]) -> dict[str, str]:
        file = given.get("file", {})
        if not isinstance(file, dict):
            self._wrong("", "file", "“file” is not a table", "Write [file] above what tells of it.")
        self._known(file, "file", _FILE)
        for name, value in file.items():
            if not isinstance(value, str):
                self._wrong("file", name, f"“{name}” is not text", "")
        if file.get("format", "csv") not in FORMATS:
            self._wrong(
                "file", "format", f"There is no format {file['format']!r}", f"There are: {_listed(FORMATS)}."
            )
        for name in ("delimiter", "quote"):
            if len(file.get(name, "")) > 1 or file.get("delimiter") == "":
                self._wrong("file", name, f"The {name} is one letter", r'A tab is "\t".')
        try:
            codecs.lookup(file.get("encoding", "utf-8")).incrementaldecoder  # noqa: B018 - it raises for none
        except (LookupError, ValueError):
            self._wrong(
                "file", "encoding", f"There is no encoding {file['encoding']!r}", "Such as: utf-8, cp1252."
            )
        return file

    def _known(self, given: Mapping[str, Any], table: str, names: Sequence[str], inside: str = "") -> None:
        for name in given:
            if name not in names:
                place = f"[{table}]" if table else "the mapping"
                what = f"{inside or place} cannot have “{name}”"
                self._wrong(
                    table, inside or name, what, f"{_nearest(name, names)}There are: {_listed(names)}."
                )

    def _wrong(self, table: str, name: str, what: str, advice: str) -> NoReturn:
        line = self._line(table, name)
        raise UsageError(what, f"{self._where}, line {line}" if line else self._where, advice)

    def _line(self, table: str, name: str) -> int:
        """The line in which a name is given, as people write TOML; 0 where it is not found."""
        within = ""
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[\s*([\w.-]+)", line):
                within = header[1]
                if not table and within == name:
                    return number
            elif re.match(
                rf"""\s*(?:{re.escape(table)}\s*\.\s*)?["']?{re.escape(name)}["']?\s*[=.]""", line
            ) and (within == table or not within):
                return number
        return 0


def _is_there(name: str, found: Sequence[str]) -> bool:
    return name in found or name.partition(".")[0] in found


def _nearest(name: str, names: Iterable[str]) -> str:
    folded = {one.casefold(): one for one in names}
    near = difflib.get_close_matches(name.casefold(), list(folded), 1)
    return f"Is it “{folded[near[0]]}”? " if near else ""


def _listed(names: Iterable[str]) -> str:
    shown = [name if name.isprintable() else repr(name) for name in names]
    return ", ".join(name[:60] for name in shown[:60]) + (", …" if len(shown) > 60 else "") or "none"
