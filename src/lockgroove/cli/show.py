"""`lockgroove show`."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import click

from lockgroove.cli.door import Door, size_text, verb
from lockgroove.errors import UsageError

if TYPE_CHECKING:
    from lockgroove.archive import Archive
    from lockgroove.campaigns.evidence import Evidence


@verb
@click.argument("item", metavar="ID")
@click.option(
    "--evidence", is_flag=True, help="Also which claim each value comes from, and all claims as given."
)
def command(door: Door, item: str, evidence: bool) -> None:
    """Everything that is known of one item: an id, an ISRC, an MBID, a barcode, or a file's sha512.

    Exit codes: 0 shown; 2 there is no such item.
    """
    with door.open() as archive, contextlib.closing(archive.reader(door.report)) as reader:
        named = reader.find(item)
        if named is not None and named[0] == "recordings":
            found = reader.recording(named[1])
            lines = _recording_lines(archive, found or {})
        elif named is not None:
            found = reader.by_rows(named[0], [named[1]])[0]
            found |= {"recordings": reader.select(_MEMBERS[named[0]], named[1])}
            lines = _group_lines(found)
        else:
            digest = item.lower() if _SHA512.fullmatch(item) else ""
            found = _file(reader.select("SELECT * FROM files WHERE sha512 = ?", digest), item)
            lines = [f"{key:14} {value}" for key, value in found.items() if value not in (None, "")]
        if evidence and named is not None:
            told = archive.evidence(reader, *named)
            found = {**(found or {}), **_evidence_json(told)}
            lines += _evidence_lines(told)
    door.item(found or {}, "\n".join(lines))
    door.close()


_BODY_CHARS = 400  # all of it with --json
_SHA512 = re.compile(r"[0-9a-f]{128}", re.IGNORECASE | re.ASCII)
_MEMBERS = {
    "artists": "SELECT * FROM recordings WHERE artist_row = ? ORDER BY row",
    "releases": "SELECT * FROM recordings WHERE release_row = ? ORDER BY row",
    "release_groups": "SELECT r.* FROM recordings r JOIN releases e ON e.row = r.release_row"
    " WHERE e.release_group_row = ? ORDER BY r.row",
    "labels": "SELECT r.* FROM recordings r JOIN releases e ON e.row = r.release_row"
    " WHERE e.label = (SELECT name FROM labels WHERE row = ?) ORDER BY r.row",
    "tracks": "SELECT r.* FROM recordings r JOIN tracks t ON t.recording_row = r.row WHERE t.row = ?",
}


def _evidence_json(told: Evidence) -> dict[str, Any]:
    values = [
        {
            "name": v.name,
            "value": v.value,
            "source": v.testimony.record["source"],
            "key": v.testimony.record["key"],
        }
        for v in told.values
    ]
    return {"evidence": values, "claims_as_given": [t.as_json() for t in told.testimonies]}


def _evidence_lines(told: Evidence) -> list[str]:
    lines = ["", "evidence"]
    for value in told.values:
        record = value.testimony.record
        lines.append(f"  {value.name:14} {value.value}")
        lines.append(
            f"  {'':14} said by {record['source']} {_shown_key(record['key'])} on {record['at'][:10]}"
        )
    lines += ["", "claims as given, best first"]
    for claim in told.testimonies:
        record = claim.record
        gone = "; withdrawn" if claim.withdrawn else ""
        lines.append(
            f"  {record['kind']} {record['source']} {_shown_key(record['key'])}, {record['reader']}{gone}"
        )
        lines.append(f"    {claim.part.path}, part at {claim.part.offset}, record {claim.number}")
        lines.append(f"    {json.dumps(record['body'], ensure_ascii=False)[:_BODY_CHARS]}")
    return lines


def _shown_key(key: str) -> str:
    return key.replace("\0", " / ")


def _file(rows: list[dict[str, Any]], item: str) -> dict[str, Any]:
    if not rows:
        raise UsageError("There is no such item", item, "Find one: lockgroove search WORDS")
    return rows[0]


def _recording_lines(archive: Archive, found: dict[str, Any]) -> list[str]:
    from lockgroove.coverage.ledger import REASONS

    reason = (found["ledger"] or {}).get("reason", "")
    lines = [f"{found['artist'] or '?'} – {found['title']}", f"  id          {found['recording_id']}"]
    lines += [f"  {n:11} {found[n]}" for n in ("isrc", "mbid", "composer", "year", "genre") if found[n]]
    lines.append(f"  listens     {found['listens']:,}")
    lines.append(f"  ledger      {reason}: {REASONS.get(reason, '')}")
    lines += [f"  on          {t['release']} ({t['release_id']})" for t in found["tracks"] if t["release"]]
    lines += [line for copy in found["copies"] for line in _copy_lines(archive, copy)]
    for match in found["matches"]:
        key = (match["key"] or match["claim_id"]).replace("\0", " / ")
        lines.append(f"  claim       {match['source']} {key}; {match['rule'] or 'stands for itself'}")
    return lines


def _copy_lines(archive: Archive, copy: dict[str, Any]) -> list[str]:
    lines = [f"  file        {copy['key']} ({copy['format']}, {size_text(copy['size_bytes'])})"]
    if copy["start_ms"] is not None:
        lines.append(f"    stretch   {copy['start_ms'] / 1000:.3f} s to {(copy['end_ms'] or 0) / 1000:.3f} s")
    if copy["sha512"]:
        lines.append(f"    sha512    {copy['sha512'][:32]}…")
        lines.append(f"    object    {copy['object_id']}")
        for place, at, bad in archive.index.last_checked(copy["object_id"]):
            lines.append(f"    checked   {at[:19]} {place}: {'damage found' if bad else 'good'}")
    lines.append(f"    rights    {copy['status']}: {copy['why']}")
    if copy["publish"]:
        lines.append(f"    clause    {copy['clause']}")
    return lines


def _group_lines(found: dict[str, Any]) -> list[str]:
    name = found.get("title") or found.get("name") or ""
    lines = [str(name)]
    keys = ("release_id", "artist_id", "artist", "year", "mbid", "barcode", "label")
    lines += [f"  {key:11} {found[key]}" for key in keys if found.get(key)]
    lines.extend(f"  {r['recording_id']}  {r['title']}" for r in found["recordings"])
    return lines
