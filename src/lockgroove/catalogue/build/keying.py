"""The key index of a generation: every id that was ever given, and every identifier, leads to a row.

An MBID is looked up as the id that MusicBrainz' own claim of it has, whether that claim is here or not.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove.catalogue.build.numbering import Rows, flags, parts_of_seats
from lockgroove.catalogue.build.seating import Seats
from lockgroove.catalogue.build.writing import track_flags
from lockgroove.catalogue.keyindex.format import KEY_BYTES, Bytes
from lockgroove.catalogue.keyindex.write import KeyIndexWriter
from lockgroove.catalogue.spilling import stream

_DIGEST = "unhex(substr(sha256({value}), 1, 24))"
MUSICBRAINZ = _DIGEST.format(value="concat_ws(chr(0), 'lockgroove-1', '{kind}', 'musicbrainz', {mbid})")
PLAIN_BARCODE = "regexp_replace(barcode, '[^0-9A-Za-z]', '', 'g')"
BARCODE = f"""CASE WHEN regexp_full_match({PLAIN_BARCODE}, '[0-9]{{1,24}}')
    THEN unhex(lpad({PLAIN_BARCODE}, 24, '0')) ELSE {_DIGEST.format(value=PLAIN_BARCODE)} END"""

NAMED_KEYS = {
    "A": f"""SELECT artist_id, artist_row FROM artist_rows UNION
        SELECT {MUSICBRAINZ.format(kind="artist", mbid="mbid")}, artist_row FROM artists WHERE mbid IS NOT NULL""",
    "E": f"""SELECT release_id, release_row FROM release_rows UNION
        SELECT {MUSICBRAINZ.format(kind="release", mbid="mbid")}, release_row FROM releases WHERE mbid IS NOT NULL""",
    "G": f"""SELECT release_group_id, release_group_row FROM release_groups UNION
        SELECT {MUSICBRAINZ.format(kind="release-group", mbid="mbid")}, release_group_row FROM release_groups
        WHERE mbid IS NOT NULL""",
    "L": f"""SELECT label_id, label_row FROM labels UNION
        SELECT {MUSICBRAINZ.format(kind="label", mbid="mbid")}, label_row FROM labels WHERE mbid IS NOT NULL""",
    "B": f"SELECT {BARCODE}, release_row FROM releases WHERE {PLAIN_BARCODE} <> ''",
}
# Of nodes, with their rows: ISRCs as they are, and MBIDs that are not MusicBrainz' own.
ISRC_KEY = f"""CASE WHEN strlen(i) = 12 THEN encode(i) ELSE {_DIGEST.format(value="i")} END"""
_ISRCS = f"""SELECT DISTINCT {ISRC_KEY} AS key, row
    FROM (SELECT unnest(isrcs) AS i, row FROM seated)"""
_MBIDS = f"""SELECT DISTINCT {MUSICBRAINZ.format(kind="recording", mbid="mbid")} AS key, row FROM seated
    WHERE mbid IS NOT NULL AND source <> 'musicbrainz'"""


def write_keys(db: duckdb.DuckDBPyConnection, seats: Seats, rows: Rows, folder: str, scratch: str) -> int:
    """Write `keys.bin`; the number of its records."""
    with KeyIndexWriter(f"{folder}/keys.bin", scratch) as writer:
        for scheme, query in NAMED_KEYS.items():
            for batch in stream(db, query):
                writer.add_columns(scheme, batch.column(0), batch.column(1))
        _recordings(db, writer, seats, rows)
        _tracks(writer, seats)
        return writer.close()


def _recordings(db: duckdb.DuckDBPyConnection, writer: KeyIndexWriter, seats: Seats, rows: Rows) -> None:
    for start, seated in parts_of_seats(seats, ("recording_id", "isrcs", "mbid", "source")):
        own = rows.of(slice(start, start + seated.num_rows))
        writer.add_columns("R", seated.column("recording_id"), pa.array(own))
        db.register("seated", seated.select(["isrcs", "mbid", "source"]).append_column("row", pa.array(own)))
        for scheme, query in (("I", _ISRCS), ("R", _MBIDS)):
            for batch in stream(db, query):
                writer.add_columns(scheme, batch.column(0), batch.column(1))
        db.unregister("seated")


def _tracks(writer: KeyIndexWriter, seats: Seats) -> None:
    """Track rows are numbered as `writing.write_tracks` wrote them: those on releases, then the others."""
    number = 0
    for on_release in (True, False):
        for _, seated in parts_of_seats(seats, ("track_id", "release_row")):
            counted = track_flags(seated, on_release)
            track_rows = number + np.cumsum(counted) - 1
            chosen = counted & flags(seated.column("track_id").is_valid())
            ids = seated.column("track_id").filter(pa.array(chosen))
            writer.add_columns("T", ids, pa.array(track_rows[chosen]))
            number += int(counted.sum())


NAME_KEYS = "names.bin"
NAME_SCHEME = "N"


def write_name_keys(seats: Seats, rows: Rows, folder: str, scratch: str) -> int:
    """Write an index from what the rule of names compares to recordings; the number of its records."""
    with KeyIndexWriter(f"{folder}/{NAME_KEYS}", scratch) as writer:
        for start, seated in parts_of_seats(seats, ("name_key", "version_key")):
            keys, named = name_keys(seated)
            writer.add(NAME_SCHEME, keys[named], rows.of(slice(start, start + seated.num_rows))[named])
        return writer.close()


def name_keys(nodes: pa.Table) -> tuple[Bytes, np.ndarray]:
    """Of each node, eight bytes of its name and four of its version words; and whether it has a name."""
    name, version = (np.asarray(nodes.column(c).fill_null(0), ">i8") for c in ("name_key", "version_key"))
    keys = np.empty((len(name), KEY_BYTES), np.uint8)
    keys[:, :8] = name.view(np.uint8).reshape(-1, 8)
    keys[:, 8:] = version.view(np.uint8).reshape(-1, 8)[:, 4:]
    return keys, np.asarray(name != 0)
