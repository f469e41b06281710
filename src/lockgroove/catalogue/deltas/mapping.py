"""Which row of the base each row of the small catalogue is, which rows became one, and which are new.

A row of the base is that of the group that has its id. Where several came together the first number stays;
where one was parted, the part with its id keeps the number, and what pointed at it must be looked at again.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove.catalogue.build.numbering import Rows, parts_of_seats
from lockgroove.catalogue.build.seating import Seats
from lockgroove.catalogue.deltas.change import Base
from lockgroove.catalogue.deltas.involved import FAMILIES
from lockgroove.catalogue.deltas.leads import Leads
from lockgroove.catalogue.keyindex import ENTITY_SCHEMES

_SCHEMES = {
    "artists": ENTITY_SCHEMES["artist"], "releases": ENTITY_SCHEMES["release"],
    "release_groups": ENTITY_SCHEMES["release-group"], "labels": ENTITY_SCHEMES["label"],
}  # fmt: skip
# From ids to rows of the small catalogue.
_OWN = {
    "artists": "SELECT artist_id AS id, artist_row AS sub FROM artist_rows",
    "releases": "SELECT release_id AS id, release_row AS sub FROM release_rows",
    "release_groups": "SELECT release_group_id AS id, release_group_row AS sub FROM release_groups",
    "labels": "SELECT label_id AS id, label_row AS sub FROM labels",
}
_MAP = """
CREATE OR REPLACE TEMP TABLE {name}_led AS SELECT key AS id, min(row) AS row FROM pairs GROUP BY key;
CREATE OR REPLACE TEMP TABLE {name}_own AS SELECT DISTINCT id, sub FROM ({own});
CREATE OR REPLACE TEMP TABLE {name}_owned AS
    SELECT l.row, coalesce(min(o.sub) FILTER (o.id = b.{own_id}), min(o.sub)) AS sub
    FROM {name}_led l JOIN {name}_own o USING (id) JOIN {base} b ON b.row = l.row GROUP BY l.row;
CREATE OR REPLACE TEMP TABLE {name}_map AS
    WITH kept AS (SELECT sub, min(row) AS row FROM {name}_owned GROUP BY sub)
    SELECT sub, row FROM kept
    UNION ALL SELECT sub, {count} + row_number() OVER (ORDER BY sub) - 1
    FROM (SELECT DISTINCT sub FROM {name}_own WHERE sub NOT IN (SELECT sub FROM kept));
CREATE OR REPLACE TEMP TABLE {name}_merged AS
    SELECT o.row, m.row AS into_row FROM {name}_owned o JOIN {name}_map m USING (sub) WHERE o.row <> m.row;
CREATE OR REPLACE TEMP TABLE {name}_gone AS
    SELECT DISTINCT row FROM {name}_led WHERE row NOT IN (SELECT row FROM {name}_owned)
    UNION SELECT row FROM {name}_merged;
"""
# Rows of the base whose ids are not all of one group any more.
PARTED = """SELECT DISTINCT l.row FROM {name}_led l JOIN {name}_own o USING (id) JOIN {name}_owned w ON w.row = l.row
    WHERE o.sub <> w.sub"""

_RECORDINGS = """
CREATE OR REPLACE TEMP TABLE recordings_owned AS
    SELECT DISTINCT b.row, n.sub, b.recording_id = r.recording_id AS is_first, b.row IN (SELECT row FROM touched) AS touched
    FROM {base} b JOIN sub_nodes n USING (recording_id) JOIN sub_recordings r ON r.row = n.sub
    WHERE b.row IN (SELECT row FROM touched UNION ALL SELECT row FROM bystanders);
CREATE OR REPLACE TEMP TABLE wanted AS
    SELECT DISTINCT sub FROM recordings_owned WHERE touched
    UNION SELECT sub FROM sub_nodes WHERE is_own AND sub NOT IN (SELECT sub FROM recordings_owned);
"""
# Of groups that are made anew: rows of the base that were not meant to be.
_UNMEANT = """
    SELECT DISTINCT row FROM recordings_owned
    WHERE NOT touched AND sub IN (SELECT sub FROM wanted UNION ALL SELECT sub FROM sub_nodes WHERE is_own)
    UNION SELECT l.row FROM led l JOIN sub_nodes n USING (recording_id)
    WHERE n.sub IN (SELECT sub FROM wanted)
        AND l.row NOT IN (SELECT row FROM touched UNION ALL SELECT row FROM bystanders)"""
_RECORDINGS_MAP = """
CREATE OR REPLACE TEMP TABLE recordings_map AS
    WITH kept AS (SELECT sub, first(row ORDER BY is_first DESC, row) AS row FROM recordings_owned
        WHERE touched AND sub IN (SELECT sub FROM wanted) GROUP BY sub)
    SELECT sub, row FROM kept
    UNION ALL SELECT sub, {count} + row_number() OVER (ORDER BY sub) - 1
    FROM wanted WHERE sub NOT IN (SELECT sub FROM kept);
"""


def map_names(db: duckdb.DuckDBPyConnection, base: Base, leads: Leads) -> None:
    """Of each family of named things: tables `_map` (sub, row), `_merged` (row, into_row), `_gone` (row)."""
    for name, own_id in FAMILIES.items():
        pairs = leads.pairs(_SCHEMES[name], f"SELECT id FROM {name}_involved")
        db.register("pairs", pairs)
        db.execute(
            _MAP.format(
                name=name, own=_OWN[name], own_id=own_id, base=base.rows(name), count=base.count(name)
            )
        )
        db.unregister("pairs")


def take_nodes(db: duckdb.DuckDBPyConnection, seats: Seats, rows: Rows) -> None:
    """Table `sub_nodes`: each seated node with the row `sub` of its recording, and whether it is `is_own`."""
    db.execute(
        "CREATE OR REPLACE TEMP TABLE sub_nodes (recording_id BLOB, seq BIGINT, withdrawn BOOLEAN, source VARCHAR,"
        " isrcs VARCHAR[], mbid VARCHAR, sub BIGINT, is_own BOOLEAN)"
    )
    columns = ["recording_id", "seq", "withdrawn", "source", "isrcs", "mbid"]
    for start, seated in parts_of_seats(seats, [*columns, "kind"]):
        sub = rows.of(slice(start, start + seated.num_rows)).astype(np.int64)
        db.register("seated", seated.append_column("sub", pa.array(sub)))
        db.execute(
            f"INSERT INTO sub_nodes SELECT {', '.join(columns)}, sub, recording_id IN (SELECT recording_id FROM own_nodes)"
            " OR (kind = 'file' AND seq IN (SELECT seq FROM own_files)) FROM seated"
        )
        db.unregister("seated")


def own_recordings(db: duckdb.DuckDBPyConnection, base: Base) -> np.ndarray:
    """Find which recordings are made anew; rows of the base that turn out to be concerned as well."""
    db.execute(_RECORDINGS.format(base=base.rows("recordings")))
    found: np.ndarray = db.execute(_UNMEANT).fetchnumpy()["row"]
    return np.asarray(found, np.int64)


def map_recordings(db: duckdb.DuckDBPyConnection, base: Base) -> None:
    """Table `recordings_map` (sub, row) of all recordings that are made anew."""
    db.execute(_RECORDINGS_MAP.format(count=base.count("recordings")))
