"""A delta from beginning to end: what is concerned, built as a small catalogue, and spliced in."""

from __future__ import annotations

import os
import shutil

import duckdb

from lockgroove import tables
from lockgroove.catalogue import generations, layers
from lockgroove.catalogue.build import HELD_SCHEMA, TOLD_SCHEMA
from lockgroove.catalogue.build.counting import count_listens, listens_in_order
from lockgroove.catalogue.build.grouping import find_groups
from lockgroove.catalogue.build.seating import seat, write_names
from lockgroove.catalogue.build.verdicts import Judge, judge_files
from lockgroove.catalogue.build.writing import file_members, write_matches, write_recordings, write_tracks
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.catalogue.deltas.change import Base, Change
from lockgroove.catalogue.deltas.closure import Closure
from lockgroove.catalogue.deltas.involved import gather_said, involve, involve_rows
from lockgroove.catalogue.deltas.keys import write_delta_keys
from lockgroove.catalogue.deltas.leads import Leads
from lockgroove.catalogue.deltas.mapping import PARTED, map_names, map_recordings, own_recordings, take_nodes
from lockgroove.catalogue.deltas.searching import write_search_delta
from lockgroove.catalogue.deltas.splicing import HANGING, splice
from lockgroove.catalogue.facts import SCHEMAS as FACTS
from lockgroove.catalogue.facts.ranks import rank_macro
from lockgroove.catalogue.schemas import SPECS
from lockgroove.catalogue.spilling import engine, view

# Only what was counted of claims that are here: the rest stays as it was counted before.
_LISTENS = """
CREATE OR REPLACE TABLE listens_in AS
    SELECT * FROM listens_counted l SEMI JOIN (SELECT DISTINCT source, key AS subject FROM nodes_in
        WHERE kind IN ('recording', 'listened')) n USING (source, subject)"""
_POINTING_ARTISTS = ("releases", "release_groups")


def make_delta(
    base: Base, change: Change, target: str, search: str, public: bool, judge: Judge, scratch: str
) -> None:
    """Write a delta into folders of tables and of the search index, both copies of the base's (links will do).

    Tables of what may be published with `public`. Raises TooMuchChanged.
    """
    os.makedirs(f"{target}/{generations.DELTA}")
    inputs = [*change.files, *(f"{base.tables}/{name}.parquet" for name in SPECS)]
    with engine(scratch, inputs) as db:
        db.execute(rank_macro())
        _read(db, change)
        judge_files(db, public, judge)
        leads = Leads(db, base)
        try:
            _Small(db, base, change, leads, public, f"{scratch}/small").build()
            splice(db, base, target)
            write_delta_keys(db, base, leads, target, scratch)
            write_search_delta(db, target, search, scratch)
        finally:
            leads.close()
    shutil.rmtree(scratch, ignore_errors=True)


def _read(db: duckdb.DuckDBPyConnection, change: Change) -> None:
    for family in ("files", "withdrawn"):
        view(db, f"{family}_in", change.facts.files(family), FACTS[family])
    for name, paths, schema in (
        ("held", change.held, HELD_SCHEMA),
        ("told", change.told, TOLD_SCHEMA),
        ("listens_counted", change.listens, LISTEN_SCHEMA),
    ):
        view(db, name, paths, schema)


class _Small:
    """The small catalogue: built, and built again with more while it turns out that more is concerned."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        base: Base,
        change: Change,
        leads: Leads,
        public: bool,
        folder: str,
    ) -> None:
        self._db = db
        self._base = base
        self._change = change
        self._leads = leads
        self._public = public
        self._folder = folder
        os.makedirs(folder)
        self._closure = Closure(db, base, change, leads, folder)
        gather_said(db, base, change)

    def build(self) -> None:
        """Leave tables and views of the small catalogue, and the maps of its rows, in the database."""
        self._closure.begin()
        whole = False
        while not whole:
            self._closure.grow()
            involve(self._db, f"{self._folder}/said")
            self._build()
            whole = not self._grown()
        map_recordings(self._db, self._base)

    def _build(self) -> None:
        db, folder, scratch = self._db, self._folder, f"{self._folder}/scratch"
        os.makedirs(scratch, exist_ok=True)
        db.execute(_LISTENS)
        write_names(db, folder, scratch, self._public, f"{folder}/kept")
        seats = seat(db, f"{folder}/seats", self._public)
        groups = find_groups(db, seats, self._change.by_hand, scratch)
        count_listens(db, seats, groups, scratch)
        rows = write_recordings(db, seats, groups, folder, scratch)
        write_tracks(db, seats, groups, rows, folder)
        write_matches(db, seats, groups, rows, folder, scratch)
        listens = listens_in_order(db, rows, scratch)
        tables.write_table(folder, "listens.parquet", SPECS["listens"].schema, listens)
        file_members(db, seats, rows)
        for name in ("recordings", *HANGING):
            db.execute(f"CREATE OR REPLACE VIEW sub_{name} AS SELECT * FROM {layers.base_rows(folder, name)}")
        take_nodes(db, seats, rows)

    def _grown(self) -> bool:
        """Whether more is concerned than was built: artists or releases were parted, or recordings joined."""
        map_names(self._db, self._base, self._leads)
        more = self._closure.touch(own_recordings(self._db, self._base))
        for name, column in (("artists", "artist_row"), ("releases", "release_row")):
            parted = PARTED.format(name=name)
            rows = f"SELECT row FROM {self._base.rows('recordings')} WHERE {column} IN ({parted})"
            more |= self._closure.touch(self._db.execute(rows).fetchnumpy()["row"])
            for pointing in _POINTING_ARTISTS if name == "artists" else ():
                rows = f"SELECT * FROM {self._base.rows(pointing)} WHERE artist_row IN ({parted})"
                more |= involve_rows(self._db, pointing, rows)
        tracks = f"""SELECT recording_row FROM {self._base.rows("tracks")}
            WHERE release_row IN ({PARTED.format(name="releases")})"""
        return self._closure.touch(self._db.execute(tracks).fetchnumpy()["recording_row"]) or more
