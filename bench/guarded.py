"""Made-up accounts before the guard: the world, who takes part in a case, and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import measuring
import numpy as np

from lockgroove.guard import calibration, hot
from lockgroove.guard.events import FIELDS, Batch
from lockgroove.guard.records import RECORD
from lockgroove.guard.seen import Seen
from lockgroove.guard.signals import heard_in
from lockgroove.guard.trial import Habits, Played, World, listen, make_world
from lockgroove.guard.watch import Noticed, Rules, Watch

TRACKS = 1_000_000
AT_ONCE = 20_000
START_MS = 20_000 * hot.DAY_MS
RATE = 5e-5
PLAYS_BEFORE = 2e8  # from which the popularity of tracks is known
HABIT_DAYS = 2
HEAD = 0.1  # the most heard tracks; what is not among them is of the tail


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

    @property
    def is_tail(self) -> np.ndarray:
        """Which tracks are outside the most heard."""
        marked: np.ndarray = self.world.rank >= HEAD * self.world.count
        return marked

    def people(self, accounts: int, salt: int, days: int = 0) -> Iterator[Played]:
        """So many people, a part at a time."""
        for part in range(0, accounts, AT_ONCE):
            rng = np.random.default_rng([self.seed, salt, part])
            some = Habits.of_people(min(AT_ONCE, accounts - part), rng)
            yield listen(self.world, some, days or self.days, int(rng.integers(2**31)), START_MS)


@dataclass(frozen=True)
class Case:
    """Accounts of one kind, what they play, and from which day on they are what the name says."""

    name: str
    accounts: int
    played: Played
    since_day: int = 0
    changed: Callable[[np.ndarray], object] | None = None  # what else is so in their events


@dataclass
class Outcome:
    """What became of some accounts."""

    accounts: int = 0
    account_days: int = 0
    alarms: int = 0
    first_ms: dict[int, int] = field(default_factory=dict)  # of alarms, by account
    fresh_before: dict[int, int] = field(default_factory=dict)
    witnesses: int = 0  # accounts with an alarm and a habit besides
    exempt: int = 0
    plays: int = 0
    seconds: float = 0.0
    tops: calibration.Tops = field(default_factory=calibration.Tops)
    records: np.ndarray = field(default_factory=lambda: np.zeros(0, RECORD))
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # which account each record is of

    def found_within(self, days: int, since_day: int = 0) -> float:
        """The share of accounts with an alarm in the first days of what they are."""
        end = START_MS + (since_day + days) * hot.DAY_MS
        return sum(at < end for at in self.first_ms.values()) / self.accounts


def watched(scene: Scene, case: Case, rules: Rules, outcome: Outcome) -> None:
    """Let the guard watch a case, and add up what it notices."""
    watch = watch_of(scene, rules)
    # An account's number is its place among the digests; slots come in the order of first sight.
    digests = np.random.default_rng([scene.seed, outcome.accounts]).integers(1, 2**63, case.accounts)
    digests = np.sort(digests.astype(np.uint64))
    rows = case.played.events(scene.world, digests)
    if case.changed:
        case.changed(rows)
    seen = _Seen(outcome.accounts, digests, {}, {})
    for part in np.array_split(rows, max(1, len(rows) // 500_000)):
        began = time.process_time()
        noticed = watch.observe(Batch(part, FIELDS))
        outcome.seconds += time.process_time() - began
        _add(outcome, noticed, seen, watch)
    days, tops = watch.end_of_day(1 << 30)
    outcome.account_days += len(days)
    outcome.tops.add(tops, len(days))
    seen.add_habits(days)
    with_habits = {slot for slot, on in seen.habits.items() if len(on) >= HABIT_DAYS}
    alarmed = {seen.slots[number] for number in outcome.first_ms if number in seen.slots}
    outcome.witnesses += len(alarmed & with_habits)
    outcome.accounts += case.accounts
    outcome.plays += len(rows)
    outcome.records = watch.records[: watch.accounts.count].copy()
    outcome.keys = np.searchsorted(digests, watch.accounts.keys[: watch.accounts.count])


def watch_of(scene: Scene, rules: Rules) -> Watch:
    """A watch that has the popularity of all tracks."""
    watch = Watch(rules, Seen(256 << 20))
    watch.tracks.slots(np.arange(1, TRACKS + 1, dtype=np.uint64))  # so that numbers are places
    watch.heard = np.zeros(len(watch.tracks.keys), np.uint8)
    watch.heard[:TRACKS] = scene.heard
    return watch


@dataclass
class _Seen:
    """What was seen of a case so far: slots of alarmed accounts, days of habits and new tracks by slot."""

    base: int
    digests: np.ndarray
    habits: dict[int, set[int]]
    fresh: dict[int, int]
    slots: dict[int, int] = field(default_factory=dict)

    def add_habits(self, days: np.ndarray) -> None:
        for signal in heard_in(days, FIELDS):
            self.habits.setdefault(signal.slot, set()).add(signal.day)

    def number(self, slot: int, watch: Watch) -> int:
        number = self.base + int(np.searchsorted(self.digests, watch.accounts.keys[slot]))
        self.slots[number] = slot
        return number


def _add(outcome: Outcome, noticed: Noticed, seen: _Seen, watch: Watch) -> None:
    outcome.account_days += len(noticed.days)
    outcome.alarms += len(noticed.alarms)
    outcome.exempt += int(np.count_nonzero(noticed.what == hot.EXEMPT))
    outcome.tops.add(noticed.tops, len(noticed.days))
    seen.add_habits(noticed.days)
    new = np.flatnonzero(noticed.what == hot.NEW)
    for alarm in noticed.alarms:
        slot, at = int(alarm["slot"]), int(alarm["event"])
        number = seen.number(slot, watch)
        if number not in outcome.first_ms:
            before = np.count_nonzero(noticed.slots[new[new <= at]] == slot)
            outcome.first_ms[number] = int(noticed.rows["ts_ms"][at])
            outcome.fresh_before[number] = seen.fresh.get(slot, 0) + int(before)
    for slot, count in zip(*np.unique(noticed.slots[new], return_counts=True), strict=True):
        seen.fresh[int(slot)] = seen.fresh.get(int(slot), 0) + int(count)


def calibrated(scene: Scene, accounts: int) -> Rules:
    """Rules from what people here do."""
    bucket_of, shares = calibration.bucket_edges(scene.heard)
    none, first, counted = Rules.none(), Outcome(), Outcome()
    played = next(scene.people(AT_ONCE, 1))
    watched(scene, Case("first", AT_ONCE, played), Rules(bucket_of, none.ratios, none.thresholds), first)
    ratios = calibration.estimated_ratios(first.records, shares)
    for played in scene.people(accounts, 2):
        watched(scene, Case("people", AT_ONCE, played), Rules(bucket_of, ratios, none.thresholds), counted)
    return Rules(bucket_of, ratios, counted.tops.thresholds(RATE))


def tell(scene: Scene, name: str, value: float, unit: str, reach: float | None, **more: object) -> None:
    """One figure."""
    row = {"what": name, "value": round(float(value), 8), "unit": unit, "reach": reach, "seed": scene.seed}
    measuring.record("guard", [row | more])
