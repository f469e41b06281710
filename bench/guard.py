"""The guard against made-up scrapers and among made-up people: who is found, when, and who is wrongly.

Usage: python guard.py [--accounts N] [--seed S] [--days D] [--hetrec FOLDER] [--plays FILE]. N accounts
calibrate, N others are held back and judged. Figures go to results/guard.json. Needs the extra `guard`:
without a compiler it takes days. The folder of HetRec 2011 and the file of Last.fm-1K are real listening,
which is not shipped here; without them that part is left out.
"""

from __future__ import annotations

import argparse
import time

import leaks
import numpy as np
import poisoning
import real_listening
import rivals
import visitors
from guarded import START_MS, TRACKS, Case, Outcome, Scene, calibrated, tell, watched
from takers import adversaries, aged, traps

from lockgroove.guard import calibration
from lockgroove.guard.coincidence import Pairs
from lockgroove.guard.groups import find_groups
from lockgroove.guard.records import RECORD, Index
from lockgroove.guard.trial import Habits, listen
from lockgroove.guard.watch import Rules

GROUPS = (
    (2_000, 500, 1, 1.0), (2_000, 500, 2, 1.0), (10_000, 500, 2, 1.0), (100_000, 500, 3, 1.0),
    (100_000, 500, 7, 1.0), (2_000, 50, 7, 1.0), (2_000, 50, 14, 1.0), (2_000, 500, 7, 0.5),
    (2_000, 0, 14, 1.0),
)  # fmt: skip


def held_back(scene: Scene, accounts: int, rules: Rules, days: int, salt: int) -> None:
    """People whom the thresholds never saw."""
    outcome = Outcome()
    for played in scene.people(accounts, salt, days):
        watched(scene, Case("people", played.account.max() + 1, played), rules, outcome)
    rate = outcome.alarms / outcome.account_days
    spread = 1.96 * np.sqrt(max(outcome.alarms, 1)) / outcome.account_days
    tell(
        scene, f"people flagged in {days} days", rate, "of account-days", 1e-4,
        interval=[rate - spread, rate + spread], account_days=outcome.account_days,
        accounts_flagged=len(outcome.first_ms) / outcome.accounts,
    )  # fmt: skip
    tell(scene, f"people flagged with two witnesses in {days} days", outcome.witnesses, "accounts", 0)
    tell(scene, "events", outcome.plays / outcome.seconds, "a CPU-second", 1e6)


def judged(scene: Scene, rules: Rules) -> None:
    """Scrapers, and those who only look like it."""
    for cases in (adversaries(scene), aged(scene, 14), aged(scene, 30)):
        for case in cases:
            _found(scene, case, rules)
    for case in traps(scene):
        outcome = Outcome()
        watched(scene, case, rules, outcome)
        days = max(1, outcome.account_days)
        tell(
            scene, case.name, outcome.alarms / days, "of account-days flagged", 1e-3,
            suspended=outcome.witnesses, accounts_flagged=len(outcome.first_ms) / case.accounts,
            exempt=outcome.exempt, plays=outcome.plays,
        )  # fmt: skip


def _found(scene: Scene, case: Case, rules: Rules) -> None:
    outcome = Outcome()
    watched(scene, case, rules, outcome)
    within = [outcome.found_within(days, case.since_day) for days in (1, 3, scene.days)]
    before = float(np.median(list(outcome.fresh_before.values()) or [0]))
    tell(
        scene, case.name, within[-1], "found", None, in_1_day=within[0], in_3_days=within[1],
        already=outcome.found_within(0, case.since_day), new_tracks_before=before,
    )  # fmt: skip


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


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=80_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--hetrec")
    parser.add_argument("--plays")
    given = parser.parse_args()
    scene = Scene(given.seed, given.days)
    memory(scene)
    rules = calibrated(scene, given.accounts)
    held_back(scene, given.accounts, rules, given.days, 3)
    held_back(scene, given.accounts // 4, rules, 44, 13)
    judged(scene, rules)
    visitors.judged(scene, rules, given.accounts // 8)
    leaks.measured(scene, rules, given.accounts // 4)
    rivals.compared(scene, rules, given.accounts // 2)
    poisoning.played(scene)
    for people, members, days, avoids in GROUPS:
        groups(scene, people, members, days, avoids)
    real_listening.judged(scene, given.hetrec, given.plays)


if __name__ == "__main__":
    main()
