"""Random numbers by arithmetic: a draw is a function of seed, purpose and the number of what it is drawn for.

So any part of a catalogue can be made alone, again and in any order, and is the same to the byte: nothing is
drawn from a stream, and no distribution of a library is used that a later version of it might change.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Sequence

import numpy as np

_BIN_BITS = 13
_BINS = 1 << _BIN_BITS
_FIRST_SHIFT = 64 - _BIN_BITS
_FRACTION_BITS = 16
_LEVELS = 3
_P_MIN = 1e-12
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Draws:
    """Draws for a seed. Every method takes a purpose and the numbers of those for whom it draws."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, purpose: str, numbers: np.ndarray) -> np.ndarray:
        """64 bits each (SplitMix64; Steele, Lea and Flood 2014)."""
        x = numbers.astype(np.uint64) * _GOLDEN + np.uint64(_salt(self._seed, purpose))
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return np.asarray(x ^ (x >> np.uint64(31)))

    def below(self, purpose: str, numbers: np.ndarray, limit: int) -> np.ndarray:
        """Whole numbers from 0 to `limit` - 1, each as likely; `limit` is below 2**32."""
        high = self.bits(purpose, numbers) >> np.uint64(32)
        return np.asarray((high * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)

    def happens(self, purpose: str, numbers: np.ndarray, share: float) -> np.ndarray:
        """True for about that share."""
        return np.asarray(self.below(purpose, numbers, 1_000_000) < round(share * 1_000_000))

    def choice(self, purpose: str, numbers: np.ndarray, weights: Sequence[float]) -> np.ndarray:
        """Places in `weights`, each as likely as its weight says."""
        ends = [round(1_000_000 * total / sum(weights)) for total in itertools.accumulate(weights)]
        drawn = self.below(purpose, numbers, 1_000_000)
        return np.searchsorted(np.array(ends[:-1]), drawn, side="right").astype(np.int64)

    def values(self, purpose: str, numbers: np.ndarray, quantiles: Quantiles) -> np.ndarray:
        """Whole numbers that are spread as `quantiles` says."""
        return quantiles.at(self.bits(purpose, numbers))


class Quantiles:
    """A distribution of whole numbers as its inverse: the value below which a share p of all lie.

    Straight lines between 8,192 points; the topmost stretch has as many again, and so has its own topmost,
    since in a heavy tail most of the sum lies there.
    """

    def __init__(self, inverse: Callable[[float], float]) -> None:
        self._levels = [
            _edges(inverse, 1 - 1 / _BINS**level if level else 0.0, 1 / _BINS**level)
            for level in range(_LEVELS)
        ]

    @classmethod
    def ranks(cls, size: int, exponent: float) -> Quantiles:
        """Ranks from 0 to `size` - 1 by Zipf's law: the share of rank r is as (r + 1) ** -exponent."""
        ends = np.cumsum(np.arange(1, size + 1, dtype=np.float64) ** -exponent)
        shares = ends / ends[-1]
        return cls(lambda p: size if p >= 1 - _P_MIN else int(np.searchsorted(shares, p, side="right")))

    def at(self, bits: np.ndarray) -> np.ndarray:
        """The values for uniform 64-bit draws."""
        values = _between(self._levels[0], bits, _FIRST_SHIFT)
        top = np.arange(len(bits))
        for level in range(1, _LEVELS):
            shift = _FIRST_SHIFT - level * _BIN_BITS
            top = top[
                bits[top] >> np.uint64(shift + _BIN_BITS) & np.uint64(_BINS - 1) == np.uint64(_BINS - 1)
            ]
            values[top] = _between(self._levels[level], bits[top], shift)
        return values


def _edges(inverse: Callable[[float], float], low: float, width: float) -> np.ndarray:
    shares = (min(max(low + width * i / _BINS, _P_MIN), 1 - _P_MIN) for i in range(_BINS + 1))
    return np.array([int(inverse(p)) for p in shares], dtype=np.int64)


def _between(edges: np.ndarray, bits: np.ndarray, shift: int) -> np.ndarray:
    at = (bits >> np.uint64(shift) & np.uint64(_BINS - 1)).astype(np.int64)
    part = (bits >> np.uint64(shift - _FRACTION_BITS) & np.uint64((1 << _FRACTION_BITS) - 1)).astype(np.int64)
    low = edges[at]
    return np.asarray(low + ((edges[at + 1] - low) * part >> _FRACTION_BITS))


@functools.cache
def _salt(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "big")
