"""Match and unmatch by hand: an operator's word on two recordings, which wins over every rule."""

from __future__ import annotations

import getpass

from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.reader import Reader
from lockgroove.errors import UsageError
from lockgroove.model import parse_id
from lockgroove.rebuild import HandMatch
from lockgroove.rebuild.handmatches import MATCHED


def match(
    rooms: Rooms, reader: Reader, one: str, other: str, because: str, same: bool, dry_run: bool
) -> HandMatch:
    """Say that two are one recording, or, unless `same`, that they are not.

    Raises UsageError where one of them is not known, or where nothing would change by it.
    """
    ids = [_recording(reader, item) for item in (one, other)]
    rows = [row for _, row in ids]
    if (rows[0] == rows[1]) == same:
        state = "are one recording already" if same else "are two recordings already"
        raise UsageError(f"These {state}", f"{one}, {other}", "See why: lockgroove show ID --evidence")
    by = getpass.getuser()
    made = HandMatch(ids[0][0], ids[1][0], same, because, by, "")
    if not dry_run:
        subjects = {"one": made.one, "other": made.other}
        rooms.journal.append(MATCHED, subjects, {"same": same, "because": because, "by": by})
    return made


def _recording(reader: Reader, item: str) -> tuple[str, int]:
    """The id to say something of, and its row: the id as given, since it is a claim's, or the recording's."""
    found = reader.find(item)
    if found is None or found[0] != "recordings":
        raise UsageError("There is no such recording", item, "Find one: lockgroove search WORDS")
    given = parse_id(item)
    if given is not None:
        return item.strip().lower(), found[1]
    return str(reader.by_rows("recordings", [found[1]])[0]["recording_id"]), found[1]
