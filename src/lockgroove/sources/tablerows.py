"""Rows of somebody's own table in chunks: CSV, JSON lines or Parquet, told by content.

Invariant: every row comes once, in order, with the bytes that it stands for; one that cannot be read
comes with the reason, and has its place in no column.
"""

from __future__ import annotations

import codecs
import datetime as dt
import decimal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.errors import UsageError
from lockgroove.sources import csvrows
from lockgroove.sources.jsonrecords import is_plain, mended
from lockgroove.sources.mapping import Map
from lockgroove.sources.members import Member
from lockgroove.sources.packed import BrokenPacking, ByteStream, Damaged, Line, lines

CHUNK_ROWS = 2000
CHUNK_BYTES = 8 << 20
_DELIMITERS = ",;\t|"
_PARQUET = b"PAR1"


class TableRow(NamedTuple):
    """A row: its number from 1, where it begins, its bytes (None where they are too many), and its body."""

    number: int
    offset: int
    data: bytes | None
    body: Any = None
    why: str = ""


@dataclass(frozen=True)
class Chunk:
    """Some rows, and the columns of those that could be read. A column that is not there is full of None."""

    rows: Sequence[TableRow]
    columns: Callable[[str], Sequence[Any]]


def chunks(member: Member, map_: Map, open_file: Callable[[], Any]) -> Iterator[Chunk]:
    """The rows of a file. Raises UsageError when it lacks a column of the map, BrokenPacking where it breaks.

    `open_file` opens the file itself: Parquet begins at its end.
    """
    head = _Head(member.stream)
    kind = map_.format or _format(head.seen)
    if kind == "parquet":
        if member.size is not None or member.packed.packing:
            raise UsageError("Parquet is read as a file of its own", member.name, "Unpack it.")
        return _parquet(open_file, member.name, map_)
    if kind == "jsonl":
        return _json(head, member.name, map_)
    return _csv(head, member.name, map_)


class _Head:
    """A stream whose first piece was looked at."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.seen = stream.read(1 << 16) or b""
        self._waiting = self.seen

    def read(self, size: int = -1, /) -> bytes:
        """As ByteStream has it."""
        given, self._waiting = self._waiting, b""
        return given or self._stream.read(size) or b""


def _format(head: bytes) -> str:
    if head.startswith(_PARQUET):
        return "parquet"
    return "jsonl" if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else "csv"


def _pieces(rows: Iterable[Any], size_of: Callable[[Any], int]) -> Iterator[list[Any]]:
    """Rows in lists of bounded size. When they break, what came before is given first."""
    piece: list[Any] = []
    size = 0
    try:
        for row in rows:
            piece.append(row)
            size += size_of(row)
            if len(piece) >= CHUNK_ROWS or size >= CHUNK_BYTES:
                yield piece
                piece, size = [], 0
    except BrokenPacking:
        if piece:
            yield piece
        raise
    if piece:
        yield piece


def _csv(head: _Head, name: str, map_: Map) -> Iterator[Chunk]:
    delimiter = map_.delimiter or _delimiter(head.seen, map_.encoding)
    given = csvrows.rows(head, delimiter, map_.encoding, map_.quote)
    header = next(given, None)
    if header is None:
        return
    names = [cell.strip() for cell in header.cells or ()]
    map_.check_columns(names, name)
    names = [cell if cell not in names[:n] else f"{cell} {n + 1}" for n, cell in enumerate(names)]
    number = 1
    for piece in _pieces(given, lambda row: len(row.raw)):
        yield Chunk(
            [_csv_row(n, row, names) for n, row in enumerate(piece, number)],
            _columns_of(names, [row.cells for row in piece if row.cells is not None]),
        )
        number += len(piece)


def _csv_row(number: int, row: csvrows.Row, names: Sequence[str]) -> TableRow:
    if row.cells is None:
        return TableRow(number, row.offset, row.raw, None, row.why)
    body = dict(zip(names, row.cells, strict=True))
    if "" in row.cells:
        body = {name: cell for name, cell in body.items() if cell}
    return TableRow(number, row.offset, row.raw, body)


def _columns_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Callable[[str], Sequence[Any]]:
    columns = dict(zip(names, zip(*rows, strict=True), strict=False))
    return lambda name: columns.get(name) or [None] * len(rows)


def _delimiter(head: bytes, encoding: str) -> str:
    """That which stands most often in the first line."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _json(head: _Head, name: str, map_: Map) -> Iterator[Chunk]:
    """Documents need not be alike: a column must be in one of the first chunk."""
    pieces = _pieces(enumerate(lines(head), 1), lambda line: len(line[1][2] or b""))
    for place, piece in enumerate(pieces):
        read = [_json_row(number, line) for number, line in piece]
        documents = [document for _, document in read if document is not None]
        if place == 0 and documents:
            map_.check_columns(dict.fromkeys(chain.from_iterable(documents)), name)
        yield Chunk([row for row, _ in read], _fields_of(documents))


