"""Files of listens as columns of text: CSV, Parquet and ListenBrainz's JSON, told apart by their content.

Invariant: memory does not grow with the file, and what cannot be read costs its own record and no other.
Nothing is judged here; `listens.py` knows what a count, a month and a name are.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import IO, Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.errors import UsageError
from lockgroove.sources.listen_lines import Lines, Malformed, Problem

# the columns that are read, the best name first
FIELDS: Mapping[str, tuple[str, ...]] = {
    "mbid": ("mbid", "recording_mbid", "recording_id", "musicbrainz_trackid"),
    "isrc": ("isrc",),
    "artist": ("artist", "artist_name", "artist_credit"),
    "title": ("title", "track", "track_name", "name", "recording", "recording_name", "song"),
    "plays": ("listens", "plays", "count", "play_count", "playcount", "streams"),
    "when": ("month", "date", "timestamp", "listened_at", "played_at", "date_time"),
    "listener": ("listener", "user", "user_name", "user_id", "username", "userid"),
}
DOCUMENT_CHARS_MAX, RECORD_LINES_MAX = 16 << 20, 16  # a quote still open after these lines opens nothing
HEADER_LINES_MAX = 20  # exports begin with a few lines about themselves
ROWS_AT_ONCE = 1 << 16

_DELIMITERS = ",;\t|"
_BROKEN = (pa.ArrowException, OSError, ValueError)  # what a broken Parquet file may raise
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class Chunk:
    """Some thousand records by column, each known by its number. Columns that the file lacks are absent."""

    unit: str
    numbers: Sequence[int] = ()
    columns: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    refused: int = 0


def read_chunks(file: IO[bytes], name: str) -> Iterator[Chunk]:
    """The records of an open file. Raises UsageError for what is no file of listens."""
    magic = file.read(4)
    file.seek(0)
    if magic == b"PAR1":
        yield from _parquet(file, name)
        return
    text = Lines(file, name)
    blocks = text.blocks()
    start = next(((n, lines) for n, lines in blocks if any(map(str.strip, lines))), None)
    if start is not None:
        json_starts = _first_words(start[1]).startswith(("{", "["))
        yield from (_json if json_starts else _delimited)(text, chain([start], blocks), *start)
    elif not text.problems:
        text.problems.append(Problem("empty-file", None, ""))
    yield _told(text, "line")


def _first_words(lines: Sequence[str]) -> str:
    return next((line.strip() for line in lines if line.strip()), "")


def _told(text: Lines, unit: str) -> Chunk:
    """A chunk with the problems met so far."""
    problems, text.problems = text.problems, []
    return Chunk(unit, problems=problems, refused=sum(p.number is not None for p in problems))


@lru_cache(256)
def fields_of(header: tuple[str, ...]) -> Mapping[str, int]:
    """Where each field stands in a header, as its best name says."""
    plain = [re.sub(r"[\s-]+", "_", cell.strip().casefold()) for cell in header]
    found = {f: next((plain.index(n) for n in names if n in plain), -1) for f, names in FIELDS.items()}
    return {name: index for name, index in found.items() if index >= 0}


def names_recordings(fields: Iterable[str]) -> bool:
    """Whether the fields suffice to know a recording."""
    found = set(fields)
    return "mbid" in found or "isrc" in found or {"artist", "title"} <= found


def _refuse(name: str, header: Sequence[str]) -> NoReturn:
    found = ", ".join(c.strip()[:40] for c in header[:20] if c.strip().isprintable()) or "none"
    accepted = ["/".join(names) for names in FIELDS.values()]
    raise UsageError(
        f"No column names a recording; the columns found are: {found}",
        name,
        f"Give isrc, or mbid, or artist and title in a header. Read are: {', '.join(accepted)}.",
    )


@dataclass(frozen=True)
class _Layout:
    """How the rows of a delimited file are laid out."""

    delimiter: str
    width: int
    fields: Mapping[str, int]
    first: int


def _layout(lines: Sequence[str], first: int, name: str) -> _Layout:
    """The header is the line that, cut by some delimiter, names recordings and most else."""
    best: _Layout | None = None
    for number, line in enumerate(lines[:HEADER_LINES_MAX], first):
        for delimiter in _DELIMITERS:
            cells = _cells(line, delimiter)
            fields = fields_of(tuple(cells))
            if names_recordings(fields) and len(fields) > len(best.fields if best else ()):
                best = _Layout(delimiter, len(cells), fields, number + 1)
    if best is None:
        start = _first_words(lines)
        if re.match(r"<[!?a-z]", start, re.IGNORECASE):
            raise UsageError("This is a web page or XML, not listens", name, "Fetch the data itself.")
        _refuse(name, _cells(start, max(_DELIMITERS, key=start.count)))
    return best


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells, leniently."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


_Block = tuple[int, list[str]]


def _delimited(text: Lines, blocks: Iterable[_Block], start: int, lines: Sequence[str]) -> Iterator[Chunk]:
    layout = _layout(lines, start, text.name)
    open_rows: list[str] = []
    for first, block in blocks:
        skip = max(0, layout.first - first)
        whole = open_rows + block[skip:]
        rows, open_rows = _rows(whole, first + skip - len(open_rows), layout)
        yield _rows_chunk(rows, layout)
        yield _told(text, "line")
    rows, _ = _rows([*open_rows, *[""] * RECORD_LINES_MAX], first + len(block) - len(open_rows), layout)
    yield _rows_chunk(rows, layout)


_Rows = tuple[Sequence[int], list[list[str]]]


def _rows(lines: Sequence[str], first: int, layout: _Layout) -> tuple[_Rows, list[str]]:
    """Line numbers and rows, and the lines of a last one that may go on in the next block."""
    try:
        rows = list(csv.reader(lines, delimiter=layout.delimiter, strict=True))
        if len(rows) == len(lines):
            return (range(first, first + len(rows)), rows), []
    except csv.Error:
        pass
    numbers: list[int] = []
    rows = []
    index = 0
    while index < len(lines):
        row, span = _row(lines, index, layout)
        if span == 0:
            break
        numbers.append(first + index)
        rows.append(row)
        index += span
    return (numbers, rows), list(lines[index:])


def _row(lines: Sequence[str], index: int, layout: _Layout) -> tuple[list[str], int]:
    """One row and its number of lines, or no lines where its end is not here yet.

    A quote that opens and does not close is a letter of its line; so are those of a row that does not fit.
    """
    for span in range(1, RECORD_LINES_MAX + 1):
        if index + span > len(lines):
            return [], 0
        try:
            record = "\n".join(lines[index : index + span])
            rows = list(csv.reader([record], delimiter=layout.delimiter, strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                continue
            rows = [_cells(lines[index], layout.delimiter)] if span == 1 else []
        if rows and (span == 1 or len(rows[0]) == layout.width):
            return rows[0], span
        break
    return lines[index].split(layout.delimiter), 1


def _rows_chunk(given: _Rows, layout: _Layout) -> Chunk:
    """Rows by column. Those of another width are refused: one that was cut would count what it is not."""
    numbers, rows = given
    problems: list[Problem] = []
    if set(map(len, rows)) != {layout.width} or [""] * layout.width in rows:
        kept, good = [], []
        for number, cells in zip(numbers, rows, strict=True):
            if not any(map(str.strip, cells)):
                continue
            if len(cells) >= layout.width and not any(cells[layout.width :]):
                kept.append(number)
                good.append(cells[: layout.width])
            else:
                why = f"{len(cells)} columns where the header has {layout.width}"
                problems.append(Problem("listen-malformed", number, why))
        numbers, rows = kept, good
    columns = list(zip(*rows, strict=True)) or [()] * layout.width
    found = {name: columns[index] for name, index in layout.fields.items()}
    return Chunk("line", numbers, found, problems, len(problems))


class _Filling:
    """A chunk that grows record by record."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._numbers: list[int] = []
        self._columns: dict[str, list[str | None]] = {name: [] for name in FIELDS if name != "plays"}
        self._plays: list[str | None] = []
        self._problems: list[Problem] = []

    def add(self, number: int, document: Any) -> None:
        """Take every listen of a document."""
        try:
            for listen in _listens(document):
                self._take(number, listen)
        except Malformed as error:
            self.refuse(number, str(error))

    def _take(self, number: int, listen: Any) -> None:
        try:
            record = record_of(listen)
        except Malformed as error:
            self.refuse(number, str(error))
            return
        self._numbers.append(number)
        self._plays.append(record.get("plays", "1"))
        for name, values in self._columns.items():
            values.append(record.get(name))

    def refuse(self, number: int, why: str) -> None:
        self._problems.append(Problem("listen-malformed", number, why))

    def chunk(self) -> Chunk:
        columns = {**self._columns, "plays": self._plays}
        return Chunk(self._unit, self._numbers, columns, self._problems, len(self._problems))


