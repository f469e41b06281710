"""A base and its changes read as one table: what a rewrite of the whole would give."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.merging import Changes, merged
from lockgroove.engines import DuckDBEngine, Engine

SCHEMA = pa.schema([("id", pa.binary(12)), ("title", pa.string()), ("listens", pa.int64())])
IDS = st.integers(0, 9).map(lambda n: b"%012d" % n)
ROWS = st.dictionaries(
    IDS, st.tuples(st.sampled_from(["A", "B", ""]), st.none() | st.integers(0, 3)), max_size=8
)
CHANGES = st.lists(st.tuples(ROWS, st.sets(IDS, max_size=4)), max_size=3)

Rows = dict[bytes, tuple[str, int | None]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = DuckDBEngine.opened(str(tmp_path_factory.mktemp("engine")), 1 << 30)
    yield opened
    opened.close()


def table(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist(
        [{"id": key, "title": title, "listens": listens} for key, (title, listens) in rows.items()], SCHEMA
    )


@settings(max_examples=30)
@given(ROWS, CHANGES)
def test_the_view_is_what_a_rewrite_would_give(
    engine: Engine, base: Rows, changes: list[tuple[Rows, set[bytes]]]
) -> None:
    expected = dict(base)
    told = []
    for number, (upserts, deletions) in enumerate(changes):
        expected = {key: row for key, row in expected.items() if key not in deletions} | upserts
        gone = pa.table({"id": pa.array(sorted(deletions), pa.binary(12))})
        told.append(
            Changes(
                engine.take(f"upserts_{number}", table(upserts)), engine.take(f"deletions_{number}", gone)
            )
        )

    view = merged(engine.take("base", table(base)), told, ["id"])

    rows = [row for batch in engine.batches(view) for row in batch.to_pylist()]
    assert sorted((r["id"], r["title"], r["listens"] or -1) for r in rows) == sorted(
        (key, title, listens or -1) for key, (title, listens) in expected.items()
    )
    assert {r["id"]: (r["title"], r["listens"]) for r in rows} == expected
