"""Filters of a search: source, licence, held, year, duration; as terms beside the words.

Numbers stand in the index in steps of 1, 16 and 256, so that any range is a few dozen terms.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

NUMBER_MAX = (1 << 14) - 1
"""Durations in seconds beyond it (four and a half hours) count as this."""

_STEPS = (0, 4, 8)  # bits left out at each step
_RANGE_CHARACTERS_MAX = 30
_MARK = "=="  # no folded word holds it, and none is one typo from it
_HELD = _MARK + "h"


@dataclass(frozen=True)
class Filters:
    """What the answers must also be; None means that it does not matter.

    Bounds are inclusive. Durations are compared in whole seconds, rounded down; what has no year or
    duration passes no bound on it.
    """

    source: str | None = None
    licence: str | None = None
    held: bool | None = None
    year_min: int | None = None
    year_max: int | None = None
    duration_min_ms: int | None = None
    duration_max_ms: int | None = None


_RANGE = re.compile(r"(?P<low>[0-9:]*)(?P<to>-?)(?P<high>[0-9:]*)", re.ASCII)


def range_of(text: str, such_as: str = "1990, 1990-1999, 1990- or -1999") -> tuple[int | None, int | None]:
    """The bounds of 1990, 1990-1999, 1990- or -1999, None where there is none; 3:20 is 200 (seconds).

    Raises ValueError, which shows how it is written.
    """
    match = _RANGE.fullmatch(text.replace("–", "-").replace(" ", ""))
    if match is None or not (match["low"] or match["to"]) or len(text) > _RANGE_CHARACTERS_MAX:
        raise ValueError(f"{text!r} is no range; write {such_as}")
    low, high = (_number(match[name]) for name in ("low", "high"))
    return (low, high) if match["to"] else (low, low)


def _number(text: str) -> int | None:
    total = 0
    for part in text.split(":") if text else ():
        total = total * 60 + int(part or 0)
    return total if text else None


@dataclass(frozen=True)
class Required:
    """A filter as terms: one of each group must be there, none of `absent` may."""

    groups: tuple[tuple[str, ...], ...] = ()
    absent: tuple[str, ...] = ()


def required(filters: Filters) -> Required:
    """The terms that a filter asks for. A range that holds nothing is a group without terms."""
    groups: list[tuple[str, ...]] = []
    if filters.source is not None:
        groups.append((_value_term("s", filters.source),))
    if filters.licence is not None:
        groups.append((_value_term("l", filters.licence),))
    if filters.held:
        groups.append((_HELD,))
    for kind, low, high in (
        ("y", filters.year_min, filters.year_max),
        ("d", _seconds(filters.duration_min_ms), _seconds(filters.duration_max_ms)),
    ):
        if low is not None or high is not None:
            groups.append(tuple(_range_terms(kind, low or 0, NUMBER_MAX if high is None else high)))
    return Required(tuple(groups), (_HELD,) if filters.held is False else ())


def fact_terms(
    sources: Sequence[str], licences: Sequence[str], held: bool, year: int | None, duration_ms: int | None
) -> str:
    """What a recording is, as terms with a blank between them."""
    parts = [_value_terms(tuple(sources), tuple(licences), held)]
    if year is not None:
        parts.append(_number_terms("y", _bounded(year)))
    if duration_ms is not None:
        parts.append(_number_terms("d", _bounded(duration_ms // 1000)))
    return " ".join(parts)


@functools.lru_cache(maxsize=65_536)
def _value_terms(sources: tuple[str, ...], licences: tuple[str, ...], held: bool) -> str:
    terms = [_value_term("s", source) for source in sources]
    terms += [_value_term("l", licence) for licence in licences]
    return " ".join(terms + [_HELD] * held)


@functools.lru_cache(maxsize=2 * (NUMBER_MAX + 1))
def _number_terms(kind: str, value: int) -> str:
    return " ".join(_number_term(kind, step, value >> bits) for step, bits in enumerate(_STEPS))


def _range_terms(kind: str, low: int, high: int) -> Iterator[str]:
    """Terms that cover low..high and nothing else, with the widest steps that fit."""
    if high < max(low, 0):
        return
    low, high = _bounded(low), _bounded(high)
    while low <= high:
        step = max(
            step
            for step, bits in enumerate(_STEPS)
            if bits == 0 or (low % (1 << bits) == 0 and low + (1 << bits) - 1 <= high)
        )
        yield _number_term(kind, step, low >> _STEPS[step])
        low += 1 << _STEPS[step]


def _number_term(kind: str, step: int, value: int) -> str:
    return f"{_MARK}{kind}{step}{value:x}"


def _value_term(kind: str, value: str) -> str:
    return _MARK + kind + ":" + quote(value, safe="", errors="replace")


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000


def _bounded(value: int) -> int:
    return max(0, min(NUMBER_MAX, value))
