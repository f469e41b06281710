"""What a search page asks for beside words: years, lengths, a licence, a source, what is in the vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from lockgroove.catalogue.search import range_of

_HELD: Mapping[str, bool | None] = {"": None, "yes": True, "no": False}
FIELDS = ("year", "length", "licence", "source", "held")


@dataclass(frozen=True)
class Narrowing:
    """Fields as they were written, the filters that they come to, and what could not be read."""

    written: Mapping[str, str]
    filters: Mapping[str, Any]
    trouble: str = ""

    def address(self, query: str) -> str:
        """The search page with all of this, open for one parameter more."""
        return f"/search?{urlencode({'q': query, **self.written}, quote_via=quote)}&"


def narrowing(field: Callable[[str], str]) -> Narrowing:
    """What the fields of a request say; `field` gives each as text, empty where it is not there."""
    written = {name: text for name in FIELDS if (text := field(name).strip()[:100])}
    try:
        return Narrowing(written, _filters(written))
    except ValueError as error:
        return Narrowing(written, {}, str(error))


def _filters(written: Mapping[str, str]) -> dict[str, Any]:
    years = range_of(written.get("year", "-"))
    seconds = range_of(written.get("length", "-"), "3:20, 3:00-4:30, 3:00- or -4:30")
    if written.get("held", "") not in _HELD:
        raise ValueError(f"{written['held']!r} is neither yes nor no")
    shortest, longest = (None if value is None else value * 1000 for value in seconds)
    return {
        "year_min": years[0],
        "year_max": years[1],
        "duration_min_ms": shortest,
        "duration_max_ms": longest,
        "licence": written.get("licence"),
        "source": written.get("source"),
        "held": _HELD[written.get("held", "")],
    }
