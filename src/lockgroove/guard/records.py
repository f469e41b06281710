"""What is remembered of each account, in a flat array: at most 160 bytes, with the index that finds it.

Invariant: an account's slot stays its own.
"""

from __future__ import annotations

import numpy as np

from lockgroove.guard.compiled import compiled

BUCKETS = 10  # of popularity, 0 the most heard
TAKERS = 2  # who takes the whole catalogue alike, and who takes by popularity; neither wants anything twice
GAPS = 8  # of seconds between two plays: below 1, 2, 4, … 64, above

RECORD = np.dtype(
    [
        ("last_ms", "i8"),
        ("plays", "u4"),  # chosen by the listener, ever
        ("fresh", "u4"),  # of them new to the account
        ("day", "i4"),  # since 1970; what ends in _today is of this day
        ("first_day", "i4"),
        ("plays_today", "u4"),
        ("fresh_today", "u4"),
        # Running sums of evidence against the account (natural logarithms), one for each kind of taker, and
        # their highest since the stratum was entered today.
        ("w", "f4", TAKERS),
        ("top", "f4", TAKERS),
        ("last_place", "i4"),
        ("last_album", "u4"),
        ("last_track", "u4"),
        ("hours", "u4"),  # a bit for each hour of today
        ("fetched_s", "f4"),  # of sound, today
        ("played_s", "f4"),
        ("cohort", "u4"),
        ("popular", "u2", BUCKETS),  # new tracks by popularity, halved when one is full
        ("gaps", "u2", GAPS),  # likewise
        ("border_today", "u2"),  # from an album's last track to the first of the next in catalogue order
        ("direct_today", "u2"),
        ("system_today", "u2"),
        ("along_today", "u2"),  # new ones that followed on their album
        ("marks", "u1"),
        ("last_share", "u1"),  # of the last track's file, over the pieces in which it was fetched
    ],
    align=True,
)
_FREE = np.uint32(0xFFFFFFFF)


class Index:
    """Slots by 64-bit key, densely from 0 in the order of first sight; open addressing."""

    def __init__(self, expected: int = 1024) -> None:
        self.keys = np.zeros(max(16, expected), np.uint64)
        self.count = 0
        self._table = np.full(_table_size(len(self.keys)), _FREE, np.uint32)

    def slots(self, keys: np.ndarray) -> np.ndarray:
        """The slot of each key, a new one for a key not seen before. Keys are well mixed and not 0."""
        found = np.empty(len(keys), np.int64)
        done = 0
        while True:
            done, self.count = _find(keys, found, done, self.keys, self._table, self.count)
            if done == len(keys):
                return found
            self._grow()

    def known(self, keys: np.ndarray) -> np.ndarray:
        """The slot of each key, -1 where it was never seen."""
        found = np.empty(len(keys), np.int64)
        _look(keys, found, self.keys, self._table)
        return found

    def _grow(self) -> None:
        size = len(self.keys) + len(self.keys) // 2
        self.keys.resize(size, refcheck=False)
        if _table_size(size) != len(self._table):
            self._table = np.full(_table_size(size), _FREE, np.uint32)
            _fill(self.keys, self._table, self.count)


def _table_size(keys: int) -> int:
    """A power of two, of which the keys fill at most three quarters."""
    return 1 << int(np.ceil(np.log2(max(16, keys) * 4 / 3)))


@compiled
def _find(keys, found, start, known, table, count):
    """Slots for keys from `start` on, until there is no room; how far it came, and how many are known now."""
    mask = np.uint64(len(table) - 1)
    for i in range(start, len(keys)):
        key = keys[i]
        at = key & mask
        while True:
            slot = table[at]
            if slot == 0xFFFFFFFF:
                if count == len(known):
                    return i, count
                table[at] = count
                known[count] = key
                found[i] = count
                count += 1
                break
            if known[slot] == key:
                found[i] = slot
                break
            at = (at + np.uint64(1)) & mask
    return len(keys), count


@compiled
def _look(keys, found, known, table):
    mask = np.uint64(len(table) - 1)
    for i in range(len(keys)):
        at = keys[i] & mask
        while table[at] != 0xFFFFFFFF and known[table[at]] != keys[i]:
            at = (at + np.uint64(1)) & mask
        found[i] = -1 if table[at] == 0xFFFFFFFF else table[at]


@compiled
def _fill(known, table, count):
    mask = np.uint64(len(table) - 1)
    for slot in range(count):
        at = known[slot] & mask
        while table[at] != 0xFFFFFFFF:
            at = (at + np.uint64(1)) & mask
        table[at] = slot
