"""Keep and gather beside their peers, on the same files, one after the other in one run.

    python bench/peers.py SHELF

Peers: ocfl-object.py create and bagit.py (from PyPI), borg create and restic backup (Debian), beet import -A.
Name a folder with the PyPI ones in $PEERS; what is not installed is left out. Each is run five times in
turn; the median counts.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import measuring

LOCKGROOVE = str(Path(sys.executable).parent / "lockgroove")
PEERS = Path(os.environ.get("PEERS", "/usr/local/bin"))
ROUNDS = 5


def lockgroove_gather(shelf: Path, work: Path) -> list[str]:
    archive = work / "archive"
    measuring.run([LOCKGROOVE, "init", str(archive)])
    return [LOCKGROOVE, "-C", str(archive), "gather", "folder", str(shelf)]


def lockgroove_keep(shelf: Path, work: Path) -> list[str]:
    measuring.run(lockgroove_gather(shelf, work))
    measuring.run([LOCKGROOVE, "-C", str(work / "archive"), "plan"])
    return [LOCKGROOVE, "-C", str(work / "archive"), "keep"]


def ocfl_create(shelf: Path, work: Path) -> list[str]:
    script = str(PEERS / "ocfl-object.py")
    return [
        script,
        "create",
        "--srcdir",
        str(shelf),
        "--objdir",
        str(work / "object"),
        "--id",
        "urn:peer",
        "-q",
    ]


def ocfl_create_equal(shelf: Path, work: Path) -> list[str]:
    """The same with the second digest that we write too."""
    return [*ocfl_create(shelf, work), "--fixity", "sha256"]


def bagit(shelf: Path, work: Path) -> list[str]:
    shutil.copytree(shelf, work / "bag", symlinks=True)
    return [str(PEERS / "bagit.py"), "--sha512", "--quiet", str(work / "bag")]


def borg(shelf: Path, work: Path) -> list[str]:
    measuring.run(["borg", "init", "-e", "none", str(work / "repo")], BORG_BASE_DIR=str(work))
    return ["borg", "create", "--compression", "none", f"{work}/repo::one", str(shelf)]


def restic(shelf: Path, work: Path) -> list[str]:
    measuring.run(["restic", "init", "-r", str(work / "repo")], RESTIC_PASSWORD="x")
    return ["restic", "-r", str(work / "repo"), "backup", str(shelf)]


def beets(shelf: Path, work: Path) -> list[str]:
    (work / "config.yaml").write_text(
        f"directory: {work}/music\nlibrary: {work}/library.db\nimport: {{copy: no}}\n"
    )
    return [str(PEERS / "beet"), "-c", str(work / "config.yaml"), "import", "-A", "-q", str(shelf)]


JOBS: dict[str, list[tuple[str, Callable[[Path, Path], list[str]]]]] = {
    "keep": [
        ("lockgroove keep", lockgroove_keep),
        ("ocfl-object.py create", ocfl_create),
        ("ocfl-object.py create --fixity sha256", ocfl_create_equal),
        ("bagit.py sha512 in place", bagit),
        ("borg create, no compression", borg),
        ("restic backup", restic),
    ],
    "gather": [("lockgroove gather", lockgroove_gather), ("beet import -A", beets)],
}


def one(prepare: Callable[[Path, Path], list[str]], shelf: Path) -> measuring.Run | None:
    """One run in a fresh folder; None when the peer is not there."""
    work = Path(tempfile.mkdtemp(prefix="peers-", dir=Path(__file__).parent / "scratch"))
    try:
        command = prepare(shelf, work)
        if shutil.which(command[0]) is None:
            return None
        os.sync()
        return measuring.run(command, RESTIC_PASSWORD="x", BORG_BASE_DIR=str(work), BEETSDIR=str(work))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def compare(job: str, shelf: Path) -> None:
    runs: dict[str, list[measuring.Run]] = {}
    for _ in range(ROUNDS):
        for name, prepare in JOBS[job]:
            done = one(prepare, shelf)
            if done is not None:
                runs.setdefault(name, []).append(done)
    rows: list[dict[str, object]] = []
    ours = statistics.median(run.cpu_seconds for run in runs[JOBS[job][0][0]])
    for name, done in runs.items():
        cpu = statistics.median(run.cpu_seconds for run in done)
        rows.append(
            {
                "job": job,
                "what": name,
                "size": sum(1 for path in shelf.rglob("*") if path.is_file()),
                "wall_seconds": round(statistics.median(run.wall_seconds for run in done), 2),
                "cpu_seconds": round(cpu, 2),
                "peak_mb": round(max(run.peak_bytes for run in done) / 1e6),
                "cpu_of_ours": round(cpu / ours, 2),
                "exit": done[-1].exit,
            }
        )
    measuring.record("peers", rows)


if __name__ == "__main__":
    (Path(__file__).parent / "scratch").mkdir(exist_ok=True)
    for job in JOBS:
        compare(job, Path(sys.argv[1]))
