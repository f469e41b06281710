"""Engines: expressions over named tables, the same rows whichever engine runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis import _

from lockgroove.engines import DuckDBEngine, Engine, engine, open_engine
from lockgroove.engines.protocol import memory_limit
from lockgroove.errors import UsageError


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Engine]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with engine(None, str(scratch), 1 << 30) as opened:
        yield opened


def rows(engine_: Engine, expression: ibis.Table) -> list[dict[str, object]]:
    return [row for batch in engine_.batches(expression) for row in batch.to_pylist()]


def numbers(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64())})


def test_what_is_stored_stays_as_it_was_when_its_source_changes(local: Engine) -> None:
    source = local.take("source", numbers(1, 2))
    stored = local.store("stored", source.mutate(double=_.n * 2))

    local.drop("source")
    local.take("source", numbers(7))

    assert rows(local, stored.order_by("n")) == [{"n": 1, "double": 2}, {"n": 2, "double": 4}]


def test_a_name_is_given_anew(local: Engine) -> None:
    local.store("stored", local.take("one", numbers(1)))

    local.store("stored", local.take("other", pa.table({"word": ["a"]})))

    assert rows(local, local.known("stored")) == [{"word": "a"}]


def test_rows_are_added_and_the_first_make_the_table(local: Engine) -> None:
    for number in (3, 4):
        local.append("grown", local.take(f"part_{number}", numbers(number)))

    assert rows(local, local.known("grown").order_by("n")) == [{"n": 3}, {"n": 4}]


def test_what_is_not_known_can_be_dropped(local: Engine) -> None:
    local.append("grown", local.take("one", numbers(1)))

    local.drop("grown", "never known")
    local.append("grown", local.take("other", numbers(2)))

    assert rows(local, local.known("grown")) == [{"n": 2}]


def test_parquet_is_read_from_files_and_folders_and_written(local: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    (folder / "deeper").mkdir(parents=True)
    pq.write_table(numbers(1), folder / "deeper" / "a.parquet")
    pq.write_table(numbers(2), tmp_path / "b.parquet")

    both = local.read("both", [str(folder), str(tmp_path / "b.parquet")])
    local.write(str(folder / "sum.parquet"), both.agg(total=_.n.sum().cast("int64")))

    assert pq.read_table(folder / "sum.parquet").to_pylist() == [{"total": 3}]


def test_rows_come_in_order_and_in_batches(local: Engine) -> None:
    table = local.take("many", numbers(*range(10_000)))

    batches = list(local.batches(table.order_by(ibis.desc("n")), 3000))

    assert max(batch.num_rows for batch in batches) <= 3000
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(10_000))[::-1]


def test_it_leaves_its_scratch_as_it_was_and_may_be_closed_twice(tmp_path: Path) -> None:
    opened = open_engine("duckdb", str(tmp_path), 1 << 30)
    opened.store("stored", opened.take("one", numbers(1)))

    opened.close()
    opened.close()

    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_is_not_its_own_stays_open(tmp_path: Path) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE had AS SELECT 1::BIGINT AS n")
        lent = DuckDBEngine(db)
        lent.store("doubled", lent.known("had").select(n=_.n * 2))

        lent.close()

        assert db.sql("SELECT n FROM doubled").fetchall() == [(2,)]


@pytest.mark.parametrize("url", ["postgres://here", "spark", ""])
def test_an_engine_that_is_not_known_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="no engine is called"):
        open_engine(url, str(tmp_path))


def test_memory_is_within_the_machine(tmp_path: Path) -> None:
    assert memory_limit(1) == 512 << 20
    assert memory_limit(600 << 20) == 600 << 20
    assert memory_limit(1 << 60) == memory_limit(None) < 1 << 60
