"""The peel in memory, in tables of DuckDB, and in tables of Spark: seconds and peak memory.

Usage: python batch.py HOW [--accounts N] [--pairs-here N], HOW being memory, duckdb or spark://HOST:PORT.
Each account draws 200 tracks of a million by popularity; one in twenty is of a group that shares its tracks
out. With --pairs-here the last rounds are in memory, from so many pairs on. Figures go to results/batch.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import measuring
import numpy as np
import pyarrow as pa

from lockgroove.engines import engine
from lockgroove.guard.batch import TablePool
from lockgroove.guard.coincidence import Pairs, Pool
from lockgroove.guard.peeling import Peel, peel
from lockgroove.guard.trial import make_world

TRACKS, HAD = 1_000_000, 200
STEPS = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987])


def plays(accounts: int, members: int) -> tuple[np.ndarray, np.ndarray]:
    """Accounts and tracks; the last `members` never meet."""
    rng = np.random.default_rng(1)
    weight = make_world(TRACKS, 1).weight
    sums = np.cumsum(weight)
    people = np.searchsorted(sums, rng.random((accounts - members) * HAD) * sums[-1])
    # By popularity without meeting: the smallest of exponential times (Efraimidis and Spirakis, 2006).
    shared = np.argsort(rng.exponential(size=TRACKS) / weight)[: members * HAD]
    track = np.concatenate([people, rng.permutation(shared)[: members * HAD]])
    account = np.repeat(np.arange(accounts), np.bincount(np.arange(len(track)) // HAD, minlength=accounts))
    return account, track


def in_memory(account: np.ndarray, track: np.ndarray) -> tuple[float, Peel]:
    pairs = Pairs.of(account, track, np.zeros(TRACKS, np.int64))
    return timed(pairs)


def in_tables(account: np.ndarray, track: np.ndarray, url: str, pairs_here: int) -> tuple[float, Peel, int]:
    with tempfile.TemporaryDirectory(prefix="batch-") as scratch, engine(url, scratch, 4 << 30) as opened:
        told = opened.take("told", pa.table({"account": account, "track": track}))
        seconds, peeled = timed(TablePool.of(opened, told.distinct(), pairs_here))
        return seconds, peeled, peak_bytes()


def timed(pool: Pool) -> tuple[float, Peel]:
    began = time.perf_counter()
    strata = pool.in_strata_of(pool, STEPS)
    peeled = peel(strata, strata.everybody())
    return time.perf_counter() - began, peeled


def peak_bytes() -> int:
    """The peaks of all processes of Java, and of this one, added up."""
    peaks = [
        status for status in map(_status, Path("/proc").glob("[0-9]*/status")) if status["Name"] == "java"
    ]
    return sum(int(status["VmHWM"].split()[0]) for status in peaks) * 1024 + measuring.self_peak_bytes()


def _status(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {"Name": ""}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--pairs-here", type=int, default=-1)
    given = parser.parse_args()
    members = min(given.accounts // 20, TRACKS // HAD // 2)
    account, track = plays(given.accounts, members)
    before = measuring.self_peak_bytes()
    if given.how == "memory":
        seconds, peeled = in_memory(account, track)
        peak = measuring.self_peak_bytes()
    else:
        seconds, peeled, peak = in_tables(account, track, given.how, given.pairs_here)
    core = peeled.core(members // 2)
    row = {
        "what": f"peel of {given.accounts:,} accounts", "how": given.how.partition(":")[0],
        "seconds": round(seconds, 1), "rounds": len(peeled.left), "pairs": len(track),
        "pairs_here": given.pairs_here, "peak_bytes": peak, "peak_bytes_before": before,
        "group_in_core": round(float((core >= given.accounts - members).mean()), 3),
        "observed_sum": float(peeled.observed.sum()),
    }  # fmt: skip
    measuring.record("batch", [row])


if __name__ == "__main__":
    main()
