"""The guard against made-up scrapers and among made-up people: who is found, when, and who is wrongly.

Usage: python guard.py [--accounts N] [--seed S] [--days D]. N accounts calibrate, N others are held back and
judged. Figures go to results/guard.json. Needs the extra `guard`: without a compiler it takes days.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import measuring
import numpy as np

from lockgroove.guard import calibration, hot
from lockgroove.guard.coincidence import Pairs
from lockgroove.guard.events import FIELDS, Batch
from lockgroove.guard.groups import find_groups
from lockgroove.guard.records import RECORD, Index
from lockgroove.guard.seen import Seen
from lockgroove.guard.signals import heard_in
from lockgroove.guard.trial import Habits, Played, World, in_order, listen, make_world, shuffled
from lockgroove.guard.watch import Rules, Watch

TRACKS = 1_000_000
AT_ONCE = 20_000
START_MS = 20_000 * hot.DAY_MS
RATE = 5e-5
PLAYS_BEFORE = 2e8  # from which the popularity of tracks is known


@dataclass
class Scene:
    """The world, and how popular its tracks are known to be."""

    seed: int
    days: int
    world: World = field(init=False)
    heard: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.world = make_world(TRACKS, self.seed)
        plays = self.world.weight / self.world.weight.sum() * PLAYS_BEFORE
        self.heard = np.clip(np.log1p(plays) / np.log(1.08), 0, 255).astype(np.uint8)

    def people(self, accounts: int, salt: int) -> Iterator[Played]:
        """So many people, a part at a time."""
        for part in range(0, accounts, AT_ONCE):
            rng = np.random.default_rng([self.seed, salt, part])
            some = Habits.of_people(min(AT_ONCE, accounts - part), rng)
            yield listen(self.world, some, self.days, int(rng.integers(2**31)), START_MS)


@dataclass
class Outcome:
    """What became of some accounts."""

    accounts: int = 0
    account_days: int = 0
    alarms: int = 0
    first_day: dict[int, int] = field(default_factory=dict)
    fresh_before: dict[int, int] = field(default_factory=dict)
    witnesses: int = 0  # accounts with an alarm and a habit besides
    plays: int = 0
    seconds: float = 0.0
    tops: calibration.Tops = field(default_factory=calibration.Tops)
    records: np.ndarray = field(default_factory=lambda: np.zeros(0, RECORD))


def watched(scene: Scene, played: Played, accounts: int, rules: Rules, outcome: Outcome) -> None:
    """Let the guard watch, and add up what it notices."""
    watch = Watch(rules, Seen(256 << 20))
    watch.tracks.slots(np.arange(1, TRACKS + 1, dtype=np.uint64))  # so that numbers are places
    watch.heard = np.zeros(len(watch.tracks.keys), np.uint8)
    watch.heard[:TRACKS] = scene.heard
    digests = (
        np.random.default_rng([scene.seed, outcome.accounts]).integers(1, 2**63, accounts).astype(np.uint64)
    )
    rows = played.events(scene.world, digests)
    fresh: dict[int, int] = {}
    habits: set[int] = set()
    alarmed: set[int] = set()
    base = outcome.accounts
    for part in np.array_split(rows, max(1, len(rows) // 500_000)):
        began = time.process_time()
        noticed = watch.observe(Batch(part, FIELDS))
        outcome.seconds += time.process_time() - began
        outcome.account_days += len(noticed.days)
        outcome.tops.add(noticed.tops, len(noticed.days))
        habits |= {signal.slot for signal in heard_in(noticed.days, FIELDS)}
        fresh_rows = np.flatnonzero(noticed.what == hot.NEW)
        for alarm in noticed.alarms:
            slot, at = int(alarm["slot"]), int(alarm["event"])
            outcome.alarms += 1
            if slot not in alarmed:
                alarmed.add(slot)
                before = np.count_nonzero(noticed.slots[fresh_rows[fresh_rows <= at]] == slot)
                outcome.first_day[base + slot] = int(noticed.rows["ts_ms"][at] - START_MS) // hot.DAY_MS
                outcome.fresh_before[base + slot] = fresh.get(slot, 0) + int(before)
        for slot, count in zip(*np.unique(noticed.slots[fresh_rows], return_counts=True), strict=True):
            fresh[int(slot)] = fresh.get(int(slot), 0) + int(count)
    days, tops = watch.end_of_day(1 << 30)
    outcome.account_days += len(days)
    outcome.tops.add(tops, len(days))
    habits |= {signal.slot for signal in heard_in(days, FIELDS)}
    outcome.witnesses += len(alarmed & habits)
    outcome.accounts += accounts
    outcome.plays += len(rows)
    outcome.records = watch.records[: watch.accounts.count].copy()


def calibrated(scene: Scene, accounts: int) -> tuple[Rules, Outcome]:
    """Rules from what people here do."""
    bucket_of, shares = calibration.bucket_edges(scene.heard)
    none = Rules.none()
    first = Outcome()
    watched(
        scene, next(scene.people(AT_ONCE, 1)), AT_ONCE, Rules(bucket_of, none.ratios, none.thresholds), first
    )
    ratios = calibration.estimated_ratios(first.records, shares)
    counted = Outcome()
    for played in scene.people(accounts, 2):
        watched(scene, played, AT_ONCE, Rules(bucket_of, ratios, none.thresholds), counted)
    return Rules(bucket_of, ratios, counted.tops.thresholds(RATE)), counted


def held_back(scene: Scene, accounts: int, rules: Rules) -> None:
    """People whom the thresholds never saw."""
    outcome = Outcome()
    for played in scene.people(accounts, 3):
        watched(scene, played, AT_ONCE, rules, outcome)
    rate = outcome.alarms / outcome.account_days
    spread = 1.96 * np.sqrt(max(outcome.alarms, 1)) / outcome.account_days
    interval = [rate - spread, rate + spread]
    days = outcome.account_days
    tell(scene, "people flagged", rate, "of account-days", 1e-4, interval=interval, account_days=days)
    tell(scene, "people flagged with two witnesses", outcome.witnesses, "accounts", 0)
    tell(scene, "events", outcome.plays / outcome.seconds, "a CPU-second", 1e6)


def adversaries(scene: Scene) -> Iterator[tuple[str, int, Played]]:
    """Each with its number of accounts."""
    world, days, rng = scene.world, scene.days, np.random.default_rng([scene.seed, 4])
    like = Habits.of_people(500, rng).but(radio=0)
    everything = np.arange(world.count)

    def pretending(salt: int, own_list: np.ndarray | None = None, **habits: float) -> Played:
        return listen(world, like.but(**habits), days, scene.seed * 100 + salt, START_MS, own_list=own_list)

    yield "fast, in order, 20,000 a day", 1, in_order(world, 1, 20_000, days, START_MS)
    yield "slow, in order, 60 a day", 50, in_order(world, 50, 60, days, START_MS)
    yield "shuffled partition, 60 a day", 500, shuffled(everything, 500, 60, days, START_MS, rng)
    yield "the same of the top third", 500, shuffled(world.share_ranks(0.336), 500, 60, days, START_MS, rng)
    yield "popularity-weighted partition", 500, pretending(1, repeats=0, tail=0, avoids=1)
    yield "human mimic, partition", 500, pretending(2, avoids=1)
    yield "digger mimic, partition", 500, pretending(3, avoids=1, tail=0.35)
    yield "digger mimic, alone", 500, pretending(4, tail=0.35)
    yield "replay, a fifth replaced", 500, pretending(5, rng.permutation(everything), slice=0.2)
    yield "mimic that avoids half", 500, pretending(6, avoids=0.5)


def traps(scene: Scene) -> Iterator[tuple[str, int, Played]]:
    """Those who only look like it."""
    like = Habits.of_people(500, np.random.default_rng([scene.seed, 5]))
    for salt, (name, habits) in enumerate(
        {
            "heavy listeners, 380 a day": {"plays": 380.0},
            "whole albums, 150 a day": {"plays": 150.0, "repeats": 0.1, "albums": 0.92, "tail": 0.1},
            "radio day and night": {"plays": 400.0, "radio": 1.0},
            "rare taste, alone": {"tail": 0.35},
        }.items()
    ):
        seed = scene.seed * 100 + 50 + salt
        yield name, 500, listen(scene.world, like.but(**habits), scene.days, seed, START_MS)


def judged(scene: Scene, rules: Rules) -> None:
    """Scrapers, and those who only look like it."""
    for name, accounts, played in adversaries(scene):
        outcome = Outcome()
        watched(scene, played, accounts, rules, outcome)
        within = [sum(day < d for day in outcome.first_day.values()) / accounts for d in (1, 3, scene.days)]
        before = float(np.median(list(outcome.fresh_before.values()) or [0]))
        tell(
            scene,
            name,
            within[-1],
            "found",
            None,
            in_1_day=within[0],
            in_3_days=within[1],
            new_tracks_before=before,
        )
    for name, accounts, played in traps(scene):
        outcome = Outcome()
        watched(scene, played, accounts, rules, outcome)
        rate = outcome.alarms / outcome.account_days
        tell(scene, name, rate, "of account-days flagged", 1e-3, suspended=outcome.witnesses)


def groups(scene: Scene, people: int, members: int, days: int, avoids: float = 1.0) -> None:
    """A group among people, both with habits of people, where popularity is known."""
    rng = np.random.default_rng([scene.seed, 6, people])
    crowd = listen(scene.world, Habits.of_people(people, rng).but(radio=0), days, scene.seed + 1, START_MS)
    habits = Habits.of_people(members, rng).but(radio=0, avoids=avoids)
    group = listen(scene.world, habits, days, scene.seed + 2, START_MS)
    account = np.concatenate([crowd.account, group.account + people])
    stratum = calibration.bucket_edges(scene.heard)[0][scene.heard].astype(np.int64)
    pairs = Pairs.of(account, np.concatenate([crowd.track, group.track]), stratum)
    is_member = np.unique(account) >= people
    began = time.perf_counter()
    found = find_groups(pairs, rng)
    seconds = time.perf_counter() - began
    told = np.concatenate([g.members for g in found]) if found else np.zeros(0, np.int64)
    certain = np.concatenate([g.certain for g in found]) if found else np.zeros(0, np.int64)
    tell(
        scene, f"group of {members} among {people:,}, avoiding {avoids:.0%}, {days} days",
        float(is_member[told].mean()) if len(told) else 0.0, "precision", 0.95,
        told=len(told), certain=len(certain), wrongly_certain=int(np.count_nonzero(~is_member[certain])),
        seconds=round(seconds, 1), catalogue_share=len(np.unique(group.track)) / TRACKS,
    )  # fmt: skip


def memory(scene: Scene, accounts: int = 10_000_000) -> None:
    """What an account takes."""
    index = Index()
    rng = np.random.default_rng(scene.seed)
    for _ in range(accounts // 1_000_000):
        index.slots(rng.integers(1, 2**63, 1_000_000).astype(np.uint64))
    taken = RECORD.itemsize + (index.keys.nbytes + index._table.nbytes) / index.count
    tell(scene, f"memory of {index.count:,} accounts", taken, "bytes an account", 160)


def tell(scene: Scene, name: str, value: float, unit: str, reach: float | None, **more: object) -> None:
    """One figure."""
    row = {"what": name, "value": round(float(value), 8), "unit": unit, "reach": reach, "seed": scene.seed}
    measuring.record("guard", [row | more])


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=80_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--pool", type=int, default=100_000)
    given = parser.parse_args()
    scene = Scene(given.seed, given.days)
    memory(scene)
    rules, _ = calibrated(scene, given.accounts)
    held_back(scene, given.accounts, rules)
    judged(scene, rules)
    for people, members, days, avoids in (
        (2_000, 500, 1, 1.0), (2_000, 500, 2, 1.0), (10_000, 500, 2, 1.0), (2_000, 50, 14, 1.0),
        (2_000, 500, 7, 0.5), (given.pool, 500, 7, 1.0), (2_000, 0, 14, 1.0),
    ):  # fmt: skip
        groups(scene, people, members, days, avoids)


if __name__ == "__main__":
    main()
