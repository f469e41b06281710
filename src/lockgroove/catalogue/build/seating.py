"""Every claim of a recording in its seat: catalogue order, which is artist, release, medium, position.

In: families of facts, and which files may be told of. Out: tables of artists, releases, release groups and
labels in order, and Parquet files of nodes whose position over all files is their number. The numbers follow
from what the claims say alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove import tables
from lockgroove.catalogue.facts.summaries import ORDERS, sum_up
from lockgroove.catalogue.identity.components import components
from lockgroove.catalogue.schemas import SPECS
from lockgroove.catalogue.spilling import (
    boundaries,
    buckets,
    in_order,
    one,
    parquet,
    part_between,
    part_files,
    parts_of,
    quoted,
    scatter,
)

_SAMPLE_ROWS = 100_000

# What a file names counts as long as that file may be told of; so does what any other claim names.
_TOLD = """((f.key IS NULL AND ({everyone} OR f.source NOT LIKE 'shelf-%')) OR EXISTS (SELECT 1 FROM judged j
    WHERE j.source = f.source AND j.key = f.key AND j.stamp = f.stamp AND j.said_at = f.said_at))"""

_ARTIST_NODES = """
CREATE OR REPLACE TEMP TABLE artist_nodes AS
    SELECT (row_number() OVER (ORDER BY artist_id) - 1)::UINTEGER AS nid, * FROM (
        SELECT artist_id, coalesce(arg_max(name, {order}), '') AS name,
            nullif(arg_max(fold, {order}), '') AS fold,
            min(lower(mbid)) AS mbid, min(source_rank(source)) AS source_rank, min(source) AS source,
            min(detail) < 2 AS keyed
        FROM artists_said f WHERE {told} GROUP BY artist_id);
"""
# A name that stands for several artists, as a source or MusicBrainz tells them apart, joins none of those.
_ARTIST_EDGES = """
    WITH folds AS (
        SELECT fold, count(DISTINCT mbid) > 1
            OR count(*) FILTER (keyed) > count(DISTINCT source) FILTER (keyed) AS several
        FROM artist_nodes WHERE fold IS NOT NULL GROUP BY fold HAVING count(*) > 1),
    by_name AS (
        SELECT nid, min(nid) OVER (PARTITION BY fold) AS hub FROM artist_nodes JOIN folds USING (fold)
        WHERE NOT several OR (NOT keyed AND mbid IS NULL)),
    by_mbid AS (
        SELECT nid, min(nid) OVER (PARTITION BY mbid) AS hub FROM artist_nodes WHERE mbid IS NOT NULL)
    SELECT nid, hub FROM (SELECT * FROM by_name UNION ALL SELECT * FROM by_mbid) WHERE nid <> hub"""
_ARTISTS = """
CREATE OR REPLACE TEMP TABLE artists AS
    SELECT (row_number() OVER (ORDER BY fold, artist_id) - 1)::INTEGER AS artist_row, * FROM (
        SELECT root, arg_min(artist_id, {'r': source_rank, 'id': artist_id}) AS artist_id,
            arg_min(name, {'r': source_rank, 'id': artist_id}) AS name,
            arg_min(coalesce(fold, ''), {'r': source_rank, 'id': artist_id}) AS fold, min(mbid) AS mbid
        FROM artist_nodes JOIN artist_grouped USING (nid) GROUP BY root);
CREATE OR REPLACE TABLE artist_rows AS
    SELECT n.artist_id, a.artist_row
    FROM artist_nodes n JOIN artist_grouped g USING (nid) JOIN artists a USING (root);
DROP TABLE artist_nodes;
DROP TABLE artist_grouped;
"""

_RELEASE_NODES = """
CREATE OR REPLACE TEMP TABLE release_nodes (release_id BLOB, source_rank INTEGER, said STRUCT(title VARCHAR, artist VARCHAR,
    artist_id BLOB, year INTEGER, barcode VARCHAR, label VARCHAR), release_group_id BLOB, mbid VARCHAR, newest VARCHAR)"""
_MORE_RELEASE_NODES = """
INSERT INTO release_nodes
    SELECT release_id, min(source_rank(source)),
        arg_max({{'title': title, 'artist': artist, 'artist_id': artist_id, 'year': year, 'barcode': barcode, 'label': label}},
            {order}),
        min(release_group_id), min(lower(mbid)), max(said_at) FILTER (detail = 0)
    FROM releases_said f WHERE {told} AND {bucket} GROUP BY release_id;
"""
_RELEASE_GROUPS = """
CREATE OR REPLACE TEMP TABLE release_groups AS
    SELECT release_id, said, mbid, release_group_id, a.artist_row FROM (
        SELECT release_id, said, mbid, release_group_id FROM release_nodes WHERE mbid IS NULL
        UNION ALL
        SELECT arg_min(release_id, {'r': source_rank, 'id': release_id}),
            arg_min(said, {'r': source_rank, 'id': release_id}), mbid, min(release_group_id)
        FROM release_nodes WHERE mbid IS NOT NULL GROUP BY mbid) r
    LEFT JOIN artist_rows a ON a.artist_id = r.said.artist_id;
