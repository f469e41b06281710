"""A generated catalogue of any size: each stage of its build, its bytes, its answers, its matches.

    python catalogue.py --tracks 2560000 [--folder DIR]

It runs `lockgroove bench catalogue` and appends its figures to results/catalogue.json. The archive stays in
the folder, so that a run that was cut goes on; remove it when it is no longer needed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import measuring

SCRATCH = Path(__file__).parent / "scratch"


def figures(tracks: int, folder: str, questions: int) -> Iterator[dict[str, object]]:
    """The figures of a run, as they come; progress goes to standard error."""
    command = [
        str(Path(sys.executable).with_name("lockgroove")), "-C", folder, "bench", "catalogue", "--json",
        "--tracks", str(tracks), "--questions", str(questions),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said = json.loads(line)
            if said["type"] == "item":
                yield {name: said[name] for name in ("name", "size", "value", "unit", "reach")}
            elif said["type"] == "error":
                raise SystemExit(said["message"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracks", type=int, default=2_560_000)
    parser.add_argument("--folder")
    parser.add_argument("--questions", type=int, default=1000)
    given = parser.parse_args()
    folder = given.folder or str(SCRATCH / f"catalogue-{given.tracks}")
    os.makedirs(folder, exist_ok=True)
    rows = [{"what": row.pop("name"), **row} for row in figures(given.tracks, folder, given.questions)]
    measuring.record("catalogue", rows)


if __name__ == "__main__":
    main()
