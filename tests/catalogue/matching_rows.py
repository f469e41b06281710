"""Rows that matching reads, drawn at random or written by hand, and the edges that are made of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from lockgroove.catalogue.identity.components import components
from lockgroove.catalogue.identity.edges import recording_edges
from lockgroove.catalogue.identity.keyed import KEYED, in_parts
from lockgroove.catalogue.identity.rules import RULES
from lockgroove.engines import Engine

REFERENCE, BYTES, MBID, ISRC, NAMES, EARLIER = range(6)
_TITLES = pa.schema([("nid", pa.int64()), ("title", pa.string())])
_names = itertools.count()


class Row(NamedTuple):
    """As `keyed.KEYED` says; names of one key are one number, for brevity."""

    rule: int
    k: int
    nid: int
    ms: int | None = None
    name: int = 0
    bare: int | None = None
    nameless: bool = False


class Edge(NamedTuple):
    nid: int
    hub: int
    rule: int


def arrow(rows: Iterable[Row]) -> pa.Table:
    order = ("rule", "k", "bare", "nid", "ms", "name", "nameless")
    schema = KEYED.to_pyarrow()
    columns = [[getattr(row, name) for row in rows] for name in order]
    return pa.Table.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )


def edges_of(
    engine: Engine, rows: Sequence[Row], parts: int = 1, titles: dict[int, str] | None = None
) -> list[Edge]:
    """The edges of rows, sorted."""
    number = next(_names)
    keyed = engine.take(f"keyed_{number}", arrow(rows))
    told = None
    if titles is not None:
        columns = {"nid": list(titles), "title": list(titles.values())}
        told = engine.take(f"titles_{number}", pa.table(columns, schema=_TITLES))
    asked = None if told is None else (lambda nids: told.semi_join(nids, "nid"))
    found = recording_edges(engine, in_parts(keyed, parts), asked)
    edges = [
        Edge(row["nid"], row["hub"], row["rule"])
        for batch in engine.batches(found)
        for row in batch.to_pylist()
    ]
    engine.drop(f"keyed_{number}", f"titles_{number}", "edges")
    return sorted(edges)


def groups_of(edges: Iterable[tuple[Any, ...]], nodes: Iterable[int]) -> set[frozenset[int]]:
    """The groups that edges make of nodes, those of one node left out."""
    known = sorted(nodes)
    pairs = [edge[:2] for edge in edges]
    left = np.array([nid for nid, _ in pairs], np.uint32)
    right = np.array([hub for _, hub in pairs], np.uint32)
    labels = components(max(known, default=-1) + 1, left, right)
    found: dict[int, set[int]] = defaultdict(set)
    for node in known:
        found[int(labels[node])].add(node)
    return {frozenset(group) for group in found.values() if len(group) > 1}


def within(rule: int, one: int, other: int) -> bool:
    tolerance = RULES[rule].tolerance
    return tolerance is None or tolerance.within(min(one, other), max(one, other))


@st.composite
def worlds(draw: st.DrawFn, nodes_max: int = 40) -> list[Row]:
    """Nodes with durations close together and far apart, few keys, and names that agree or do not."""
    count = draw(st.integers(2, nodes_max))
    seconds = st.sampled_from(
        [None, None, 100, 101, 102, 103, 105, 107, 109, 112, 118, 200, 203, 206, 209, 300]
    )
    rows = []
    for nid in range(count):
        at = draw(seconds)
        ms = None if at is None else at * 1000
        name = draw(st.integers(0, 4))
        nameless = ms is None and name == 0 and draw(st.booleans())
        for rule in draw(st.sets(st.integers(0, 5), min_size=1, max_size=3)):
            identifier = draw(st.integers(1, 4))
            if RULES[rule].identifier:
                version = draw(st.integers(0, 1))
                rows.append(Row(rule, identifier * 10 + version, nid, ms, name, -identifier, nameless))
            elif rule == NAMES:
                if name:
                    rows.append(Row(rule, 1000 + name, nid, ms, name))
            else:
                rows.append(Row(rule, 100 + identifier, nid, ms, name))
    return rows