CREATE OR REPLACE TEMP TABLE releases (release_row INTEGER, release_id BLOB, title VARCHAR, artist_row INTEGER,
    artist VARCHAR, year INTEGER, mbid VARCHAR, barcode VARCHAR, label VARCHAR, release_group_id BLOB);
"""
_MORE_RELEASES = """
INSERT INTO releases
    SELECT (row_number() OVER (ORDER BY artist_row NULLS LAST, said.year NULLS LAST, said.title, release_id) - 1
            + (SELECT count(*) FROM releases))::INTEGER,
        release_id, coalesce(said.title, ''), artist_row, said.artist, said.year, mbid, said.barcode, said.label,
        release_group_id
    FROM release_groups WHERE {part} ORDER BY ALL
"""
_RELEASE_ROWS = """
CREATE OR REPLACE TABLE release_rows AS
    SELECT n.release_id, r.release_row, r.artist_row, n.newest FROM release_nodes n JOIN releases r USING (release_id)
    WHERE n.mbid IS NULL
    UNION ALL
    SELECT n.release_id, r.release_row, r.artist_row, n.newest FROM release_nodes n JOIN releases r USING (mbid)
    WHERE n.mbid IS NOT NULL;
DROP TABLE release_nodes;
DROP TABLE release_groups;
"""

_OTHERS = """
CREATE OR REPLACE TEMP TABLE groups AS
    SELECT (row_number() OVER (ORDER BY artist_row NULLS LAST, year NULLS LAST, title, release_group_id) - 1)::INTEGER
        AS release_group_row, * FROM (
        SELECT release_group_id, coalesce(best.title, '') AS title, a.artist_row, best.artist, best.type, year, mbid
        FROM (SELECT release_group_id, arg_max({{'title': title, 'artist': artist, 'artist_id': artist_id, 'type': type}},
                {group_order}) AS best, min(year) AS year, min(lower(mbid)) AS mbid
            FROM release_groups_said f WHERE {told} GROUP BY release_group_id) g
        LEFT JOIN artist_rows a ON a.artist_id = g.best.artist_id);
CREATE OR REPLACE TEMP TABLE labels AS
    SELECT (row_number() OVER (ORDER BY name, label_id) - 1)::INTEGER AS label_row, * FROM (
        SELECT label_id, coalesce(best.name, '') AS name, best.country AS country, mbid FROM (
            SELECT label_id, min(lower(mbid)) AS mbid, arg_max({{'name': name, 'country': country}},
                {label_order}) AS best
            FROM labels_said f WHERE {told} GROUP BY label_id));
"""

# The newest row of an id counts. What a newer claim of the same release no longer lists stays, and is marked.
_TWICE = (
    "CREATE OR REPLACE TABLE twice (node_id BLOB, newest STRUCT(said VARCHAR, seq BIGINT, place INTEGER))"
)
_MORE_TWICE = """
INSERT INTO twice
    SELECT coalesce(track_id, recording_id) AS node_id, max({{'said': said_at, 'seq': seq, 'place': -track_index}})
    FROM nodes_in n WHERE {bulk} AND {bucket} GROUP BY node_id HAVING count(*) > 1;
"""
_GONE = """
CREATE OR REPLACE TABLE gone AS
    SELECT entity_id, max(said_at) AS said_at FROM withdrawn_in WHERE entity_id IS NOT NULL GROUP BY entity_id;
"""
_BULK = "kind <> 'file' AND ({everyone} OR source NOT LIKE 'shelf-%')"
# The id of what an earlier version of a file carries, by its columns: its stamp is part of it.
EARLIER_ID = """unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'recording', {of}source,
    {of}key || CASE WHEN track_index < 0 THEN '' ELSE printf('#%02d', track_index) END, {of}stamp)), 1, 24))"""
_NODES = """
    SELECT kind, n.source, n.key, n.stamp, n.said_at, seq, track_index, n.recording_id, n.track_id, n.title, n.artist,
        artist_id, release_id, medium_number, track_number, duration_ms, start_ms, end_ms, n.year, isrcs,
        lower(mbid) AS mbid, composer, genre, name_key, version_key, FALSE AS superseded,
        coalesce(w.said_at >= n.said_at, FALSE) AS withdrawn, NULL AS sha512
    FROM nodes_in n LEFT JOIN twice t ON t.node_id = coalesce(n.track_id, n.recording_id)
    LEFT JOIN gone w ON w.entity_id = CASE WHEN kind = 'track' THEN n.release_id ELSE n.recording_id END
    WHERE {bulk} AND (t.node_id IS NULL OR t.newest = {{'said': n.said_at, 'seq': seq, 'place': -track_index}})
    UNION ALL
    SELECT kind, n.source, n.key, n.stamp, n.said_at, n.seq, track_index,
        CASE WHEN j.is_current THEN n.recording_id ELSE {earlier_id} END, n.track_id, n.title, n.artist, artist_id, release_id, medium_number, track_number, n.duration_ms, start_ms,
        end_ms, n.year, isrcs, lower(mbid), composer, genre, name_key, version_key, NOT j.is_current, j.withdrawn, h.sha512
    FROM nodes_in n JOIN judged j USING (source, key, stamp, said_at, seq)
    LEFT JOIN shown h ON h.source = n.source AND h.key = n.key AND h.stamp = n.stamp
    WHERE kind = 'file'
