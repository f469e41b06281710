"""Evidence for a person: the claims behind an item, and the one that each of its values comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import evidence as claimed
from lockgroove.catalogue import generations
from lockgroove.catalogue.evidence import Testimony, Value
from lockgroove.catalogue.facts import facts_there
from lockgroove.catalogue.facts.summaries import path_of
from lockgroove.catalogue.layers import members_now
from lockgroove.catalogue.reader import Reader
from lockgroove.errors import UsageError
from lockgroove.model import parse_id

# Table, its family of facts, and the column of its id.
_NAMED = {
    "artists": ("artists", "artist_id"),
    "releases": ("releases", "release_id"),
    "release_groups": ("release_groups", "release_group_id"),
    "labels": ("labels", "label_id"),
}


@dataclass(frozen=True)
class Evidence:
    """Claims, best first, and values with the claims that decided them."""

    testimonies: Sequence[Testimony]
    values: Sequence[Value]


def evidence(rooms: Rooms, reader: Reader, table: str, row: int) -> Evidence:
    """What stands behind a row of a table. Raises UsageError where nothing of it is kept."""
    if table == "tracks":
        table, row = "recordings", reader.by_rows("tracks", [row])[0]["recording_row"]
    if table == "recordings":
        return _of_recording(rooms, reader, row)
    if table not in _NAMED:
        raise UsageError("There is no evidence kept of such an item", table)
    family, column = _NAMED[table]
    found = reader.by_rows(table, [row])[0]
    parsed = parse_id(found[column])
    assert parsed is not None
    files = [
        path_of(generations.state_beside(reader.folder), family),
        *facts_there(f"{rooms.root}/cache", rooms.store.parts()).files(family),
    ]
    testimonies = claimed.named(rooms.store, files, family, parsed[1], found["mbid"])
    shown = {name: value for name, value in found.items() if value is not None and not name.endswith("row")}
    return Evidence(testimonies, claimed.named_values(testimonies, family, shown))


def _of_recording(rooms: Rooms, reader: Reader, row: int) -> Evidence:
    members = members_now(reader.folder, generations.state_beside(reader.folder))
    testimonies = claimed.testimonies(rooms.store, members, row)
    shown = reader.by_rows("recordings", [row])[0]
    values = claimed.values(testimonies, lambda own_id: row in reader.rows_of_id("recording", own_id), shown)
    return Evidence(testimonies, values)
