"""Of all that claims say of an artist, release, release group or label, the one row that decides.

In: families of facts. Out: a Parquet file a family with the columns of the facts, one row an id, from which
the tables follow as they do from all rows, and the ordinal of its claim. What files say is not summed up:
whether it may be told can change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow.parquet as pq

from lockgroove.catalogue.facts.families import SCHEMAS
from lockgroove.catalogue.spilling import buckets, one, parquet, stream

# Of several namings of one id the greatest counts: what a claim of its own says, then what is newest, then by all
# that is said, as in `facing.order_of`.
ORDERS: Mapping[str, str] = {
    "artists": "{'d': -detail, 'at': said_at, 'n': name}",
    "releases": """{'d': -detail, 'at': said_at, 't': coalesce(title, ''), 'a': coalesce(artist, ''),
        'i': coalesce(lower(hex(artist_id)), ''), 'y': coalesce(lpad((9999 - year)::VARCHAR, 10, '0'), ''),
        'b': coalesce(barcode, ''), 'l': coalesce(label, '')}""",
    "release_groups": """{'at': said_at, 't': coalesce(title, ''), 'a': coalesce(artist, ''),
        'i': coalesce(lower(hex(artist_id)), ''), 'k': coalesce(type, '')}""",
    "labels": "{'at': said_at, 'n': coalesce(name, ''), 'c': coalesce(country, '')}",
}
_ARTISTS = """
    SELECT artist_id, source, best.at AS said_at, best.d AS detail, best.name AS name, best.fold AS fold, mbid, best.seq AS seq
    FROM (SELECT artist_id, min(source) AS source, min(lower(mbid)) AS mbid,
            arg_max({{'name': name, 'fold': fold, 'at': said_at, 'd': detail, 'seq': seq}}, {order}) AS best
        FROM {said} GROUP BY artist_id)"""
_RELEASES = """
    SELECT release_id, source, best.at AS said_at, best.d AS detail, best.title AS title, best.artist AS artist,
        best.artist_id AS artist_id, best.year AS year, best.barcode AS barcode, best.label AS label, release_group_id, mbid, best.seq AS seq
    FROM (SELECT release_id, min(source) AS source, min(release_group_id) AS release_group_id, min(lower(mbid)) AS mbid,
            arg_max({{'title': title, 'artist': artist, 'artist_id': artist_id, 'year': year, 'barcode': barcode,
                'label': label, 'at': said_at, 'd': detail, 'seq': seq}},
                {order}) AS best
        FROM {said} GROUP BY release_id)"""
_RELEASE_GROUPS = """
    SELECT release_group_id, source, best.at AS said_at, 0 AS detail, best.title AS title, best.artist AS artist,
        best.artist_id AS artist_id, best.type AS type, year, mbid, best.seq AS seq
    FROM (SELECT release_group_id, min(source) AS source, min(year) AS year, min(lower(mbid)) AS mbid,
            arg_max({{'title': title, 'artist': artist, 'artist_id': artist_id, 'type': type, 'at': said_at, 'seq': seq}},
                {order}) AS best
        FROM {said} GROUP BY release_group_id)"""
_LABELS = """
    SELECT label_id, source, best.at AS said_at, 0 AS detail, best.name AS name, best.country AS country, mbid, best.seq AS seq
    FROM (SELECT label_id, min(source) AS source, min(lower(mbid)) AS mbid,
            arg_max({{'name': name, 'country': country, 'at': said_at, 'seq': seq}},
                {order}) AS best
        FROM {said} GROUP BY label_id)"""
_FAMILIES: Mapping[str, str] = {
    "artists": _ARTISTS, "releases": _RELEASES, "release_groups": _RELEASE_GROUPS, "labels": _LABELS
}  # fmt: skip
# What any claim but a file's says counts in private, and in public where its source is not private.
_BULK = "key IS NULL AND ({everyone} OR source NOT LIKE 'shelf-%')"


def path_of(folder: str, family: str) -> str:
    """The summary of a family in the folder of all of them."""
    return f"{folder}/{family}.parquet"


def sum_up(db: duckdb.DuckDBPyConnection, folder: str, public: bool) -> None:
    """Write the summaries, and let views `artists_in` and so on read them instead of the rows they stand for."""
    os.makedirs(folder, exist_ok=True)
    bulk = _BULK.format(everyone="FALSE" if public else "TRUE")
    for family, query in _FAMILIES.items():
        own_id = SCHEMAS[family].names[0]
        rows = one(db, f"SELECT count(*) FROM {family}_in")
        parts = [
            query.format(said=f"(SELECT * FROM {family}_in WHERE {bulk} AND {bucket})", order=ORDERS[family])
            for bucket in buckets(rows, own_id)
        ]
        _write(db, family, parts, path_of(folder, family))
    for family in _FAMILIES:
        names = ", ".join(SCHEMAS[family].names)
        db.execute(
            f"CREATE OR REPLACE TEMP VIEW {family}_said AS SELECT {names} FROM {parquet([path_of(folder, family)])}"
            f" UNION ALL SELECT {names} FROM {family}_in WHERE key IS NOT NULL"
        )


def _write(db: duckdb.DuckDBPyConnection, family: str, parts: Sequence[str], path: str) -> None:
    """One file from the queries of all parts, one after the other."""
    schema = SCHEMAS[family]
    unsaid = {"key": "NULL::VARCHAR AS key", "stamp": "NULL::VARCHAR AS stamp"}
    columns = ", ".join(unsaid.get(name, name) for name in schema.names)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in parts:
            for batch in stream(db, f"SELECT {columns} FROM ({part})"):
                writer.write_batch(batch.cast(schema))
