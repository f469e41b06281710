"""A new generation of the catalogue: tables from the truth, the plan over them, the ledger of every item."""

from __future__ import annotations

import json
import os

from lockgroove import tables
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.reader import Reader
from lockgroove.catalogue.spilling import engine
from lockgroove.coverage import PlanResult, prepare_fates, write_keepable, write_ledger, write_plan
from lockgroove.errors import Locked
from lockgroove.rebuild import Judging, begun, build, build_changes, decisions_of, hand_matches
from lockgroove.report import Report


def refresh(rooms: Rooms, report: Report) -> generations.Generation:
    """The current generation, brought up to date where the truth has moved on: by a delta if not far."""
    return rooms.current() or _make(rooms, report, None, whole=False)


def rebuild(rooms: Rooms, report: Report, engine: str | None = None) -> generations.Generation:
    """Build and make current a generation of all that is acknowledged, claims compared by this engine."""
    return _make(rooms, report, engine, whole=True)


def refresh_whole(rooms: Rooms, report: Report) -> generations.Generation:
    """The current generation without a delta, as dumps publish it; built anew where it has one."""
    generation = rooms.current()
    return generation if generation is not None and generation.is_whole else rebuild(rooms, report)


def reader(rooms: Rooms, report: Report, public: bool) -> Reader:
    """The tables of the current generation; of the last one made, while another process builds."""
    try:
        generation = refresh(rooms, report)
    except Locked:
        current = generations.current(rooms.root)
        if current is None:
            raise
        generation = current
    return _reader(generation, public)


def reader_as_it_is(rooms: Rooms, public: bool) -> Reader | None:
    """The tables of the generation that is current, whether the truth has moved on or not; None for none."""
    generation = generations.current(rooms.root)
    return None if generation is None else _reader(generation, public)


def _reader(generation: generations.Generation, public: bool) -> Reader:
    which = generations.PUBLIC if public else generations.PRIVATE
    return Reader(f"{generation.folder}/{which}", f"{generation.folder}/search-{which}")


def _make(rooms: Rooms, report: Report, engine: str | None, whole: bool) -> generations.Generation:
    with rooms.lock("catalogue"):
        rooms.index.catch_up()
        truth, as_of = rooms.index.truth()
        folder = generations.begin(rooms.root, truth)
        was_begun = begun(folder)
        judging = Judging(decisions_of(rooms.index.notable("rights-decided")))
        matches = hand_matches(rooms.index.notable("matched"))
        given = (rooms.store, rooms.index, judging, matches, report)
        before = None if whole or was_begun else generations.current(rooms.root)
        built = build_changes(rooms.root, folder, before, *given) if before is not None else None
        if built is None:
            built = build(rooms.root, folder, *given, engine)
        result, extra = _plan_and_ledger(folder, rooms)
        summary = result.as_json() | {"objects": rooms.index.totals()[0], "seconds": dict(built.seconds)}
        report.progress("catalogue", 2, 2, "tables")
        return generations.finish(rooms.root, folder, [*built.files, *extra], as_of, truth, summary)


def plan_of(generation: generations.Generation) -> PlanResult:
    """The plan that a generation holds."""
    fields = PlanResult.__dataclass_fields__
    return PlanResult(**{k: v for k, v in generation.summary.items() if k in fields})


def try_plan(generation: generations.Generation, scratch: str, budget_bytes: int | None) -> PlanResult:
    """What another budget would plan, in a scratch folder."""
    _link_tables(generation, scratch)
    with engine(scratch, table_files(generation.private)) as db:
        return write_plan(db, scratch, budget_bytes)


def try_keep(generation: generations.Generation, scratch: str) -> None:
    """Write `keep.parquet` into a scratch folder as a plan of everything would have it."""
    _link_tables(generation, scratch)
    with engine(scratch, table_files(generation.private)) as db:
        write_plan(db, scratch, None)
        prepare_fates(db, scratch, planned=True)
        write_keepable(db, scratch)


def _link_tables(generation: generations.Generation, scratch: str) -> None:
    for name in os.listdir(generation.private):
        if name == generations.DELTA or (
            name.endswith(".parquet") and name not in ("plan.parquet", "keep.parquet")
        ):
            os.symlink(f"{generation.private}/{name}", f"{scratch}/{name}")


def _plan_and_ledger(folder: str, rooms: Rooms) -> tuple[PlanResult, list[tables.WrittenFile]]:
    planned, budget = rooms.budget()
    private, public = f"{folder}/{generations.PRIVATE}", f"{folder}/{generations.PUBLIC}"
    scratch = f"{folder}/scratch"
    os.makedirs(scratch)
    with engine(scratch, table_files(private)) as db:
        result = write_plan(db, private, budget)
        prepare_fates(db, private, planned)
        ledgers = [write_ledger(db, target) for target in (private, public)]
        write_keepable(db, private)
    os.rmdir(scratch)
    named = [
        tables.WrittenFile(f"{name}/{f.path}", f.size_bytes, f.sha256, f.rows)
        for name, f in zip((generations.PRIVATE, generations.PUBLIC), ledgers, strict=True)
    ]
    named.append(_coverage_file(folder, result))
    return result, named


def table_files(folder: str) -> list[str]:
    """The tables that a plan reads."""
    return [f"{folder}/{name}.parquet" for name in ("files", "copies", "recordings")]


def _coverage_file(folder: str, result: PlanResult) -> tables.WrittenFile:
    with open(f"{folder}/coverage.json", "w", encoding="utf-8") as file:
        json.dump(result.as_json(), file, indent=1, sort_keys=True)
    return tables.describe(folder, "coverage.json")
