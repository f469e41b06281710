"""Matches by hand: the last word wins, and a parted pair is parted at its weakest link."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_rows import groups_of

from lockgroove.catalogue.identity.byhand import Decision, Edge, cuts, group_by_hand, judge
from lockgroove.catalogue.identity.keyed import EDGES
from lockgroove.catalogue.identity.rules import BY_HAND, RULES
from lockgroove.engines import DuckDBEngine, Engine

NODES = 12
FEW = settings(max_examples=25)
PAIRS = st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)).filter(
    lambda pair: pair[0] != pair[1]
)
EDGE = st.builds(
    lambda pair, rule: Edge(max(pair), min(pair), rule, RULES[rule].score), PAIRS, st.integers(0, 5)
)
DECISION = st.builds(lambda pair, match: Decision(*pair, match), PAIRS, st.booleans())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = DuckDBEngine.opened(str(tmp_path_factory.mktemp("engine")), 1 << 30)
    yield opened
    opened.close()


def match(one: int, other: int) -> Decision:
    return Decision(one, other, True)


def unmatch(one: int, other: int) -> Decision:
    return Decision(one, other, False)


def edge(nid: int, hub: int, rule: int) -> Edge:
    return Edge(nid, hub, rule, RULES[rule].score)


def grouped(engine: Engine, edges: list[Edge], decisions: list[Decision]) -> tuple[list[int], list[Edge]]:
    """Labels of all nodes, and the edges that are left."""
    schema = EDGES.to_pyarrow()
    engine.store("edges", engine.take("given", pa.Table.from_pylist([e._asdict() for e in edges], schema)))
    labels = group_by_hand(engine, NODES, "edges", decisions)
    left = [Edge(*row.values()) for b in engine.batches(engine.known("edges")) for row in b.to_pylist()]
    engine.drop("given", "edges")
    return labels.tolist(), sorted(left)


@pytest.mark.parametrize(
    ("decisions", "joined", "parted"),
    [
        ([match(1, 2)], [(2, 1)], []),
        ([match(1, 2), unmatch(2, 1)], [], [(2, 1)]),
        ([unmatch(1, 2), match(2, 1)], [(2, 1)], []),
        ([match(1, 2), match(2, 3), unmatch(1, 3)], [(3, 2)], [(3, 1)]),
        ([unmatch(1, 3), match(1, 2), match(2, 3)], [(2, 1), (3, 2)], []),
        ([match(1, 2), match(1, 2), match(3, 3)], [(2, 1)], []),
    ],
    ids=[
        "joined",
        "taken back",
        "parted, then joined",
        "the older of two gives way",
        "outvoted later",
        "twice",
    ],
)
def test_the_last_word_wins(
    decisions: list[Decision], joined: list[tuple[int, int]], parted: list[tuple[int, int]]
) -> None:
    judgement = judge(decisions)

    assert (judgement.joined, judgement.parted) == (joined, parted)


def test_the_least_sure_link_of_the_path_is_cut() -> None:
    edges = [edge(1, 0, 4), edge(2, 1, 2), edge(3, 2, 3)]

    assert cuts(judge([unmatch(0, 3)]), edges) == [edge(1, 0, 4)]


def test_of_links_alike_that_of_the_higher_rule_is_cut_then_that_of_higher_nodes() -> None:
    assert cuts(judge([unmatch(0, 2)]), [edge(1, 0, 5), edge(2, 1, 4)]) == [edge(1, 0, 5)]
    assert cuts(judge([unmatch(0, 2)]), [edge(2, 1, 4), edge(1, 0, 4)]) == [edge(2, 1, 4)]


def test_every_path_is_cut() -> None:
    edges = [edge(1, 0, 2), edge(2, 0, 4), edge(3, 1, 4), edge(3, 2, 2)]

    assert cuts(judge([unmatch(0, 3)]), edges) == [edge(2, 0, 4), edge(3, 1, 4)]


def test_what_was_joined_by_hand_stays_and_the_rule_gives_way(engine: Engine) -> None:
    """The rule is surer of its edge than any other; people know better."""
    labels, left = grouped(engine, [edge(1, 0, 1)], [match(1, 2), unmatch(0, 2)])

    assert labels[:3] == [0, 1, 1]
    assert left == [Edge(2, 1, BY_HAND, 1.0)]


def test_other_groups_keep_their_edges(engine: Engine) -> None:
    edges = [edge(1, 0, 4), edge(6, 5, 4), edge(7, 6, 4)]

    labels, left = grouped(engine, edges, [unmatch(0, 1), unmatch(2, 3)])

    assert labels == [0, 1, 2, 3, 4, 5, 5, 5, 8, 9, 10, 11]
    assert left == edges[1:]


@FEW
@given(st.lists(EDGE, max_size=25, unique=True), st.lists(DECISION, max_size=8))
def test_no_parted_pair_is_joined_and_nothing_is_cut_in_vain(
    engine: Engine, edges: list[Edge], decisions: list[Decision]
) -> None:
    """Each edge that was cut would join a parted pair if it came back."""
    judgement = judge(decisions)

    labels, left = grouped(engine, edges, decisions)

    assert all(labels[one] != labels[other] for one, other in judgement.parted)
    assert all(labels[one] == labels[other] for one, other in judgement.joined)
    assert groups_of(left, range(NODES)) == {
        frozenset(np.flatnonzero(np.array(labels) == root).tolist())
        for root in set(labels)
        if labels.count(root) > 1
    }
    parted = {frozenset((labels[one], labels[other])) for one, other in judgement.parted}
    for nid, hub, _, _ in set(edges) - set(left):
        assert frozenset((labels[nid], labels[hub])) in parted


@FEW
@given(
    st.lists(EDGE, max_size=25, unique=True),
    st.lists(DECISION, max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_of_edges_changes_nothing(
    edges: list[Edge], decisions: list[Decision], shuffle: random.Random
) -> None:
    judgement = judge(decisions)

    assert cuts(judgement, edges) == cuts(judgement, shuffle.sample(edges, len(edges)))


@given(st.lists(DECISION, max_size=12))
def test_the_newest_decision_always_stands(decisions: list[Decision]) -> None:
    judgement = judge(decisions)

    if decisions:
        one, other, matched = decisions[-1]
        pair = (max(one, other), min(one, other))
        assert pair in (judgement.joined if matched else judgement.parted)
