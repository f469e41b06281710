"""What operators said of pairs of recordings: that they are one, or that they are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.journal import Event
from lockgroove.model import parse_id

MATCHED = "matched"  # the type of the event


@dataclass(frozen=True)
class HandMatch:
    """An operator's word on two recordings, by ids of claims in them. `key` is that of another archive."""

    one: str
    other: str
    same: bool
    because: str
    by: str
    at: str
    key: str | None = None


def hand_matches(events: Iterable[Event]) -> list[HandMatch]:
    """The matches in a journal, in order of their weight: those of others come first, and ours win."""
    made = [
        HandMatch(
            e.subjects["one"], e.subjects["other"], e.outcome["same"], e.outcome["because"],
            e.outcome.get("by", e.agent), e.at, e.outcome.get("key"),
        )
        for e in events
        if e.type == MATCHED
    ]  # fmt: skip
    return sorted(made, key=lambda match: match.key is None)


def is_recording(index: KeyIndex, own_id: str) -> bool:
    """Whether an id is that of a recording, or of a claim of one, in the tables of a key index."""
    parsed = parse_id(own_id)
    return parsed is not None and parsed[0] == "recording" and bool(index.rows("R", parsed[1]))


def pairs(matches: Iterable[HandMatch]) -> list[tuple[bytes, bytes, bool]]:
    """Matches as the catalogue takes them: two recording ids, and whether they are one."""
    found = []
    for match in matches:
        one, other = parse_id(match.one), parse_id(match.other)
        if one is not None and other is not None:
            found.append((one[1], other[1], match.same))
    return found
