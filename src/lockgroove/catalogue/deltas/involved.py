"""All that is said of the artists, releases, release groups and labels that a change involves.

In: the summaries of a whole build, fresh facts, what files say. Out: views `artists_in` and so on, from which
those few get the names and rows that a whole build would give them: whatever may be one with one of them by
its folded name or its MusicBrainz id is there too.
"""

from __future__ import annotations

import os

import duckdb

from lockgroove.catalogue.deltas.change import Base, Change
from lockgroove.catalogue.facts import SCHEMAS, Facts
from lockgroove.catalogue.facts.summaries import path_of
from lockgroove.catalogue.spilling import one, parquet, quoted, view

FAMILIES = {
    "artists": "artist_id", "releases": "release_id", "release_groups": "release_group_id", "labels": "label_id"
}  # fmt: skip
_SAID = """
CREATE OR REPLACE TEMP VIEW {family}_said_of AS
    SELECT {names} FROM {summary}
    UNION ALL SELECT {names} FROM fresh_{family} WHERE key IS NULL
    UNION ALL SELECT {names} FROM of_files_{family} WHERE key IS NOT NULL;
CREATE TEMP TABLE IF NOT EXISTS {family}_involved (id BLOB);
"""
_FIRST = {
    "releases": """SELECT release_id AS id FROM nodes_in UNION SELECT release_id FROM fresh_releases
        UNION SELECT release_id FROM of_files_releases f SEMI JOIN changed_files USING (source, key, stamp)""",
    "release_groups": """SELECT release_group_id AS id FROM fresh_release_groups UNION
        SELECT release_group_id FROM releases_said_of WHERE release_id IN (SELECT id FROM releases_involved)""",
    "artists": """SELECT artist_id AS id FROM nodes_in UNION SELECT artist_id FROM fresh_artists
        UNION SELECT artist_id FROM of_files_artists f SEMI JOIN changed_files USING (source, key, stamp)
        UNION SELECT artist_id FROM releases_said_of WHERE release_id IN (SELECT id FROM releases_involved)
        UNION SELECT artist_id FROM release_groups_said_of
            WHERE release_group_id IN (SELECT id FROM release_groups_involved)""",
    "labels": "SELECT label_id AS id FROM fresh_labels",
}  # fmt: skip
# What shares a folded name, or a MusicBrainz id, with what is involved.
_ALIKE = """SELECT {own_id} AS id FROM {family}_said_of WHERE {what} IN (
    SELECT {what} FROM {family}_said_of WHERE {own_id} IN (SELECT id FROM {family}_involved) AND {what} <> '')"""
_ALIKE_BY = {
    "releases": ("lower(mbid)",),
    "release_groups": (),
    "artists": ("fold", "lower(mbid)"),
    "labels": (),
}


def gather_said(db: duckdb.DuckDBPyConnection, base: Base, change: Change) -> None:
    """Make views of all that is said, and tables of what is involved, empty yet."""
    of_files = Facts([f for f in change.facts.folders if os.path.exists(f"{f}/files.parquet")])
    for family in FAMILIES:
        view(db, f"fresh_{family}", change.fresh.files(family), SCHEMAS[family])
        view(db, f"of_files_{family}", of_files.files(family), SCHEMAS[family])
        names = ", ".join(SCHEMAS[family].names)
        summary = parquet([path_of(base.state, family)])
        db.execute(_SAID.format(family=family, names=names, summary=summary))


def involve(db: duckdb.DuckDBPyConnection, folder: str) -> None:
    """After nodes were read: write what is said of all that they involve into `folder`, for views to show."""
    os.makedirs(folder, exist_ok=True)
    for family, first in _FIRST.items():
        own_id = FAMILIES[family]
        _grow(db, family, first)
        alike = [_ALIKE.format(own_id=own_id, family=family, what=what) for what in _ALIKE_BY[family]]
        while sum(_grow(db, family, query) for query in alike):
            pass
        path = f"{folder}/{family}.parquet"
        db.execute(
            f"COPY (SELECT * FROM {family}_said_of WHERE {own_id} IN (SELECT id FROM {family}_involved))"
            f" TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)"
        )
        view(db, f"{family}_in", [path], SCHEMAS[family])


def involve_rows(db: duckdb.DuckDBPyConnection, family: str, rows: str) -> bool:
    """Involve rows of a table of the base (SQL: `row` and the columns), whose names may not stay one."""
    return _grow(db, family, f"SELECT {FAMILIES[family]} AS id FROM ({rows})")


def _grow(db: duckdb.DuckDBPyConnection, family: str, query: str) -> bool:
    """Involve what a query names. False when all of it was."""
    table = f"{family}_involved"
    before = one(db, f"SELECT count(*) FROM {table}")
    db.execute(
        f"INSERT INTO {table} SELECT DISTINCT id FROM ({query}) WHERE id IS NOT NULL EXCEPT SELECT id FROM {table}"
    )
    return one(db, f"SELECT count(*) FROM {table}") > before
