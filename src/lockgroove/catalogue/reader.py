"""Answers from the tables of a generation: by row, by id or identifier, by words.

One reader per generation and door; each thread gets its own cursor.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from lockgroove import tables
from lockgroove.catalogue.keyindex import ENTITY_SCHEMES, barcode_key, isrc_key
from lockgroove.catalogue.layers import LayeredRows, open_keys, rows_now, search_deltas
from lockgroove.catalogue.schemas import SPECS
from lockgroove.catalogue.search import Filters, SearchIndex
from lockgroove.model import EntityKind, entity_id, id_text, parse_id

_ISRC = re.compile(r"[A-Z]{2}-?[A-Z0-9]{3}-?\d{2}-?\d{5}", re.IGNORECASE | re.ASCII)
_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TABLE_OF = {"R": "recordings", "E": "releases", "A": "artists", "T": "tracks", "I": "recordings",
             "B": "releases", "G": "release_groups", "L": "labels"}  # fmt: skip
_MUSICBRAINZ: Sequence[EntityKind] = ("recording", "release", "artist", "release-group", "label")
_ID_COLUMNS = {"artists": ("artist", "artist_id"), "releases": ("release", "release_id"),
               "recordings": ("recording", "recording_id"), "tracks": ("track", "track_id"),
               "release_groups": ("release-group", "release_group_id"),
               "labels": ("label", "label_id")}  # fmt: skip

# The recordings that an identifier of something else leads to, in the order in which they are listed.
_RECORDINGS_OF = {
    "releases": "SELECT recording_row AS row FROM tracks WHERE release_row IN ({rows})"
    " GROUP BY recording_row ORDER BY min(row)",
    "artists": "SELECT row FROM recordings WHERE artist_row IN ({rows}) ORDER BY listens DESC, row",
    "tracks": "SELECT DISTINCT recording_row AS row FROM tracks WHERE row IN ({rows}) ORDER BY row",
}

Row = dict[str, Any]


class Reader:
    """The tables in `folder`, and the search index beside them."""

    def __init__(self, folder: str, search: str) -> None:
        self._db = tables.connect()
        self._db.execute("SET threads = 2")
        for name in [*SPECS, "ledger"]:
            self._db.execute(f"CREATE VIEW {name} AS SELECT * FROM {rows_now(folder, name)}")
        self.folder = folder
        self._rows: dict[str, LayeredRows] = {}
        self._keys = open_keys(folder)
        self._search = SearchIndex(search, search_deltas(search))
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the files."""
        self._keys.close()
        for rows in self._rows.values():
            rows.close()
        self._db.close()

    def select(self, query: str, *values: Any) -> list[Row]:
        """Rows of a query over the tables, ids as text."""
        with self._lock:
            cursor = self._db.cursor()
        try:
            result = cursor.execute(query, list(values))
            names = [column[0] for column in result.description or []]
            return [_readable(dict(zip(names, row, strict=True))) for row in result.fetchall()]
        finally:
            cursor.close()

    def by_rows(self, table: str, rows: Sequence[int]) -> list[Row]:
        """Rows of a table by number, in the order asked for."""
        with self._lock:
            reader = self._rows.get(table)
            if reader is None:
                reader = self._rows[table] = LayeredRows(self.folder, table)
        return [_readable(row) for row in reader.rows(rows)]

    def rows_of_id(self, kind: EntityKind, own_id: bytes) -> list[int]:
        """The rows that an id leads to."""
        return self._keys.rows(ENTITY_SCHEMES[kind], own_id)

    def find(self, text: str) -> tuple[str, int] | None:
        """Table and row of what an id, ISRC, MBID or barcode names."""
        table, rows = self._named(text)
        return (table, rows[0]) if rows else None

    def _named(self, text: str) -> tuple[str, list[int]]:
        """The table, and all rows in it: an ISRC may be that of several recordings."""
        for scheme, key in _keys_of(text.strip()):
            rows = self._keys.rows(scheme, key)
            if rows:
                return _TABLE_OF[scheme], rows
        return "", []

    def search(
        self, text: str, limit: int = 20, offset: int = 0, filters: Filters | None = None
    ) -> tuple[list[Row], int, bool]:
        """Recordings for words or an identifier, best first; how many there are, and if exactly so many.

        An identifier of a release or artist finds what is on it or by them.
        """
        table, named = self._named(text)
        if table in _RECORDINGS_OF:
            listed = ",".join(map(str, named))
            named = [r["row"] for r in self.select(_RECORDINGS_OF[table].format(rows=listed))]
        if table == "recordings" or table in _RECORDINGS_OF:
            return self.by_rows("recordings", named[offset : offset + limit]), len(named), True
        answer = self._search.ask(text, limit, offset, filters or Filters())
        return self.by_rows("recordings", answer.rows), answer.count, answer.is_exact

    def recording(self, row: int) -> Row | None:
        """A recording with its tracks, copies, listens, claims and rights."""
        found = self.by_rows("recordings", [row])
        if not found:
            return None
        recording = found[0]
        recording["tracks"] = self.select(
            "SELECT t.*, e.release_id, e.title AS release FROM tracks t"
            " LEFT JOIN releases e ON e.row = t.release_row WHERE t.recording_row = ? ORDER BY t.row", row,
        )  # fmt: skip
        recording["copies"] = self.select(
            "SELECT f.*, c.start_ms, c.end_ms, r.statement, r.status, r.licence, r.uri, r.why, r.stream,"
            " r.publish, r.clause FROM copies c JOIN files f ON f.row = c.file_row"
            " JOIN rights r ON r.row = f.rights_row"
            " WHERE c.recording_row = ? ORDER BY f.row", row,
        )  # fmt: skip
        recording["counts"] = self.select(
            "SELECT * FROM listens WHERE recording_row = ? ORDER BY source", row
        )
        recording["matches"] = self._matches(recording)
        recording["ledger"] = self.fate(row)
        return recording

    def _matches(self, recording: Row) -> list[Row]:
        """The claims of a recording. One that stands alone has no row in table `matches`."""
        found = self.select("SELECT * FROM matches WHERE recording_row = ? ORDER BY row", recording["row"])
        names = {"claim_id": "recording_id", "source": "source", "key": "mbid"}
        alone = {name: recording[column] for name, column in names.items()}
        return found or [{**alone, "rule": None, "score": None}]

    def fate(self, recording_row: int) -> Row | None:
        """The ledger's line for a recording."""
        rows = self.select("SELECT * FROM ledger WHERE recording_row = ?", recording_row)
        return rows[0] if rows else None