"""
_SEATED = """
    SELECT CASE WHEN e.release_row IS NOT NULL THEN e.artist_row ELSE a.artist_row END AS seat_row,
        a.artist_row, e.release_row, source_rank(source) AS source_rank,
        n.* EXCLUDE (artist_id, release_id, withdrawn), withdrawn OR coalesce(kind = 'track' AND said_at < e.newest, FALSE) AS withdrawn
    FROM ({nodes}) n LEFT JOIN artist_rows a USING (artist_id) LEFT JOIN release_rows e USING (release_id)
"""
SEAT_ORDER = (
    "seat_row NULLS LAST, release_row NULLS LAST, medium_number NULLS FIRST, track_number NULLS LAST, title,"
    " recording_id"
)
_NODE_ORDER = f"{SEAT_ORDER}, track_id NULLS FIRST, kind, source, key, track_index, said_at, stamp, seq"


@dataclass(frozen=True)
class Seats:
    """Nodes in catalogue order: files, the number of the first node of each, how many there are in all.

    A file holds the nodes of the artists between two of `cuts`.
    """

    files: Sequence[str]
    starts: Sequence[int]
    count: int
    cuts: Sequence[int]

    @staticmethod
    def of(files: Sequence[str], cuts: Sequence[int]) -> Seats:
        """The seats in these files."""
        rows = [pq.read_metadata(path).num_rows for path in files]
        starts = [sum(rows[:number]) for number in range(len(rows))]
        return Seats(files, starts, sum(rows), cuts)

    def save(self, path: str) -> None:
        """Keep the list of them for a run that goes on after this one."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump([list(self.files), list(self.cuts)], file)

    @staticmethod
    def load(path: str) -> Seats:
        """What `save` kept."""
        with open(path, encoding="utf-8") as file:
            return Seats.of(*json.load(file))

    def sql(self) -> str:
        """All seats with their numbers, `nid`.

        One scan of all files: a union of scans is as many writers, and each buffers for each part.
        """
        starts = f"({list(self.starts)}::BIGINT[])[file_index::BIGINT + 1]"
        return f"SELECT (file_row_number + {starts})::UINTEGER AS nid, * FROM {parquet(self.files)}"


_RELEASES_NAMED = """
    SELECT release_row, release_id, title, artist_row, artist, year, mbid, barcode, label, g.release_group_row
    FROM releases LEFT JOIN (SELECT release_group_id, release_group_row FROM groups) g USING (release_group_id)"""
# The tables of names: what each is made from, and what its rows are called.
_NAMES = {
    "artists": ("SELECT artist_row, artist_id, name, mbid FROM artists", "artist_row"),
    "releases": (_RELEASES_NAMED, "release_row"),
    "release_groups": (
        "SELECT release_group_row, release_group_id, title, artist_row, artist, type, year, mbid FROM groups",
        "release_group_row",
    ),
    "labels": ("SELECT label_row, label_id, name, country, mbid FROM labels", "label_row"),
}


def write_names(db: duckdb.DuckDBPyConnection, folder: str, scratch: str, public: bool, kept: str) -> None:
    """Write tables `artists`, `releases`, `release_groups`, `labels`; from all their ids to rows stays here.

    Summaries of what claims say of them go into the folder `kept`.

    What they are made from is let go of, and views of their names stand for the written tables.
    """
    sum_up(db, kept, public)
    _name_everything(db, public)
    for name, (query, row) in _NAMES.items():
        count = one(db, f"SELECT count(*) FROM ({query})")
        select = f"SELECT {', '.join(SPECS[name].schema.names)}"
        batches = in_order(db, query, row, count, row, count, scratch, select=select)
        tables.write_table(folder, f"{name}.parquet", SPECS[name].schema, batches)
    for name in ("artists", "releases", "groups", "labels"):
        db.execute(f"DROP TABLE temp.{name}")
    for name, (_, row) in _NAMES.items():
        written = parquet([f"{folder}/{name}.parquet"], "file_row_number = true")
        db.execute(
            f"CREATE OR REPLACE VIEW {name} AS SELECT file_row_number::INTEGER AS {row}, * EXCLUDE (file_row_number)"
            f" FROM {written}"
        )


