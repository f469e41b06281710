"""Cells of tables as claims say them, put together value by value, with a note for each that cannot be.

Invariant: what is said is possible, and is text that can be shown; what is not is left out or mended here and
stays in the claim's body as given. Nothing empty is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from lockgroove.sources import fields
from lockgroove.sources.dumpreading import Note
from lockgroove.sources.saying import dated, duration, isrcs

NUMBER_MAX = 99_999
VALUE_CHARS_MAX = 1000  # of what is a date, a number or an id

_BROKEN = re.compile("[\0\ud800-\udfff]")
_AMERICAN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: .*)?")
_ISO = re.compile(r"([0-9]{4}(?:-[0-9?]{1,2}){0,2})(?:[T ].*)?")
_NOUGHT = re.compile(r"[0\W]*")
_CLOCK = re.compile(r"(-?)(?:(?:([0-9]{1,9}):)?([0-9]{1,9}):)?([0-9]{1,18}(?:\.[0-9]*)?)")
_POSITION = re.compile(r"0*([0-9]{1,18})(?:\.0*)?(?:\s*(?:/|of)\s*[0-9]+)?")


def is_broken(text: str) -> bool:
    """Whether a text has NUL, or bytes that were not text where it came from."""
    return not text.isprintable() and _BROKEN.search(text) is not None


def clean(text: str) -> str:
    """A text that can be shown, without blanks around it."""
    return text.strip() if text.isprintable() else _BROKEN.sub("\ufffd", text).strip()


def as_text(value: Any) -> str:
    """A value of a document as text; a structure, a truth value and a number beyond 64 bits say nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else str(value)
    return str(value) if -(1 << 64) < value < 1 << 64 else ""


@lru_cache(1 << 14)
def iso(text: str) -> str:
    """A date in the order of ISO 8601, without its time of day: US order and words are put right.

    Of words the year is taken. What has none comes back as it is, and only noughts as nothing.
    """
    plain = text.strip()
    if found := _AMERICAN.fullmatch(plain):
        return f"{found[3]}-{found[1]:0>2}-{found[2]:0>2}"
    if found := _ISO.fullmatch(plain):
        return found[1]
    if _NOUGHT.fullmatch(plain):
        return ""
    said = fields.year(plain)
    return str(said) if said else plain


@lru_cache(1 << 14)
def milliseconds(text: str, unit_ms: float = 1000) -> float | None:
    """A duration as "272", "272.1", "04:32" or "1:04:32"; None for other text.

    `unit_ms` is what a number without colons counts in.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    sign, unit = -1 if found[1] else 1, 1000 if found[3] else unit_ms
    return sign * ((int(found[2] or 0) * 3600 + int(found[3] or 0) * 60) * 1000 + float(found[4]) * unit)


@lru_cache(1 << 12)
def position(text: str) -> int | None:
    """A number from 1, as "3", "03", "3.0" or "3/12"; None for all else."""
    found = _POSITION.fullmatch(text.strip())
    number = int(found[1]) if found else 0
    return number if 0 < number <= NUMBER_MAX else None


def tell_broken(cells: Mapping[str, str], note: Note) -> None:
    """Tell in which cells of a row there is NUL or what is no text."""
    broken = [name for name, cell in cells.items() if is_broken(cell)]
    if broken:
        note("text-broken", f"in {', '.join(broken)}")


class Saying:
    """What is said so far, in `says`, where only what is there is put. Broken text is mended in silence."""

    def __init__(self, note: Note) -> None:
        self.says: dict[str, Any] = {}
        self.note = note

    def text(self, name: str, value: Any) -> str:
        """Say a text. Returns it as said, "" for none."""
        said = self.shown(value)
        if said:
            self.says[name] = said
        return said

    def told_text(self, name: str, value: Any) -> None:
        """Say a text, and tell when it is broken."""
        if is_broken(as_text(value)):
            self.note("text-broken", f"in its {name}")
        self.text(name, value)

    def shown(self, value: Any) -> str:
        """A text as it can be said."""
        return clean(as_text(value))

    def texts(self, name: str, values: Iterable[Any]) -> None:
        """Say a list of texts, each once."""
        said = list(dict.fromkeys(filter(None, map(self.shown, values))))
        if said:
            self.says[name] = said

    def date(self, value: Any) -> None:
        """Say `date` and `year`."""
        if given := as_text(value):
            self.says.update(dated(iso(given[:VALUE_CHARS_MAX]), self.note))

    def duration(self, value: Any, unit_ms: float = 1000) -> None:
        """Say `duration_ms`."""
        given = as_text(value)
        if not given or given.isspace():
            return
        length = milliseconds(given[:VALUE_CHARS_MAX], unit_ms)
        if length is None:
            self.note("value-absurd", f"a duration of {given!r}")
        elif said := duration(length, self.note):
            self.says["duration_ms"] = said

    def number(self, name: str, value: Any) -> None:
        """Say a position."""
        if number := position(as_text(value)[:VALUE_CHARS_MAX]):
            self.says[name] = number

    def isrc(self, value: Any, name: str = "isrc") -> None:
        """Say the ISRCs in a text, which may stand in a list of their own."""
        given = as_text(value)
        if not given:
            return
        several = fields.isrcs([given[:VALUE_CHARS_MAX]])
        if found := several or isrcs([given[:VALUE_CHARS_MAX]], self.note):
            self.says[name] = list(found)

    def mbid(self, name: str, value: Any) -> None:
        """Say the first MBID of a text."""
        if found := fields.mbids([as_text(value)[:VALUE_CHARS_MAX]]):
            self.says[name] = found[0]

    def licences(self, given: Mapping[str, Any]) -> None:
        """Say what is stated on rights, by where it stands."""
        said = [
            {"text": text, "where": where} for where, value in given.items() if (text := self.shown(value))
        ]
        if said:
            self.says["licences"] = said
