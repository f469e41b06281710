"""Matching at size: the edges of all rules, and the groups that they make, on DuckDB or on Spark.

Usage: python identity.py NODES... [--engine URL]. Rows are made up in `scratch` (52 bytes a node) and matched
in a process of its own; figures go to results/identity.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keyed_rows
import measuring
import numpy as np

from lockgroove.catalogue.identity.components import components, edge_arrays
from lockgroove.catalogue.identity.edges import parts_for, recording_edges
from lockgroove.catalogue.identity.keyed import KEYED
from lockgroove.engines import engine

ROWS_PER_NODE = 2.32
SCRATCH = Path(__file__).parent / "scratch"


def match(folder: Path, nodes: int, url: str | None, memory_bytes: int) -> dict[str, float]:
    """Seconds of each stage, and what came of it."""
    found: dict[str, float] = {}
    with engine(url, str(SCRATCH), memory_bytes) as opened:
        paths = sorted(folder.glob("part=*"), key=lambda path: int(path.name[5:]))
        parts = [
            opened.read(f"part_{number}", [str(path)]).select(*KEYED.names)
            for number, path in enumerate(paths)
        ]
        started = time.perf_counter()
        edges = recording_edges(opened, parts)
        found["edges_seconds"] = round(time.perf_counter() - started, 1)
        started = time.perf_counter()
        nid, hub = edge_arrays(opened, edges)
        found["edges"] = int(nid.size)
    labels = components(nodes, nid, hub)
    found["groups_seconds"] = round(time.perf_counter() - started, 1)
    found["groups"] = int(np.count_nonzero(labels == np.arange(nodes, dtype=np.uint32)))
    found["peak_mb"] = round(measuring.self_peak_bytes() / 1e6)
    return found


def measure(nodes: int, url: str | None, memory_bytes: int) -> dict[str, object]:
    """Make rows, match them in a process of its own, and remove them."""
    folder = SCRATCH / f"keyed-{nodes}"
    shutil.rmtree(folder, ignore_errors=True)
    keyed_rows.write(
        nodes, folder, parts_for(int(nodes * ROWS_PER_NODE)), max(1, nodes // keyed_rows.SLICE_NODES)
    )
    words = [sys.executable, __file__, "--match", str(folder), str(nodes), "--memory", str(memory_bytes)]
    done = subprocess.run(
        [*words, *(["--engine", url] if url else [])], check=True, capture_output=True, text=True
    )
    shutil.rmtree(folder)
    return {"size": nodes, "engine": url or "duckdb", **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", type=int, nargs="*", default=[2_560_000])
    parser.add_argument("--engine")
    parser.add_argument("--memory", type=int, default=10 << 30)
    parser.add_argument("--match", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    SCRATCH.mkdir(exist_ok=True)
    if asked.match:
        print(json.dumps(match(asked.match, asked.nodes[0], asked.engine, asked.memory)))
        return
    for nodes in asked.nodes:
        measuring.record("identity", [measure(nodes, asked.engine, asked.memory)])


if __name__ == "__main__":
    main()
