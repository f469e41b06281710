"""A log played again from its beginning: who in it takes more than people do, alone or together.

Four passes over its plays: how many accounts had each track; what people here play; how high evidence
against them gets; and who stands out. Nothing is decided: this is what the guard would propose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lockgroove.guard import calibration, hot
from lockgroove.guard.casefile import HABIT_DAYS
from lockgroove.guard.events import STAND_IN, Batch
from lockgroove.guard.groups import Group
from lockgroove.guard.halves import groups_by_halves
from lockgroove.guard.seen import Seen
from lockgroove.guard.signals import Heard, heard_in, switched_off
from lockgroove.guard.spool import Spool
from lockgroove.guard.watch import Noticed, Rules, Watch
from lockgroove.report import Report

RATE = 5e-5  # of account-days that people are to be flagged on
_DAYS_TO_CALIBRATE = 5 / RATE
_SEEN_BYTES = 64 << 20
_PAIRS_A_PLAY_BYTES = 3
GROUP_TRACKS_MIN = 10  # whoever had fewer says nothing of whom they meet
# Two radios of different music never meet, and nobody chose that: who chose must be told.
GROUPS_NEED = frozenset({"origin"})


@dataclass(frozen=True)
class Alarm:
    """The moment at which the plays of an account outweighed what people here reach."""

    ts_ms: int
    taker: int
    evidence: float
    threshold: float
    plays: int
    fresh: int


NOTED = "none: what is seen on one day is no habit"


@dataclass
class Suspect:
    """An account that stands out, and every reason why."""

    account: int
    plays: int
    fresh: int
    alarms: list[Alarm] = field(default_factory=list)
    signals: list[Heard] = field(default_factory=list)
    group: int | None = None
    certain: bool = False  # of its group

    @property
    def families(self) -> list[str]:
        """Kinds of reasons: each is a witness of its own."""
        habits = len({signal.day for signal in self.signals}) >= HABIT_DAYS
        told = (("plays", self.alarms), ("habits", habits), ("group", self.group is not None))
        return [name for name, present in told if present]

    @property
    def is_stand_in(self) -> bool:
        """Whether the log names no account, and a network and a program stand for it: many people may."""
        return bool(np.uint64(self.account) & STAND_IN)

    @property
    def proposal(self) -> str:
        """What would be proposed: one witness slows down what is new, two ask for an operator's decision."""
        if not self.families:
            return NOTED
        clear = (len(self.families) > 1 or self.certain) and not self.is_stand_in
        return "suspend, if an operator agrees" if clear else "throttle"


@dataclass(frozen=True)
class Replayed:
    """What a log came to."""

    accounts: int
    tracks: int
    plays: int
    account_days: int
    first_ms: int
    last_ms: int
    calibrated: bool
    switched_off: Mapping[str, Sequence[str]]
    suspects: Sequence[Suspect]
    groups: Sequence[Group]
    group_accounts: Sequence[Sequence[int]]
    counts: Mapping[str, int]


def replay(batches: Iterable[Batch], scratch: str, report: Report, tracks_all: int = 0) -> Replayed:
    """Play a log again. `tracks_all` is how many tracks there are, where the log has not met them all."""
    spool = Spool(scratch)
    first = _watch(Rules.none(), 0)
    for batch in batches:
        first.observe(batch)
        spool.add(batch)
        report.progress("read", spool.plays, None, "plays")
    heard = first.heard[first.heard > 0]
    unheard = max(0, tracks_all - len(heard))
    bucket_of, shares = calibration.bucket_edges(np.concatenate([heard, np.zeros(unheard, np.uint8)]))
    rules = Rules.none()
    rules = Rules(bucket_of, rules.ratios, rules.thresholds)
    people = _pass(spool, first, rules, report, "people").watch
    shipped = calibration.shipped_thresholds()
    ratios = calibration.estimated_ratios(people.records[: people.accounts.count], shares)
    judged = _pass(spool, first, Rules(bucket_of, ratios, shipped), report, "evidence")
    calibrated = judged.account_days >= _DAYS_TO_CALIBRATE
    if calibrated:
        thresholds = _of_others(judged).thresholds(RATE)
        judged = _pass(spool, first, Rules(bucket_of, ratios, thresholds), report, "alarms")
    return _told(spool, judged, calibrated, first)


@dataclass
class _Judged:
    """What a pass knows at its end."""

    watch: Watch
    account_days: int = 0
    tops: list[np.ndarray] = field(default_factory=list)
    alarms: dict[int, list[Alarm]] = field(default_factory=dict)
    signals: list[Heard] = field(default_factory=list)
    fresh: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # slots and tracks
    span: list[int] = field(default_factory=list)


