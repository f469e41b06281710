"""The same expressions on a real Spark cluster give the rows that DuckDB gives.

One session for all: starting it costs more than everything else here.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from claimbook import build, record, tables_of
from deltabook import Book
from ibis import _
from matching_rows import ISRC, MBID, NAMES, Row, arrow, edges_of
from test_parts import a_world

import sparkcluster
from lockgroove.catalogue.build import grouping
from lockgroove.catalogue.identity.components import components
from lockgroove.catalogue.identity.keyed import spread_out
from lockgroove.catalogue.identity.starforest import star_forest
from lockgroove.catalogue.merging import Changes, merged, table_now
from lockgroove.coverage.curve import measure_coverage
from lockgroove.engines import Engine

pytestmark = sparkcluster.NEEDED


class Lent:
    """An engine that whoever borrows it cannot close."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def close(self) -> None:
        self._engine.drop("edges")


def test_tables_built_with_spark_are_the_same_to_the_byte(
    spark: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, heard = a_world(2)
    asked: list[str] = []

    def opened(url: str, _: str) -> Any:
        asked.append(url)
        return Lent(spark)

    monkeypatch.setattr(grouping, "open_engine", opened)
    here = build(tmp_path, records, listens=heard)
    there = build(tmp_path, records, listens=heard, engine="spark://a-cluster:7077")

    assert asked == ["spark://a-cluster:7077"]
    assert tables_of(there) == tables_of(here)


def rows(engine: Engine, expression: ibis.Table) -> list[dict[str, Any]]:
    return [row for batch in engine.batches(expression) for row in batch.to_pylist()]


def world(seed: int, nodes: int) -> list[Row]:
    """Keys of a few nodes each; sounds, names without one, identifiers that are shared and mistyped."""
    dice = random.Random(seed)
    found = []
    for nid in range(nodes):
        ms = dice.choice([None, 100_000, 101_500, 104_000, 106_000, 112_000, 200_000])
        name = dice.randrange(nodes // 3)
        nameless = ms is None and dice.random() < 0.3
        for rule in dice.sample(range(6), 3):
            near = dice.randrange(nodes // 6)
            if rule in (MBID, ISRC):
                bare = near if dice.random() < 0.9 else -1
                said = 0 if nameless else name
                found.append(Row(rule, bare * 2 + dice.randrange(2), nid, ms, said, -bare - 5, nameless))
            elif rule == NAMES:
                found.append(Row(rule, name, nid, ms, name))
            else:
                found.append(Row(rule, near + nodes, nid, ms, name))
    return found


def test_the_edges_are_the_same(spark: Engine, local: Engine) -> None:
    claims = world(1, 300)
    titles = {
        nid: random.Random(nid % 40).choice(["moonlight", "river", "yellow river"]) for nid in range(300)
    }

    found = edges_of(spark, claims, titles=titles)

    assert found == edges_of(local, claims, parts=3, titles=titles)
    assert {edge.rule for edge in found} == set(range(6))


def test_the_groups_are_the_same(spark: Engine) -> None:
    dice = random.Random(2)
    pairs = np.array([(dice.randrange(200), dice.randrange(200)) for _ in range(120)], np.int64)
    edges = spark.take("pairs", pa.table({"nid": pairs[:, 0], "hub": pairs[:, 1]}))

    forest = star_forest(spark, edges, "forest")

    found = np.arange(200, dtype=np.uint32)
    for row in rows(spark, forest):
        found[row["nid"]] = row["root"]
    left, right = pairs.T.astype(np.uint32)
    assert found.tolist() == components(200, left, right).tolist()


def test_the_coverage_is_the_same(spark: Engine, local: Engine) -> None:
    dice = random.Random(3)
    listens = [int(dice.lognormvariate(5, 3)) for _ in range(2000)]
    table = pa.table({"listens": listens, "held": [dice.random() < 0.5 for _ in listens]})

    one, other = (measure_coverage(e, e.take("recordings", table), 50) for e in (spark, local))

    assert one == other
    assert one.listens == sum(listens)


def test_the_merged_view_is_the_same(spark: Engine, local: Engine, tmp_path: Path) -> None:
    for name, numbers in (("base", range(100)), ("upserts", range(90, 120)), ("deletions", range(10))):
        ids = [b"%012d" % n for n in numbers]
        pq.write_table(
            pa.table({"id": pa.array(ids, pa.binary(12)), "title": [f"{name} {n}" for n in numbers]}),
            tmp_path / f"{name}.parquet",
        )

    def view(engine: Engine) -> list[tuple[Any, ...]]:
        read = {n: engine.read(n, [str(tmp_path / f"{n}.parquet")]) for n in ("base", "upserts", "deletions")}
        changes = Changes(read["upserts"], read["deletions"].select("id"))
        return sorted((r["id"], r["title"]) for r in rows(engine, merged(read["base"], [changes], ["id"])))

    assert view(spark) == view(local)
    assert len(view(local)) == 110


def test_a_table_after_what_changed_is_the_same(spark: Engine, local: Engine, tmp_path: Path) -> None:
    says = {"artist": "Choir", "duration_ms": 200_000}
    old = [record("recording", "plain", str(n), {"title": f"Song {n}", **says}) for n in range(9)]
    later = "2026-02-01T00:00:00.000000Z"
    new = [record("recording", "plain", str(n), {"title": "Song 1", **says}, at=later) for n in (2, 9)]
    target = str(Book(tmp_path, [old, new]).delta(Book(tmp_path, [old])))

    def titles(engine: Engine) -> list[str]:
        return sorted(row["title"] for row in rows(engine, table_now(engine, target, "recordings")))

    assert titles(spark) == titles(local) == [f"Song {n}" for n in range(9) if n != 2]


def test_folders_are_read_and_written_in_place_of_what_is_there(spark: Engine, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
        pq.write_table(pa.table({"n": [number]}), tmp_path / "in" / str(number) / "rows.parquet")

    table = spark.read("numbers", [str(tmp_path / "in")])
    for _again in range(2):
        spark.write(str(tmp_path / "out"), table.mutate(n=_.n * 2))

    assert sorted(r["n"] for r in pq.read_table(tmp_path / "out").to_pylist()) == [2, 4]


def test_rows_are_spread_out_alike(spark: Engine, local: Engine, tmp_path: Path) -> None:
    claims = arrow(world(4, 60))

    def parts(engine: Engine) -> list[list[int]]:
        keyed = engine.take("keyed", claims)
        found = spread_out(engine, keyed, 3, str(tmp_path / engine.dialect))
        return [sorted(row["k"] for row in rows(engine, part)) for part in found]

    assert parts(spark) == parts(local)


def test_rows_come_in_order(spark: Engine) -> None:
    table = spark.take("many", pa.table({"n": list(range(5000))}))

    batches = list(spark.batches(table.order_by(ibis.desc("n")), 1000))

    assert max(batch.num_rows for batch in batches) <= 1000
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(5000))[::-1]
