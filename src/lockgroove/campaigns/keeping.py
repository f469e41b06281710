"""Plan and keep over a whole archive: the choice journalled, the files kept here and at every place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lockgroove import vault
from lockgroove.campaigns.refresh import budget_of, refresh
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.build import engine
from lockgroove.coverage import PlanResult, keepable, prepare_fates, write_plan
from lockgroove.findings import Finding
from lockgroove.keep import KeepResult, drafts_of, keep, open_shelf_file
from lockgroove.rebuild.tables import memory_bytes
from lockgroove.report import Report
from lockgroove.vault import Committer, places
from lockgroove.vault.commit import SourceChanged
from lockgroove.vault.places import CaughtUp


def plan(rooms: Rooms, budget_bytes: int | None, report: Report, dry_run: bool) -> PlanResult:
    """What to keep first under a budget of bytes in all; the choice is journalled unless it is a dry run."""
    generation = refresh(rooms, report)
    if dry_run:
        with rooms.scratch("plan") as scratch, engine(scratch, memory_bytes()) as db:
            _link_tables(generation.private, scratch)
            return write_plan(db, scratch, budget_bytes)
    rooms.journal.append("planned", {"budget_bytes": budget_bytes})
    summary = refresh(rooms, report).summary
    return PlanResult(**{k: v for k, v in summary.items() if k in PlanResult.__dataclass_fields__})


def keep_planned(
    rooms: Rooms, report: Report, dry_run: bool = False
) -> tuple[KeepResult, dict[str, CaughtUp | None]]:
    """The plan's files into the vault, here and at every place. Without a plan: everything."""
    with rooms.lock("vault"):
        if dry_run:
            with _keepable(rooms, refresh(rooms, report)) as (rows, _):
                return _listed(rows, report), {}
        if not budget_of(rooms)[0]:
            rooms.journal.append("planned", {"budget_bytes": None})
        committer = Committer(rooms.storage, rooms.journal, rooms.index, report)
        recovered = committer.recover()
        with _keepable(rooms, refresh(rooms, report)) as (rows, total):
            drafts = drafts_of(rows, _received(rooms), _opener(rooms))
            result = keep(drafts, committer, total, report)
        caught_up = catch_up_places(rooms, report)
    if result.objects or result.elsewhere or recovered:
        refresh(rooms, report)
    return result, caught_up


@contextlib.contextmanager
def _keepable(
    rooms: Rooms, generation: generations.Generation
) -> Iterator[tuple[Iterator[Mapping[str, Any]], int]]:
    with rooms.scratch("keep") as scratch, engine(scratch, memory_bytes()) as db:
        _link_tables(generation.private, scratch)
        write_plan(db, scratch, budget_of(rooms)[1])
        prepare_fates(db, scratch, planned=True)
        planned = "SELECT coalesce(sum(size_bytes), 0) FROM fates WHERE reason = 'planned'"
        total = int(db.execute(planned).fetchall()[0][0])
        batches = keepable(db, scratch)
        yield (row for batch in batches for row in batch.to_pylist()), total


def _link_tables(source: str, target: str) -> None:
    for name in os.listdir(source):
        if name.endswith(".parquet") and name != "plan.parquet":
            os.symlink(f"{source}/{name}", f"{target}/{name}")


def _received(rooms: Rooms) -> Callable[[str], str]:
    """When a source was first named: the same whenever its files are kept."""
    first: dict[str, str] = {}
    for event in rooms.index.notable("shelf-named"):
        first.setdefault(event.subjects["source"], event.at)
    return lambda source: first[source]


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
