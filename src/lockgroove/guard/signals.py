"""What an account did on a day that no listener does: rhythm, order, speed, and tracks it was never shown.

Each is a rule of its own, apart from what the plays weigh, so that two of them are two witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_DAY_S = 86_400


@dataclass(frozen=True)
class Signal:
    """A rule over days: what it needs the log to tell, what it measures, and from where on it speaks."""

    needs: frozenset[str]
    measure: Callable[[np.ndarray], np.ndarray]
    least: float
    words: str  # with the value in it


def _hours(days: np.ndarray) -> np.ndarray:
    """Hours of the day with a play, where there were enough to have gaps, and not half a day of sound.

    Whoever plays music all day long has no gaps either: that is a listener with a loudspeaker.
    """
    counts = np.zeros(len(days))
    for hour in range(24):
        counts += (days["hours"] >> np.uint32(hour)) & np.uint32(1)
    thin = (days["plays"] >= 48) & (days["fetched_s"] < _DAY_S / 2)
    return np.where(thin, counts, 0)


def _borders(days: np.ndarray) -> np.ndarray:
    """Albums followed by the next in catalogue order, for every ten new plays; from five such on."""
    return np.where(days["border"] >= 5, days["border"] / np.maximum(days["fresh"], 1) * 10, 0)


def _speed(days: np.ndarray) -> np.ndarray:
    """Days of sound fetched on one day."""
    return days["fetched_s"] / _DAY_S


def _unshown(days: np.ndarray) -> np.ndarray:
    """The share of plays whose track was never listed to the account."""
    return np.where(days["plays"] >= 30, days["direct"] / np.maximum(days["plays"], 1), 0)


SIGNALS: Mapping[str, Signal] = {
    "never-sleeps": Signal(
        frozenset({"ts_ms", "seconds_possible"}), _hours, 22, "it chose tracks in {value:.0f} of 24 hours"
    ),
    "catalogue-order": Signal(
        frozenset({"place", "album"}), _borders, 0.5,
        "of every ten new tracks {value:.1f} began the album that follows in the catalogue",
    ),
    "faster-than-sound": Signal(
        frozenset({"seconds_possible"}), _speed, 4, "it fetched {value:.1f} days of sound in a day"
    ),
    "never-shown": Signal(
        frozenset({"context"}), _unshown, 0.8,
        "{value:.0%} of its plays were of tracks that it was never shown",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """A signal of an account on a day."""

    slot: int
    day: int
    code: str
    value: float


def heard_in(days: np.ndarray, told: frozenset[str]) -> list[Heard]:
    """All signals in a day's rows, by rules whose fields the log tells."""
    found = []
    for code, signal in SIGNALS.items():
        if signal.needs <= told:
            values = signal.measure(days)
            found += [
                Heard(int(days["slot"][n]), int(days["day"][n]), code, float(values[n]))
                for n in np.flatnonzero(values >= signal.least)
            ]
    return found


def switched_off(told: frozenset[str]) -> dict[str, list[str]]:
    """Rules that cannot speak, and what the log would have to tell for them."""
    return {code: sorted(signal.needs - told) for code, signal in SIGNALS.items() if not signal.needs <= told}
