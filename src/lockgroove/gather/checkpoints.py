"""Where a harvest that was cut goes on: one row a source in state.sqlite, written when all before it is safe.

Losing the row costs time and nothing else: a harvest from the beginning then finds most things unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lockgroove.gather.stamps import Mark

_SCHEMA = """
CREATE TABLE IF NOT EXISTS harvests_begun (source TEXT PRIMARY KEY, checkpoint TEXT) WITHOUT ROWID;
DROP TABLE IF EXISTS stamps;
DROP TABLE IF EXISTS stamped;
"""
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Checkpoint:
    """A harvest under way: of what (`identity`), where its source goes on, what is counted so far.

    `listens_parts` are its parts of listens: one more, and going on would count those plays twice.
    """

    identity: str
    harvest: str
    at: str
    cursor: str
    mark: Mark
    listens_parts: int = 0
    tally: dict[str, Any] = field(default_factory=dict)


class Checkpoints:
    """The harvests that were cut, by source."""

    def __init__(self, state: sqlite3.Connection) -> None:
        self._state = state
        state.executescript(_SCHEMA)

    def load(self, source: str, identity: str) -> Checkpoint | None:
        """The harvest of the source to go on with; None when there is none, or of something else."""
        row = self._state.execute(
            "SELECT checkpoint FROM harvests_begun WHERE source = ?", (source,)
        ).fetchone()
        try:
            given = json.loads(row[0]) if row else {}
            found = Checkpoint(**{**given, "mark": Mark(**given["mark"])})
        except (ValueError, TypeError, KeyError):
            return None
        return found if found.identity == identity else None

    def store(self, source: str, checkpoint: Checkpoint) -> None:
        """From here on the harvest goes on behind the checkpoint's cursor."""
        with self._state:
            self._state.execute(
                "INSERT OR REPLACE INTO harvests_begun VALUES (?, ?)",
                (source, json.dumps(asdict(checkpoint))),
            )

    def forget(self, source: str) -> None:
        """The harvest came to its end."""
        with self._state:
            self._state.execute("DELETE FROM harvests_begun WHERE source = ?", (source,))


def identity_of(paths: Sequence[bytes], *choices: str) -> str:
    """What a harvest is bound to: the files as they are now, and how they are read. Raises OSError."""
    digest = hashlib.sha256("\0".join(choices).encode("utf-8", "surrogatepass"))
    for path in paths:
        digest.update(b"\0\0" + path)
        _add_file(digest, path) if os.path.isfile(path) else _add_folder(digest, path)
    return digest.hexdigest()


def _add_file(digest: Any, path: bytes) -> None:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        digest.update(f"\0{status.st_size}-{status.st_mtime_ns}-{status.st_ino}\0".encode())
        digest.update(file.read(_HEAD_BYTES))


def _add_folder(digest: Any, path: bytes) -> None:
    status = os.stat(path)
    digest.update(f"\0{status.st_mtime_ns}-{status.st_ino}\0".encode())
