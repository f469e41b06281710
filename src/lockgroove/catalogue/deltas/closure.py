"""Which recordings of a whole build a change concerns, and the claims that must be read again for it.

In: fresh claims, and other seeds. Out: tables `touched` and `bystanders` of rows of the base, and views
`nodes_in` of all nodes read, `own_nodes` of those whose recordings are made anew.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove.catalogue.build.verdicts import JUDGED, SHOWN_OF_FILES
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.catalogue.deltas.change import Base, Change, TooMuchChanged
from lockgroove.catalogue.deltas.leads import Leads
from lockgroove.catalogue.facts import SCHEMAS
from lockgroove.catalogue.spilling import parquet, view

_SETUP = """
CREATE OR REPLACE TEMP TABLE touched (row BIGINT);
CREATE OR REPLACE TEMP TABLE bystanders (row BIGINT);
CREATE OR REPLACE TEMP TABLE changed_files AS
    SELECT DISTINCT source, key, stamp, seq, sha512 FROM (
        (SELECT * FROM ({now}) EXCEPT SELECT * FROM ({before}))
        UNION ALL (SELECT * FROM ({before}) EXCEPT SELECT * FROM ({now})));
CREATE OR REPLACE TEMP TABLE own_files AS SELECT DISTINCT seq FROM changed_files;
CREATE OR REPLACE TEMP VIEW own_nodes AS
    SELECT * FROM fresh_nodes
    UNION ALL SELECT * FROM chosen WHERE (kind = 'file' AND seq IN (SELECT seq FROM own_files))
        OR recording_id IN (SELECT recording_id FROM led WHERE row IN (SELECT row FROM touched));
