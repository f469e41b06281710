"""Parquet that is the same to the byte for the same rows, and lists of files with one digest.

pyarrow writes; rows come in a unique order. Exact row groups, an explicit schema, no dictionaries
(`docs/format.md`, section 8, says which settings and why they may not change).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import duckdb

ROW_GROUP_ROWS = 20_480
# Columns that take less space otherwise than plain, wherever a table has one of that name.
_ENCODINGS: Mapping[str, str] = {
    **dict.fromkeys(("recording_row", "release_row", "file_row", "duration_ms"), "DELTA_BINARY_PACKED"),
    **dict.fromkeys(("title", "name", "isrc", "mbid", "key"), "DELTA_LENGTH_BYTE_ARRAY"),
}


@dataclass(frozen=True)
class WrittenFile:
    """A file of a generation or dump: path relative to it, bytes, digest, rows (-1: not a table)."""

    path: str
    size_bytes: int
    sha256: str
    rows: int = -1

    def as_json(self) -> dict[str, Any]:
        """For a manifest."""
        return {"path": self.path, "size": self.size_bytes, "sha256": self.sha256, "rows": self.rows}


class TableWriter:
    """Writes one table in row groups of exactly ROW_GROUP_ROWS, however the batches come."""

    def __init__(self, path: str, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=3, version="2.6", use_dictionary=False,
            store_schema=False, data_page_size=1 << 20, write_statistics=True,
            column_encoding={name: _ENCODINGS.get(name, "PLAIN") for name in schema.names},
        )  # fmt: skip
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Take more rows, in order."""
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= ROW_GROUP_ROWS:
            self._flush(last=False)

    def close(self) -> None:
        """Write what waits, and the footer."""
        self._flush(last=True)
        self._writer.close()

    def _flush(self, last: bool) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        done = 0
        while table.num_rows - done >= ROW_GROUP_ROWS or (last and table.num_rows > done):
            group = table.slice(done, ROW_GROUP_ROWS)
            self._writer.write_table(pa.Table.from_batches(group.combine_chunks().to_batches(), self._schema))
            done += group.num_rows
        self.rows += done
        rest = table.slice(done)
        self._waiting, self._waiting_rows = rest.to_batches(), rest.num_rows


def write_table(folder: str, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> WrittenFile:
    """Write `folder/name` from ordered batches, cast to the schema."""
    writer = TableWriter(f"{folder}/{name}", schema)
    for batch in batches:
        writer.write(batch.cast(schema))
    writer.close()
    return describe(folder, name, writer.rows)


def describe(folder: str, name: str, rows: int = -1) -> WrittenFile:
    """Size and digest of a file."""
    path = f"{folder}/{name}"
    return WrittenFile(name, os.path.getsize(path), sha256_of(path), rows)


def rows_in(path: str) -> int:
    """How many rows a table has."""
    return int(pq.read_metadata(path).num_rows)


def sha256_of(path: str) -> str:
    """SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def root_digest(files: Sequence[WrittenFile]) -> str:
    """One digest for a set of files: SHA-256 of the lines `sha256 size path`, sorted by path."""
    lines = "".join(
        f"{f.sha256} {f.size_bytes} {f.path}\n" for f in sorted(files, key=lambda f: f.path.encode())
    )
    return hashlib.sha256(lines.encode()).hexdigest()


def read_batches(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a table in batches."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=4096, columns=columns)


def connect(path: str = ":memory:", settings: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB to ask Parquet with. It draws no bar of progress among the lines that a program reads."""
    import duckdb  # not everybody who lists files asks questions

    connection = duckdb.connect(path, config=dict(settings or {}))
    connection.execute("SET enable_progress_bar = false")
    return connection
