"""Which files may be told of, and what may be done with them: the judge asked once of each set of statements.

In: views of facts of files and of what is held. Out: tables `judged` and `shown`, and `verdicts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from lockgroove.catalogue.build import queries
from lockgroove.catalogue.spilling import quoted
from lockgroove.journal import canonical

Judge = Callable[[str, Sequence[Mapping[str, str]]], Mapping[str, Any]]
_TEXT = pa.string()
_VERDICT_SCHEMA = pa.schema(
    [
        (n, _TEXT)
        for n in ("source", "f", "d", "s", "statement", "status", "licence", "uri", "why", "clause", "stated")
    ]
    + [("stream", pa.bool_()), ("publish", pa.bool_()), ("verdict", pa.int32())]
)
JUDGED = "judged.parquet"
# All that recordings, and the search over them, may show of a file.
SHOWN_OF_FILES = """
    SELECT j.source, j.key, j.stamp, j.said_at, j.seq, j.is_current, j.withdrawn, h.sha512, v.licence
    FROM judged j LEFT JOIN shown h ON h.source = j.source AND h.key = j.key AND h.stamp = j.stamp
    LEFT JOIN (SELECT DISTINCT verdict, licence FROM verdicts) v USING (verdict)"""


def judge_files(db: duckdb.DuckDBPyConnection, public: bool, judge: Judge) -> None:
    """Make tables `judged` and `shown` of all files, or of those that may be published."""
    db.execute(queries.CURRENT)
    db.execute(queries.STATEMENTS)
    _judge(db, judge)
    db.execute(queries.VERDICTS.format(public=public))
    db.execute(queries.SHOWN.format(public=public))
    db.execute(queries.JUDGED)


def keep_judged(db: duckdb.DuckDBPyConnection, folder: str) -> None:
    """Write what was judged, so that a later build can tell what changed."""
    db.execute(f"COPY ({SHOWN_OF_FILES}) TO '{quoted(folder)}/{JUDGED}' (FORMAT parquet, COMPRESSION zstd)")


def _judge(db: duckdb.DuckDBPyConnection, judge: Judge) -> None:
    """Judge every distinct set of statements once: they are few, however many the files."""
    texts = dict(db.execute("SELECT digest, licences FROM texts").fetchall())
    rows: list[Mapping[str, Any]] = []
    numbers: dict[bytes, int] = {}
    for source, *digests in db.execute("SELECT source, f, d, s FROM combinations").fetchall():
        stated = [statement for d in digests if d for statement in json.loads(texts[d])]
        verdict = judge(source, stated)
        combination = dict(zip(("source", "f", "d", "s"), (source, *digests), strict=True))
        content = {"stated": canonical(_shortened(stated)).decode(), **verdict}
        number = numbers.setdefault(canonical(content), len(numbers))
        rows.append({**combination, "verdict": number, **content})
    db.register("verdict_rows", pa.Table.from_pylist(rows, schema=_VERDICT_SCHEMA))
    db.execute("CREATE OR REPLACE TABLE verdicts AS SELECT * FROM verdict_rows")
    db.unregister("verdict_rows")


def _shortened(stated: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"where": s["where"], "text": s["text"][:500]} for s in stated]
