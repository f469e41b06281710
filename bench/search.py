"""Search over generated recordings, beside SQLite's FTS5 on the same names.

    python bench/search.py DOCS.parquet [WORK]

DOCS.parquet has the columns of `catalogue.search.build.DOC_SCHEMA`. Queries are made from its own titles and
artists, two thirds of them of much-heard recordings. Times are CPU milliseconds of the asking thread, the
best of three (warm).
"""

from __future__ import annotations

import contextlib
import random
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import measuring
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.names import search_text
from lockgroove.catalogue.search import Filters, SearchIndex, build_shards

QUERIES = 200
Ask = Callable[[str], int]


@dataclass(frozen=True)
class Parquet:
    """Recordings in a Parquet file."""

    path: str

    def batches(self, columns: Sequence[str]) -> Iterable[pa.RecordBatch]:
        file = pq.ParquetFile(self.path)
        return file.iter_batches(20_480, columns=[c for c in columns if c in file.schema_arrow.names])


def questions(path: str) -> dict[str, list[str]]:
    """Questions by kind, from the first row group."""
    rows = pq.ParquetFile(path).read_row_group(0, ["title", "artist", "listens"])
    chance = random.Random(3)
    heard = np.argsort(-rows["listens"].to_numpy())[:2000]
    picked = [int(chance.choice(heard)) if n % 3 else chance.randrange(rows.num_rows) for n in range(QUERIES)]
    titles, artists = rows["title"].to_pylist(), rows["artist"].to_pylist()
    words = [" ".join([*(titles[i] or "").split()[:2], *(artists[i] or "").split()[:1]]) for i in picked]
    return {
        "words": words,
        "prefix": [text[: -max(1, len(text.split()[-1]) // 2)] for text in words],
        "typo": [_swapped(text) for text in words],
    }


def _swapped(text: str) -> str:
    """Two letters of the longest word exchanged."""
    word = max(text.split(), key=len)
    middle = len(word) // 2
    return text.replace(word, word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :], 1)


def percentiles(ask: Ask, texts: Sequence[str]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    times = []
    for text in texts:
        best = float("inf")
        for _ in range(3):
            begin = time.thread_time()
            ask(text)
            best = min(best, time.thread_time() - begin)
        times.append(best * 1000)
    return float(np.percentile(times, 50)), float(np.percentile(times, 99))


def fts5(source: Parquet, path: Path) -> sqlite3.Connection:
    """The same names in FTS5: contentless, no positions, prefixes of three."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = off")
    whole = "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M* Co'\""  # marks part no word
    db.execute(
        f"CREATE VIRTUAL TABLE names USING fts5(words, content='', detail=column, prefix='3', {whole})"
    )
    db.executemany("INSERT INTO names (rowid, words) VALUES (?, ?)", _texts(source))
    db.commit()
    return db


def _texts(source: Parquet) -> Iterator[tuple[int, str]]:
    for batch in source.batches(("row", "title", "artist", "release")):
        for row, *names in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield row, search_text(*names)


def ask_fts5(db: sqlite3.Connection, prefix: bool) -> Ask:
    def ask(text: str) -> int:
        words = " ".join(f'"{word}"' for word in search_text(text).split())
        query = "SELECT rowid FROM names WHERE names MATCH ? ORDER BY bm25(names) LIMIT 20"
        return len(db.execute(query, [words + "*" * prefix]).fetchall())

    return ask


def main(path: str, work: Path) -> None:
    source, count = Parquet(path), pq.ParquetFile(path).metadata.num_rows
    begin, used = time.perf_counter(), _cpu()
    build_shards(str(work / "index"), source)
    wall, cpu = time.perf_counter() - begin, _cpu() - used
    index = SearchIndex(str(work / "index"))
    begin = time.perf_counter()
    with contextlib.closing(fts5(source, work / "fts5.db")) as db:
        theirs = time.perf_counter() - begin
        rows = [
            _result(count, "build", count / wall, "documents/s", count / theirs),
            _result(count, "build, CPU", cpu / count * 1e6, "us/document"),
            _result(
                count, "index", _size(work / "index") / count, "B/track", _size(work / "fts5.db") / count
            ),
        ]
        for kind, texts in questions(path).items():
            ours = percentiles(lambda text: len(index.ask(text).rows), texts)
            fts = percentiles(ask_fts5(db, kind == "prefix"), texts) if kind != "typo" else (None, None)
            for name, mine, other in zip(("p50", "p99"), ours, fts, strict=True):
                rows.append(_result(count, f"{kind} {name}", mine, "ms", other))
    rare = Filters(licence="CC0-1.0")
    one = [text.split()[0] for text in questions(path)["words"]]
    for name, value in zip(
        ("p50", "p99"), percentiles(lambda t: len(index.ask(t, filters=rare).rows), one), strict=True
    ):
        rows.append(_result(count, f"one word, rare licence {name}", value, "ms"))
    measuring.record("search", rows)


def _result(
    size: int, what: str, value: float, unit: str, reference: float | None = None
) -> dict[str, object]:
    ratio = None if not reference else round(value / reference, 3)
    return {"size": size, "what": what, "value": round(value, 3), "unit": unit,
            "reference": None if reference is None else round(reference, 3), "ratio": ratio}  # fmt: skip


def _cpu() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None))
    try:
        main(sys.argv[1], folder)
    finally:
        shutil.rmtree(folder)
