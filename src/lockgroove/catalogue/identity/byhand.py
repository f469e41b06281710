"""Matches that people made or undid: the last word on a pair wins over every rule.

Two passes, strongest first, that never join what was parted: over the decisions, newest first, then over the
edges of the groups concerned, surest first (Kruskal's order). An edge that would join a parted pair is the
weakest of its path, and is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lockgroove.catalogue.identity.components import Nodes, components, edge_arrays
from lockgroove.catalogue.identity.keyed import EDGES
from lockgroove.catalogue.identity.rules import BY_HAND, RULES
from lockgroove.engines import Engine


class Decision(NamedTuple):
    """Somebody said that two nodes are one recording (`match`), or that they are not."""

    one: int
    other: int
    match: bool


class Edge(NamedTuple):
    """As `keyed.EDGES` says."""

    nid: int
    hub: int
    rule: int
    score: float


@dataclass(frozen=True)
class Judgement:
    """What stands of all decisions: pairs that are joined, and pairs that must not be."""

    joined: Sequence[tuple[int, int]]
    parted: Sequence[tuple[int, int]]


@dataclass
class _Groups:
    """Groups of nodes that know which other groups they may never become one with."""

    roots: dict[int, int] = field(default_factory=dict)
    foes: dict[int, set[int]] = field(default_factory=dict)

    def root(self, node: int) -> int:
        """The node that stands for the group."""
        path = []
        while (above := self.roots.get(node, node)) != node:
            path.append(node)
            node = above
        self.roots.update(dict.fromkeys(path, node))
        return node

    def part(self, one: int, other: int) -> bool:
        """Forbid that two become one; False where they are one already."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return False
        self.foes.setdefault(one, set()).add(other)
        self.foes.setdefault(other, set()).add(one)
        return True

    def join(self, one: int, other: int) -> bool:
        """Make two one; False where that is forbidden."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return True
        if other in self.foes.get(one, ()):
            return False
        if len(self.foes.get(one, ())) < len(self.foes.get(other, ())):
            one, other = other, one
        self.roots[other] = one
        for foe in self.foes.pop(other, set()):
            self.foes[foe].discard(other)
            self.foes[foe].add(one)
            self.foes.setdefault(one, set()).add(foe)
        return True


def judge(decisions: Iterable[Decision]) -> Judgement:
    """What stands of decisions in the order in which they were made; a later one wins over all before it."""
    groups = _Groups()
    joined, parted = [], []
    for one, other, match in reversed(list(decisions)):
        pair = (max(one, other), min(one, other))
        if pair[0] == pair[1]:
            continue
        if match and groups.join(*pair):
            joined.append(pair)
        elif not match and groups.part(*pair):
            parted.append(pair)
    return Judgement(sorted(set(joined)), sorted(set(parted)))


def cuts(judgement: Judgement, edges: Iterable[Edge]) -> list[Edge]:
    """The edges to cut, so that no parted pair is joined by those that are left and by the joined pairs."""
    groups = _Groups()
    for pair in judgement.joined:
        groups.join(*pair)
    for pair in judgement.parted:
        groups.part(*pair)
    surest = sorted(edges, key=lambda edge: (-edge.score, edge.rule, edge.nid, edge.hub))
    return [edge for edge in surest if edge.rule != BY_HAND and not groups.join(edge.nid, edge.hub)]


def group_by_hand(engine: Engine, count: int, edges: str, decisions: Iterable[Decision]) -> Nodes:
    """The groups of `count` nodes, as `components`, by the edges stored under a name and by hand.

    What is joined by hand is added to the stored edges, what is cut is taken from them. Only groups that
    hold a parted pair are looked at edge by edge.
    """
    judgement = judge(decisions)
    if judgement.joined:
        engine.append(edges, engine.take("by_hand", _table(_by_hand(judgement))))
        engine.drop("by_hand")
    labels = components(count, *edge_arrays(engine, engine.known(edges)))
    parted = np.array(judgement.parted, np.int64).reshape(-1, 2)
    wrong = np.unique(labels[parted[labels[parted[:, 0]] == labels[parted[:, 1]], 0]])
    return _without_cuts(engine, edges, judgement, labels, wrong) if wrong.size else labels


def _without_cuts(engine: Engine, edges: str, judgement: Judgement, labels: Nodes, wrong: Nodes) -> Nodes:
    nodes = np.flatnonzero(np.isin(labels, wrong))
    engine.take("by_hand_nodes", pa.table({"nid": pa.array(nodes, pa.int64())}))
    inner = engine.known(edges).semi_join(engine.known("by_hand_nodes"), "nid")
    found = [Edge(*row.values()) for batch in engine.batches(inner) for row in batch.to_pylist()]
    cut = cuts(judgement, found)
    left = sorted(set(found) - set(cut))
    engine.take("by_hand_cut", _table(cut))
    kept: ir.Table = engine.known(edges).anti_join(engine.known("by_hand_cut"), ["nid", "hub", "rule"])
    engine.store("by_hand_kept", kept)
    engine.store(edges, engine.known("by_hand_kept"))
    engine.drop("by_hand_nodes", "by_hand_cut", "by_hand_kept")
    places = {int(node): place for place, node in enumerate(nodes)}
    ends = np.array([(places[e.nid], places[e.hub]) for e in left], np.uint32).reshape(-1, 2)
    labels[nodes] = nodes[components(len(nodes), ends[:, 0], ends[:, 1])]
    return labels


def _by_hand(judgement: Judgement) -> list[Edge]:
    return [Edge(*pair, BY_HAND, RULES[BY_HAND].score) for pair in judgement.joined]


def _table(edges: Sequence[Edge]) -> pa.Table:
    columns = zip(*edges, strict=True) if edges else [()] * len(EDGES.names)
    schema = EDGES.to_pyarrow()
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
