"""Ids that come twice in one dump and say different things, found in 8 bytes an id.

Invariant: an id that came before is always noticed. Of those that say something else, one in 1,024 passes for
the same; among 40 million different ids a false alarm is a matter of 1 in 20 dumps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_STAMP_BITS = 10
_KEY_MASK = (1 << 64) - (1 << _STAMP_BITS)
_STAMP_MASK = (1 << _STAMP_BITS) - 1
_WAITING_MAX = 1 << 16

_Words = npt.NDArray[np.uint64]


class Repeats:
    """What was seen: of each id 54 bits of its digest, and 10 of its stamp's.

    About 8 bytes an id, at most 24 while the largest runs are joined. The last 65,536 ids wait, with where
    they stand, and are compared with all before them at once.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, str]] = {}
        self._runs: list[_Words] = []  # each sorted, each less than half as long as the one before

    def saw(self, key: int, stamp: int, where: str) -> list[str]:
        """Take in an id's digest and its stamp's.

        Returns where ids were repeated with another stamp: this one, or earlier ones that had waited.
        """
        key, stamp = key & _KEY_MASK, stamp & _STAMP_MASK
        earlier = self._waiting.get(key)
        if earlier is not None:
            return [where] if earlier[0] != stamp else []
        self._waiting[key] = stamp, where
        return self.settle() if len(self._waiting) >= _WAITING_MAX else []

    def settle(self) -> list[str]:
        """Compare those that wait with all before. Returns where ids were repeated with another stamp."""
        if not self._waiting:
            return []
        waiting = list(self._waiting.items())
        words = np.array([key | stamp for key, (stamp, _) in waiting], np.uint64)
        is_new, contradicts = self._compared(words)
        places = [waiting[n][1][1] for n in np.flatnonzero(contradicts)]
        self._waiting.clear()
        self._add(np.sort(words[is_new]))
        return places

    def _compared(self, words: _Words) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which ids no run holds, and which one holds with another stamp."""
        is_new, contradicts = np.ones(len(words), bool), np.zeros(len(words), bool)
        keys = words & np.uint64(_KEY_MASK)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            is_held = (run[at] & np.uint64(_KEY_MASK)) == keys
            is_new &= ~is_held
            contradicts |= is_held & (run[at] != words)
        return is_new, contradicts

    def _add(self, run: _Words) -> None:
        if not len(run):
            return
        self._runs.append(run)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            joined = np.concatenate([self._runs.pop(), self._runs.pop()])
            joined.sort(kind="stable")  # which merges runs that are sorted
            self._runs.append(joined)
