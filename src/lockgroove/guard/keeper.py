"""Takes in what happened, turn by turn: writes it down, watches it, and opens cases.

Invariant: an event is in the log before it is watched, and a decision in its file before it holds. Whatever
a crash leaves undone is done from the log when the guard comes back; what was decided stays decided.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable

import numpy as np

from lockgroove.guard import hot, witnesses
from lockgroove.guard.calibration import estimated_ratios
from lockgroove.guard.cases import Cases
from lockgroove.guard.eventlog import EventLog, Position
from lockgroove.guard.events import FIELDS, STAND_IN, Batch, empty
from lockgroove.guard.gate import Gate
from lockgroove.guard.groups import Group
from lockgroove.guard.memory import Memory
from lockgroove.guard.settings import Settings
from lockgroove.guard.together import Popularity, groups_of
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
_TRY_AGAIN_S = 60.0
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
        self._suspects = {case.account for case in cases.all("open")}
        self._saved_at = self._day_at = time.monotonic()
        self._leapt_at: float | None = None
        self._try_at = 0.0
        self._pause_s = _SAVE_EVERY_S
        self.behind = 0
        self.waiting = 0  # what is taken in is safe when a turn ends
        self._untaken: witnesses.Told = {}
        self._sought: queue.SimpleQueue[tuple[int, list[Group], np.ndarray]] = queue.SimpleQueue()
        position = memory.restore()
        # What was kept is damaged: it is made again, and nobody is judged by thresholds that are not theirs.
        self._only_watches = position is None
        for rows, _ in log.since(position or Position()):
            self._watch(rows)
            self.behind += len(rows)
        self._only_watches = False
        today = int(clock()) // 86_400
        self._day = memory.ended_day = memory.ended_day or today
        self._day_at -= max(0, today - self._day) * 86_400  # for so long nobody was here
        cases.begin()
        self.save()
        gate.hold(cases.in_force())

    def turn(self, rows: np.ndarray) -> None:
        """Take in events, in the order in which they happened, and whatever else is due.

        Raises OSError where they could not be written; all that goes wrong later is logged and tried again.
        """
        if len(rows):
            self._log.append(rows)
        try:
            self._watch(rows)
            self._gate.forget_lately()
            self._do_what_is_due()
        except (OSError, sqlite3.Error):
            _LOG.exception("The guard could not do what is due, and tries again")

    def _do_what_is_due(self) -> None:
        self._witness({})
        while not self._sought.empty():
            day, groups, accounts = self._sought.get()
            self._witness(witnesses.of_groups(groups, accounts, day))
        self._gate.hold(self._cases.in_force())
        if self._is_new_day(today := int(self._clock()) // 86_400) and time.monotonic() > self._try_at:
            self._try_at = time.monotonic() + _TRY_AGAIN_S
            self.end_day(today)
            self._day, self._day_at, self._try_at = today, time.monotonic(), 0.0
        for account in self._cases.to_erase():
            self._erase(account)
        if time.monotonic() - self._saved_at > self._pause_s:
            self.save()

    def _is_new_day(self, today: int) -> bool:
        """Whether a day is over. A clock that leaps is not believed for an hour: it removes what is old."""
        slept_days = (time.monotonic() - self._day_at) / 86_400
        if today - self._day <= slept_days + _DAYS_LEAPT_MAX:
            self._leapt_at = None
            if today < self._day - 1:  # it had leapt for longer than an hour, and is right again
                self._day = today
            return today > self._day
        if self._leapt_at is None:
            _LOG.warning("The clock leapt by %d days; nothing is forgotten for an hour", today - self._day)
            self._leapt_at = time.monotonic()
        return time.monotonic() - self._leapt_at > _LEAP_BELIEVED_S

    def save(self) -> None:
        """Keep what is remembered, but for what a case still has to hear: that is in the log after it."""
        if self._untaken:
            return
        began = time.monotonic()
        self._memory.save(self._log.end)
        self._saved_at = time.monotonic()
        self._pause_s = max(_SAVE_EVERY_S, _SAVING_SHARE * (self._saved_at - began))

    def end_day(self, today: int) -> None:
        """Once a day: days are closed, thresholds set, what is old forgotten, and groups sought."""
        self._take_in_days(*self._memory.watch.end_of_day(today))
        if today >= self._memory.calibrated_day + _CALIBRATE_EVERY:
            self._calibrate(today)
        self._cases.expire()
        events_before_ms = self._forget()
        self._memory.ended_day = today
        self._log.turn()
        self.save()
        self._log.seal(self._log.end)
        self._log.forget(events_before_ms)
        seeking = self._what_to_seek(today)
        threading.Thread(target=self._seek, args=seeking, name="guard-groups", daemon=True).start()

    def _what_to_seek(self, today: int) -> tuple[int, Popularity | None, set[int]]:
        """The day, what is known of tracks, and who was found alone."""
        told = {case.account for case in self._cases.all("open") if "plays" in case.families}
        return today, self._memory.strata(), told - self._cases.trusted()

    def _seek(self, today: int, known: Popularity | None, alone: set[int]) -> None:
        """In a thread of its own, which touches nothing but the log. The next turn takes in who was found."""
        since_ms = (today - _GROUP_DAYS) * hot.DAY_MS
        try:
            self._sought.put((today, *groups_of(self._log, since_ms, known, alone)))
        except Exception:
            _LOG.exception("Groups could not be sought")

    def _watch(self, rows: np.ndarray) -> None:
        noticed = self._memory.watch.observe(Batch(rows, TOLD))
        self._take_in(noticed)
        self._take_in_days(noticed.days, noticed.tops)

    def _take_in(self, noticed: Noticed) -> None:
        if len(noticed.alarms):
            accounts = self._memory.watch.accounts.keys[noticed.alarms["slot"]]
            last = Position(self._log.end.segment)
            lately = [rows[np.isin(rows["account"], accounts)] for rows, _ in self._log.since(last)]
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
        """Tell cases, and what they could not take in before. What they cannot take in now waits."""
        if self._only_watches:
            return
        for account, evidence in told.items():
            self._untaken.setdefault(account, []).extend(evidence)
        try:
            for account in list(self._untaken):
                named = account < int(STAND_IN)
                if self._cases.witness(account, named, self._untaken[account]) is not None:
                    self._suspects.add(account)
                del self._untaken[account]
        except sqlite3.Error:
            _LOG.exception("Cases cannot take in what was noticed, and are told again")

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

    def _forget(self) -> int:
        """Let go of what is older than the operator keeps; before when events are too old."""
        now_ms = self._cases.now_ms()
        events_before_ms = now_ms - int(self._settings.events_days * hot.DAY_MS)
        self._cases.forget(now_ms - int(self._settings.evidence_days * hot.DAY_MS))
        self._memory.watch.forget(events_before_ms, self._settings.accounts_max)
        self._suspects = {case.account for case in self._cases.all("open")}
        return events_before_ms

    def _erase(self, account: int) -> None:
        """Forget a person: events, memory and what cases tell. Done again where it was cut."""
        self._memory.watch.forget_one(account)
        self._log.turn()
        self.save()
        self._log.erase(account)
        self._cases.erase(account)
