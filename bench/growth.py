"""Gather, keep and gather again at several sizes: seconds, CPU, peak memory.

python bench/growth.py 1000 10000 100000
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import measuring
import shelves


def measure(files: int) -> list[dict[str, object]]:
    """One size from nothing to a second gather after 1 % of the files changed."""
    work = Path(tempfile.mkdtemp(prefix="growth-", dir=Path(__file__).parent / "scratch"))
    shelf, archive = work / "shelf", work / "archive"
    shelves.make(shelf, files)
    lockgroove = [str(Path(sys.executable).parent / "lockgroove")]
    measuring.run([*lockgroove, "init", str(archive)])
    rows: list[dict[str, object]] = []
    for step, change in (
        ("gather", 0),
        ("plan", 0),
        ("keep", 0),
        ("gather again, unchanged", 0),
        ("gather again, 1 % changed", 1),
        ("audit", 0),
    ):
        for number in range(0, files, 100) if change else ():
            album = shelf / f"{number // 10_000:03}" / f"album {number // 10:06}"
            (album / "00.wav").write_bytes(shelves.wav(number + 10**9))
        words = {
            "gather": ["gather", "folder", str(shelf)],
            "plan": ["plan"],
            "keep": ["keep"],
            "audit": ["audit"],
        }
        done = measuring.run([*lockgroove, "-C", str(archive), *words[step.split(" ")[0].rstrip(",")]])
        rows.append(
            {
                "step": step,
                "size": files,
                "wall_seconds": round(done.wall_seconds, 2),
                "cpu_seconds": round(done.cpu_seconds, 2),
                "peak_mb": round(done.peak_bytes / 1e6),
                "exit": done.exit,
            }
        )
        print(rows[-1], flush=True)
    shutil.rmtree(work)
    return rows


if __name__ == "__main__":
    (Path(__file__).parent / "scratch").mkdir(exist_ok=True)
    for size in [int(word) for word in sys.argv[1:]] or [1000, 10_000]:
        measuring.record("growth", measure(size))
