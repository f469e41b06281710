"""A new generation of the catalogue: tables from the truth, the plan over them, the ledger of every item."""

from __future__ import annotations

import json
import os

from lockgroove import tables
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.build import engine
from lockgroove.coverage import PlanResult, prepare_fates, write_ledger, write_plan
from lockgroove.rebuild import Judging, build, decisions_of
from lockgroove.rebuild.tables import memory_bytes
from lockgroove.report import Report


def refresh(rooms: Rooms, report: Report) -> generations.Generation:
    """The current generation, built anew when the truth has moved on."""
    rooms.index.catch_up()
    current = generations.current(rooms.root)
    if current is not None and current.truth == rooms.index.truth()[0]:
        return current
    return rebuild(rooms, report)


def rebuild(rooms: Rooms, report: Report) -> generations.Generation:
    """Build and make current a generation of all that is acknowledged."""
    with rooms.lock("catalogue"):
        rooms.index.catch_up()
        truth, as_of = rooms.index.truth()
        folder = generations.begin(rooms.root)
        judging = Judging(decisions_of(rooms.index.notable("rights-decided")))
        built = build(rooms.root, folder, rooms.store, rooms.index, judging, report)
        result, extra = _plan_and_ledger(folder, rooms)
        summary = result.as_json() | {"objects": rooms.index.totals()[0]}
        report.progress("catalogue", 2, 2, "tables")
        return generations.finish(rooms.root, folder, [*built.files, *extra], as_of, truth, summary)


def budget_of(rooms: Rooms) -> tuple[bool, int | None]:
    """Whether a plan was made, and its budget."""
    plans = rooms.index.notable("planned")
    return bool(plans), plans[-1].subjects["budget_bytes"] if plans else None


def _plan_and_ledger(folder: str, rooms: Rooms) -> tuple[PlanResult, list[tables.WrittenFile]]:
    planned, budget = budget_of(rooms)
    private, public = f"{folder}/{generations.PRIVATE}", f"{folder}/{generations.PUBLIC}"
    scratch = f"{folder}/scratch"
    os.makedirs(scratch)
    with engine(scratch, memory_bytes()) as db:
        result = write_plan(db, private, budget)
        prepare_fates(db, private, planned)
        ledgers = [write_ledger(db, target) for target in (private, public)]
    os.rmdir(scratch)
    named = [
        tables.WrittenFile(f"{name}/{f.path}", f.size_bytes, f.sha256, f.rows)
        for name, f in zip((generations.PRIVATE, generations.PUBLIC), ledgers, strict=True)
    ]
    named.append(_coverage_file(folder, result))
    return result, named


def _coverage_file(folder: str, result: PlanResult) -> tables.WrittenFile:
    with open(f"{folder}/coverage.json", "w", encoding="utf-8") as file:
        json.dump(result.as_json(), file, indent=1, sort_keys=True)
    return tables.describe(folder, "coverage.json")
