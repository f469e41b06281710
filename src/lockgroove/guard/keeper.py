"""Takes in what happened, turn by turn: writes it down, watches it, and opens cases.

Invariant: an event is in the log before it is watched, and a decision in its file before it holds. Whatever
a crash leaves undone is done from the log when the guard comes back; what was decided stays decided.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from lockgroove.guard import hot, witnesses
from lockgroove.guard.calibration import estimated_ratios
from lockgroove.guard.cases import Cases
from lockgroove.guard.eventlog import EventLog, Position
from lockgroove.guard.events import FIELDS, STAND_IN, Batch, empty
from lockgroove.guard.gate import Gate
from lockgroove.guard.memory import Memory
from lockgroove.guard.settings import Settings
from lockgroove.guard.together import groups_of
from lockgroove.guard.watch import Noticed

# What our own access tells of each event.
TOLD = FIELDS - {"seconds_played", "asn", "fingerprint", "session", "offset_s"}
RATE = 5e-5  # of account-days that people are to be flagged on
_DAYS_TO_CALIBRATE = 5 / RATE
_CALIBRATE_EVERY = 7
_FADE = 0.5  # of what was counted before, at each calibration
_GROUP_DAYS = 14
# Saving takes at most one in so many seconds.
_SAVING_SHARE = 20
_SAVE_EVERY_S = 60.0
_EVENTS_AT_ONCE = 200_000
_DAYS_LEAPT_MAX = 2
_LEAP_BELIEVED_S = 3600.0
_LOG = logging.getLogger("lockgroove.guard")


class Keeper:
    """The guard's working part, for one thread."""

    def __init__(
        self, memory: Memory, log: EventLog, cases: Cases, gate: Gate, settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """Bring back what was remembered, and go over the log from there."""
        self._memory = memory
        self._log = log
        self._cases = cases
        self._gate = gate
        self._settings = settings
        self._clock = clock
        self._day = int(clock()) // 86_400
        self._suspects = {case.account for case in cases.all("open")}
        self._day_began = Position(log.end.segment)
        self._saved_at = self._day_at = time.monotonic()
        self._leapt_at: float | None = None
        self._pause_s = _SAVE_EVERY_S
        self.behind = 0
        self.waiting = 0  # what is taken in is safe when a turn ends
        for rows, _ in log.since(memory.restore()):
            self._watch(rows)
            self.behind += len(rows)
        gate.hold(cases.in_force())

    def turn(self, rows: np.ndarray) -> None:
        """Take in events, in the order in which they happened, and whatever else is due."""
        for start in range(0, len(rows), _EVENTS_AT_ONCE):
            part = rows[start : start + _EVENTS_AT_ONCE]
            self._log.append(part)
            self._watch(part)
        self._gate.forget_lately()
        if self._is_new_day(today := int(self._clock()) // 86_400):
            self._day, self._day_at = today, time.monotonic()
            self.end_day(today)
        for account in self._cases.to_erase():
            self._erase(account)
        self._gate.hold(self._cases.in_force())
        if time.monotonic() - self._saved_at > self._pause_s:
            self.save()

    def _is_new_day(self, today: int) -> bool:
        """Whether a day is over. A clock that leaps is not believed for an hour: it removes what is old."""
        slept_days = (time.monotonic() - self._day_at) / 86_400
        if today - self._day <= slept_days + _DAYS_LEAPT_MAX:
            self._leapt_at = None
            return today > self._day
        if self._leapt_at is None:
            _LOG.warning("The clock leapt by %d days; nothing is forgotten for an hour", today - self._day)
            self._leapt_at = time.monotonic()
        return time.monotonic() - self._leapt_at > _LEAP_BELIEVED_S

    def save(self) -> None:
        """Keep what is remembered."""
        began = time.monotonic()
        self._memory.save(self._log.end)
        self._saved_at = time.monotonic()
        self._pause_s = max(_SAVE_EVERY_S, _SAVING_SHARE * (self._saved_at - began))

    def end_day(self, today: int) -> None:
        """Once a day: days are closed, groups sought, thresholds set, and what is old forgotten."""
        self._take_in_days(*self._memory.watch.end_of_day(today))
        self.seek_groups(today)
        if today >= self._memory.calibrated_day + _CALIBRATE_EVERY:
            self._calibrate(today)
        self._cases.expire()
        self._forget()
        self.save()
        self._log.turn()
        self._log.seal(self._log.end)
        self._day_began = self._log.end
        self.save()

    def seek_groups(self, today: int) -> int:
        """Open cases for who shares out the catalogue with others; how many groups there are."""
        since_ms = (today - _GROUP_DAYS) * hot.DAY_MS
        alone = {
            case.account for case in self._cases.all("open") if "plays" in case.families
        } - self._cases.trusted()
        groups, accounts = groups_of(self._log, since_ms, self._memory.strata(), alone)
        self._witness(witnesses.of_groups(groups, accounts, today))
        return len(groups)

    def _watch(self, rows: np.ndarray) -> None:
        noticed = self._memory.watch.observe(Batch(rows, TOLD))
        self._take_in(noticed)
        self._take_in_days(noticed.days, noticed.tops)

    def _take_in(self, noticed: Noticed) -> None:
        if len(noticed.alarms):
            accounts = self._memory.watch.accounts.keys[noticed.alarms["slot"]]
            lately = [
                rows[np.isin(rows["account"], accounts)] for rows, _ in self._log.since(self._day_began)
            ]
            told = np.concatenate([empty(0), *lately])
            self._witness(witnesses.of_alarms(noticed, self._memory, told))

    def _take_in_days(self, days: np.ndarray, tops: np.ndarray) -> None:
        """Count what honest people do, and hear what days say."""
        if not len(days) and not len(tops):
            return
        keys = self._memory.watch.accounts.keys
        suspects = np.fromiter(self._suspects - self._cases.trusted(), np.uint64)
        self._memory.tops.add(tops[~np.isin(keys[tops["slot"]], suspects)], 0)
        honest = days[~np.isin(keys[days["slot"]], suspects)]
        self._memory.tops.account_days += len(honest)
        self._memory.customs.add(honest)
        self._witness(witnesses.of_days(days, TOLD, self._memory))

    def _witness(self, told: witnesses.Told) -> None:
        for account, evidence in told.items():
            named = account < int(STAND_IN)
            if self._cases.witness(account, named, evidence) is not None:
                self._suspects.add(account)

    def _calibrate(self, today: int) -> None:
        """Set rates and thresholds by what people here do; suspects do not count."""
        memory = self._memory
        if memory.tops.account_days < _DAYS_TO_CALIBRATE:
            return
        _, shares = memory.popularity()
        watch = memory.watch
        suspects = np.fromiter(self._suspects - self._cases.trusted(), np.uint64)
        honest = ~np.isin(watch.accounts.keys[: watch.accounts.count], suspects)
        memory.rates = estimated_ratios(watch.records[: watch.accounts.count][honest], shares)
        memory.thresholds = memory.tops.thresholds(RATE)
        memory.tops.fade(_FADE)
        memory.customs.fade(_FADE)
        memory.calibrated_day = today
        memory.set_rules()

    def _forget(self) -> None:
        """Let go of what is older than the operator keeps."""
        now_ms = self._cases.now_ms()
        events_before = now_ms - int(self._settings.events_days * hot.DAY_MS)
        self._log.forget(events_before)
        self._cases.forget(now_ms - int(self._settings.evidence_days * hot.DAY_MS))
        self._memory.watch.forget(events_before, self._settings.accounts_max)
        self._suspects = {case.account for case in self._cases.all("open")}

    def _erase(self, account: int) -> None:
        """Forget a person: events, memory and what cases tell. Done again where it was cut."""
        self._memory.watch.forget_one(account)
        self._log.turn()
        self.save()
        self._log.erase(account)
        self._cases.erase(account)
