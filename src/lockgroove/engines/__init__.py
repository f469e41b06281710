"""The seam to the engine that runs table work: DuckDB in this process, or Apache Spark on many machines.

Work is an Ibis expression over named tables; an engine turns it into its own SQL and runs it. An expression
uses portable types only (BIGINT, VARCHAR, BOOLEAN, no unsigned, no sum that is not cast, no literal with a
point), so that every engine gives the same rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lockgroove.engines.embedded import DuckDBEngine, confine
from lockgroove.engines.protocol import Engine
from lockgroove.errors import UsageError

__all__ = ["DuckDBEngine", "Engine", "confine", "engine", "open_engine"]

_SPARK = "spark://"
_SPARK_LOCAL = "spark-local"


def open_engine(url: str | None, scratch: str, memory_bytes: int | None = None) -> Engine:
    """An engine of its own: None or "duckdb" in this process, "spark-local", or "spark://HOST:PORT".

    `scratch` is a folder that it may fill, and leaves as it found it; on a cluster all machines must see it.
    Raises UsageError where the engine is not known or not installed.
    """
    if url in (None, "duckdb"):
        return DuckDBEngine.opened(scratch, memory_bytes)
    if url == _SPARK_LOCAL or (url and url.startswith(_SPARK)):
        from lockgroove.engines.spark import SparkEngine  # an extra, and slow to import

        return SparkEngine.opened(url, scratch, memory_bytes)
    raise UsageError(
        f"no engine is called {url}", "--engine", "Use duckdb, spark-local or spark://HOST:PORT."
    )


@contextlib.contextmanager
def engine(url: str | None, scratch: str, memory_bytes: int | None = None) -> Iterator[Engine]:
    """As open_engine; closed at the end of the block."""
    opened = open_engine(url, scratch, memory_bytes)
    try:
        yield opened
    finally:
        opened.close()
