"""Values as sources give them, in the catalogue's words: durations, dates, ISRCs, barcodes.

Invariant: what cannot be is left out and told (`value-absurd`, `isrc-malformed`); what is merely not known is
left out in silence. Absent means unknown: nothing is ever None, "" or an empty list in what is said.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from lockgroove.sources.dumpreading import Note

DURATION_MS_MAX = 7 * 24 * 3600 * 1000
YEARS = range(1000, 2101)

_ISRC = re.compile(r"(?:ISRC[\s:]*)?([A-Z]{2})[-\s./_]?([A-Z0-9]{3})[-\s./_]?([0-9]{2})[-\s./_]?([0-9]{5})")
_PLAIN_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_DATE = re.compile(r"([0-9]{4}|\?{4})(?:-([0-9]{1,2}|\?\?)(?:-([0-9]{1,2}|\?\?))?)?")
_MBID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,5})[:.'’]([0-9]{2})(?:[.,][0-9]+)?[\"”]?")
_BARCODE_GAPS = re.compile(r"[\s\-–.]+")


def said(**values: Any) -> dict[str, Any]:
    """The values that are known."""
    return {name: value for name, value in values.items() if value or (value == 0 and value is not False)}


def duration(milliseconds: float | None, note: Note) -> int | None:
    """A duration in milliseconds. None and 0 are unknown."""
    if not milliseconds:
        return None
    if not 0 < milliseconds <= DURATION_MS_MAX:
        note("value-absurd", f"a duration of {milliseconds} ms")
        return None
    return round(milliseconds)


def clock(text: str, note: Note) -> int | None:
    """A duration as "4:32", "1:02:03" or "4'32", in milliseconds. Text that is none is told."""
    milliseconds, is_known = _clock(text)
    if not is_known:
        note("value-absurd", f"a duration of {text!r}")
    return milliseconds


@lru_cache(1 << 14)
def _clock(text: str) -> tuple[int | None, bool]:
    """The duration, and False where the text has one that cannot be."""
    text = text.strip(" ()[]~")
    found = _CLOCK.fullmatch(text)
    if found is None or (found[1] and int(found[2]) > 59) or int(found[3]) > 59:
        return None, not text
    milliseconds = 1000 * (int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]))
    is_possible = milliseconds <= DURATION_MS_MAX
    return milliseconds if milliseconds and is_possible else None, is_possible


class _Dated(NamedTuple):
    said: Mapping[str, Any]
    problem: str


def dated(text: str | None, note: Note) -> Mapping[str, Any]:
    """`date` as YYYY[-MM[-DD]] and `year`, as far as the text knows them. "0000" and "00" are unknown."""
    if not text:
        return {}
    found = _dated(text.strip())
    if found.problem:
        note("value-absurd", found.problem)
    return found.said


@lru_cache(1 << 14)
def _dated(text: str) -> _Dated:
    found = _DATE.fullmatch(text)
    if found is None:
        return _Dated({}, f"a date of {text!r}" if text else "")
    if not (given := _number(found[1])):
        return _Dated({}, "")
    if given not in YEARS:
        return _Dated({}, f"the year {given}")
    month, day = _number(found[2]), _number(found[3])
    if month > 12:
        return _Dated({"year": given}, f"a date of {text!r}")
    if not month:
        return _Dated({"date": f"{given:04}", "year": given}, "")
    if not day or day > calendar.monthrange(given, month)[1]:
        return _Dated({"date": f"{given:04}-{month:02}", "year": given}, f"a date of {text!r}" if day else "")
    return _Dated({"date": f"{given:04}-{month:02}-{day:02}", "year": given}, "")


def _number(digits: str | None) -> int:
    return int(digits) if digits and digits.isdigit() else 0


def year(number: int | None, note: Note) -> int | None:
    """A year; 0 is unknown."""
    if not number:
        return None
    if number not in YEARS:
        note("value-absurd", f"the year {number}")
        return None
    return number


def isrcs(texts: Iterable[str], note: Note) -> list[str]:
    """The ISRCs, each once, as twelve capitals and digits."""
    found: dict[str, None] = {}
    for text in texts:
        if _PLAIN_ISRC.fullmatch(text):
            found[text] = None
        elif spelled := _ISRC.fullmatch(text.strip().upper()):
            found["".join(spelled.groups())] = None
        elif text.strip():
            note("isrc-malformed", repr(text))
    return list(found)


def mbid(text: str | None) -> str | None:
    """A MusicBrainz id in lower case, or None where the text is none."""
    if not text:
        return None
    if _MBID.fullmatch(text):
        return text
    try:
        return str(UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def barcode(text: str | None) -> str | None:
    """The digits of a barcode, 8 to 14 of them; None for what sleeves have in its place."""
    digits = _BARCODE_GAPS.sub("", text or "")
    return digits if digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 14 else None