def _json(text: Lines, blocks: Iterable[_Block], _: int, lines: Sequence[str]) -> Iterator[Chunk]:
    if _first_words(lines).startswith("{") and any(isinstance(loaded(s), dict) for s in lines[:10]):
        for first, block in blocks:
            filling = _Filling("line")
            for number, line in enumerate(block, first):
                if line.strip():
                    filling.add(number, loaded(line))
            yield filling.chunk()
            yield _told(text, "line")
    else:
        yield _document(blocks, text.name)


def _document(blocks: Iterable[_Block], name: str) -> Chunk:
    """A single document over many lines, as the API gives it: a page, never a dump."""
    whole: list[str] = []
    size = 0
    for _, lines in blocks:
        whole.extend(lines)
        size += sum(map(len, lines)) + len(lines)
        if size > DOCUMENT_CHARS_MAX:
            raise UsageError("This is one JSON document of more than 16 MB", name, "Give one listen a line.")
    filling = _Filling("item")
    document = loaded("\n".join(whole))
    try:
        for number, listen in enumerate(_listens(document), 1):
            filling.add(number, listen)
    except Malformed as error:
        filling.refuse(1, str(error))
    return filling.chunk()


def loaded(text: str) -> Any:
    """The JSON value, or None for what is none: NaN is not, and nesting has an end."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def _listens(document: Any) -> list[Any]:
    """The listens of a document: itself, or what ListenBrainz's API wraps into a payload."""
    if document is None:
        raise Malformed("not whole JSON")
    if not isinstance(document, dict) or "payload" not in document:
        return document if isinstance(document, list) else [document]
    if document.get("listen_type") == "playing_now":
        raise Malformed("what plays now is not a listen yet")
    payload = document["payload"]
    listens = payload.get("listens") if isinstance(payload, dict) else payload
    if not isinstance(listens, list):
        raise Malformed("a payload without listens")
    return listens


