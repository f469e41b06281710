"""Groups that edges make: the lowest member of each node's group, in 4 bytes a node.

Each round hooks the higher root of an edge to the lower, then lets every node point at its root, so that an
edge between equal roots has done its work (Shiloach, Vishkin 1982). A node's label is never above the node,
which keeps hooks free of circles and lets one ascending pass find all roots.
"""

from __future__ import annotations

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from lockgroove.engines import Engine

Nodes = npt.NDArray[np.uint32]
_CHUNK = 1 << 22


def components(count: int, nid: Nodes, hub: Nodes) -> Nodes:
    """The lowest member of each node's group; edges are pairs (nid, hub) of nodes below `count`.

    Beside the edges, which are not changed, it takes 4 bytes a node, and 8 for each edge that the first round
    leaves undone.
    """
    labels = np.arange(count, dtype=np.uint32)
    while nid.size:
        for start in range(0, nid.size, _CHUNK):
            _hook(labels, nid[start : start + _CHUNK], hub[start : start + _CHUNK])
        _root(labels)
        nid, hub = _undone(labels, nid, hub)
    return labels


def edge_arrays(engine: Engine, edges: ir.Table) -> tuple[Nodes, Nodes]:
    """The columns nid and hub of edges, 8 bytes an edge, in whatever order."""
    (counted,) = [
        row for batch in engine.batches(edges.agg(rows_=edges.count())) for row in batch.to_pylist()
    ]
    left, right = np.empty(counted["rows_"], np.uint32), np.empty(counted["rows_"], np.uint32)
    done = 0
    for batch in engine.batches(edges.select("nid", "hub")):
        until = done + batch.num_rows
        left[done:until] = batch.column(0).to_numpy()
        right[done:until] = batch.column(1).to_numpy()
        done = until
    return left, right


def _hook(labels: Nodes, nid: Nodes, hub: Nodes) -> None:
    """Give each higher root the lowest of the roots that edges lead it to.

    A hook of this round may be overwritten by another; the edge that made it is then undone, and comes again.
    """
    one, other = labels[nid], labels[hub]
    apart = one != other
    one, other = one[apart], other[apart]
    np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))


def _root(labels: Nodes) -> None:
    """Let every label be a root. Labels below a block are roots already when its turn comes."""
    for start in range(0, labels.size, _CHUNK):
        block = labels[start : start + _CHUNK]
        while True:
            above = labels[block]
            if np.array_equal(above, block):
                break
            block[:] = above


def _undone(labels: Nodes, nid: Nodes, hub: Nodes) -> tuple[Nodes, Nodes]:
    left: list[Nodes] = []
    right: list[Nodes] = []
    for start in range(0, nid.size, _CHUNK):
        one, other = nid[start : start + _CHUNK], hub[start : start + _CHUNK]
        apart = labels[one] != labels[other]
        left.append(one[apart])
        right.append(other[apart])
    return np.concatenate(left), np.concatenate(right)
