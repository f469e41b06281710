"""`people/guard.sqlite`: private truth, readable by its owner alone; what is erased is gone from the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from lockgroove import databases
from lockgroove.guard import docket
from lockgroove.guard.casefile import Appeal, Sanction
from lockgroove.guard.sanctions import Stage

_VERSION = 1
_TABLES = """
CREATE TABLE cases (
    number INTEGER PRIMARY KEY, account INTEGER NOT NULL, named INTEGER NOT NULL, opened_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, rules INTEGER NOT NULL, shadow INTEGER NOT NULL, state TEXT NOT NULL
) STRICT;
CREATE INDEX cases_of ON cases (account);
CREATE TABLE evidence (
    number INTEGER PRIMARY KEY, of_case INTEGER NOT NULL REFERENCES cases, at_ms INTEGER NOT NULL,
    family TEXT NOT NULL, code TEXT NOT NULL, body TEXT, UNIQUE (of_case, at_ms, code)
) STRICT;
CREATE TABLE sanctions (
    number INTEGER PRIMARY KEY, of_case INTEGER NOT NULL REFERENCES cases, account INTEGER NOT NULL,
    stage INTEGER NOT NULL, from_ms INTEGER NOT NULL, until_ms INTEGER, decided_by TEXT NOT NULL,
    because TEXT NOT NULL, lifted_ms INTEGER, lifted_by TEXT
) STRICT;
CREATE INDEX sanctions_of ON sanctions (of_case);
CREATE INDEX sanctions_held ON sanctions (until_ms) WHERE lifted_ms IS NULL;
CREATE TABLE appeals (
    number INTEGER PRIMARY KEY, of_case INTEGER NOT NULL REFERENCES cases, at_ms INTEGER NOT NULL, words TEXT,
    decided_ms INTEGER, decided_by TEXT, upheld INTEGER, because TEXT
) STRICT;
CREATE INDEX appeals_of ON appeals (of_case);
CREATE TABLE erasures (account INTEGER PRIMARY KEY, asked_ms INTEGER NOT NULL) STRICT;
CREATE TABLE rules (version INTEGER PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT;
"""


def connect(path: str) -> sqlite3.Connection:
    """Open the file, made when it is missing. Raises FormatUnknown for a newer one."""
    return databases.private(path, _TABLES + docket.TABLES, _VERSION, "The guard's cases have")


def signed(account: int) -> int:
    """A number of 64 bits as SQLite has it."""
    return account - (1 << 64) if account >= 1 << 63 else account


def unsigned(account: int) -> int:
    """And back."""
    return account + (1 << 64) if account < 0 else account


SANCTION_COLUMNS = "of_case, account, stage, from_ms, until_ms, decided_by, because, lifted_ms, lifted_by"


def sanction_of(row: Sequence[Any]) -> Sanction:
    """A row of these columns."""
    return Sanction(row[0], unsigned(row[1]), Stage(row[2]), *row[3:])


def appeal_of(row: Sequence[Any]) -> Appeal:
    """A row of `appeals` but for its numbers."""
    at_ms, words, decided_ms, decided_by, upheld, because = row
    return Appeal(at_ms, words, decided_ms, decided_by, None if upheld is None else bool(upheld), because)
