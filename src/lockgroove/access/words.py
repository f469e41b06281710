"""Numbers, times and names as a person would write them; the filters of the templates."""

from __future__ import annotations

import unicodedata
from datetime import datetime

QUERY_CHARACTERS_MAX = 200
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def size(count: int) -> str:
    """Bytes with three digits or so."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def length(milliseconds: int | None) -> str:
    """Minutes and seconds."""
    if milliseconds is None:
        return ""
    seconds = round(milliseconds / 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def number(count: int) -> str:
    """Thousands apart."""
    return f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """Per cent; never 100 unless it is all, never 0 unless it is nothing."""
    if not whole:
        return "–"
    per_mille = part * 1000 // whole if part > whole // 2 else -(-part * 1000 // whole)
    return f"{per_mille / 10:.1f} %" if per_mille % 10 else f"{per_mille // 10} %"


def day(at: str) -> str:
    """25 November 2026."""
    moment = datetime.fromisoformat(at)
    return f"{moment.day} {moment:%B %Y}"


def moment(at: str) -> str:
    """25 November 2026, 19:39 UTC."""
    return f"{day(at)}, {datetime.fromisoformat(at):%H:%M} UTC"


def source(name: str) -> str:
    """What a source is called."""
    if name.startswith("shelf-"):
        return f"a private shelf ({name[6:12]})"
    if name.startswith("listens-"):
        return f"a list of listens ({name[8:14]})"
    return {"musicbrainz": "MusicBrainz", "discogs": "Discogs", "listenbrainz": "ListenBrainz"}.get(
        name, name
    )


def key(text: str) -> str:
    """A source's own key, its parts set apart where control characters part them."""
    return " / ".join(part for part in "".join("\n" if _untyped(c) else c for c in text).split("\n") if part)


def question(text: str) -> str:
    """A query without control and direction characters, which nobody types, cut after 200 characters."""
    kept = "".join(" " if _untyped(c) else c for c in text[:4000])
    return " ".join(kept.split())[:QUERY_CHARACTERS_MAX]


def _untyped(character: str) -> bool:
    return character in _DIRECTIONS or unicodedata.category(character) in ("Cc", "Cs")
