"""What the guard did, line after line, so that no line can be changed or taken out unseen, and yet be erased.

Invariant: a line's digest is of its text and a salt of its own; the chain is of digests alone. Whoever asks
to be forgotten has text and salt taken away: what remains tells nothing, and the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TABLES = """
CREATE TABLE docket (
    number INTEGER PRIMARY KEY, account INTEGER, salt BLOB, body TEXT, digest BLOB NOT NULL, chain BLOB NOT NULL
) STRICT;
CREATE INDEX docket_of ON docket (account);
"""
_SALT_BYTES = 16
_BEGINNING = bytes(32)


@dataclass(frozen=True)
class Line:
    """A line; `body` is None where it was erased."""

    number: int
    body: Mapping[str, Any] | None
    chain: bytes


def write(db: sqlite3.Connection, account: int | None, body: Mapping[str, Any]) -> None:
    """Append a line, within the caller's transaction."""
    row = db.execute("SELECT number, chain FROM docket ORDER BY number DESC LIMIT 1").fetchone()
    number, before = (row[0] + 1, row[1]) if row else (1, _BEGINNING)
    salt = secrets.token_bytes(_SALT_BYTES)
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = _digest(salt, text)
    line = (number, account, salt, text, digest, _chained(before, number, digest))
    db.execute("INSERT INTO docket VALUES (?, ?, ?, ?, ?, ?)", line)


def erase(db: sqlite3.Connection, account: int) -> int:
    """Take away what lines say of an account, within the caller's transaction; how many there were."""
    query = "UPDATE docket SET account = NULL, salt = NULL, body = NULL WHERE account = ?"
    return db.execute(query, [account]).rowcount


def lines(db: sqlite3.Connection, account: int | None = None) -> Iterator[Line]:
    """All lines in order, or those of an account."""
    query = "SELECT number, body, chain FROM docket WHERE ?1 IS NULL OR account = ?1 ORDER BY number"
    for number, body, chain in db.execute(query, [account]):
        yield Line(number, None if body is None else json.loads(body), chain)


def broken_at(db: sqlite3.Connection, head: bytes | None = None) -> int | None:
    """The first line that is not as it was written, or is missing; None where all hold.

    With `head`, a chain value that was noted before, what was there then must still be: else 0 is told.
    """
    before, expected, met = _BEGINNING, 1, head is None or head == _BEGINNING
    query = "SELECT number, salt, body, digest, chain FROM docket ORDER BY number"
    for number, salt, body, digest, chain in db.execute(query):
        whole = salt is None or digest == _digest(salt, body)
        if number != expected or not whole or chain != _chained(before, number, digest):
            return expected
        before, expected = chain, number + 1
        met = met or chain == head
    return None if met else 0


def head(db: sqlite3.Connection) -> bytes:
    """The last value of the chain: whoever notes it elsewhere can tell later that nothing was cut off."""
    row = db.execute("SELECT chain FROM docket ORDER BY number DESC LIMIT 1").fetchone()
    return bytes(row[0]) if row else _BEGINNING


def _digest(salt: bytes, text: str) -> bytes:
    return hashlib.sha256(salt + text.encode()).digest()


def _chained(before: bytes, number: int, digest: bytes) -> bytes:
    return hashlib.sha256(before + number.to_bytes(8, "big") + digest).digest()
