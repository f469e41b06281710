"""Logs that are tables: CSV and Parquet, whose columns a mapping names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from lockgroove.errors import UsageError
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import EVENT, Batch, Kind, empty
from lockgroove.guard.logs.mapping import WORDS, Column, LogMap, word_number
from lockgroove.guard.logs.requests import Unreadable, moment_ms

if TYPE_CHECKING:
    from lockgroove.guard.logs.reading import Counts

_ROWS_A_BATCH = 200_000
_BLOCK_BYTES = 16 << 20
_EXACT = float(1 << 53)  # whole numbers up to here are exact as they are read
# Fields that stand for names: digests of what the column has.
_DIGESTED = frozenset({"event_id", "account", "token", "track", "session", "client", "fingerprint", "album"})


def read_table(path: str, kind: str, log_map: LogMap, digests: Digests, counts: Counts) -> Iterator[Batch]:
    """Yield the rows as events. Raises UsageError where the mapping is missing, or names no such column."""
    if not log_map.fields:
        raise UsageError(
            "A table needs a mapping", path, "Give one with --map FILE; see: lockgroove guard replay --help"
        )
    batches = _parquet(path) if kind == "parquet" else _csv(path, log_map.delimiter, counts)
    for batch in batches:
        yield _events(batch, path, log_map, digests, counts)


def _parquet(path: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from pq.ParquetFile(path).iter_batches(_ROWS_A_BATCH)
    except pa.ArrowInvalid as error:
        raise UsageError(f"The table cannot be read: {error}", path, "Is it cut?") from None


def _csv(path: str, delimiter: str, counts: Counts) -> Iterator[pa.RecordBatch]:
    """Every column as text: what is a number, the mapping says."""
    before = counts.read

    def bad(row: Any) -> str:
        counts.read += 1
        why = f"{row.actual_columns} columns and not {row.expected_columns}"
        counts.refuse(before + row.number if row.number else counts.read, why)
        return "skip"

    try:
        with pa.input_stream(path, compression="detect") as file:
            header = _header(path, delimiter)
            yield from pacsv.open_csv(
                file,
                pacsv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                pacsv.ParseOptions(delimiter=delimiter, invalid_row_handler=bad, newlines_in_values=False),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.binary()),
                    strings_can_be_null=False,
                    null_values=[""],
                ),
            )
    except pa.ArrowInvalid as error:
        raise UsageError(f"The table cannot be read: {error}", path, "Is it cut, or not CSV?") from None


def _header(path: str, delimiter: str) -> list[str]:
    with pa.input_stream(path, compression="detect") as file:
        first = file.read(1 << 16).split(b"\n", 1)[0].rstrip(b"\r")
    return [
        name.strip('"') for name in first.decode("utf-8", "replace").removeprefix("\ufeff").split(delimiter)
    ]


def _events(batch: pa.RecordBatch, path: str, log_map: LogMap, digests: Digests, counts: Counts) -> Batch:
    count = batch.num_rows
    first = counts.read
    counts.read += count
    rows = empty(count)
    rows["kind"] = Kind.STREAM_START  # where nothing is said of it: a table of tracks is one of plays
    good = np.ones(count, bool)
    reasons: dict[int, str] = {}
    months = None
    for name, column in sorted(log_map.fields.items(), key=lambda item: item[0] != "ts_ms"):
        values = _values(batch, column, path, name)
        if name == "ts_ms":
            rows["ts_ms"], trouble = _moments(values, count)
            reasons.update(trouble)
            good[list(trouble)] = False
            months = rows["ts_ms"]
        elif name == "address":
            assert months is not None
            rows["network"] = [
                digests.of_network(text, int(ts))
                for text, ts in zip(_texts(values, count), months, strict=True)
            ]
        elif name in WORDS:
            rows[name] = _words(name, values, column, count, path)
        elif name in _DIGESTED:
            rows[name] = _digested(name, values, count, digests)
        else:
            rows[name] = _numbers(values, count, column.times, name)
    nameless = (rows["account"] == 0) & good
    reasons |= dict.fromkeys(np.flatnonzero(nameless).tolist(), "no account")
    good &= ~nameless
    for n in sorted(reasons):
        counts.refuse(first + n + 1, reasons[n])
    rows = rows[good]
    counts.events += len(rows)
    told = frozenset(log_map.fields) - {"address"} | ({"network"} if "address" in log_map.fields else set())
    return Batch(rows, frozenset(told))


def _values(batch: pa.RecordBatch, column: Column, path: str, name: str) -> Any:
    if not column.column:
        return column.always
    if column.column not in batch.schema.names:
        raise UsageError(
            f"The table has no column {column.column}", f"{path}, for {name}",
            f"Columns: {', '.join(batch.schema.names)[:300]}.",
        )  # fmt: skip
    return batch.column(column.column)


def _texts(values: Any, count: int) -> list[str]:
    if not isinstance(values, pa.Array):
        return [str(values)] * count
    return [_text(value) for value in values.to_pylist()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _digested(name: str, values: Any, count: int, digests: Digests) -> Any:
    """Digests of the distinct values, carried back to the rows."""
    if not isinstance(values, pa.Array):
        return digests.of(name, str(values))
    coded = values.dictionary_encode() if not pa.types.is_dictionary(values.type) else values
    of = [digests.of(name, _text(value)) for value in coded.dictionary.to_pylist()]
    places = pc.fill_null(coded.indices, len(of)).to_numpy(zero_copy_only=False)
    return np.array([*of, 0], np.uint64)[places]


def _words(name: str, values: Any, column: Column, count: int, path: str) -> Any:
    """Numbers of words; what the mapping does not know is told as unknown, 0."""
    if not isinstance(values, pa.Array):
        return word_number(name, values, path)
    known = {text.lower(): word_number(name, word, path) for text, word in column.values.items()}
    known = known or {member.name.lower(): int(member) for member in WORDS[name]}
    return [known.get(text.lower(), 0) for text in _texts(values, count)]


def _moments(values: Any, count: int) -> tuple[np.ndarray, dict[int, str]]:
    if isinstance(values, pa.Array) and pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    found, trouble = np.zeros(count, np.int64), {}
    for n, value in enumerate(values.to_pylist() if isinstance(values, pa.Array) else [values] * count):
        try:
            found[n] = moment_ms(_text(value) if isinstance(value, bytes) else value)
        except Unreadable as error:
            trouble[n] = str(error)
    return found, trouble


def _numbers(values: Any, count: int, times: float, name: str) -> np.ndarray:
    """Numbers within what the field can hold; what is none is 0."""
    if isinstance(values, pa.Array) and (
        pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    ):
        numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.float64)
    else:
        numbers = np.array([_number(text) for text in _texts(values, count)])
    numbers = np.nan_to_num(numbers * times, nan=0, posinf=0, neginf=0)
    kind = EVENT[name]
    low, high = (0.0, 1e9) if kind.kind == "f" else (float(np.iinfo(kind).min), float(np.iinfo(kind).max))
    held: np.ndarray = np.clip(numbers, max(low, -_EXACT), min(high, _EXACT)).astype(kind)
    return held


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
