"""Whether an account had a track before: two blocked Bloom filters that take turns, so memory is bounded.

Blocked: all bits of a pair lie in one line of 64 bytes (Putze, Sanders, Singler, 2007). With 10 bits a pair
and 4 of them set, 1.3 % of new pairs pass for known ones. When the newer filter is full, the older is
emptied and becomes the newer: a pair is remembered for as long as it takes to fill one filter, at least,
and anew whenever it is met.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from lockgroove.guard.compiled import compiled

LINE = 8  # words of 64 bits
_BITS_A_PAIR = 10
BITS_SET = 4  # 9 bits of the pair's number each; the upper 28 choose the line


class Knowing(Protocol):
    """Whoever knows what accounts had."""

    def knows(self, account: int, track: int) -> bool:
        """Whether an account had a track, as far as is remembered."""


class Seen:
    """Pairs of account and track. `size_bytes` is for both filters."""

    def __init__(self, size_bytes: int) -> None:
        lines = max(1, size_bytes // 2 // (LINE * 8))
        self.newer = np.zeros((lines, LINE), np.uint64)
        self.older = np.zeros((lines, LINE), np.uint64)
        self.pairs_max = lines * LINE * 64 // _BITS_A_PAIR
        self.pairs = 0
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Let the older filter go, once the newer one is full."""
        if self.pairs >= self.pairs_max:
            self.newer, self.older = self.older, self.newer
            self.newer.fill(0)
            self.pairs = 0

    def knows(self, account: int, track: int) -> bool:
        """Whether an account had a track, as far as is remembered; nothing is added."""
        pair = mixed(np.array([account], np.uint64), np.array([track], np.uint64))
        return bool(known(self.newer, self.older, pair[0]))

    def add(self, accounts: np.ndarray, tracks: np.ndarray) -> None:
        """Remember pairs. May be asked by several threads."""
        with self._lock:
            self.pairs += _meet_all(self.newer, self.older, mixed(accounts, tracks))
            self.turn()

    def saved(self) -> dict[str, np.ndarray]:
        """What is remembered, as arrays."""
        return {"newer": self.newer, "older": self.older, "pairs": np.array([self.pairs])}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Remember what was saved."""
        self.newer, self.older, self.pairs = saved["newer"], saved["older"], int(saved["pairs"][0])
        self.pairs_max = len(self.newer) * LINE * 64 // _BITS_A_PAIR


def mixed(accounts: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each pair (the finaliser of MurmurHash3)."""
    pair = accounts ^ (tracks * np.uint64(0x9E3779B97F4A7C15))
    pair ^= pair >> np.uint64(33)
    pair *= np.uint64(0xFF51AFD7ED558CCD)
    pair ^= pair >> np.uint64(33)
    pair *= np.uint64(0xC4CEB9FE1A85EC53)
    pair ^= pair >> np.uint64(33)
    return pair


@compiled
def meet(newer, older, pair):
    """Remember a pair: 0 if it was new, 1 if the newer filter has it, 2 if only the older had."""
    found = known(newer, older, pair)
    if found == 1:
        return 1
    line = (pair >> np.uint64(36)) % np.uint64(len(newer))
    for turn in range(BITS_SET):
        place = pair >> np.uint64(9 * turn)
        newer[line, place & np.uint64(7)] |= np.uint64(1) << ((place >> np.uint64(3)) & np.uint64(63))
    return found


@compiled
def known(newer, older, pair):
    """Likewise, and nothing is remembered."""
    line = (pair >> np.uint64(36)) % np.uint64(len(newer))
    in_newer, in_older = True, True
    for turn in range(BITS_SET):
        place = pair >> np.uint64(9 * turn)
        word, bit = place & np.uint64(7), np.uint64(1) << ((place >> np.uint64(3)) & np.uint64(63))
        in_newer &= (newer[line, word] & bit) != 0
        in_older &= (older[line, word] & bit) != 0
    return 1 if in_newer else (2 if in_older else 0)


@compiled
def _meet_all(newer, older, pairs):
    """Remember pairs; how many the newer filter did not have."""
    count = 0
    for i in range(len(pairs)):
        if meet(newer, older, pairs[i]) != 1:
            count += 1
    return count