def _json_row(number: int, line: Line) -> tuple[TableRow, Mapping[str, Any] | None]:
    _, offset, data = line
    if data is None:
        return TableRow(number, offset, None), None
    body = data.removeprefix(codecs.BOM_UTF8) if offset == 0 else data
    readable = body
    if not is_plain(body):
        body, readable = mended(body)
    try:
        document = msgspec.json.decode(readable)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return TableRow(number, offset, data, None, str(error) or "nested too deeply"), None
    if not isinstance(document, dict):
        return TableRow(number, offset, data, None, "not a JSON object"), None
    return TableRow(number, offset, data, msgspec.Raw(body.strip())), document


def _fields_of(documents: Sequence[Mapping[str, Any]]) -> Callable[[str], Sequence[Any]]:
    """Columns of documents; one that is within another is named "a.b.0"."""

    def column(name: str) -> Sequence[Any]:
        found = [document.get(name) for document in documents]
        if "." in name:
            return [
                _within(d, name) if value is None else value
                for d, value in zip(documents, found, strict=True)
            ]
        return found

    return column


def _within(value: Any, name: str) -> Any:
    for step in name.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


_BROKEN = (pa.ArrowException, OSError, ValueError)  # what a broken Parquet file may raise


def _parquet(open_file: Callable[[], Any], name: str, map_: Map) -> Iterator[Chunk]:
    with open_file() as file:
        try:
            table = pq.ParquetFile(file)
            names = table.schema_arrow.names
        except _BROKEN as error:
            raise Damaged(_first_line(error), 0) from error
        map_.check_columns(names, name)
        number = 1
        for columns in _columns(table):
            rows = [_parquet_row(n, names, row) for n, row in enumerate(zip(*columns, strict=True), number)]
            number += len(rows)
            named = dict(zip(names, columns, strict=True))
            yield Chunk(rows, lambda name, named=named: _column_within(named, name))  # type: ignore[misc]


def _column_within(named: Mapping[str, Sequence[Any]], name: str) -> Sequence[Any]:
    if name in named:
        return named[name]
    first, _, rest = name.partition(".")
    values = named.get(first) or [None] * len(next(iter(named.values()), ()))
    return [_within(value, rest) for value in values]


def _parquet_row(number: int, names: Sequence[str], row: Sequence[Any]) -> TableRow:
    cells = dict(zip(names, row, strict=True))
    if None in row:
        cells = {column: cell for column, cell in cells.items() if cell is not None}
    body = _ENCODER.encode(cells)
    return TableRow(number, 0, body, msgspec.Raw(body))


def _columns(table: Any) -> Iterator[Sequence[Sequence[Any]]]:
    """A table's columns, some thousand rows at a time. Raises Damaged."""
    batches = table.iter_batches(CHUNK_ROWS, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            columns = [_values(column) for column in batch.columns]
        except _BROKEN as error:
            raise Damaged(_first_line(error), 0) from error
        yield columns


def _values(column: Any) -> Sequence[Any]:
    """A column as values that JSON has; text that is no UTF-8 gets U+FFFD where it is not."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.string())
    elif pa.types.is_date(kind):
        column = column.cast(pa.string())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.cast(pa.large_binary())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
    found: Sequence[Any] = column.to_pylist()
    return found


def _plain_value(value: Any) -> Any:
    """What JSON has no word for, as text."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | dt.timedelta):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return repr(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_plain_value, decimal_format="string")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
