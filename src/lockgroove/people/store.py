"""`people/people.sqlite`: private truth, readable by its owner alone, durable when a call returns."""

from __future__ import annotations

import sqlite3

from lockgroove import databases

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
    return databases.private(f"{root}/{FOLDER}/{FILE}", _TABLES, _VERSION, "The accounts have")