def record_of(listen: Any) -> dict[str, str | None]:
    """A listen of ListenBrainz, or of any flat document, by FIELDS. Raises Malformed."""
    if not isinstance(listen, dict):
        raise Malformed("not a listen")
    if "track_metadata" not in listen:
        names = tuple(listen)
        return {name: _text(listen[names[index]]) for name, index in fields_of(names).items()}
    track = listen["track_metadata"]
    if not isinstance(track, dict):
        raise Malformed("a listen without track_metadata")
    info, mapping = _object(track.get("additional_info")), _object(track.get("mbid_mapping"))
    mbids = [info.get("recording_mbid"), mapping.get("recording_mbid")]
    return {
        # who listened has the first word on what it was, ListenBrainz's guess the second
        "mbid": _text(list(dict.fromkeys(m for m in mbids if isinstance(m, str) and m))),
        "isrc": _text(info.get("isrc")),
        "artist": _text(track.get("artist_name")),
        "title": _text(track.get("track_name")),
        "when": _text(_first(listen, "listened_at", "timestamp")),
        "listener": _text(_first(listen, "user_name", "user_id")),
    }


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(record: Mapping[str, Any], *names: str) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _text(value: Any) -> str | None:
    """A value as text that can be written as UTF-8; a structure says nothing."""
    if isinstance(value, list):
        return "; ".join(text for text in map(_text, value) if text)
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else str(value)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _parquet(file: IO[bytes], name: str) -> Iterator[Chunk]:
    try:
        parquet = pq.ParquetFile(file)
        header = parquet.schema_arrow.names
    except _BROKEN as error:
        yield Chunk("row", problems=[Problem("truncated", None, str(error).split("\n")[0])])
        return
    fields = fields_of(tuple(header))
    if not names_recordings(fields):
        _refuse(name, header)
    yield from _parquet_rows(parquet, {field: header[index] for field, index in fields.items()})


def _parquet_rows(parquet: Any, names: Mapping[str, str]) -> Iterator[Chunk]:
    """Row group by row group: one that cannot be read costs its own rows."""
    after = 0
    for group in range(parquet.num_row_groups):
        first, after = after + 1, after + parquet.metadata.row_group(group).num_rows
        options = {"columns": list(names.values()), "row_groups": [group], "use_threads": False}
        try:
            for batch in parquet.iter_batches(ROWS_AT_ONCE, **options):
                columns = {field: _texts(batch.column(name)) for field, name in names.items()}
                yield Chunk("row", range(first, first + batch.num_rows), columns)
                first += batch.num_rows
        except _BROKEN as error:
            why = f"it and the rows up to {after} cannot be read: {error}".split("\n")[0]
            yield Chunk("row", (), {}, [Problem("listen-malformed", first, why)], after - first + 1)


def _texts(column: Any) -> list[str | None]:
    """A column as text; times are in UTC, and an old writer's strings need not be UTF-8."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s"), safe=False).cast(pa.string())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.string())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    return [_text(value) for value in column.to_pylist()]
