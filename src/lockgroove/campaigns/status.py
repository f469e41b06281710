"""What the archive holds and how it is, in one look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockgroove.campaigns.refresh import refresh
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.reader import Reader
from lockgroove.report import Report

_FIELDS = (
    "recordings",
    "recordings_held",
    "listens",
    "listens_held",
    "files_planned",
    "bytes_planned",
    "budget_bytes",
)


def status(rooms: Rooms, places: Sequence[dict[str, Any]], report: Report) -> dict[str, Any]:
    """Counts, rights, places, the last audit and the last dump."""
    generation = refresh(rooms, report)
    objects, files, size = rooms.index.totals()
    reader = Reader(generation.private, f"{generation.folder}/search-all")
    rights = reader.select(
        "SELECT r.status, count(*) AS files FROM files f JOIN rights r ON r.row = f.rights_row"
        " WHERE f.role <> 'outside' GROUP BY r.status ORDER BY files DESC"
    )
    undecided = reader.select(
        "SELECT count(DISTINCT r.statement) AS n FROM files f JOIN rights r ON r.row = f.rights_row"
        " WHERE f.role <> 'outside' AND r.status IN ('undecided', 'none')"
    )
    reader.close()
    return {
        "archive": rooms.config.archive_id,
        "name": rooms.config.name,
        "digest": generation.digest,
        "objects": objects,
        "files": files,
        "bytes": size,
        **{name: generation.summary[name] for name in _FIELDS},
        "rights": rights,
        "undecided": undecided[0]["n"],
        "places": list(places),
        "audit": _last_audit(rooms),
        "damaged": _damaged(rooms),
        "dump": _last_dump(rooms),
    }


def _last_audit(rooms: Rooms) -> str:
    audits = rooms.index.notable("audited")
    if not audits:
        return ""
    last = audits[-1]
    found = last.outcome["findings_count"]
    return (
        f"{last.at[:19]}Z at {last.subjects['place']}: {'no findings' if not found else f'{found} findings'}"
    )


def _damaged(rooms: Rooms) -> bool:
    """Whether the newest audit of any place found damage that no repair came after."""
    newest = {audit.subjects["place"]: audit for audit in rooms.index.notable("audited")}
    repaired = {repair.subjects["place"]: repair.at for repair in rooms.index.notable("repaired")}
    return any(
        any(f["severity"] == "damage" for f in audit.outcome["findings"])
        and repaired.get(place, "") < audit.at
        for place, audit in newest.items()
    )


def _last_dump(rooms: Rooms) -> str:
    dumps = rooms.index.notable("dumped")
    return f"{dumps[-1].subjects['dump']}, root {dumps[-1].subjects['root'][:16]}…" if dumps else ""
