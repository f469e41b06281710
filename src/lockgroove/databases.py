"""SQLite as this archive opens it: one writer, readers beside it, nobody refused for coming just then."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator

from lockgroove import durable
from lockgroove.errors import FormatUnknown

WAIT_MS = 60_000
_PAUSE_S = 0.01


def connect(path: str, synchronous: str = "FULL", implicit: bool = False) -> sqlite3.Connection:
    """Open a file, made when it is missing; whoever finds it busy waits up to WAIT_MS.

    With `implicit`, Python begins transactions by itself before a change.
    """
    db = sqlite3.connect(
        path,
        timeout=WAIT_MS / 1000,
        check_same_thread=False,
        isolation_level="DEFERRED" if implicit else None,
    )
    with _closed_on_failure(db):
        _write_ahead(db)
        db.execute(f"PRAGMA synchronous = {synchronous}")
    return db


def private(path: str, tables: str, version: int, what: str) -> sqlite3.Connection:
    """Open a file that its owner alone reads, laid out by `tables` when it is new; durable as calls return.

    `what` names it in the error: "The accounts have". Raises FormatUnknown for a newer version.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    durable.make_private(path)
    db = connect(path)
    with _closed_on_failure(db):
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # what is erased is gone from the file
        if (found := _version(db)) > version:
            raise FormatUnknown(f"{what} a newer format", path, "Use a newer Lockgroove.")
        if found == 0:
            _lay_out(db, tables, version)
    return db


@contextlib.contextmanager
def _closed_on_failure(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to SQLite's write-ahead log.

    SQLite itself does not wait here: of two that switch at once, or of one that comes while another clears
    up, it refuses one on the spot (sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY").
    """
    until = time.monotonic() + WAIT_MS / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _lay_out(db: sqlite3.Connection, tables: str, version: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    if _version(db) == 0:  # nobody else was quicker
        for statement in tables.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {version}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
