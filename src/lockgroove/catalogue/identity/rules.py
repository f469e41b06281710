"""The numbered rules by which claims are joined: what each asks for, and how sure it is.

A rule's number is written into tables and dumps and never changes its meaning; a new rule gets a new number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """How far two durations may lie apart: the greater of milliseconds and whole percent of the longer."""

    ms: int
    percent: int

    def within(self, shortest_ms: int, longest_ms: int) -> bool:
        """Whether sounds from the shortest to the longest may all be one recording."""
        span = longest_ms - shortest_ms
        return span <= self.ms or span * 100 <= self.percent * longest_ms


@dataclass(frozen=True)
class Rule:
    """Claims with an equal key are one recording.

    `tolerance` None: durations are not asked. `identifier`: the key is an identifier that people copy and
    mistype, so names must not contradict it. `percent` is the confidence in whole percent, so that all
    engines divide alike.
    """

    number: int
    name: str
    percent: int
    tolerance: Tolerance | None = None
    identifier: bool = False

    @property
    def score(self) -> float:
        """The confidence from 0 to 1."""
        return self.percent / 100


_WIDE = Tolerance(7000, 5)
_NARROW = Tolerance(2000, 2)

OWN_REFERENCE, SAME_BYTES, SAME_MBID, SAME_ISRC, SAME_NAMES, EARLIER_VERSION, BY_HAND = range(7)

RULES: Mapping[int, Rule] = {
    rule.number: rule
    for rule in (
        Rule(OWN_REFERENCE, "0 own reference", 100),
        Rule(SAME_BYTES, "1 same bytes", 100),
        Rule(SAME_MBID, "2 same MBID", 99, _WIDE, identifier=True),
        Rule(SAME_ISRC, "3 same ISRC", 97, _WIDE, identifier=True),
        Rule(SAME_NAMES, "4 same names", 90, _NARROW),
        Rule(EARLIER_VERSION, "5 earlier version", 90, _WIDE),
        Rule(BY_HAND, "6 by hand", 100),
    )
}

# An identifier under which more names than this stand is a placeholder and proves nothing by itself.
NAMES_PER_IDENTIFIER_MAX = 8
