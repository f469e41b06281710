"""What the guard adds to a request, in this process and over HTTP; and what coming back after a crash takes.

Usage: python latency.py [--accounts N] [--requests N]. Figures go to results/guard.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import measuring
import numpy as np

from lockgroove.guard.cases import Cases
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import Context, Kind, Scope
from lockgroove.guard.gate import Caller
from lockgroove.guard.live import Guard, Wanted, guarding
from lockgroove.guard.settings import read_settings

TRACKS = 1_000_000


def opened(root: str) -> Guard:
    """A guard over a catalogue of a million tracks."""
    settings = read_settings({}, TRACKS)
    listens = (TRACKS * np.exp(-np.arange(256) / 12) / 12).astype(np.int64)
    cases = Cases(f"{root}/people/guard.sqlite", settings.policy)
    return Guard(root, settings, Digests(b"k" * 32), cases, listens)


def asked(guard: Guard, accounts: int, requests: int, seed: int) -> dict[str, np.ndarray]:
    """Requests by accounts drawn by chance, each followed by a listing or a sound; seconds of each call."""
    rng = np.random.default_rng(seed)
    keys = rng.integers(1, 2**63, accounts).tolist()
    who, tracks = rng.integers(0, accounts, requests).tolist(), rng.zipf(1.3, requests) % TRACKS + 1
    seconds = {name: np.empty(requests) for name in ("a request", "a sound", "a listing of 20")}
    for n, (account, track) in enumerate(zip(who, tracks.tolist(), strict=True)):
        caller = Caller(keys[account], keys[account] ^ 5, 7, 9, 3, Scope.MEMBER)
        wanted = Wanted(track, 4_000_000, 4_000_000, False, track, track // 10 + 1, 200.0, 40)
        shown = list(range(track, track + 20))
        at = [time.perf_counter()]
        guard.request(caller)
        at.append(time.perf_counter())
        guard.sound(caller, wanted)
        at.append(time.perf_counter())
        guard.listed(caller, Kind.SEARCH, Context.SEARCH, shown)
        at.append(time.perf_counter())
        for name, begin, end in zip(seconds, at, at[1:], strict=False):
            seconds[name][n] = end - begin
    return seconds


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        guard = opened(root)
        asked(guard, 10, 100, 1)  # so that loops are compiled
        guard.turn()
        with guarding(guard):
            seconds = asked(guard, given.accounts, given.requests, 2)
        guard.cases.close()
        for name, taken in seconds.items():
            p50, p99, most = (float(np.quantile(taken, share)) * 1e6 for share in (0.5, 0.99, 0.9999))
            tell(f"the guard adds to {name}, p99", p99, "µs", 1000, p50=round(p50, 1), p9999=round(most, 1))
        began = time.perf_counter()
        again = opened(root)
        tell("opened again, from what was saved", time.perf_counter() - began, "s", None)
        again.close()
        again.cases.close()


def tell(name: str, value: float, unit: str, reach: float | None, **more: float) -> None:
    """One figure."""
    measuring.record("guard", [{"what": name, "value": round(value, 4), "unit": unit, "reach": reach} | more])


if __name__ == "__main__":
    main()
