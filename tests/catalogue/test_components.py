"""Groups that edges make, in memory: those of a naive union-find, whatever the shape."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.identity.components import components

CUT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def grouped(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    ends = np.array(pairs, np.uint32).reshape(-1, 2)
    return [int(label) for label in components(count, ends[:, 0], ends[:, 1])]


def naive(count_: int, pairs: list[tuple[int, int]]) -> list[int]:
    roots = list(range(count_))

    def root(node: int) -> int:
        while roots[node] != node:
            node = roots[node]
        return node

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        roots[high] = low
    return [root(node) for node in range(count_)]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    nodes = draw(st.integers(1, 60))
    node = st.integers(0, nodes - 1)
    return nodes, draw(st.lists(st.tuples(node, node), max_size=90))


@pytest.fixture(params=[None, 7], ids=["in one chunk", "in chunks of seven"])
def _chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes millions of edges at a time is cut into pieces that a test can fill."""
    if request.param:
        monkeypatch.setattr("lockgroove.catalogue.identity.components._CHUNK", request.param)


@CUT
@pytest.mark.usefixtures("_chunks")
@given(graphs())
def test_components_are_those_of_a_naive_union_find(graph: tuple[int, list[tuple[int, int]]]) -> None:
    nodes, pairs = graph

    assert grouped(nodes, pairs) == naive(nodes, pairs)


@pytest.mark.parametrize(
    "pairs",
    [
        [(n, 0) for n in range(1, 5000)],
        [(0, n) for n in range(1, 5000)],
        [(n, n + 1) for n in range(4999)],
        [(n + 1, n) for n in range(4999)][::-1],
        random.Random(1).sample([(n, n + 1) for n in range(4999)], 4999),
        [(n, (n + 1) % 5000) for n in range(5000)],
    ],
    ids=["star", "star turned round", "chain", "chain backwards", "chain shuffled", "ring"],
)
@pytest.mark.usefixtures("_chunks")
def test_a_long_shape_is_one_group(pairs: list[tuple[int, int]]) -> None:
    assert not any(grouped(5000, pairs))


def test_without_edges_each_stands_alone() -> None:
    none = np.array([], np.uint32)

    assert grouped(0, []) == []
    assert grouped(3, []) == [0, 1, 2]
    assert components(3, none, none).dtype == np.uint32
