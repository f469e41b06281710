"""How much may be taken in a time: by an account, with a key, from a network, by all visitors together.

The generic cell rate algorithm (ITU-T I.371): for each subject and each thing that is counted, one moment is
remembered, at which all that was taken so far will have been paid off. A whole quota may be taken at once,
and comes back evenly. Subjects that owe nothing are forgotten, so memory goes to who is there.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Protocol

import numpy as np

from lockgroove.errors import UsageError
from lockgroove.guard.records import Index

TICKS_A_SECOND = 1000  # 32 bits of them are 49 days
_REBASE_TICKS = 1 << 30
_TICKS_MAX = (1 << 32) - 1
_SET_BACK_TICKS = 10_000
_SUBJECTS = 1 << 12


class Counted(IntEnum):
    """What a quota may be of."""

    REQUESTS = 0
    BYTES = 1
    FRESH = 2  # tracks new to who asks
    RARE = 3  # of these, such as few people hear
    SHARE = 4  # of the catalogue, in tracks new to who asks


@dataclass(frozen=True)
class Quota:
    """So much in so many seconds."""

    amount: float
    seconds: float

    @property
    def seconds_each(self) -> float:
        """How long it takes until one comes back."""
        return self.seconds / self.amount


Limits = Mapping[Counted, Quota]


@dataclass(frozen=True)
class Over:
    """A quota that is used up: whose (a place in what was asked), of what, how long until there is room."""

    subject: int
    counted: Counted
    wait_s: float


class Counting(Protocol):
    """Whoever counts what subjects take."""

    def take(
        self, subjects: Sequence[tuple[int, Limits]], costs: Mapping[Counted, float], now_s: float
    ) -> Over | None:
        """Take so much from every subject's quotas, or nothing from any and say which is used up."""


