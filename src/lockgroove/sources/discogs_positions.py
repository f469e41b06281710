"""Which medium and which number on it a track's position means: A1, 1-12, CD2-3, DVD-1, 7, or nothing.

Two sides of a record are one medium. Where every position names its medium by a number, that number is the
medium's; else media are numbered as they first come. A number that a position does not state is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

_PATTERNS = (
    # 1-12, 2-03: medium and track
    re.compile(r"(?P<disc>[0-9]{1,3})\s*[-–]\s*(?P<number>[0-9]{1,4})[a-z]?"),
    # CD2-3, DVD-1, CD4: the medium by what it is
    re.compile(
        r"(?P<what>[A-Za-z]{2,10}?)\s*(?:(?P<nth>[0-9]{0,3})\s*[-–.]\s*)?(?P<number>[0-9]{1,4})[a-z]?"
    ),
    # A, B2, AA1, C.3, B2b: a side; its number is not the medium's
    re.compile(r"(?P<side>[A-Z])(?P=side)?(?:[\s.-]*(?:[0-9].*|[a-z].*|\(.*))?"),
    # 7, 11.a: the only medium
    re.compile(r"(?P<number>[0-9]{1,4})(?:[.\s(]?[a-z].*|\.[0-9]+)?"),
)


def places(positions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The (medium, number) of each position, in order, both from 1."""
    read = [_read(position) for position in positions]
    by_number = all(medium.isdigit() for medium, _ in read)
    media: dict[str, int] = {}
    taken: dict[int, set[int]] = {}
    for name, stated in read:
        medium = int(name) or 1 if by_number else media.setdefault(name, len(media) + 1)
        numbers = taken.setdefault(medium, set())
        number = stated if stated and stated not in numbers else max(numbers, default=0) + 1
        numbers.add(number)
        yield medium, number


@lru_cache(1 << 12)
def _read(position: str) -> tuple[str, int]:
    """A name for the medium, digits where it is a number, and the number that is stated; 0 for none."""
    for pattern in _PATTERNS:
        if found := pattern.fullmatch(position.strip()):
            said = found.groupdict()
            if side := said.get("side"):
                return f"record {(ord(side) - ord('A')) // 2}", 0
            if what := said.get("what"):
                return _nth(what.upper(), said.get("nth") or ""), int(said["number"])
            return said.get("disc") or "1", int(said["number"])
    return "1", 0


def _nth(what: str, number: str) -> str:
    if len(set(what)) == 1:  # AA1 is a side
        return f"record {(ord(what[0]) - ord('A')) // 2}"
    return f"{what} {int(number or 1)}"