"""
# An earlier version of a file has an id that its claim alone does not tell, so files are known by their claims.
_OWN_SEQS = """
    INSERT INTO own_files SELECT DISTINCT seq FROM {members} WHERE recording_row IN (SELECT row FROM touched)
    EXCEPT SELECT seq FROM own_files"""
# Recordings on releases, by a table `asked` of rows of releases or of tracks.
_ON_RELEASES = "SELECT DISTINCT recording_row FROM {tracks} WHERE release_row IN (SELECT row FROM asked)"
_OF_TRACKS = "SELECT DISTINCT recording_row FROM {tracks} WHERE row IN (SELECT row FROM asked)"
# What the bytes of files, or other versions of them, carry.
_OF_FILES = """
    SELECT DISTINCT c.recording_row FROM {copies} c JOIN {files} f ON f.row = c.file_row
    WHERE (f.source, f.key) IN (SELECT (source, key) FROM asked_files)
        OR f.sha512 IN (SELECT sha512 FROM asked_files WHERE sha512 IS NOT NULL)"""
_OWN_FILES = """
    SELECT DISTINCT n.source, n.key, h.sha512 FROM own_nodes n
    LEFT JOIN shown h ON h.source = n.source AND h.key = n.key AND h.stamp = n.stamp WHERE n.kind = 'file'"""
_SUBJECTS = """
    SELECT DISTINCT unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'recording', source, subject)), 1, 24)) AS id
    FROM counted"""
_SEQS = "SELECT DISTINCT seq FROM {members} WHERE recording_row IN (SELECT row FROM {rows})"


class Closure:
    """What is concerned, growing until nothing more is."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, base: Base, change: Change, leads: Leads, scratch: str
    ) -> None:
        """After files were judged on this connection."""
        self._db = db
        self._base = base
        self._change = change
        self._leads = leads
        self._scratch = scratch
        self._chosen: list[str] = []
        self._read = np.empty(0, np.int64)
        self._rows = {name: base.rows(name) for name in ("tracks", "copies", "files")}
        fresh = change.fresh
        view(db, "fresh_nodes", fresh.files("nodes"), SCHEMAS["nodes"])
        view(db, "fresh_withdrawn", fresh.files("withdrawn"), SCHEMAS["withdrawn"])
        view(db, "fresh_releases", fresh.files("releases"), SCHEMAS["releases"])
        view(db, "counted", change.counted, LISTEN_SCHEMA)
        self._take_in()
        self._lead()
        db.execute(_SETUP.format(now=SHOWN_OF_FILES, before=f"SELECT * FROM {parquet([_judged(base)])}"))

    def begin(self) -> None:
        """Touch whatever the change speaks of."""
        self._choose("SELECT DISTINCT seq FROM changed_files")
        tracks = "SELECT track_id FROM own_nodes"
        self.touch(self._leads.rows_of_nodes("own_nodes"))
        self.touch(self._beyond(_OF_TRACKS, self._leads.pairs("T", tracks)))
        releases = """SELECT release_id FROM fresh_releases WHERE detail = 0
            UNION SELECT entity_id FROM fresh_withdrawn WHERE kind = 'release'"""
        self.touch(self._beyond(_ON_RELEASES, self._leads.pairs("E", releases)))
        gone = "SELECT entity_id FROM fresh_withdrawn WHERE kind IN ('recording', 'listened')"
        self._db.register("said", pa.table({"id": pa.array(list(self._change.said), pa.binary())}))
        for ids in (gone, _SUBJECTS, "SELECT id FROM said"):
            self.touch(self._leads.pairs("R", ids).column(1).to_numpy())
        self._db.unregister("said")
        self.touch(self._beside("SELECT source, key, sha512 FROM changed_files"))

    def grow(self) -> None:
        """Read all claims of what is touched, then of what shares a key with any of them."""
        self._db.execute(_OWN_SEQS.format(members=self._base.members))
        self._choose(_SEQS.format(members=self._base.members, rows="touched"))
        near = np.union1d(self._leads.rows_of_nodes("own_nodes"), self._beside(_OWN_FILES))
        self._insert("bystanders", np.setdiff1d(near, self._known()))
        self._choose(_SEQS.format(members=self._base.members, rows="bystanders"))

    def touch(self, rows: np.ndarray) -> bool:
        """Have recordings made anew. False when all of them were to be."""
        before = self._db.execute("SELECT row FROM touched").fetchnumpy()["row"]
        more = np.setdiff1d(rows, before)
        self._insert("touched", more)
        self._db.execute("DELETE FROM bystanders WHERE row IN (SELECT row FROM touched)")
        return len(more) > 0

    def _known(self) -> np.ndarray:
        query = "SELECT row FROM touched UNION SELECT row FROM bystanders"
        known: np.ndarray = self._db.execute(query).fetchnumpy()["row"]
        return known

    def _insert(self, table: str, rows: np.ndarray) -> None:
        self._db.register("more", pa.table({"row": pa.array(np.asarray(rows, np.int64))}))
        self._db.execute(f"INSERT INTO {table} SELECT row FROM more")
        self._db.unregister("more")

    def _choose(self, query: str) -> None:
        """Read claims of the base by their ordinals, if they were not read before."""
        seqs = np.asarray(self._db.execute(query).fetchnumpy()["seq"], np.int64)
        more = np.setdiff1d(seqs, self._read)
        self._read = np.union1d(self._read, more)
        if len(self._read) > self._base.claims_max:
            raise TooMuchChanged
        if len(more):
            self._chosen += self._change.nodes_of(more, f"{self._scratch}/chosen-{len(self._chosen):06}")
            self._take_in()
            self._lead()

    def _take_in(self) -> None:
        view(self._db, "chosen", self._chosen, SCHEMAS["nodes"])
        view(self._db, "nodes_in", [*self._change.fresh.files("nodes"), *self._chosen], SCHEMAS["nodes"])

    def _lead(self) -> None:
        """Table `led`: the rows of the base that the ids of nodes lead to, those of their MBIDs among them."""
        pairs = self._leads.pairs("R", "SELECT recording_id FROM nodes_in")
        self._db.register("pairs", pairs)
        self._db.execute("CREATE OR REPLACE TEMP TABLE led AS SELECT key AS recording_id, row FROM pairs")
        self._db.unregister("pairs")

    def _beyond(self, query: str, pairs: pa.Table) -> np.ndarray:
        self._db.register("asked", pairs)
        found = self._db.execute(query.format(**self._rows)).fetchnumpy()["recording_row"]
        self._db.unregister("asked")
        return np.asarray(found, np.int64)

    def _beside(self, files: str) -> np.ndarray:
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE asked_files AS {files}")
        found = self._db.execute(_OF_FILES.format(**self._rows)).fetchnumpy()["recording_row"]
        return np.asarray(found, np.int64)


def _judged(base: Base) -> str:
    return f"{base.state}/{JUDGED}"
