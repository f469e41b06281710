"""What the guard hears of: one row for each grant of bytes or of a listing, as a packed array.

Invariant: no name, address or token stands in an event. Accounts, tokens, networks and clients are keyed
digests of 64 bits; 0 says that the source does not tell. What a source never tells is not among a batch's
`told`, and whatever needs it is switched off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Kind(IntEnum):
    """What was granted. Only streams and downloads take a track."""

    OTHER = 0
    SEARCH = 1
    META = 2
    STREAM_START = 3
    STREAM_END = 4
    DOWNLOAD = 5


class Context(IntEnum):
    """Where the account met the track; DIRECT_ID: it was never listed to it."""

    UNKNOWN = 0
    SEARCH = 1
    ARTIST = 2
    ALBUM = 3
    PLAYLIST = 4
    RADIO = 5
    AUTOPLAY = 6
    DIRECT_ID = 7


class Origin(IntEnum):
    """Who chose. What the system played on is no choice of the listener's."""

    UNKNOWN = 0
    USER = 1
    SYSTEM = 2


class Scope(IntEnum):
    """Under what leave it was granted. Researchers and mirrors with a grant are written down, not judged."""

    PUBLIC = 0
    MEMBER = 1
    RESEARCH = 2
    MIRROR = 3
    OPERATOR = 4


EVENT = np.dtype(
    [
        ("ts_ms", "i8"),  # since 1970, UTC
        ("event_id", "u8"),  # the same for the same event told twice; 0: none
        ("account", "u8"),
        ("token", "u8"),
        ("track", "u8"),  # a digest of its id; 0: no track
        ("session", "u8"),
        ("network", "u8"),  # of the address: /24 or /48
        ("client", "u8"),  # of the program's name
        ("fingerprint", "u8"),  # of how it speaks TLS or HTTP
        ("album", "u8"),
        ("place", "i8"),  # the track's place in catalogue order; -1: not known
        ("bytes_sent", "u8"),
        ("bytes_full", "u8"),
        ("asn", "u4"),
        ("cohort", "u4"),  # who signed up together: a week, a referral
        ("offset_s", "f4"),
        ("seconds_played", "f4"),
        ("seconds_possible", "f4"),
        ("status", "u2"),
        ("kind", "u1"),
        ("context", "u1"),
        ("origin", "u1"),
        ("scope", "u1"),
        ("range", "u1"),  # 1: a part of the file was asked for
        (
            "prior",
            "u1",
        ),  # how popular the track is known to be from elsewhere, as `popularity` has it; 0: not
    ],
    align=True,
)
FIELDS = frozenset(EVENT.names or ())
# Of accounts that are none: whoever is not named in a log stands there as a network and a program.
STAND_IN = np.uint64(1 << 63)
YEAR_2100_MS = 4_102_444_800_000  # no event is from after it
# Without these nothing can be said of anybody.
NEEDED = frozenset({"ts_ms", "account"})


def popularity(listens: float) -> int:
    """How often a track was heard, as a byte: a logarithm of base 1.08."""
    return min(255, round(math.log1p(max(0.0, listens)) / math.log(1.08)))


@dataclass(frozen=True)
class Batch:
    """Events in the order in which they were told, and which of the fields their source tells at all."""

    rows: np.ndarray
    told: frozenset[str]

    def __len__(self) -> int:
        return len(self.rows)


def empty(count: int) -> np.ndarray:
    """So many events that say nothing."""
    rows = np.zeros(count, EVENT)
    rows["place"] = -1
    return rows
