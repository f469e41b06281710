"""How likely plays are for people here, and from which evidence on an account stands out among them.

Ratios come from what the accounts of this install did; thresholds are conformal quantiles of its own
account-days (Vovk, Gammerman, Shafer, 2005): as long as days are exchangeable, a share of at most `rate`
passes them. Histograms add up, over days, front ends and machines.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lockgroove.guard.hot import PLAY_KINDS, REPEATED, STRATA
from lockgroove.guard.records import BUCKETS, TAKERS

# Popularity, as shares of the catalogue from the most heard on.
BUCKET_EDGES = (0.0005, 0.002, 0.005, 0.01, 0.03, 0.1, 0.2, 0.336, 0.6, 1.0)
# Somebody who takes from the catalogue wants nothing twice. Who goes by popularity differs from a listener in
# nothing else, so a repeat must speak clearly against it.
_TAKER_REPEATS = np.array([0.02, 0.001])
_PLAYS_MAX = 200  # of an account's: nobody's taste counts for more
_COHORT_SHARE_MAX = 0.01
_BINS_A_NAT = 16
_NATS_MAX = 512


def estimated_ratios(records: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """How much likelier each kind of play is for each kind of taker than for a listener: logarithms.

    From accounts that are not suspects; `shares` of the catalogue stand in each bucket of popularity. An
    account counts for 200 new plays at most, and all that signed up together for 1 %.
    """
    popular = records["popular"].astype(np.float64)
    fresh = popular.sum(1)
    weight = np.minimum(1, _PLAYS_MAX / np.maximum(fresh, 1)) * _cohort_weights(records["cohort"], fresh)
    human = (popular * weight[:, None]).sum(0) + 1
    human /= human.sum()
    plays, all_fresh = (records["plays"] * weight).sum(), (records["fresh"] * weight).sum()
    repeats = float(np.clip(1 - all_fresh / max(plays, 1), 0.05, 0.95))
    only_new = np.log((1 - _TAKER_REPEATS) / (1 - repeats))
    ratios = np.tile(only_new[:, None], (1, PLAY_KINDS))
    ratios[0, :BUCKETS] += np.log(np.maximum(shares, 1e-9) / human)
    ratios[:, REPEATED] = np.log(_TAKER_REPEATS / repeats)
    return ratios.astype(np.float32)


def _cohort_weights(cohorts: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """What weighs down those that signed up together, where they are more than 1 % of all; 0: alone."""
    distinct, which = np.unique(cohorts, return_inverse=True)
    sizes = np.bincount(which, amount)
    weights = np.minimum(1, _COHORT_SHARE_MAX * amount.sum() / np.maximum(sizes, 1e-9))
    weights[distinct == 0] = 1
    found: np.ndarray = weights[which]
    return found


class Tops:
    """Histograms of the highest evidence on an account-day, by kind of taker, in each stratum."""

    def __init__(self) -> None:
        self.counts = np.zeros((TAKERS, *STRATA, _BINS_A_NAT * _NATS_MAX + 1))
        self.account_days = 0.0

    def add(self, tops: np.ndarray, account_days: int) -> None:
        """Count what was reached, on so many account-days."""
        bins = np.minimum(tops["w"] * _BINS_A_NAT, _BINS_A_NAT * _NATS_MAX).astype(np.int64)
        for taker in range(TAKERS):
            np.add.at(self.counts[taker], (tops["along"], tops["age"], tops["plays"], bins[:, taker]), 1)
        self.account_days += account_days

    def fade(self, share: float) -> None:
        """Let only a share of what was counted weigh on."""
        self.counts *= share
        self.account_days *= share

    def saved(self) -> dict[str, np.ndarray]:
        """What is remembered, as arrays."""
        return {"counts": self.counts.astype(np.float32), "account_days": np.array([self.account_days])}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Remember what was saved."""
        self.counts = saved["counts"].astype(np.float64)
        self.account_days = float(saved["account_days"][0])

    def thresholds(self, rate: float) -> np.ndarray:
        """The evidence, by taker and stratum, that is passed on `rate` of all account-days taken together.

        Whoever enters a stratum is as seldom unlucky there as in any other. Where nobody was so old yet, what
        holds for those who are younger does.
        """
        found = np.empty(self.counts.shape[:-1], np.float32)
        entered = self.counts.sum(-1)
        share = rate * self.account_days / max(1.0, entered.sum())
        for place in np.ndindex(found.shape):
            found[place] = _passed_by(self.counts[place], share * entered[place])
        for age in range(1, found.shape[2]):
            if not entered[:, :, age].any():
                found[:, :, age] = found[:, :, age - 1]
        return found


def _passed_by(counts: np.ndarray, allowed: float) -> float:
    """The evidence that no more than `allowed` passed; beyond what was seen, by an exponential tail."""
    above = np.cumsum(counts[::-1])[::-1]  # how many reached each bin
    total = above[0]
    if total == 0:
        return float(_NATS_MAX)
    if allowed >= 1:
        return (
            float(np.argmax(above <= allowed) / _BINS_A_NAT) if (above <= allowed).any() else float(_NATS_MAX)
        )
    reached = np.flatnonzero(above >= 1)[-1] + 1
    return float((reached + np.log(1 / max(allowed, 1e-9)) * _tail_scale(above)) / _BINS_A_NAT)


def _tail_scale(above: np.ndarray) -> float:
    """The mean excess, in bins, over what the highest tenth (or ten) reached."""
    start = np.flatnonzero(above >= max(10.0, above[0] / 10))
    if not len(start):
        return float(_BINS_A_NAT * 2)
    first = start[-1]
    return float(max(_BINS_A_NAT, above[first + 1 :].sum() / above[first]))


def shipped_thresholds() -> np.ndarray:
    """Thresholds for an install that has not seen enough days of its own: above what any people reached.

    By taker, and by whether most new plays follow on albums; measured on a made-up population
    (`bench/guard.py`).
    """
    found = np.empty((TAKERS, *STRATA), np.float32)
    found[:] = np.array(_SHIPPED, np.float32)[:, :, None, None]
    return found


_SHIPPED = ((40.0, 80.0), (80.0, 140.0))


def bucket_edges(heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bucket for each value of a track's byte, and the share of the catalogue in each bucket."""
    return bucket_edges_of(np.bincount(heard, minlength=256))


def bucket_edges_of(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, from how many tracks there are of each value."""
    above = np.cumsum(counts[::-1])[::-1] / max(1, counts.sum())  # share of tracks heard at least so much
    bucket_of = np.searchsorted(np.array(BUCKET_EDGES[:-1]), above, side="right").astype(np.uint8)
    shares = np.bincount(bucket_of, counts, BUCKETS) / max(1, counts.sum())
    return bucket_of, shares


def shipped_ratios() -> np.ndarray:
    """Ratios for an install that knows its people too little: those of a made-up population."""
    return np.array(
        [
            [-4.77, -3.5, -2.65, -1.95, -0.93, 0.49, 1.79, 2.73, 3.58, 4.19, 1.17, -3.55],
            [1.19] * 11 + [-6.55],
        ],
        np.float32,
    )  # fmt: skip