class Quotas:
    """What every subject has taken. May be asked by several threads."""

    def __init__(self, subjects_max: int = 1 << 24) -> None:
        self._subjects_max = subjects_max
        self._lock = threading.Lock()
        self._base_s: float | None = None
        self._last = 0
        self._index = Index(_SUBJECTS)
        self._owed = np.zeros((_SUBJECTS, len(Counted)), np.uint32)

    @property
    def subjects(self) -> int:
        """How many are remembered."""
        return self._index.count

    def take(
        self, subjects: Sequence[tuple[int, Limits]], costs: Mapping[Counted, float], now_s: float
    ) -> Over | None:
        """Take so much from every subject's quotas, or nothing from any and say which is used up.

        Subjects are numbers of 64 bits, not 0. What costs more than the whole quota is let through where
        nothing is owed: else it never would be.
        """
        with self._lock:
            now = self._ticks(now_s)
            slots = self._slots(subjects, now)
            asked = [
                (at, counted, slot, quota, costs[counted])
                for at, ((_, limits), slot) in enumerate(zip(subjects, slots, strict=True))
                for counted, quota in limits.items()
                if costs.get(counted)
            ]
            over = max(
                (Over(at, counted, wait) for at, counted, slot, quota, cost in asked
                 if (wait := self._wait(slot, counted, quota, cost, now)) > 0),
                key=lambda one: one.wait_s, default=None,
            )  # fmt: skip
            if over is None:
                for _, counted, slot, quota, cost in asked:
                    self._owe(slot, counted, quota, cost, now)
            return over

    def _wait(self, slot: int, counted: Counted, quota: Quota, cost: float, now: int) -> float:
        """Seconds until this much may be taken; 0: it may."""
        owed_s = max(0, int(self._owed[slot, counted]) - now) / TICKS_A_SECOND
        wanted = min(cost * quota.seconds_each, quota.seconds)
        return max(0.0, owed_s + wanted - quota.seconds)

    def _owe(self, slot: int, counted: Counted, quota: Quota, cost: float, now: int) -> None:
        ticks = max(1, round(cost * quota.seconds_each * TICKS_A_SECOND))
        owed = max(now, int(self._owed[slot, counted])) + ticks
        self._owed[slot, counted] = min(owed, _TICKS_MAX)

    def _ticks(self, now_s: float) -> int:
        """Now, in ticks since the base, which moves so that they fit 32 bits.

        Where the clock is set back, what is owed stays as it was when it was last asked.
        """
        if self._base_s is None:
            self._base_s = now_s - 1
        now = int((now_s - self._base_s) * TICKS_A_SECOND)
        if now < self._last - _SET_BACK_TICKS:
            self._move_base(now_s, self._last)
        elif now > _REBASE_TICKS:
            self._move_base(now_s, min(now, _TICKS_MAX))
        else:
            self._last = max(self._last, now)
        return self._last

    def _move_base(self, now_s: float, passed: int) -> None:
        self._owed = np.where(self._owed > passed, self._owed - np.uint32(passed), 0).astype(np.uint32)
        self._base_s, self._last = now_s, 0

    def _slots(self, subjects: Sequence[tuple[int, Limits]], now: int) -> list[int]:
        keys = np.array([key for key, _ in subjects], np.uint64)
        if self._index.count + len(keys) > len(self._owed):
            self._make_room(now)
        return self._index.slots(keys).tolist()  # type: ignore[no-any-return]

    def _make_room(self, now: int) -> None:
        """Forget who owes nothing; where nearly everybody owes, remember more, up to the most."""
        owing = np.flatnonzero((self._owed[: self._index.count] > now).any(axis=1))
        keys, owed = self._index.keys[owing], self._owed[owing]
        if len(keys) >= self._subjects_max // 2:  # those who owe least are let off
            most = np.sort(np.argsort(owed.max(1))[-self._subjects_max // 2 :])
            keys, owed = keys[most], owed[most]
        size = max(_SUBJECTS, 2 * len(keys))
        self._index = Index(size)
        self._index.slots(keys)
        self._owed = np.zeros((size, len(Counted)), np.uint32)
        self._owed[: len(keys)] = owed

    def saved(self) -> dict[str, np.ndarray]:
        """What is remembered, as arrays."""
        with self._lock:
            count = self._index.count
            return {
                "keys": self._index.keys[:count].copy(),
                "owed": self._owed[:count].copy(),
                "base_s": np.array([self._base_s or 0.0]),
                "last": np.array([self._last]),
            }

    def forgive(self, counted: Sequence[int]) -> None:
        """Whoever owes something in these kinds owes nothing any more."""
        with self._lock:
            self._owed[:, list(counted)] = 0

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Remember what was saved."""
        with self._lock:
            keys = saved["keys"]
            self._index = Index(max(_SUBJECTS, 2 * len(keys)))
            self._index.slots(keys)
            self._owed = np.zeros((len(self._index.keys), len(Counted)), np.uint32)
            self._owed[: len(keys)] = saved["owed"]
            self._base_s = float(saved["base_s"][0]) or None
            self._last = int(saved["last"][0])


_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000}
_UNITS = {"": 1.0, "%": 0.01, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_WRITTEN = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?) ?(%|kB|MB|GB|TB|)(?:/| a )(\w+)")
_OF_WORD = {
    "requests": Counted.REQUESTS,
    "bytes": Counted.BYTES,
    "new": Counted.FRESH,
    "rare": Counted.RARE,
    "share": Counted.SHARE,
}
# A share of a small catalogue would be no track at all.
_SHARE_TRACKS_MIN = 5_000


def read_limits(table: Mapping[str, object], catalogue_tracks: int, where: str) -> dict[Counted, Quota]:
    """Quotas as an operator writes them: `new = "500/day"`, `bytes = "50 GB/day"`, `share = "1 %/month"`.

    Raises UsageError. "off" is no quota.
    """
    found = {}
    for word, text in table.items():
        if word not in _OF_WORD:
            raise UsageError(f"There is no quota of {word}", where, f"Quotas: {', '.join(_OF_WORD)}.")
        if text != "off":
            quota = _read_quota(text, f"{where}.{word}")
            if _OF_WORD[word] == Counted.SHARE:
                quota = Quota(max(quota.amount * catalogue_tracks, _SHARE_TRACKS_MIN), quota.seconds)
            found[_OF_WORD[word]] = quota
    return found


def _read_quota(text: object, where: str) -> Quota:
    match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[3] not in _PERIODS or not float(match[1].replace("_", "")):
        raise UsageError("This is no quota", f"{where} = {text!r}"[:100], 'Such as "500/day" or "50 GB/day".')
    return Quota(float(match[1].replace("_", "")) * _UNITS[match[2]], _PERIODS[match[3]])


_TOLD = {
    Counted.REQUESTS: "requests", Counted.FRESH: "tracks that are new to you",
    Counted.RARE: "of these such as few people hear", Counted.SHARE: "new tracks",
}  # fmt: skip


def terms_of(written: Mapping[str, Mapping[str, str]]) -> list[int]:
    """For each kind of quota a number that changes with the quotas of that kind, as they are written."""
    texts = [
        json.dumps([[who, limits.get(name)] for who, limits in sorted(written.items())])
        for name, _ in sorted(_OF_WORD.items(), key=lambda item: item[1])
    ]
    return [int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") for text in texts]


def in_words(limits: Limits) -> list[str]:
    """Quotas as people read them: "240 tracks that are new to you per day"."""
    periods: dict[float, str] = {seconds: word for word, seconds in _PERIODS.items()}
    told = []
    for counted, quota in sorted(limits.items()):
        amount = (
            f"{quota.amount / 1e9:,g} GB"
            if counted == Counted.BYTES
            else f"{quota.amount:,.0f} {_TOLD[counted]}"
        )
        told.append(f"{amount} per {periods[quota.seconds]}")
    return told
