"""Which source is believed first: a lower rank comes before a higher one. `docs/format.md`, section 3."""

from __future__ import annotations

from collections.abc import Mapping

_NAMED: Mapping[str, int] = {"musicbrainz": 0, "discogs": 1, "listenbrainz": 4}
_BEGINNING: Mapping[str, int] = {"shelf-": 3, "listens": 4}
_OTHERS = 2


def source_rank(source: str) -> int:
    """The rank of a source by its name."""
    beginning = next((rank for start, rank in _BEGINNING.items() if source.startswith(start)), _OTHERS)
    return _NAMED.get(source, beginning)


def rank_macro() -> str:
    """The same as a macro of the table engine, `source_rank(s)`."""
    named = " ".join(f"WHEN s = '{name}' THEN {rank}" for name, rank in _NAMED.items())
    beginning = " ".join(f"WHEN starts_with(s, '{start}') THEN {rank}" for start, rank in _BEGINNING.items())
    return f"CREATE OR REPLACE MACRO source_rank(s) AS CASE {named} {beginning} ELSE {_OTHERS} END"
