"""Evidence: which claim each value of a recording, release or artist comes from, by running the rule again.

In: a generation's lists of members, the facts, the claim store. Out: the claims as they stand in their packs,
and for each value the one that decided it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove import tables
from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.catalogue.facts import SCHEMAS, ordinal_of
from lockgroove.catalogue.facts.facing import Facing
from lockgroove.catalogue.facts.ranks import source_rank
from lockgroove.catalogue.facts.records import record_of
from lockgroove.catalogue.spilling import parquet

# What a row of a recording shows and a claim says; what it says of a seat it says with the release.
_SAID = tuple("title artist duration_ms isrc mbid composer genre year".split())
_SEATED = ("medium_number", "track_number")


@dataclass(frozen=True)
class Testimony:
    """A claim as it stands: where it lies, and its record with the body as given."""

    part: Part
    number: int
    record: Mapping[str, Any]
    withdrawn: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs: the record, and where it lies."""
        return {"pack": self.part.path, "offset": self.part.offset, "number": self.number, **self.record}


@dataclass(frozen=True)
class Value:
    """A value, and the claim that it comes from."""

    name: str
    value: Any
    testimony: Testimony


def testimonies(store: ClaimStore, members: str, recording_row: int) -> list[Testimony]:
    """The claims of a recording, best first: by rank of the source, not withdrawn, newest.

    `members` is SQL for the lists of members: `layers.members_now`.
    """
    with tables.connect() as db:
        query = f"SELECT seq, withdrawn FROM {members} WHERE recording_row = ? ORDER BY seq"
        found_members = db.execute(query, [recording_row]).fetchall()
    found = [
        Testimony(part, number, record, withdrawn)
        for seq, withdrawn in found_members
        for part, number, record in _at(store, seq)
    ]
    return _best_first(_of_kinds(found, ("file", "recording", "release", "listened")))


def named(
    store: ClaimStore, files: Sequence[str], family: str, own_id: bytes, mbid: str | None
) -> list[Testimony]:
    """The claims that name a release, release group, artist or label, best first, from rows of its family.

    Where the rows of all claims were let go of, the claims that decided, by the summaries of a whole build.
    """
    column = SCHEMAS[family].names[0]
    with tables.connect() as db:
        query = f"SELECT DISTINCT seq, detail FROM {parquet(files)} WHERE {column} = ? OR lower(mbid) = ?"
        rows = sorted(db.execute(query, [own_id, mbid]).fetchall(), key=lambda row: (row[1], row[0]))
    return [Testimony(part, number, record) for seq, _ in rows for part, number, record in _at(store, seq)]


def values(
    claims: Sequence[Testimony], recording_ids: Callable[[bytes], bool], shown: Mapping[str, Any]
) -> list[Value]:
    """The values that a recording shows, each with the best claim that says just that.

    `recording_ids` tells which ids are the recording's own.
    """
    told = [(claim, said) for claim in claims for said in _said(claim) if recording_ids(said["recording_id"])]
    found = []
    for name in (*_SAID, *_SEATED):
        value = shown.get(name)
        says = next((claim for claim, said in told if _says(said, name, value)), None)
        if value not in (None, "") and says is not None:
            found.append(Value(name, value, says))
    return found


def _says(said: Mapping[str, Any], name: str, value: Any) -> bool:
    if name in _SEATED:
        return said["release_id"] is not None and said[name] == value
    if name == "isrc":
        return value in (said["isrcs"] or ())
    stated = said[name]
    return bool(stated == value or (name == "mbid" and stated is not None and stated.lower() == value))


def named_values(claims: Sequence[Testimony], family: str, shown: Mapping[str, Any]) -> list[Value]:
    """Of the values shown of a release, artist or the like, the first claim that says each."""
    names = SCHEMAS[family].names
    found = []
    for name, value in shown.items():
        for claim in claims:
            facing = Facing(0)
            facing.take([record_of(dict(claim.record))])
            rows = (dict(zip(names, row, strict=True)) for row in facing.named[family].values())
            if any(row.get(name) == value for row in rows):
                found.append(Value(name, value, claim))
                break
    return found


def _said(claim: Testimony) -> Iterable[dict[str, Any]]:
    facing = Facing(0)
    facing.take([record_of(dict(claim.record))])
    names = SCHEMAS["nodes"].names
    return [dict(zip(names, node, strict=False)) for node in facing.nodes]


def _best_first(claims: Sequence[Testimony]) -> list[Testimony]:
    newest = sorted(claims, key=lambda claim: claim.record["at"], reverse=True)
    return sorted(newest, key=lambda claim: (source_rank(claim.record["source"]), claim.withdrawn))


def _of_kinds(claims: Sequence[Testimony], kinds: Sequence[str]) -> list[Testimony]:
    return [claim for claim in claims if claim.record["kind"] in kinds]


def _at(store: ClaimStore, seq: int) -> Iterable[tuple[Part, int, dict[str, Any]]]:
    """The record with an ordinal: each writer has its own packs, and may have one."""
    nearest: dict[str, tuple[int, Part]] = {}
    for part in store.parts():
        if part.is_listens:
            continue
        ordinal, writer = ordinal_of(part), os.path.basename(part.path).partition("-")[0]
        if ordinal <= seq and ordinal >= nearest.get(writer, (-1, part))[0]:
            nearest[writer] = ordinal, part
    for ordinal, part in nearest.values():
        try:
            yield part, seq - ordinal, store.record(part, seq - ordinal)
        except IndexError:
            continue