def _name_everything(db: duckdb.DuckDBPyConnection, public: bool) -> None:
    told = _TOLD.format(everyone="FALSE" if public else "TRUE")
    db.execute(_ARTIST_NODES.format(told=told, order=ORDERS["artists"]))
    store_groups(db, "artist_nodes", _ARTIST_EDGES, "artist_grouped")
    db.execute(_ARTISTS)
    db.execute(_RELEASE_NODES)
    for bucket in buckets(one(db, "SELECT count(*) FROM releases_said"), "release_id"):
        db.execute(_MORE_RELEASE_NODES.format(told=told, bucket=bucket, order=ORDERS["releases"]))
    db.execute(_RELEASE_GROUPS)
    parts = parts_of(one(db, "SELECT count(*) FROM release_groups"))
    sampled = np.asarray(
        db.execute("SELECT artist_row FROM release_groups WHERE artist_row IS NOT NULL").fetchnumpy()[
            "artist_row"
        ]
    )
    cuts = boundaries(sampled, parts)
    for part in range(len(cuts) + 1):
        db.execute(_MORE_RELEASES.format(part=f"{part_between('artist_row', cuts)} = {part}"))
    db.execute(_RELEASE_ROWS)
    db.execute(_OTHERS.format(told=told, group_order=ORDERS["release_groups"], label_order=ORDERS["labels"]))


def store_groups(db: duckdb.DuckDBPyConnection, nodes: str, edges: str, name: str) -> None:
    """Table `name` (nid, root) of the groups that the edges of a query make of all rows of `nodes`."""
    count = one(db, f"SELECT count(*) FROM {nodes}")
    found = db.sql(edges).to_arrow_table()
    labels = components(count, found.column("nid").to_numpy(), found.column("hub").to_numpy())
    rows = pa.table({"nid": pa.array(np.arange(count, dtype=np.uint32)), "root": pa.array(labels)})
    db.register("labels_in_memory", rows)
    db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM labels_in_memory")
    db.unregister("labels_in_memory")


def seat(db: duckdb.DuckDBPyConnection, folder: str, public: bool) -> Seats:
    """Write every current node into `folder`, in catalogue order."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    bulk = _BULK.format(everyone="FALSE" if public else "TRUE")
    rows = one(db, "SELECT count(*) FROM nodes_in")
    db.execute(_TWICE)
    for bucket in buckets(rows, "coalesce(track_id, recording_id)"):
        db.execute(_MORE_TWICE.format(bulk=bulk, bucket=bucket))
    db.execute(_GONE)
    seated = _SEATED.format(nodes=_NODES.format(bulk=bulk, earlier_id=EARLIER_ID.format(of="n.")))
    cuts = _cuts(db, rows)
    if not cuts:
        return Seats.of([_sorted(db, seated, f"{folder}/seats-000.parquet")], cuts)
    scatter(db, seated, part_between("seat_row", cuts), f"{folder}/scattered")
    files = [_sorted_part(db, seated, folder, part) for part in range(len(cuts) + 1)]
    shutil.rmtree(f"{folder}/scattered")
    return Seats.of(files, cuts)


def _sorted_part(db: duckdb.DuckDBPyConnection, seated: str, folder: str, part: int) -> str:
    """Sort what was scattered into a part, and make room as soon as that is done."""
    listed = part_files(f"{folder}/scattered", part)
    query = f"SELECT * EXCLUDE (part) FROM {parquet(listed)}" if listed else f"{seated} LIMIT 0"
    path = _sorted(db, query, f"{folder}/seats-{part:03}.parquet")
    shutil.rmtree(f"{folder}/scattered/part={part}", ignore_errors=True)
    return path


def _sorted(db: duckdb.DuckDBPyConnection, query: str, path: str) -> str:
    db.execute(
        f"COPY (SELECT * FROM ({query}) ORDER BY {_NODE_ORDER}) TO '{quoted(path)}'"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880)"
    )
    return path


def _cuts(db: duckdb.DuckDBPyConnection, rows: int) -> list[int]:
    """Artists between whom nodes are cut into parts, from a sample; it changes no result."""
    parts = parts_of(rows)
    if parts == 1:
        return []
    percent = min(100.0, _SAMPLE_ROWS * 100 / rows)
    query = f"""SELECT a.artist_row FROM (SELECT artist_id FROM nodes_in USING SAMPLE {percent:.4f}% (bernoulli)) n
        JOIN artist_rows a USING (artist_id)"""
    return boundaries(np.asarray(db.execute(query).fetchnumpy()["artist_row"]), parts)