def _pass(spool: Spool, first: Watch, rules: Rules, report: Report, what: str) -> _Judged:
    """All plays again, by rules, with the popularity that tracks had come to in the first pass."""
    watch = _watch(rules, spool.plays)
    watch.tracks, watch.heard = first.tracks, first.heard.copy()
    judged, done = _Judged(watch), 0
    for batch in spool.batches():
        noticed = judged.watch.observe(batch)
        _keep(judged, noticed, spool.told)
        done += len(batch)
        report.progress(what, done, spool.plays, "plays")
    days, tops = judged.watch.end_of_day(1 << 30)
    judged.account_days += len(days)
    judged.tops.append(tops)
    judged.signals += heard_in(days, spool.told)
    return judged


def _watch(rules: Rules, plays: int) -> Watch:
    return Watch(rules, Seen(max(_SEEN_BYTES, plays * _PAIRS_A_PLAY_BYTES)))


def _keep(judged: _Judged, noticed: Noticed, told: frozenset[str]) -> None:
    judged.account_days += len(noticed.days)
    judged.tops.append(noticed.tops.copy())
    judged.signals += heard_in(noticed.days, told)
    for alarm in noticed.alarms:
        slot = int(alarm["slot"])
        record = judged.watch.records[slot]
        judged.alarms.setdefault(slot, []).append(
            Alarm(
                int(noticed.rows["ts_ms"][alarm["event"]]), int(alarm["taker"]), float(alarm["w"]),
                float(alarm["threshold"]), int(record["plays"]), int(record["fresh"]),
            )
        )  # fmt: skip
    fresh = noticed.what == hot.NEW
    judged.fresh.append((noticed.slots[fresh].astype(np.int32), noticed.tracks[fresh].astype(np.int32)))
    if len(noticed.rows):
        judged.span += [int(noticed.rows["ts_ms"].min()), int(noticed.rows["ts_ms"].max())]


def _of_others(judged: _Judged) -> calibration.Tops:
    """The evidence against those who did not pass even what was shipped: suspects calibrate nothing."""
    suspect = np.zeros(judged.watch.accounts.count, bool)
    suspect[list(judged.alarms)] = True
    counted = calibration.Tops()
    share = 1 - suspect.mean() if len(suspect) else 1
    for tops in judged.tops:
        counted.add(tops[~suspect[tops["slot"]]], 0)
    counted.account_days = judged.account_days * share
    return counted


def _told(spool: Spool, judged: _Judged, calibrated: bool, first: Watch) -> Replayed:
    watch = judged.watch
    slots = np.concatenate([s for s, _ in judged.fresh] or [np.zeros(0, np.int32)])
    tracks = np.concatenate([t for _, t in judged.fresh] or [np.zeros(0, np.int32)])
    needed = sorted(GROUPS_NEED - spool.told)
    groups = [] if needed else _groups(watch, slots, tracks, list(judged.alarms))
    keys, records = watch.accounts.keys, watch.records
    suspects = suspects_of(keys, records["plays"], records["fresh"], judged.alarms, judged.signals, groups)
    return Replayed(
        first.accounts.count, int(np.count_nonzero(first.heard)), spool.plays, judged.account_days,
        min(judged.span, default=0), max(judged.span, default=0), calibrated,
        switched_off(spool.told) | ({"groups": needed} if needed else {}),
        suspects, groups, [keys[group.members].tolist() for group in groups], dict(first.counts),
    )  # fmt: skip


def suspects_of(
    keys: np.ndarray, plays: np.ndarray, fresh: np.ndarray, alarms: Mapping[int, list[Alarm]],
    signals: Iterable[Heard], groups: Iterable[Group],
) -> list[Suspect]:  # fmt: skip
    """Everybody whom anything speaks against, by slots: those with most kinds of reasons first."""
    suspects: dict[int, Suspect] = {}

    def suspect(slot: int) -> Suspect:
        return suspects.setdefault(slot, Suspect(int(keys[slot]), int(plays[slot]), int(fresh[slot])))

    for slot, found in alarms.items():
        suspect(slot).alarms = found
    for signal in signals:
        suspect(signal.slot).signals.append(signal)
    for number, group in enumerate(groups):
        certain = set(group.certain.tolist())
        for slot in group.members.tolist():
            suspect(slot).group = number
            suspect(slot).certain = slot in certain
    return sorted(suspects.values(), key=lambda one: (-len(one.families), -one.fresh))


def _groups(watch: Watch, slots: np.ndarray, tracks: np.ndarray, found: Sequence[int]) -> list[Group]:
    """Groups among accounts that had enough new tracks, by slots.

    Whoever was found on their own is left out: whoever takes what nobody plays meets nobody.
    """
    had = np.bincount(slots, minlength=watch.accounts.count)
    had[list(found)] = 0
    asked = had[slots] >= GROUP_TRACKS_MIN if len(slots) else np.zeros(0, bool)
    if not asked.any():
        return []
    return groups_by_halves(slots[asked], tracks[asked], watch.tracks.count, np.random.default_rng(1))