def _keys_of(text: str) -> list[tuple[str, bytes]]:
    parsed = parse_id(text)
    if parsed is not None:
        return [(ENTITY_SCHEMES[parsed[0]], parsed[1])] if parsed[0] in ENTITY_SCHEMES else []
    if _ISRC.fullmatch(text):
        return [("I", isrc_key(text.replace("-", "").upper()))]
    if _MBID.fullmatch(text):
        mbid = text.lower()
        return [(ENTITY_SCHEMES[kind], entity_id(kind, "musicbrainz", mbid)) for kind in _MUSICBRAINZ]
    digits = text.replace(" ", "").replace("-", "")
    if digits.isascii() and digits.isdecimal() and 8 <= len(digits) <= 14:
        return [("B", barcode_key(digits))]
    return []


def _readable(row: Row) -> Row:
    for kind, column in _ID_COLUMNS.values():
        if isinstance(row.get(column), bytes):
            row[column] = id_text(kind, row[column])  # type: ignore[arg-type]
    for column in ("claim_id",):
        if isinstance(row.get(column), bytes):
            row[column] = id_text("recording", row[column])
    if isinstance(row.get("item_id"), bytes):
        row["item_id"] = row["item_id"].hex()
    return row


def plain(row: Mapping[str, Any]) -> Row:
    """A row without what is empty."""
    return {name: value for name, value in row.items() if value not in (None, [], "")}
