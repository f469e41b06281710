"""What others look at, on the same traffic and at as many false alarms: rates, leaky buckets, a forest.

Each rival's limit is what people pass on as many account-days as the guard's thresholds are set for. Rates in
moving windows are counted here for all plays at once; `limits` itself is asked about a few accounts, and must
say the same. Without scikit-learn or `limits` (group `bench` of pyproject.toml) that part is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from unittest import mock

import numpy as np
from guarded import RATE, START_MS, Case, Outcome, Scene, tell, watched
from takers import adversaries, traps

from lockgroove.guard import hot
from lockgroove.guard.compiled import compiled
from lockgroove.guard.events import Context, Origin
from lockgroove.guard.trial import Played
from lockgroove.guard.watch import Rules

WINDOWS_MS = (20_000, 60_000, hot.DAY_MS)
USUAL = (40, 60, 1000)  # 40 in 20 s, 60 in a minute, 1,000 in a day
LEAK_MS = 500
SLOW_LEAK_MS = 600_000
CAPACITY = 40
BUCKET_EDGES = np.array([0.0005, 0.002, 0.005, 0.01, 0.03, 0.1, 0.2, 0.336, 0.6])
_FITTED_DAYS = 100_000
_CHECKED = 20
_NUMBER = 1 << 20  # of days: more than there are

# What a rival says of plays: a number each, above which somebody is flagged.
Measure = Callable[[Played], np.ndarray]


@dataclass(frozen=True)
class Rival:
    """A measure and its limit."""

    name: str
    measures: tuple[Measure, ...]
    limits: tuple[float, ...]

    def flagged_ms(self, played: Played, accounts: int) -> np.ndarray:
        """When each account is flagged first."""
        first = np.full(accounts, np.iinfo(np.int64).max)
        for measure, limit in zip(self.measures, self.limits, strict=True):
            above = np.flatnonzero(measure(played) > limit)
            np.minimum.at(first, played.account[above], played.ts_ms[above])
        return first


def compared(scene: Scene, rules: Rules, people: int) -> None:
    """All of them, and the guard, on each adversary."""
    calibrating, held = list(scene.people(people, 2)), list(scene.people(people, 3))
    rivals = list(_made(scene, calibrating, held))
    for rival in rivals:
        days = sum(len(np.unique(_day_of(played))) for played in held)
        flags = sum(_flagged_days(rival, played) for played in held)
        tell(
            scene, f"{rival.name}: people flagged", flags / days, "of account-days", 1e-4,
            limits=list(rival.limits), account_days=days,
        )  # fmt: skip
    for case in adversaries(scene):
        _compare(scene, case, rivals, rules)
    for case in traps(scene):
        rates = {rival.name: _flagged_days(rival, case.played) for rival in rivals}
        days = len(np.unique(_day_of(case.played)))
        shares = {name: flags / days for name, flags in rates.items()}
        tell(
            scene, f"{case.name}, by rivals", max(shares.values()), "of account-days flagged", None, **shares
        )


def _compare(scene: Scene, case: Case, rivals: list[Rival], rules: Rules) -> None:
    found = {}
    for rival in rivals:
        first = rival.flagged_ms(case.played, case.accounts)
        within = [START_MS + days * hot.DAY_MS for days in (1, 3, scene.days)]
        found[rival.name] = [float((first < end).mean()) for end in within]
    outcome = Outcome()
    watched(scene, case, rules, outcome)
    ours = [outcome.found_within(days) for days in (1, 3, scene.days)]
    tell(scene, f"{case.name}, by rivals", ours[-1], "found by the guard", None, guard=ours, **found)


def _made(scene: Scene, calibrating: list[Played], held: list[Played]) -> Iterator[Rival]:
    windows = tuple(_in_window(window) for window in WINDOWS_MS)
    yield Rival("usual rates", windows, USUAL)
    limits = tuple(_passed_on(measure, calibrating, RATE / len(windows)) for measure in windows)
    rates = Rival("rates as people are", windows, limits)
    yield rates
    _check_limits(rates, calibrating[0])
    bucket = _in_bucket(LEAK_MS)
    yield Rival("leaky bucket of 40", (bucket,), (CAPACITY,))
    yield Rival("leaky bucket as people are", (bucket,), (_passed_on(bucket, calibrating, RATE),))
    slow = _in_bucket(SLOW_LEAK_MS)
    yield Rival("leaky bucket, one in ten minutes", (slow,), (_passed_on(slow, calibrating, RATE),))
    yield from _forest(scene, calibrating, held)


def _in_window(window_ms: int) -> Measure:
    """How many plays of the account lie in the window that ends with each."""

    def measure(played: Played) -> np.ndarray:
        # Accounts lie further apart than any window.
        at = played.account.astype(np.int64) * (1 << 42) + (played.ts_ms - START_MS)
        return np.arange(len(at)) - np.searchsorted(at, at - window_ms) + 1

    return measure


def _in_bucket(leak_ms: int) -> Measure:
    """How full a bucket of distinct tracks is, of which one leaks at a time."""

    def measure(played: Played) -> np.ndarray:
        return _levels(played.account, played.track, played.ts_ms, leak_ms)

    return measure


@compiled
def _levels(account, track, ts_ms, leak_ms):
    levels = np.zeros(len(track))
    begins = 0  # where the bucket was empty last
    level = 0.0
    for i in range(len(track)):
        if i > 0 and account[i] == account[i - 1]:
            level -= (ts_ms[i] - ts_ms[i - 1]) / leak_ms
        else:
            level = 0.0
        if level <= 0:
            level, begins = 0.0, i
        known = False
        for j in range(begins, i):
            if track[j] == track[i]:
                known = True
                break
        if not known:
            level += 1
        levels[i] = level
    return levels


def _day_of(played: Played) -> np.ndarray:
    return played.account.astype(np.int64) * _NUMBER + played.ts_ms // hot.DAY_MS


def _highest(measure: Measure, played: Played) -> np.ndarray:
    """Of each account-day; the days of accounts stand together."""
    begins = np.flatnonzero(np.diff(_day_of(played), prepend=-1))
    highest: np.ndarray = np.maximum.reduceat(measure(played), begins)
    return highest


def _passed_on(measure: Measure, people: list[Played], rate: float) -> float:
    """What people pass on no more than so many account-days."""
    tops = np.sort(np.concatenate([_highest(measure, played) for played in people]))
    return float(tops[-1 - int(rate * len(tops))])


def _flagged_days(rival: Rival, played: Played) -> int:
    days = [
        _day_of(played)[measure(played) > limit]
        for measure, limit in zip(rival.measures, rival.limits, strict=True)
    ]
    return len(np.unique(np.concatenate(days)))


def _check_limits(rates: Rival, people: Played) -> None:
    """The package `limits` itself flags the same accounts first at the same time."""
    try:
        from limits import RateLimitItemPerSecond, storage, strategies
    except ImportError:
        print("`limits` is not installed: rates are not checked against it.")
        return
    part = people.account < _CHECKED
    few = Played(*(getattr(people, name)[part] for name in Played.__dataclass_fields__))
    limits = tuple(np.quantile(measure(few), 0.99) for measure in rates.measures)
    expected = Rival("few", rates.measures, limits).flagged_ms(few, _CHECKED)
    asked = np.full(_CHECKED, np.iinfo(np.int64).max)
    with mock.patch("limits.storage.memory.time") as clock:
        limiter = strategies.MovingWindowRateLimiter(storage.MemoryStorage())
        rules = [
            RateLimitItemPerSecond(int(limit), window // 1000)
            for limit, window in zip(limits, WINDOWS_MS, strict=True)
        ]
        for account, at in zip(few.account.tolist(), few.ts_ms.tolist(), strict=True):
            clock.time.return_value = at / 1000
            hits = [limiter.hit(rule, str(account)) for rule in rules]
            if not all(hits):
                asked[account] = min(asked[account], at)
    print(f"`limits` says the same of {int((asked == expected).sum())} of {_CHECKED} accounts.")


def _forest(scene: Scene, calibrating: list[Played], held: list[Played]) -> Iterator[Rival]:
    """An isolation forest over what accounts did on a day, as it is known when the day is over."""
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError:
        print("scikit-learn is not installed: the forest is left out.")
        return
    days = np.concatenate([_features(scene, played) for played in calibrating])
    rng = np.random.default_rng(scene.seed)
    forest = IsolationForest(n_estimators=200, max_samples=4096, random_state=scene.seed)
    forest.fit(days[rng.permutation(len(days))[:_FITTED_DAYS]])

    def measure(played: Played) -> np.ndarray:
        begins = np.diff(_day_of(played), prepend=-1) != 0
        scores = -forest.score_samples(_features(scene, played))
        last = np.append(np.flatnonzero(begins)[1:], len(begins)) - 1
        said = np.full(len(begins), -np.inf)
        said[last] = scores
        return said

    yield Rival("isolation forest", (measure,), (_passed_on(measure, held, RATE),))


def _features(scene: Scene, played: Played) -> np.ndarray:
    """Plays, new ones, repeats, hours, gaps, albums, the system's share, and popularity of what was new."""
    begins = np.flatnonzero(np.diff(_day_of(played), prepend=-1))
    day = np.cumsum(np.diff(_day_of(played), prepend=-1) != 0) - 1
    count = len(begins)
    new = np.zeros(len(day), bool)
    new[
        np.unique(played.account.astype(np.int64) * scene.world.count + played.track, return_index=True)[1]
    ] = True
    plays = np.bincount(day, minlength=count)
    rank = np.searchsorted(BUCKET_EDGES, scene.world.rank[played.track] / scene.world.count)
    cells = np.bincount(day[new] * 10 + rank[new], minlength=count * 10).reshape(count, 10)
    hours = np.unique(day.astype(np.int64) * 24 + played.ts_ms // 3_600_000 % 24) // 24
    gaps = np.log1p(np.maximum(np.diff(played.ts_ms, prepend=played.ts_ms[:1]), 0) / 1000)
    follows = np.diff(played.track, prepend=-5) == 1

    def share(marked: np.ndarray) -> np.ndarray:
        shares: np.ndarray = np.bincount(day, marked, count) / plays
        return shares

    return np.column_stack(
        [
            plays, cells.sum(1), share(~new), np.bincount(hours, minlength=count), share(gaps),
            np.sqrt(np.maximum(share(gaps**2) - share(gaps) ** 2, 0)), share(follows), share(played.share),
            share(played.origin == Origin.SYSTEM), share(played.context == Context.DIRECT_ID),
            cells, cells / np.maximum(cells.sum(1), 1)[:, None],
        ]
    ).astype(np.float32)  # fmt: skip
