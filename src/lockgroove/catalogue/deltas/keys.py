"""The key index of a delta: every key whose rows are not what they were, with all of its rows.

A key's rows are those that it had, without the rows that were made anew, and those of the small catalogue.
"""

from __future__ import annotations

import duckdb

from lockgroove.catalogue.build.keying import BARCODE, ISRC_KEY, MUSICBRAINZ, NAMED_KEYS, PLAIN_BARCODE
from lockgroove.catalogue.build.seating import EARLIER_ID
from lockgroove.catalogue.deltas.change import Base
from lockgroove.catalogue.deltas.leads import Leads
from lockgroove.catalogue.generations import DELTA
from lockgroove.catalogue.keyindex import NO_ROW
from lockgroove.catalogue.keyindex.write import KeyIndexWriter
from lockgroove.catalogue.layers import KEYS, changed_file
from lockgroove.catalogue.spilling import parquet, stream

_OF_NAMED = {"A": "artists", "E": "releases", "G": "release_groups", "L": "labels", "B": "releases"}
_MBID_KINDS = {"A": "artist", "E": "release", "G": "release-group", "L": "label"}
_RECORDING = MUSICBRAINZ.format(kind="recording", mbid="lower(mbid)")
# Of recordings made anew: keys with their rows; keys that they have or had; rows of the base that do not count.
_RECORDINGS = {
    "R": f"""SELECT n.recording_id AS key, m.row FROM sub_nodes n JOIN recordings_map m USING (sub)
        UNION SELECT {_RECORDING}, m.row FROM sub_nodes n JOIN recordings_map m USING (sub)
        WHERE n.mbid IS NOT NULL AND n.source <> 'musicbrainz'""",
    "I": f"""SELECT DISTINCT {ISRC_KEY} AS key, row
        FROM (SELECT unnest(isrcs) AS i, m.row FROM sub_nodes n JOIN recordings_map m USING (sub))""",
}
_OWN_KEYS = {
    "R": f"""SELECT recording_id FROM own_nodes UNION SELECT {_RECORDING} FROM own_nodes WHERE mbid IS NOT NULL
        UNION SELECT {EARLIER_ID.format(of="")} FROM own_nodes WHERE kind = 'file'""",
    "I": f"SELECT {ISRC_KEY} FROM (SELECT unnest(isrcs) AS i FROM own_nodes)",
}
_SPOKEN = """
CREATE OR REPLACE TEMP TABLE now_there AS
    SELECT key, row FROM before_there WHERE row NOT IN ({anew}) UNION SELECT key, row FROM ({pairs});
CREATE OR REPLACE TEMP TABLE spoken AS
    SELECT DISTINCT key FROM (
        (SELECT * FROM now_there EXCEPT SELECT * FROM before_there)
        UNION ALL (SELECT * FROM before_there EXCEPT SELECT * FROM now_there));
"""
_RECORDS = f"""
    SELECT key, coalesce(row, {NO_ROW}) AS row FROM spoken LEFT JOIN now_there USING (key) ORDER BY key, row"""


def write_delta_keys(
    db: duckdb.DuckDBPyConnection, base: Base, leads: Leads, target: str, scratch: str
) -> int:
    """Write the key index of the delta; the number of its records. After `splice`."""
    with KeyIndexWriter(f"{target}/{DELTA}/{KEYS}", scratch) as writer:

        def speak(scheme: str, pairs: str, keys: str, anew: str) -> None:
            db.register("before", leads.pairs(scheme, f"SELECT key FROM ({pairs}) UNION {keys}"))
            db.execute("CREATE OR REPLACE TEMP TABLE before_there AS SELECT * FROM before")
            db.unregister("before")
            db.execute(_SPOKEN.format(anew=anew, pairs=pairs))
            for batch in stream(db, _RECORDS):
                writer.add_columns(scheme, batch.column(0), batch.column(1).cast("uint32"))

        for scheme, name in _OF_NAMED.items():
            anew = f"SELECT row FROM {name}_owned UNION ALL SELECT row FROM {name}_gone"
            before = f"(SELECT * FROM {base.rows(name)} WHERE row IN ({anew}))"
            pairs = (
                f"SELECT k.key, m.row FROM ({NAMED_KEYS[scheme]}) k(key, sub) JOIN {name}_map m USING (sub)"
            )
            speak(scheme, pairs, _keys_before(scheme, name, before), anew)
        for scheme, pairs in _RECORDINGS.items():
            speak(scheme, pairs, _OWN_KEYS[scheme], "SELECT row FROM touched")
        tracks = parquet([changed_file(target, "tracks")])
        gone = f"SELECT row FROM {base.rows('tracks')} WHERE recording_row IN (SELECT row FROM touched)"
        ids = f"SELECT track_id FROM {base.rows('tracks')} WHERE recording_row IN (SELECT row FROM touched)"
        speak("T", f"SELECT track_id AS key, row FROM {tracks} WHERE track_id IS NOT NULL", ids, gone)
        return writer.close()


def _keys_before(scheme: str, name: str, rows: str) -> str:
    """Keys that named things have or had."""
    if scheme == "B":
        return f"SELECT {BARCODE} FROM {rows} WHERE {PLAIN_BARCODE} <> ''"
    mbid = MUSICBRAINZ.format(kind=_MBID_KINDS[scheme], mbid="mbid")
    return f"SELECT id FROM {name}_involved UNION SELECT {mbid} FROM {rows} WHERE mbid IS NOT NULL"
