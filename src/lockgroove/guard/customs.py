"""What is usual here: how many accounts did how much on a day, so that evidence can say how rare it is.

Histograms with steps of a twelfth of a doubling; they add up over days, front ends and machines.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MEASURES = ("plays", "fresh", "fetched_s")
_STEPS = 12  # a doubling
_BINS = 30 * _STEPS


class Customs:
    """Counts of account-days by how much was done on them."""

    def __init__(self) -> None:
        self.counts = np.zeros((len(MEASURES), _BINS))

    def add(self, days: np.ndarray) -> None:
        """Count days of accounts."""
        for which, measure in enumerate(MEASURES):
            self.counts[which] += np.bincount(_bins(days[measure]), minlength=_BINS)[:_BINS]

    @property
    def days(self) -> float:
        """How many account-days were counted."""
        return float(self.counts[0].sum())

    def fade(self, share: float) -> None:
        """Let only a share of what was counted weigh on."""
        self.counts *= share

    def above(self, measure: str, value: float) -> float:
        """The share of account-days that reached this much."""
        counts = self.counts[MEASURES.index(measure)]
        at = int(_bins(np.array([value]))[0])
        return float(counts[at:].sum() / max(1.0, counts.sum()))

    def value_at(self, measure: str, share: float) -> float:
        """What the given share of account-days stays below."""
        counts = self.counts[MEASURES.index(measure)]
        if not counts.sum():
            return 0.0
        at = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
        return float(2 ** (at / _STEPS) - 1)

    def saved(self) -> dict[str, np.ndarray]:
        """What is remembered, as arrays."""
        return {"counts": self.counts}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Remember what was saved."""
        self.counts = saved["counts"]


def _bins(values: np.ndarray) -> np.ndarray:
    places = np.log2(np.maximum(values, 0) + 1) * _STEPS
    found: np.ndarray = np.clip(np.ceil(places - 1e-6), 0, _BINS - 1).astype(np.int64)
    return found
