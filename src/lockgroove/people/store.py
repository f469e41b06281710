"""`people/people.sqlite`: private truth, readable by its owner alone, durable when a call returns."""

from __future__ import annotations

import os
import sqlite3

from lockgroove import durable
from lockgroove.errors import FormatUnknown

FOLDER = "people"
FILE = "people.sqlite"
_VERSION = 1

_TABLES = """
CREATE TABLE accounts (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
    created_ms INTEGER NOT NULL, disabled_ms INTEGER, disabled_because TEXT
) STRICT;
CREATE TABLE keys (
    digest BLOB PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts, number INTEGER NOT NULL, label TEXT NOT NULL,
    scopes TEXT NOT NULL, created_ms INTEGER NOT NULL, until_ms INTEGER, revoked_ms INTEGER, UNIQUE (account, number)
) STRICT;
CREATE TABLE grants (
    number INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts, kind TEXT NOT NULL, because TEXT NOT NULL,
    granted_by TEXT NOT NULL, created_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, ended_ms INTEGER
) STRICT;
CREATE INDEX grants_of ON grants (account);
CREATE TABLE acts (
    number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL, account INTEGER, detail TEXT NOT NULL
) STRICT;
"""


def connect(root: str) -> sqlite3.Connection:
    """Open the file of an archive, made when it is missing. Raises FormatUnknown for a newer one."""
    folder = f"{root}/{FOLDER}"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = f"{folder}/{FILE}"
    durable.make_private(path)
    db = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    _lay_out(db, path)
    return db


def _lay_out(db: sqlite3.Connection, path: str) -> None:
    if (found := _version(db)) == 0:
        db.execute("BEGIN IMMEDIATE")
        if _version(db) == 0:  # nobody else was quicker
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        db.execute("COMMIT")
    elif found > _VERSION:
        db.close()
        raise FormatUnknown("The accounts have a newer format", path, "Use a newer Lockgroove.")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
