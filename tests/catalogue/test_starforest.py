"""Groups by an engine alone are those that are found in memory."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.identity.components import components
from lockgroove.catalogue.identity.starforest import star_forest
from lockgroove.engines import DuckDBEngine, Engine

NODES = 30
PAIRS = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=40)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = DuckDBEngine.opened(str(tmp_path_factory.mktemp("engine")), 1 << 30)
    yield opened
    opened.close()


def roots(engine: Engine, pairs: list[tuple[int, int]], count: int) -> list[int]:
    columns = {"nid": [a for a, _ in pairs], "hub": [b for _, b in pairs]}
    schema = pa.schema([("nid", pa.int64()), ("hub", pa.int64())])
    forest = star_forest(engine, engine.take("pairs", pa.table(columns, schema=schema)), "forest")
    found = list(range(count))
    for batch in engine.batches(forest):
        for row in batch.to_pylist():
            found[row["nid"]] = row["root"]
    engine.drop("pairs", "forest")
    return found


def in_memory(pairs: list[tuple[int, int]], count: int) -> list[int]:
    left, right = (np.array([pair[end] for pair in pairs], np.uint32) for end in (0, 1))
    return [int(label) for label in components(count, left, right)]


@settings(max_examples=20)
@given(PAIRS)
def test_both_find_the_same_groups(engine: Engine, pairs: list[tuple[int, int]]) -> None:
    assert roots(engine, pairs, NODES) == in_memory(pairs, NODES)


@pytest.mark.parametrize(
    "pairs",
    [
        [(n, n + 1) for n in range(299)],
        random.Random(1).sample([(n, (n * 7) % 300) for n in range(300)], 300),
        [(299, n) for n in range(299)],
    ],
    ids=["chain", "circles", "star around the highest"],
)
def test_long_shapes_end(engine: Engine, pairs: list[tuple[int, int]]) -> None:
    assert roots(engine, pairs, 300) == in_memory(pairs, 300)
