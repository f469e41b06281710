"""Listens as Parquet parts: their columns, and how many counts become few files in bounded memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.model import ListenCount

FILE_BYTES_MAX = 64 << 20  # a place takes a part in whole
ROWS_AT_ONCE = 1 << 17

LISTEN_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("month", pa.string(), nullable=False),
        pa.field("listener_group", pa.int8(), nullable=False),
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("capped_listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64(), nullable=False),
    ]
)


def table_of(source: str, counts: Sequence[ListenCount]) -> pa.Table:
    """Counts as rows, by subject, month and group."""
    ordered = sorted(counts, key=lambda c: (c.subject, c.month, c.group))
    columns = [
        [source] * len(ordered),
        [_text(c.subject) for c in ordered],
        [c.month for c in ordered],
        [c.group for c in ordered],
        [c.listens for c in ordered],
        [c.capped_listens for c in ordered],
        [c.listeners for c in ordered],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, LISTEN_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=LISTEN_SCHEMA)


def _text(subject: str) -> str:
    """Half a character stands as its escape: Parquet knows UTF-8 alone."""
    return subject.encode("utf-8", "backslashreplace").decode()


def file_of(source: str, counts: Sequence[ListenCount]) -> bytes:
    """Counts as one file."""
    sink = io.BytesIO()
    pq.write_table(table_of(source, counts), sink, compression="zstd", store_schema=False)
    return sink.getvalue()


class Spool:
    """Counts on their way into parts, in files below `folder`. Memory: some rows, whatever comes.

    `finished` gives the files and their rows; afterwards the spool is empty and may be used again.
    """

    def __init__(self, folder: str, source: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        self._source = source
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._files: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return self._waiting_rows + sum(rows for _, rows in self._files)

    def add(self, counts: Sequence[ListenCount]) -> None:
        """Take in counts."""
        if counts:
            self._waiting.append(table_of(self._source, counts))
            self._waiting_rows += len(counts)
            if self._waiting_rows >= ROWS_AT_ONCE:
                self._write()

    def finished(self) -> Iterator[tuple[str, int]]:
        """Each file and its rows; it is removed when the next is asked for."""
        self._write()
        self._close()
        files, self._files = self._files, []
        for path, rows in files:
            yield path, rows
            os.unlink(path)

    def _write(self) -> None:
        if not self._waiting:
            return
        if self._writer is None:
            path = f"{self._folder}/listens-{len(self._files):06}.parquet"
            self._files.append((path, 0))
            self._writer = pq.ParquetWriter(path, LISTEN_SCHEMA, compression="zstd", store_schema=False)
        self._writer.write_table(pa.concat_tables(self._waiting))
        path, rows = self._files[-1]
        self._files[-1] = (path, rows + self._waiting_rows)
        self._waiting, self._waiting_rows = [], 0
        if os.path.getsize(path) >= FILE_BYTES_MAX:
            self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
