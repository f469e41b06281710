"""Plan and keep over a whole archive: the choice journalled, the files kept here and at every place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lockgroove import tables, vault
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.findings import Finding
from lockgroove.keep import KeepResult, drafts_of, keep, open_shelf_file
from lockgroove.report import Report
from lockgroove.vault import Committer, places
from lockgroove.vault.commit import SourceChanged
from lockgroove.vault.places import CaughtUp

if TYPE_CHECKING:
    from lockgroove.coverage import PlanResult


def plan(rooms: Rooms, budget_bytes: int | None, report: Report, dry_run: bool) -> PlanResult:
    """What to keep first under a budget of bytes in all; the choice is journalled unless it is a dry run."""
    from lockgroove.campaigns import refresh  # the table engine is not for every verb

    if not dry_run:
        rooms.journal.append("planned", {"budget_bytes": budget_bytes})
        return refresh.plan_of(refresh.refresh(rooms, report))
    with rooms.scratch("plan") as scratch:
        return refresh.try_plan(refresh.refresh(rooms, report), scratch, budget_bytes)


def keep_planned(
    rooms: Rooms, report: Report, dry_run: bool = False
) -> tuple[KeepResult, dict[str, CaughtUp | None]]:
    """The plan's files into the vault, here and at every place. Without a plan: everything."""
    with rooms.lock("vault"):
        if dry_run:
            return _rehearsed(rooms, report), {}
        if not rooms.budget()[0]:
            rooms.journal.append("planned", {"budget_bytes": None})
        committer = Committer(rooms.storage, rooms.journal, rooms.index, report)
        recovered = committer.recover()
        generation = _current(rooms, report)
        drafts = drafts_of(_rows(generation.private), _opener(rooms))
        result = keep(drafts, committer, recovered, generation.summary["bytes_planned"], report)
        return result, catch_up_places(rooms, report)


def _current(rooms: Rooms, report: Report) -> generations.Generation:
    """The generation that holds the plan; the table engine is loaded only to build one."""
    current = rooms.current()
    if current is not None:
        return current
    from lockgroove.campaigns.refresh import refresh

    return refresh(rooms, report)


def _rehearsed(rooms: Rooms, report: Report) -> KeepResult:
    """The files that a run would keep; without a plan that is everything, as in a run."""
    generation = _current(rooms, report)
    if rooms.budget()[0]:
        return _listed(_rows(generation.private), report)
    from lockgroove.campaigns.refresh import try_keep

    with rooms.scratch("keep") as scratch:
        try_keep(generation, scratch)
        return _listed(_rows(scratch), report)


def _rows(folder: str) -> Iterator[Mapping[str, Any]]:
    for batch in tables.read_batches(f"{folder}/keep.parquet"):
        yield from batch.to_pylist()


def _opener(rooms: Rooms) -> Callable[[str, str, str], Iterator[bytes]]:
    shelves = rooms.sources()

    def read(source: str, key: str, stamp: str) -> Iterator[bytes]:
        if source not in shelves:
            raise SourceChanged(
                Finding("source-gone", f"{source}/{key}", "this archive never gathered there")
            )
        return open_shelf_file(os.fsencode(shelves[source]), key, stamp)

    return read


def _listed(rows: Iterator[Mapping[str, Any]], report: Report) -> KeepResult:
    files = size = 0
    for row in rows:
        report.item({"keep": row["key"], "source": row["source"], "size_bytes": row["size_bytes"]})
        files += 1
        size += row["size_bytes"]
    return KeepResult(0, 0, files, size, 0, 0)


def catch_up_places(rooms: Rooms, report: Report) -> dict[str, CaughtUp | None]:
    """Bring every place up to date; None for one that does not answer."""
    done: dict[str, CaughtUp | None] = {}
    for name, place in rooms.places().items():
        done[name] = None
        if place.available() and place.size(places.DECLARATION) is not None:
            done[name] = vault.catch_up(rooms.storage, rooms.journal, place, report)
        else:
            report.finding(Finding("place-absent", name, place.root))
    return done
