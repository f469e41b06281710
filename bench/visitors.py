"""Who has no account: a network and a program stand for one in a web server's log."""

from __future__ import annotations

import tempfile

import numpy as np
from guarded import START_MS, TRACKS, Outcome, Scene, tell, watched
from takers import rotating

from lockgroove.guard.events import STAND_IN, Batch
from lockgroove.guard.replay import Replayed, replay
from lockgroove.guard.trial import Habits, listen
from lockgroove.guard.watch import Rules
from lockgroove.report import Silence

OFFICE = 200
PROGRAMS = 6
# What a web server's log tells; the rest of an event is as if it had not been said.
_TOLD = frozenset(
    {"ts_ms", "account", "track", "network", "client", "bytes_sent", "status", "kind", "range", "album"}
)


def judged(scene: Scene, rules: Rules, people: int) -> None:
    """An office in a log without names, and who comes from a new address again and again."""
    office(scene, people)
    for plays in (3, 10, 30, 100):
        case, outcome = rotating(scene, plays), Outcome()
        watched(scene, case, rules, outcome)
        before = sum(outcome.fresh_before.values())
        unseen = case.accounts - len(outcome.first_ms)
        tell(
            scene, case.name, len(outcome.first_ms) / case.accounts, "found", None,
            had_before_found=(before + unseen * plays) / outcome.plays,
        )  # fmt: skip


def office(scene: Scene, people: int) -> None:
    """200 people with six programs behind one address, among people who have an address each."""
    rng = np.random.default_rng([scene.seed, 31])
    everybody = listen(
        scene.world, Habits.of_people(people + OFFICE, rng), scene.days, scene.seed * 100 + 70, START_MS
    )
    digests = rng.integers(1, 2**63, people + OFFICE).astype(np.uint64) | STAND_IN
    digests[people:] = digests[people + rng.integers(0, PROGRAMS, OFFICE)]
    rows = _as_a_web_log(everybody.events(scene.world, digests))
    with tempfile.TemporaryDirectory() as scratch:
        parts = np.array_split(rows, max(1, len(rows) // 500_000))
        told = replay((Batch(part, _TOLD) for part in parts), scratch, Silence(), TRACKS)
    _tell(scene, told, set(digests[people:].tolist()), people)


def _as_a_web_log(rows: np.ndarray) -> np.ndarray:
    rows["place"], rows["context"], rows["origin"] = -1, 0, 0
    rows["seconds_played"], rows["seconds_possible"], rows["bytes_full"] = 0, 0, 0
    return rows


def _tell(scene: Scene, told: Replayed, of_office: set[int], people: int) -> None:
    proposed = [one.proposal for one in told.suspects if one.account in of_office]
    alarms = sum(len(one.alarms) for one in told.suspects if one.account not in of_office)
    tell(
        scene, f"an office of {OFFICE} in a log without names", len(proposed), f"of {PROGRAMS} flagged", None,
        suspended=sum(proposal != "throttle" for proposal in proposed), calibrated=told.calibrated,
        others_suspended=sum(one.proposal != "throttle" for one in told.suspects),
        others_flagged=alarms / told.account_days, account_days=told.account_days, people=people,
        switched_off=sorted(told.switched_off),
    )  # fmt: skip
