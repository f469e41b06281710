"""Made-up listening of known truth, as events and as logs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.guard.events import FIELDS, Batch, Context, Origin, empty
from lockgroove.guard.trial import Habits, Played, World, in_order, listen, make_world, shuffled

START_MS = 20_000 * 86_400_000
MAP = """\
[fields]
account = "user"
track = "song"
ts_ms = "at"
seconds_played = "played"
seconds_possible = "length"
context = "context"
origin = "origin"
place = "place"
album = "album"
"""


@dataclass
class Town:
    """Who lives there: events of all, and what each account is."""

    world: World
    days: int
    events: list[np.ndarray]
    truth: dict[int, str]
    rng: np.random.Generator

    def add(self, name: str, played: Played, count: int) -> None:
        digests = self.rng.integers(1, 2**63, count).astype(np.uint64)
        self.events.append(played.events(self.world, digests))
        self.truth |= dict.fromkeys(digests.tolist(), name)

    def rows(self) -> np.ndarray:
        together = np.concatenate(self.events)
        return together[np.argsort(together["ts_ms"], kind="stable")]

    def batches(self, size: int = 50_000) -> list[Batch]:
        rows = self.rows()
        return [Batch(rows[first : first + size], FIELDS) for first in range(0, len(rows), size)]


def town(people: int, days: int, seed: int = 1, tracks: int = 100_000) -> Town:
    made = Town(make_world(tracks, seed), days, [], {}, np.random.default_rng(seed))
    made.add("person", listen(made.world, Habits.of_people(people, made.rng), days, seed, START_MS), people)
    return made


def add_scrapers(made: Town) -> None:
    """Who does not even pretend."""
    world, days = made.world, made.days
    made.add("fast", in_order(world, 1, 3000, days, START_MS), 1)
    made.add("slow", in_order(world, 3, 60, days, START_MS, first=world.count // 2), 3)
    made.add("shuffled", shuffled(np.arange(world.count), 20, 60, days, START_MS, made.rng), 20)


def add_traps(made: Town) -> None:
    """Who only looks like it."""
    world, days = made.world, made.days
    for seed, (name, habits) in enumerate(
        {
            "heavy": {"plays": 380},
            "thorough": {"plays": 150, "repeats": 0.1, "albums": 0.92, "tail": 0.1},
            "radio": {"plays": 400, "radio": 1.0},
        }.items()
    ):
        someone = Habits.of_people(5, made.rng).but(**habits)
        made.add(name, listen(world, someone, days, 70 + seed, START_MS), 5)


def as_table(rows: np.ndarray, names: dict[int, str], path: Path) -> None:
    """A service's own table, with names of its own."""
    pq.write_table(
        pa.table(
            {
                "user": [names[account] for account in rows["account"].tolist()],
                "song": [f"song {track}" for track in rows["track"].tolist()],
                "at": pa.array(rows["ts_ms"]),
                "played": pa.array(rows["seconds_played"]),
                "length": pa.array(rows["seconds_possible"]),
                "context": [Context(number).name.lower() for number in rows["context"].tolist()],
                "origin": [Origin(number).name.lower() for number in rows["origin"].tolist()],
                "place": pa.array(rows["place"]),
                "album": pa.array(rows["album"]),
            }
        ),
        path,
    )


def joined(batches: Iterable[Batch]) -> Batch:
    """All events as one batch, which tells what each of them tells."""
    parts = list(batches)
    if not parts:
        return Batch(empty(0), FIELDS)
    told = frozenset.intersection(*(part.told for part in parts))
    return Batch(np.concatenate([part.rows for part in parts]), told)


def combined(**told: Any) -> str:
    """A line of nginx or Apache."""
    said = {
        "address": "192.0.2.7", "user": "ann", "time": "17/May/2015:10:05:03 +0000",
        "request": "GET / HTTP/1.1", "status": 200, "size": 123, "agent": "Mozilla/5.0",
    } | told  # fmt: skip
    return '{address} - {user} [{time}] "{request}" {status} {size} "-" "{agent}"'.format(**said)


def caddy(uri: str, user: str = "") -> str:
    """A line of Caddy."""
    headers = {"User-Agent": ["player"]}
    request = {"remote_ip": "2001:db8::7", "method": "GET", "uri": uri, "headers": headers}
    return json.dumps({"ts": 1431857103.25, "request": request, "user_id": user, "size": 99, "status": 200})
