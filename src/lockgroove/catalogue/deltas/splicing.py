"""Rows of the small catalogue as rows of a delta: with the numbers that they have, or get, in the whole.

In: the small catalogue's tables and the maps of `mapping`. Out: for each table the rows that are new or
changed, and the numbers of those that are gone. Tables no larger than the files are written whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from lockgroove import tables
from lockgroove.catalogue.build import queries
from lockgroove.catalogue.deltas.change import Base
from lockgroove.catalogue.generations import DELTA
from lockgroove.catalogue.layers import MEMBERS, OWN_IDS, changed_file, gone_file
from lockgroove.catalogue.schemas import SPECS
from lockgroove.catalogue.spilling import quoted, stream

WHOLE = ("files", "holdings", "copies", "rights")
# Tables that are spliced, and what their rows are called in the small catalogue.
NAMED = {
    "artists": "artist_row", "releases": "release_row", "release_groups": "release_group_row", "labels": "label_row"
}  # fmt: skip
HANGING = ("tracks", "matches", "listens")
# Columns that are row numbers, and the tables they number.
_POINTS = {"artist_row": "artists", "release_row": "releases", "release_group_row": "release_groups"}

# Of a named thing: all rows of the small catalogue that are not as they were.
_NAMED = """
    SELECT m.row, {columns} FROM {name} s JOIN {name}_map m ON m.sub = s.{own_row} {joins}
    EXCEPT SELECT row, {plain} FROM {base} WHERE row IN (SELECT row FROM {name}_map)"""
_RECORDINGS = """
    SELECT m.row, {columns} FROM sub_recordings s JOIN recordings_map m ON m.sub = s.row {joins}"""
_HANGING = """
    SELECT {count} + row_number() OVER (ORDER BY s.row) - 1 AS row, {columns}
    FROM sub_{name} s JOIN recordings_map m ON m.sub = s.recording_row {joins}"""
# What pointed at a row that became one with another, and is else as it was.
_POINTING = """
    UNION ALL SELECT s.row, {columns} FROM (SELECT * FROM {base} WHERE {stays} AND ({points})) s {joins}"""

_FILE_MEMBERS = """
CREATE OR REPLACE TEMP TABLE sub_file_members AS SELECT * FROM file_members;
CREATE OR REPLACE TABLE file_members AS
    SELECT m.row::INTEGER AS recording_row, s.* EXCLUDE (recording_row)
    FROM sub_file_members s JOIN recordings_map m ON m.sub = s.recording_row
    UNION ALL
    SELECT c.recording_row, f.source, f.key, f.stamp, f.duration_ms, c.start_ms, c.end_ms
    FROM {copies} c JOIN {files} f ON f.row = c.file_row WHERE c.recording_row NOT IN (SELECT row FROM touched);
"""


def splice(db: duckdb.DuckDBPyConnection, base: Base, target: str) -> None:
    """Write the delta of every table into `target`, a copy of the base's folder."""
    for name, own_row in NAMED.items():
        said = _NAMED.format(
            name=name, own_row=own_row, base=base.rows(name), joins=_joins(name, "map"),
            columns=_columns(name, "map"), plain=", ".join(SPECS[name].schema.names),
        )  # fmt: skip
        stays = f"row NOT IN (SELECT row FROM {name}_map UNION ALL SELECT row FROM {name}_gone)"
        _write(db, base, target, name, said + _pointing(base, name, stays), f"SELECT row FROM {name}_gone")
    anew = _RECORDINGS.format(columns=_columns("recordings", "map"), joins=_joins("recordings", "map"))
    stays = "row NOT IN (SELECT row FROM touched)"
    _write(
        db, base, target, "recordings", anew + _pointing(base, "recordings", stays), "SELECT row FROM touched"
    )
    for name in HANGING:
        columns = _columns(name, "map").replace("s.recording_row", "m.row AS recording_row")
        anew = _HANGING.format(name=name, count=base.count(name), columns=columns, joins=_joins(name, "map"))
        stays = "recording_row NOT IN (SELECT row FROM touched)"
        gone = f"SELECT row FROM {base.rows(name)} WHERE recording_row IN (SELECT row FROM touched)"
        _write(db, base, target, name, anew + _pointing(base, name, stays), gone)
    _write_whole(db, base, target)
    _write_members(db, target)


def _points(name: str) -> Mapping[str, str]:
    own = NAMED.get(name)
    return {c: t for c, t in _POINTS.items() if c in SPECS[name].schema.names and c != own}


def _columns(name: str, kind: str) -> str:
    """The columns of a table, row numbers as they are after a map."""
    points = _points(name)
    into = "row" if kind == "map" else "into_row"
    after = {c: f"p_{c}.{into}" if kind == "map" else f"coalesce(p_{c}.{into}, s.{c})" for c in points}
    return ", ".join(f"{after[c]} AS {c}" if c in points else f"s.{c}" for c in SPECS[name].schema.names)


def _joins(name: str, kind: str) -> str:
    own = "sub" if kind == "map" else "row"
    return " ".join(
        f"LEFT JOIN {table}_{kind} p_{column} ON p_{column}.{own} = s.{column}"
        for column, table in _points(name).items()
    )


def _pointing(base: Base, name: str, stays: str) -> str:
    points = _points(name)
    if not points:
        return ""
    which = " OR ".join(f"{c} IN (SELECT row FROM {table}_merged)" for c, table in points.items())
    return _POINTING.format(
        columns=_columns(name, "merged"), joins=_joins(name, "merged"), base=base.rows(name), stays=stays, points=which
    )  # fmt: skip


def _write(
    db: duckdb.DuckDBPyConnection, base: Base, target: str, name: str, changed: str, gone: str
) -> None:
    """Write rows that are new or changed, in order, and which of the base they or nothing stand for."""
    schema = SPECS[name].schema
    with_row = pa.schema([pa.field("row", pa.int32(), nullable=False), *schema])
    writer = tables.TableWriter(changed_file(target, name), with_row)
    db.execute(f"CREATE OR REPLACE TEMP TABLE changed_rows AS {changed}")
    for batch in stream(db, f"SELECT {', '.join(with_row.names)} FROM changed_rows ORDER BY row"):
        writer.write(batch.cast(with_row))
    writer.close()
    own_id = f", {OWN_IDS[name]}" if name in OWN_IDS else ""
    db.execute(
        f"COPY (SELECT row::INTEGER AS row{own_id} FROM {base.rows(name)}"
        f" WHERE row IN ({gone} UNION SELECT row FROM changed_rows) ORDER BY row)"
        f" TO '{quoted(gone_file(target, name))}' (FORMAT parquet, COMPRESSION zstd)"
    )


def _write_whole(db: duckdb.DuckDBPyConnection, base: Base, target: str) -> None:
    db.execute(_FILE_MEMBERS.format(copies=base.rows("copies"), files=base.rows("files")))
    db.execute(queries.FILES)
    for name in WHOLE:
        batches = stream(db, queries.ROWS[name])
        tables.write_table(f"{target}/{DELTA}", f"{name}.parquet", SPECS[name].schema, batches)


def _write_members(db: duckdb.DuckDBPyConnection, target: str) -> None:
    changed, gone = changed_file(target, MEMBERS), gone_file(target, MEMBERS)
    members = """SELECT m.row::INTEGER AS recording_row, n.seq, n.withdrawn
        FROM sub_nodes n JOIN recordings_map m USING (sub) ORDER BY ALL"""
    touched = "SELECT row::INTEGER AS row FROM touched ORDER BY row"
    for query, path in ((members, changed), (touched, gone)):
        db.execute(f"COPY ({query}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
