"""Tables from claims, in stages: rights, names, seats, groups, recordings, keys.

In: Parquet of facts, of what is held and of listens, and a judge of rights statements. Out: a folder of
tables, the same to the byte for the same input. Each stage is timed, and is not done again after a kill.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from lockgroove import tables
from lockgroove.catalogue.build import queries
from lockgroove.catalogue.build.counting import COUNTED, TOTALS, count_listens, listens_in_order
from lockgroove.catalogue.build.grouping import Groups, find_groups
from lockgroove.catalogue.build.keying import write_keys, write_name_keys
from lockgroove.catalogue.build.numbering import Rows
from lockgroove.catalogue.build.seating import Seats, seat, write_names
from lockgroove.catalogue.build.staging import Stages
from lockgroove.catalogue.build.verdicts import Judge, judge_files, keep_judged
from lockgroove.catalogue.build.writing import (
    MERGED,
    file_members,
    forget,
    write_matches,
    write_members,
    write_recordings,
    write_tracks,
)
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.catalogue.facts import SCHEMAS as FACTS
from lockgroove.catalogue.facts import Facts
from lockgroove.catalogue.facts.ranks import rank_macro
from lockgroove.catalogue.schemas import SPECS, dictionary
from lockgroove.catalogue.spilling import engine, stream, view

_TEXT = pa.string()
HELD_SCHEMA = pa.schema(
    [(n, _TEXT) for n in ("source", "key", "stamp", "deposit", "object_id", "path", "sha512")]
)
# What a `deposit.json` tells of: each file that it names, and the other object (`target`) that has its bytes.
TOLD_SCHEMA = pa.schema([(n, _TEXT) for n in ("object_id", "source", "key", "stamp", "target")])
# Tables that SQL puts in order by itself: they are no larger than the files.
_PLAIN = ("files", "holdings", "copies", "rights")


@dataclass(frozen=True)
class Inputs:
    """What a build reads: facts, and Parquet files of what is held and of listens.

    `told` need only speak of objects whose bytes answer more than one claim, and of those that point at them.
    `by_hand` are pairs of recording ids and whether somebody said that they are one; a later word wins.
    """

    facts: Facts
    held: Sequence[str]
    listens: Sequence[str]
    told: Sequence[str] = ()
    by_hand: Sequence[tuple[bytes, bytes, bool]] = ()

    def files(self) -> list[str]:
        """All files that are read."""
        return [*(path for family in FACTS for path in self.facts.files(family)), *self.held, *self.listens]


@dataclass(frozen=True)
class Work:
    """A build: what it reads, the folder of tables it fills, and the scratch folder that it leaves empty.

    With `public`, tables are only of what may be published. `kept` is the folder for what is no part of them:
    the lists of claims by recording, and what a later delta starts from. `engine` compares claims instead of
    the one that builds: `engines.open_engine`. The `last` build of the same facts may let go of them.
    """

    inputs: Inputs
    folder: str
    scratch: str
    public: bool
    kept: str
    engine: str | None = None
    last: bool = False


def build_tables(work: Work, judge: Judge, stages: Stages) -> list[tables.WrittenFile]:
    """Write every table."""
    for folder in (work.folder, work.kept):
        os.makedirs(folder, exist_ok=True)
    if not stages.done("keys"):
        with engine(work.scratch, work.inputs.files(), name="build") as db:
            _read(db, work.inputs)
            db.execute(rank_macro())
            _Build(db, stages, work).run(judge)
    shutil.rmtree(work.scratch, ignore_errors=True)
    names = [f"{name}.parquet" for name in SPECS]
    files = [tables.describe(work.folder, n, tables.rows_in(f"{work.folder}/{n}")) for n in names]
    return files + [tables.describe(work.folder, name) for name in ("keys.bin", "dictionary.json")]


def _read(db: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    for family, schema in FACTS.items():
        view(db, f"{family}_in", inputs.facts.files(family), schema)
    for name, paths, schema in (
        ("held", inputs.held, HELD_SCHEMA),
        ("told", inputs.told, TOLD_SCHEMA),
        ("listens_in", inputs.listens, LISTEN_SCHEMA),
    ):
        view(db, name, paths, schema)


class _Build:
    """One build: what its stages hand to each other lies in the database and in files of `scratch`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, stages: Stages, work: Work) -> None:
        self._db = db
        self._stages = stages
        self._work = work
        self._scratch = work.scratch
        self._folder = work.folder
        self._public = work.public
        self._kept = work.kept
        self._by_hand = work.inputs.by_hand
        self._engine = work.engine

    def run(self, judge: Judge) -> None:
        """All stages, but those that an earlier run has done."""
        do, made, beside = self._stages.do, self._stages.made, f"{self._scratch}/"
        do("rights", lambda: self._rights(judge))
        do("names", lambda: write_names(self._db, self._folder, self._scratch, self._public, self._kept))
        seats = made(
            "seats",
            lambda: seat(self._db, f"{beside}seats", self._public),
            lambda made: made.save(f"{beside}seats.json"),
            lambda: Seats.load(f"{beside}seats.json"),
        )
        if self._work.last:
            self._work.inputs.facts.release()
        groups = made(
            "groups",
            lambda: find_groups(self._db, seats, self._by_hand, self._scratch, self._engine),
            lambda made: made.save(f"{beside}groups"),
            lambda: Groups.load(f"{beside}groups"),
        )
        do("listens", lambda: count_listens(self._db, seats, groups, self._scratch))
        rows = made(
            "recordings",
            lambda: write_recordings(self._db, seats, groups, self._folder, self._scratch),
            lambda made: made.save(f"{beside}rows"),
            lambda: Rows.load(groups, f"{beside}rows"),
        )
        do("tracks", lambda: write_tracks(self._db, seats, groups, rows, self._folder))
        do("matches", lambda: write_matches(self._db, seats, groups, rows, self._folder, self._scratch))
        forget(self._scratch, TOTALS, MERGED)
        do("listens-table", lambda: self._listens(rows))
        forget(self._scratch, COUNTED)
        do("files", lambda: self._files(seats, rows))
        do("members", lambda: write_members(self._db, seats, groups, rows, self._kept, self._scratch))
        do("name-keys", lambda: write_name_keys(seats, rows, self._kept, self._scratch))
        do("keys", lambda: write_keys(self._db, seats, rows, self._folder, self._scratch))

    def _rights(self, judge: Judge) -> None:
        judge_files(self._db, self._public, judge)
        keep_judged(self._db, self._kept)

    def _listens(self, rows: Rows) -> None:
        batches = listens_in_order(self._db, rows, self._scratch)
        tables.write_table(self._folder, "listens.parquet", SPECS["listens"].schema, batches)

    def _files(self, seats: Seats, rows: Rows) -> None:
        file_members(self._db, seats, rows)
        self._db.execute(queries.FILES)
        for name in _PLAIN:
            batches = stream(self._db, queries.ROWS[name])
            tables.write_table(self._folder, f"{name}.parquet", SPECS[name].schema, batches)
        with open(f"{self._folder}/dictionary.json", "wb") as file:
            text = json.dumps(dictionary(list(SPECS.values())), indent=1, ensure_ascii=False)
            file.write(text.encode() + b"\n")
