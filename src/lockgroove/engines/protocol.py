"""What every engine does for those who hand it expressions, and how much memory it may take."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir
import pyarrow as pa

_MEMORY_BYTES_MIN = 512 << 20
_MEMORY_SHARE_MAX = 0.6


class Engine(Protocol):
    """Runs expressions over tables that it knows by name. Names are those of one engine."""

    dialect: str

    def read(self, name: str, paths: Sequence[str]) -> ir.Table:
        """Call Parquet files, or folders of them, by a name. They are not copied."""

    def take(self, name: str, rows: pa.Table) -> ir.Table:
        """Call rows in memory by a name. They must stay as they are."""

    def known(self, name: str) -> ir.Table:
        """A table or view that the engine has under this name."""

    def store(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute the expression once and keep its rows under a name, in place of what had it."""

    def append(self, name: str, expression: ir.Table) -> ir.Table:
        """Add the expression's rows to those stored under a name; the first ones make the table."""

    def drop(self, *names: str) -> None:
        """Forget stored tables; harmless for names that are not known."""

    def batches(self, expression: ir.Table, rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
        """The rows, in the expression's order if it has one, at most so many at a time."""

    def write(self, path: str, expression: ir.Table) -> None:
        """Write the rows as Parquet, in no order: one file where the engine is one process, else a folder."""

    def write_parts(self, folder: str, expression: ir.Table, by: str) -> None:
        """Write Parquet in `folder/BY=VALUE/` for each value of a column, without it; the folder is new."""

    def close(self) -> None:
        """Give back memory and scratch; harmless to repeat."""


def memory_limit(wanted: int | None) -> int:
    """What an engine may use, in bytes: what is wanted, within 60 % of the machine's and above 512 MiB."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = int(machine * _MEMORY_SHARE_MAX)
    return max(_MEMORY_BYTES_MIN, most if wanted is None else min(wanted, most))


def sql_of(expression: ir.Table, dialect: str) -> str:
    """The expression in an engine's SQL; what was compiled is kept, for the next part asks the same."""
    return _compiled(expression.op(), dialect)


@functools.lru_cache(maxsize=128)
def _compiled(operation: Any, dialect: str) -> str:
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect, pretty=False))


def schema_of(arrow: pa.Schema) -> ibis.Schema:
    """An Arrow schema in the words of expressions."""
    return ibis.Schema.from_pyarrow(arrow)
