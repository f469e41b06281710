"""What earlier harvests hold, by key and stamp: derived from claims, kept in state.sqlite.

Invariant: a stamp stands here only after its claim is acknowledged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lockgroove.catalogue.claims import ClaimStore
from lockgroove.model import Claim

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stamps (source TEXT, key TEXT, stamp TEXT, harvest TEXT,
    PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamped (source TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_KEYS_AT_ONCE = 500


class Stamps:
    """The stamps of one source. Keys are `kind NUL key`."""

    def __init__(self, state: sqlite3.Connection, store: ClaimStore, source: str) -> None:
        self._state = state
        self._source = source
        state.executescript(_SCHEMA)
        if state.execute("SELECT 1 FROM stamped WHERE source = ?", (source,)).fetchone() is None:
            self._refill(store)

    def _refill(self, store: ClaimStore) -> None:
        """After state.sqlite was lost: read the source's claims once."""
        with self._state:
            for part in store.parts():
                if part.source == self._source and not part.is_listens:
                    for record in store.read(part):
                        self._take(record)
            self._state.execute("INSERT OR REPLACE INTO stamped VALUES (?)", (self._source,))

    def _take(self, record: Mapping[str, str]) -> None:
        if record["kind"] == "withdrawn":
            self._state.execute(
                "DELETE FROM stamps WHERE source = ? AND key = ?", (self._source, record["key"])
            )
            return
        row = (self._source, f"{record['kind']}\0{record['key']}", record["stamp"], record["harvest"])
        self._state.execute("INSERT OR REPLACE INTO stamps VALUES (?,?,?,?)", row)

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str]:
        """The stamps of those of the keys that are held and current."""
        found: dict[str, str] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, stamp FROM stamps WHERE source = ? AND key IN ({marks})"
            found.update(self._state.execute(query, (self._source, *some)).fetchall())
        return found

    def saw(self, harvest: str, claims: Iterable[Claim], unchanged: Iterable[str]) -> None:
        """The harvest met these, and their claims are acknowledged."""
        rows = [(self._source, f"{c.kind}\0{c.key}", c.stamp, harvest) for c in claims]
        with self._state:
            self._state.executemany("INSERT OR REPLACE INTO stamps VALUES (?,?,?,?)", rows)
            self._state.executemany(
                "UPDATE stamps SET harvest = ? WHERE source = ? AND key = ?",
                [(harvest, self._source, key) for key in unchanged],
            )

    def unseen(self, harvest: str) -> Iterator[list[str]]:
        """The keys that a harvest did not meet, in batches; forget each batch before asking for the next."""
        while True:
            query = "SELECT key FROM stamps WHERE source = ? AND harvest <> ? LIMIT 1000"
            keys = [row[0] for row in self._state.execute(query, (self._source, harvest))]
            if not keys:
                return
            yield keys

    def forget(self, keys: Iterable[str]) -> None:
        """The source offers these no more, and that is acknowledged."""
        with self._state:
            self._state.executemany(
                "DELETE FROM stamps WHERE source = ? AND key = ?", [(self._source, key) for key in keys]
            )
