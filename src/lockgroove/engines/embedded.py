"""DuckDB, the engine that runs in this process."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from lockgroove.engines.protocol import memory_limit, schema_of, sql_of

# A writer by parts buffers so many rows for each part and thread. With DuckDB's own half a million, 130 parts
# of 40 bytes a row buffered 5 GB and spilled them; this took 0.6 of the time, and files grew by 0.4 %.
_ROWS_BUFFERED = 65_536
_FILES_OPEN_MAX = 200  # above it, a part's file is closed and another begun


def confine(connection: duckdb.DuckDBPyConnection, memory_bytes: int, scratch: str) -> None:
    """Set a connection's limits: its memory, where it spills, what it buffers."""
    for setting in (
        f"memory_limit = '{memory_bytes >> 20}MiB'",
        f"temp_directory = {_quoted(scratch)}",
        f"partitioned_write_flush_threshold = {_ROWS_BUFFERED}",
        f"partitioned_write_max_open_files = {_FILES_OPEN_MAX}",
        "preserve_insertion_order = false",
        "TimeZone = 'UTC'",
        "enable_progress_bar = false",  # in a notebook it would write among our own lines
    ):
        connection.execute(f"SET {setting}")


class DuckDBEngine:
    """DuckDB in this process. Stored tables are temporary ones of the connection and spill to its scratch."""

    dialect = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: str | None = None) -> None:
        """Work on a connection that somebody else opened and closes; `scratch` is removed on closing."""
        self.connection = connection
        self._scratch = scratch
        self._taken: set[str] = set()

    @classmethod
    def opened(cls, scratch: str, memory_bytes: int | None = None) -> DuckDBEngine:
        """A connection in memory of its own, limited to `memory_bytes`, that spills into `scratch`."""
        folder = f"{scratch}/duckdb-{uuid.uuid4().hex}"
        os.makedirs(folder)
        connection = duckdb.connect()
        confine(connection, memory_limit(memory_bytes), folder)
        return cls(connection, folder)

    def read(self, name: str, paths: Sequence[str]) -> ir.Table:
        """Call Parquet files, or folders of them, by a name."""
        found = ", ".join(_quoted(f"{p}/**/*.parquet" if os.path.isdir(p) else p) for p in paths)
        rows = f"SELECT * FROM read_parquet([{found}], hive_partitioning = false)"
        self._execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {rows}')
        return self.known(name)

    def take(self, name: str, rows: pa.Table) -> ir.Table:
        """Call rows in memory by a name."""
        self.connection.register(name, rows)
        self._taken.add(name)
        return self.known(name)

    def known(self, name: str) -> ir.Table:
        """A table or view that the connection has under this name."""
        none = self.connection.sql(f'SELECT * FROM "{name}" LIMIT 0').to_arrow_table()
        return ibis.table(schema_of(none.schema), name=name)

    def store(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute once and keep as a temporary table."""
        self._execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {self._declared(expression)}')
        return ibis.table(expression.schema(), name=name)

    def append(self, name: str, expression: ir.Table) -> ir.Table:
        """Add rows to a temporary table."""
        sql = self._declared(expression)
        self._execute(f'CREATE TEMP TABLE IF NOT EXISTS "{name}" AS SELECT * FROM ({sql}) LIMIT 0')
        self._execute(f'INSERT INTO "{name}" {sql}')
        return ibis.table(expression.schema(), name=name)

    def drop(self, *names: str) -> None:
        """Forget stored tables."""
        for name in names:
            if name in self._taken:
                self.connection.unregister(name)
                self._taken.discard(name)
            else:
                self._execute(f'DROP TABLE IF EXISTS temp."{name}"')

    def batches(self, expression: ir.Table, rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
        """The rows, streamed."""
        reader: Any = self.connection.sql(self.sql(expression)).to_arrow_reader(rows)
        schema = expression.schema().to_pyarrow()
        for batch in reader:
            yield batch.cast(schema)

    def write(self, path: str, expression: ir.Table) -> None:
        """Write one Parquet file."""
        self._execute(
            f"COPY ({self._declared(expression)}) TO {_quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
        )

    def write_parts(self, folder: str, expression: ir.Table, by: str) -> None:
        """Write a folder for each value of a column."""
        options = f'FORMAT parquet, COMPRESSION zstd, PARTITION_BY ("{by}")'
        self._execute(f"COPY ({self._declared(expression)}) TO {_quoted(folder)} ({options})")

    def close(self) -> None:
        """Close the connection if it is our own, and remove the scratch."""
        for name in sorted(self._taken):
            self.connection.unregister(name)
        self._taken.clear()
        if self._scratch is not None:
            self.connection.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def sql(self, expression: ir.Table) -> str:
        """The expression as DuckDB's SQL."""
        return sql_of(expression, self.dialect)

    def _declared(self, expression: ir.Table) -> str:
        """With whole numbers of the types that the expression says; a sum is wider here, and has no order."""
        wholes = [name for name, kind in expression.schema().items() if kind.is_int64()]
        casts = ", ".join(f'CAST("{name}" AS BIGINT) AS "{name}"' for name in wholes)
        replaced = f" REPLACE ({casts})" if casts else ""
        return f"SELECT *{replaced} FROM ({self.sql(expression)})"

    def _execute(self, sql: str) -> None:
        self.connection.execute(sql)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
