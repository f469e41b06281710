"""The table engine of a build: a DuckDB that spills beside what it builds, and orders by parts.

Invariant: no query sorts or groups more rows at once than fit into memory; larger tables go through files,
cut by a range or by a digest, and each part is done on its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove import locks, tables
from lockgroove.engines import confine

PART_ROWS = 6_000_000  # a part of a wide table, about 1 GB
_MEMORY_BYTES_MIN = 512 << 20
_MEMORY_PER_INPUT = 10
_SPILL = re.compile(r"spill-(\d+)")


@contextlib.contextmanager
def engine(
    scratch: str, inputs: Iterable[str], name: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that spills into `scratch`. Without a name it is its own, and leaves nothing there.

    Its memory follows the size of the input files, within half of the machine's.
    """
    os.makedirs(scratch, exist_ok=True)
    _forget_spills(scratch)
    path = f"{scratch}/{name or f'build-{os.getpid()}'}.duckdb"
    if name is None:
        _remove(path)
    db = duckdb.connect(path)
    try:
        confine(db, _memory_bytes(inputs), f"{scratch}/spill-{os.getpid()}")
        yield db
    finally:
        db.close()
        if name is None:
            _remove(path)


def _memory_bytes(inputs: Iterable[str]) -> int:
    """A limit, not a reservation. With 128 MiB DuckDB gave up on 60,000 files; 160 MiB were enough."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wanted = sum(os.path.getsize(path) for path in inputs) * _MEMORY_PER_INPUT
    return max(_MEMORY_BYTES_MIN, min(wanted, machine // 2))


def _forget_spills(scratch: str) -> None:
    """What killed processes spilled: the table engine does not look for it, and it can be gigabytes."""
    for name in os.listdir(scratch):
        match = _SPILL.fullmatch(name)
        if match and not locks.lives(int(match[1])):
            shutil.rmtree(f"{scratch}/{name}", ignore_errors=True)


def _remove(path: str) -> None:
    for name in (path, f"{path}.wal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def quoted(path: str) -> str:
    """A path as it stands between SQL's quotes."""
    return path.replace("'", "''")


def parquet(paths: Iterable[str], *options: str) -> str:
    """A table function over Parquet files."""
    listed = ",".join(f"'{quoted(path)}'" for path in paths)
    return f"read_parquet({', '.join([f'[{listed}]', *options])})"


def view(db: duckdb.DuckDBPyConnection, name: str, paths: Iterable[str], schema: pa.Schema) -> None:
    """A view over Parquet files, of no rows where there are no files."""
    paths = list(paths)
    if paths:
        columns = ", ".join(f'"{column}"' for column in schema.names)
        db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns} FROM {parquet(paths)}")
    else:
        db.register(f"no_{name}", schema.empty_table())
        db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM no_{name}")


def one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    """The number that a query asks for."""
    return int(db.execute(query).fetchall()[0][0] or 0)


def stream(db: duckdb.DuckDBPyConnection, query: str, rows: int = tables.ROW_GROUP_ROWS) -> Iterator[Any]:
    """The rows of a query as Arrow batches, in its order."""
    reader: Any = db.sql(query).to_arrow_reader(rows)
    yield from reader


def parts_of(rows: int) -> int:
    """How many parts a table of so many rows is done in."""
    return max(1, -(-rows // PART_ROWS))


def buckets(rows: int, column: str) -> list[str]:
    """Conditions that cut so many rows into parts by a digest of a column."""
    parts = parts_of(rows // 3)  # rows of few columns
    return [f"hash({column}) % {parts} = {part}" for part in range(parts)] if parts > 1 else ["TRUE"]


def scatter(db: duckdb.DuckDBPyConnection, query: str, part: str, folder: str) -> None:
    """Write the rows of a query into `folder`, a file set for each value of the SQL expression `part`."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(folder) or ".", exist_ok=True)
    db.execute(
        f"COPY (SELECT *, {part} AS part FROM ({query})) TO '{quoted(folder)}' "
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (part), ROW_GROUP_SIZE 65536)"
    )


def part_files(folder: str, part: int) -> list[str]:
    """The files that `scatter` wrote for a part."""
    inner = f"{folder}/part={part}"
    return sorted(f"{inner}/{name}" for name in os.listdir(inner)) if os.path.isdir(inner) else []


def in_order(
    db: duckdb.DuckDBPyConnection, query: str, order: str, rows: int, row: str, rows_max: int, scratch: str,
    select: str = "SELECT *", group: str = "",
) -> Iterator[Any]:  # fmt: skip
    """The rows of a query ordered by `order`, whose first term is the integer column `row`, 0 to `rows_max`.

    `rows` is how many there are; many are cut into ranges of `row`, and each range is grouped and sorted on
    its own.
    """
    parts = parts_of(rows)
    if parts == 1:
        yield from stream(db, f"{select} FROM ({query}) {group} ORDER BY {order}")
        return
    width = -(-max(1, rows_max) // parts)
    folder = f"{scratch}/in-order"
    scatter(db, query, f"({row} // {width})::INTEGER", folder)
    for part in range(parts):
        files = part_files(folder, part)
        if files:
            listed = parquet(files, "hive_partitioning = false")
            yield from stream(db, f"{select} FROM {listed} {group} ORDER BY {order}")
    shutil.rmtree(folder)


def boundaries(values: np.ndarray, parts: int) -> list[int]:
    """Values that cut a sample into so many parts of about equal size."""
    if parts < 2 or not len(values):
        return []
    cuts = np.quantile(values, np.arange(1, parts) / parts, method="nearest")
    return sorted({int(cut) for cut in cuts})


def part_between(column: str, cuts: list[int]) -> str:
    """SQL for the number of the part that a value falls into; what is missing goes into the last."""
    return f"CASE WHEN {column} IS NULL THEN {len(cuts)} ELSE {_halving(column, cuts, 0)} END"


def _halving(column: str, cuts: list[int], first: int) -> str:
    if not cuts:
        return str(first)
    middle = len(cuts) // 2
    below = _halving(column, cuts[:middle], first)
    above = _halving(column, cuts[middle + 1 :], first + middle + 1)
    return f"CASE WHEN {column} < {cuts[middle]} THEN {below} ELSE {above} END"
