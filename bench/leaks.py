"""What accounts get in the end, with quotas on what is new to them and without; beside honest listeners.

Quotas come from people: what one account-day in a thousand goes beyond, for everybody, and what half of them
go beyond, for accounts that were flagged. What is refused is not had.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from guarded import AT_ONCE, START_MS, Case, Outcome, Scene, tell, watched
from takers import GROUP, adversaries

from lockgroove.guard import hot
from lockgroove.guard.trial import NO_QUOTA, Habits, Played, Quota, granted, listen, new_a_day
from lockgroove.guard.watch import Rules

QUANTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)
NEVER_MS = 1 << 62
MILD = Quota(25, 4)  # what one account-day in ten goes beyond
SPANS = (14, 30)
_LEFT_OUT = ("fast", "the same, a new network")


def measured(scene: Scene, rules: Rules, people: int) -> tuple[Quota, Quota]:
    """Quotas from people, what they cost people, and what they leave to each adversary."""
    everybody, slowed = _quotas(scene, people)
    _cost(scene, rules, people, everybody, slowed)
    honest = {days: _honest(scene, days, everybody) for days in SPANS}
    for days in SPANS:
        for case in adversaries(scene, days):
            if not case.name.startswith(_LEFT_OUT):
                _leak(scene, case, rules, days, everybody, slowed, honest[days])
    return everybody, slowed


def _quotas(scene: Scene, people: int) -> tuple[Quota, Quota]:
    """Both kinds are told of all days, and of those after a week, when people have a past."""
    for words, since in (("all days", 0), ("days after a week", 7)):
        counted = [_counted(played, scene.is_tail, since) for played in scene.people(people, 21)]
        fresh, tail = (np.concatenate([one[number] for one in counted]) for number in (0, 1))
        values = {f"{q:.2%}": [float(np.quantile(v, q)) for v in (fresh, tail)] for q in QUANTILES}
        tell(
            scene, f"new tracks a day, and of the tail, {words}", fresh.mean(), "mean", None, quantiles=values
        )
        if since == 0:
            quotas = [Quota(*(int(np.ceil(np.quantile(v, q))) for v in (fresh, tail))) for q in (0.999, 0.5)]
    return quotas[0], quotas[1]


def _counted(played: Played, is_tail: np.ndarray, since_day: int) -> tuple[np.ndarray, np.ndarray]:
    late = played.ts_ms >= START_MS + since_day * hot.DAY_MS
    fresh, tail, day = new_a_day(played, is_tail)
    return fresh[late[day]], tail[late[day]]


def _cost(scene: Scene, rules: Rules, people: int, everybody: Quota, slowed: Quota) -> None:
    """How many people ever touch a quota, and how many plays are refused."""
    touched = flagged = refused = of_flagged = flagged_plays = plays = 0
    for played in scene.people(people, 22):
        outcome = Outcome()
        watched(scene, Case("people", AT_ONCE, played), rules, outcome)
        from_ms = _slowed_from(outcome, AT_ONCE)
        never = np.full(AT_ONCE, NEVER_MS)
        passed = granted(played, scene.is_tail, everybody, slowed, never)
        both = granted(played, scene.is_tail, everybody, slowed, from_ms)
        late = played.ts_ms >= from_ms[played.account]
        touched += len(np.unique(played.account[~passed]))
        refused += int(np.count_nonzero(~passed))
        flagged += len(outcome.first_ms)
        flagged_plays += int(np.count_nonzero(late))
        of_flagged += int(np.count_nonzero(~both & late))
        plays += len(passed)
    tell(
        scene, f"people who ever touch {everybody.fresh} new a day, {everybody.tail} of the tail",
        touched / people, f"of people in {scene.days} days", None, plays_refused=refused / plays,
        people_ever_slowed=flagged / people, quota_slowed=[slowed.fresh, slowed.tail],
        of_their_plays_refused=of_flagged / max(1, flagged_plays),
    )  # fmt: skip


def _slowed_from(outcome: Outcome, accounts: int) -> np.ndarray:
    """From its first alarm on; nobody is let go again."""
    found = np.full(accounts, NEVER_MS)
    for account, at in outcome.first_ms.items():
        found[account] = at
    return found


def _honest(scene: Scene, days: int, everybody: Quota) -> int:
    """The distinct tracks that so many honest listeners have together."""
    habits = Habits.of_people(GROUP, np.random.default_rng([scene.seed, 23])).but(radio=0)
    played = listen(scene.world, habits, days, scene.seed + 7, START_MS)
    passed = granted(played, scene.is_tail, everybody, everybody, np.full(GROUP, NEVER_MS))
    union, of_each = _got(played, np.ones(len(played.track), bool))
    tell(
        scene, f"{GROUP} honest listeners, {days} days", union, "tracks together", None,
        of_each=of_each, with_quotas=_got(played, passed)[0],
    )  # fmt: skip
    return union


def _leak(
    scene: Scene, case: Case, rules: Rules, days: int, everybody: Quota, slowed: Quota, honest: int
) -> None:
    outcome = Outcome()
    watched(scene, case, rules, outcome)
    from_ms, never = _slowed_from(outcome, case.accounts), np.full(case.accounts, NEVER_MS)
    union, of_each, more = 0, 0.0, {}
    for name, first, second, since in _ways(everybody, slowed, from_ms, never):
        passed = granted(case.played, scene.is_tail, first, second, since)
        got, each = _got(case.played, passed)
        more[name] = [got, each]
        union, of_each = (got, each) if name == "unguarded" else (union, of_each)
    tell(
        scene, f"{case.name}, {days} days", union, "tracks together", None, of_each=of_each,
        accounts=case.accounts, honest=honest * case.accounts / GROUP, **more,
    )  # fmt: skip


def _ways(
    everybody: Quota, slowed: Quota, from_ms: np.ndarray, never: np.ndarray
) -> Iterator[tuple[str, Quota, Quota, np.ndarray]]:
    yield "unguarded", NO_QUOTA, NO_QUOTA, never
    yield "quota_for_all", everybody, everybody, never
    yield "tail_quota_for_all", Quota(NO_QUOTA.fresh, everybody.tail), NO_QUOTA, never
    yield "slowed_when_flagged", NO_QUOTA, slowed, from_ms
    yield "both", everybody, slowed, from_ms
    yield "both_milder", everybody, MILD, from_ms


def _got(played: Played, passed: np.ndarray) -> tuple[int, float]:
    """Distinct tracks together, and of each account in the mean."""
    had = played.account[passed].astype(np.int64) * (1 << 32) + played.track[passed]
    accounts = len(np.unique(played.account))
    return len(np.unique(played.track[passed])), len(np.unique(had)) / max(1, accounts)
