"""Plays counted on disk, by subject, month, group and listener, so that memory does not grow with them.

Invariant: what was added for a file that turned out to be broken can be taken back, whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from lockgroove import tables
from lockgroove.model import Batch, Claim, ListenCount, ListensMode

BATCH_ITEMS_MAX = 2000
LISTENS_PER_LISTENER_AND_MONTH = 1000
MEMORY = "1GB"
THREADS_MAX = 4  # each takes its share of that memory
ROWS_AT_ONCE = 10_000
NAMINGS_ADDED_MAX = 40_000_000  # of each subject the first is enough, and chunks repeat it

# MBID, ISRC, artist and title as given
Naming = tuple[str | None, str | None, str | None, str | None]
NAMED = ("recording_mbid", "isrc", "artist", "title")


PLAYS = pa.schema(
    {"subject": pa.string(), "month": pa.string(), "grp": pa.int8(), "who": pa.uint64(), "n": pa.int64()}
)
NAMINGS = pa.schema({"subject": pa.string(), "rank": pa.int64(), **dict.fromkeys(NAMED, pa.string())})
_TABLES = """
    CREATE TABLE plays (dump INTEGER, subject VARCHAR, month VARCHAR, grp TINYINT, who UBIGINT, n BIGINT);
    CREATE TABLE namings (dump INTEGER, subject VARCHAR, rank BIGINT, recording_mbid VARCHAR, isrc VARCHAR,
        artist VARCHAR, title VARCHAR);
"""
_ADD_PLAYS = "INSERT INTO plays SELECT {}, subject, month, grp, who, sum(n) FROM chunk GROUP BY ALL"
_ADD_NAMINGS = "INSERT INTO namings SELECT {}, * FROM chunk"
_COUNTS = f"""
    SELECT subject, month, grp, least(sum(n), {(1 << 63) - 1})::BIGINT,
        least(sum(CASE WHEN who IS NULL THEN n ELSE least(n, {LISTENS_PER_LISTENER_AND_MONTH}) END),
            {(1 << 63) - 1})::BIGINT,
        count(who) FILTER (n > 0)
    FROM (SELECT subject, month, grp, who, sum(n) AS n FROM plays GROUP BY subject, month, grp, who)
    GROUP BY subject, month, grp ORDER BY subject, month, grp
"""
_THIN_OUT = """
    CREATE TABLE fewer AS SELECT * FROM namings
        WHERE rank IN (SELECT min(rank) FROM namings GROUP BY dump, subject);
    DROP TABLE namings;
    ALTER TABLE fewer RENAME TO namings;
"""
_FIRST_NAMINGS = """
    SELECT subject, recording_mbid, isrc, artist, title FROM namings
    WHERE rank IN (SELECT min(rank) FROM namings GROUP BY subject) ORDER BY subject
"""


def table(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Rows as a table of Arrow."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, f.type) for column, f in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


class Tally:
    """Plays in a database of their own below `scratch`, which is gone when this is closed."""

    def __init__(self, scratch: str) -> None:
        self._folder = tempfile.TemporaryDirectory("", "listens-", scratch)
        settings: Any = {
            "memory_limit": MEMORY,
            "threads": min(os.cpu_count() or 1, THREADS_MAX),
            "temp_directory": f"{self._folder.name}/spill",
        }
        self._db = tables.connect(f"{self._folder.name}/plays.duckdb", settings)
        self._db.execute(_TABLES)
        self._namings_added = 0

    def add(self, plays: pa.Table, namings: pa.Table, dump: int = 0) -> None:
        """Take in a chunk's plays and namings; `dump` is the number of the file that they are from."""
        for rows, query in ((plays, _ADD_PLAYS), (namings, _ADD_NAMINGS)):
            self._db.register("chunk", rows)
            self._db.execute(query.format(dump))
            self._db.unregister("chunk")
        self._namings_added += len(namings)
        if self._namings_added > NAMINGS_ADDED_MAX:
            self._db.execute(_THIN_OUT)
            self._namings_added = 0

    def take_back(self, dump: int) -> None:
        """Forget what was added for a file."""
        for table_name in ("plays", "namings"):
            self._db.execute(f"DELETE FROM {table_name} WHERE dump = {dump}")

    def counts(self) -> Iterator[ListenCount]:
        """The sums, ordered by subject, month and group."""
        return (ListenCount(*row) for row in self._rows(_COUNTS))

    def namings(self) -> Iterator[tuple[str, Naming]]:
        """Each subject with what it was first called, in the same order."""
        return ((row[0], row[1:]) for row in self._rows(_FIRST_NAMINGS))

    def _rows(self, query: str) -> Iterator[Any]:
        with self._db.cursor() as cursor:
            # a relation streams; what `execute` gives is copied whole first
            reader: Any = cursor.sql(query).to_arrow_reader(ROWS_AT_ONCE)
            for batch in reader:
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()
        self._folder.cleanup()


def filled(
    tally: Tally, claim_of: Callable[[str, Naming], Claim], mode: ListensMode = "replace"
) -> Iterator[Batch]:
    """The counts in order, each subject's claim before its first."""
    claims: list[Claim] = []
    counts: list[ListenCount] = []
    namings = tally.namings()
    subject = None
    for count in tally.counts():
        if count.subject != subject:
            subject, naming = next(namings)
            assert subject == count.subject
            claims.append(claim_of(subject, naming))
        counts.append(count)
        if len(claims) + len(counts) >= BATCH_ITEMS_MAX - 1:
            yield Batch(claims=claims, listens=counts, listens_mode=mode)
            claims, counts = [], []
    if counts:
        yield Batch(claims=claims, listens=counts, listens_mode=mode)
