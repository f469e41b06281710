"""What is held where, and when it was last read: tables in state.sqlite, derived from journal and vault.

Invariant: `catch_up` leaves the index as the journal has it, whatever was deleted before.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from lockgroove.errors import storage_failed
from lockgroove.journal import Event, Journal, Position, parse_line
from lockgroove.model import HeldFile
from lockgroove.vault import ocfl

# Events that change what the catalogue or a dump says; events that are few and asked for by type.
TRUTH_TYPES = frozenset(
    {"kept", "claims-added", "listens-added", "rights-decided", "matched", "planned", "mirrored"}
)
NOTABLE_TYPES = frozenset(
    {
        "shelf-named",
        "rights-decided",
        "matched",
        "planned",
        "audited",
        "repaired",
        "dumped",
        "mirrored",
        "archive-created",
    }
)
_CONTENTS_MAX = 32  # inventories are read again and again while one deposit refers to another
_HELD_COLUMNS = [f.name for f in fields(HeldFile)]
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, path TEXT, inventory_sha512 TEXT, inventory_bytes INTEGER,
    files INTEGER, bytes INTEGER, at TEXT);
CREATE TABLE IF NOT EXISTS held (
    {", ".join(_HELD_COLUMNS)}, PRIMARY KEY (source, key, stamp)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_by_digest ON held (sha512);
CREATE INDEX IF NOT EXISTS held_by_object ON held (object_id);
CREATE TABLE IF NOT EXISTS untold (id TEXT PRIMARY KEY, path TEXT, inventory_sha512 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checked (place TEXT, object_id TEXT, at TEXT, findings INTEGER,
    PRIMARY KEY (place, object_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim_parts (path TEXT, offset INTEGER, length INTEGER, sha256 TEXT,
    source TEXT, harvest TEXT, PRIMARY KEY (path, offset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notable (type TEXT, at TEXT, writer TEXT, n INTEGER, line TEXT,
    PRIMARY KEY (at, writer, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS truth (writer TEXT PRIMARY KEY, n INTEGER, at TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS read_up_to (
    writer TEXT PRIMARY KEY, segment TEXT, offset INTEGER, n INTEGER, digest TEXT);
"""


@dataclass(frozen=True)
class HeldObject:
    """An object that was acknowledged; `path` is below the storage root."""

    id: str
    path: str
    inventory_sha512: str
    inventory_bytes: int
    files: int
    bytes: int
    at: str

    def as_subject(self) -> dict[str, Any]:
        """The object in a `kept` event."""
        return {
            "id": self.id,
            "path": self.path,
            "inventory_sha512": self.inventory_sha512,
            "inventory_bytes": self.inventory_bytes,
            "files": self.files,
            "bytes": self.bytes,
        }


class HeldIndex:
    """The index; `read` gives a file of the vault by its path below the archive."""

    def __init__(self, state: sqlite3.Connection, journal: Journal, read: Callable[[str], bytes]) -> None:
        self._state = state
        self._journal = journal
        self._read = read
        self._contents: dict[str, dict[str, str]] = {}
        state.executescript(_SCHEMA)

    def catch_up(self) -> int:
        """Take in what the journal has and the index does not; the number of events read."""
        try:
            with self._state:
                self._tell_untold()
                return self._take_events()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            raise storage_failed(OSError(errno.ENOSPC, str(error)), "state.sqlite") from error

    def _take_events(self) -> int:
        count = 0
        for event, position in self._journal.events(self.positions()):
            self._take(event)
            row = (event.writer, position.segment, position.offset, position.n, position.digest)
            self._state.execute("INSERT OR REPLACE INTO read_up_to VALUES (?,?,?,?,?)", row)
            count += 1
        return count

    def positions(self) -> dict[str, Position]:
        """How far each writer's events are taken in."""
        rows = self._state.execute("SELECT writer, segment, offset, n, digest FROM read_up_to")
        return {row[0]: Position(*row[1:]) for row in rows}

    def _take(self, event: Event) -> None:
        key = (event.at, event.writer, event.n)
        if event.type in TRUTH_TYPES:
            newest = (event.writer, event.n, event.at)
            self._state.execute("INSERT OR REPLACE INTO truth VALUES (?,?,?)", newest)
        if event.type in NOTABLE_TYPES:
            self._state.execute(
                "INSERT OR REPLACE INTO notable VALUES (?,?,?,?,?)", (event.type, *key, event.line().decode())
            )
        if event.type == "kept":
            for subject in event.subjects["objects"]:
                self._take_object(subject, event.at)
            for row in event.subjects.get("elsewhere", []):
                self._insert_held([HeldFile(**row)])
        elif event.type in ("claims-added", "listens-added"):
            s = event.subjects
            row = (f"claims/{s['pack']}", s["offset"], s["length"], s["sha256"], s["source"], s["harvest"])
            self._state.execute("INSERT OR REPLACE INTO claim_parts VALUES (?,?,?,?,?,?)", row)
        elif event.type == "audited":
            self._take_audit(event)
        elif event.type == "repaired":
            self._take_repair(event)

    def truth(self) -> tuple[dict[str, int], str]:
        """How far the truth has come: the newest event that changed it, by writer, and its time."""
        rows = self._state.execute("SELECT writer, n, at FROM truth ORDER BY writer").fetchall()
        return {writer: n for writer, n, _ in rows}, max((at for _, _, at in rows), default="")

    def notable(self, kind: str) -> list[Event]:
        """The events of one notable type, in order."""
        query = "SELECT line FROM notable WHERE type = ? ORDER BY at, writer, n"
        return [parse_line(row[0].encode(), "state.sqlite") for row in self._state.execute(query, (kind,))]

    def _take_object(self, subject: dict[str, Any], at: str) -> None:
        row = (
            subject["id"], subject["path"], subject["inventory_sha512"], subject["inventory_bytes"],
            subject["files"], subject["bytes"], at,
        )  # fmt: skip
        taken = self._state.execute(
            "INSERT OR IGNORE INTO objects (id,path,inventory_sha512,inventory_bytes,files,bytes,at)"
            " VALUES (?,?,?,?,?,?,?)",
            row,
        )
        where = (subject["id"], subject["path"], subject["inventory_sha512"])
        if taken.rowcount and not self._take_deposit(*where):
            self._state.execute("INSERT OR REPLACE INTO untold VALUES (?,?,?)", where)

    def _take_deposit(self, identifier: str, path: str, inventory_sha512: str) -> bool:
        """Take in what an object's `deposit.json` tells; a damaged one waits for its repair."""
        base = f"{ocfl.ROOT}/{path}"
        inventory = ocfl.good_inventory(self._read, base, inventory_sha512)
        try:
            raw = self._read(f"{base}/{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}")
            rows = held_files(identifier, json.loads(raw))
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if inventory is None or not _vouched(inventory, raw, rows, identifier):
            return False
        self._insert_held([row for row in rows if row.object_id == identifier or self._holds(row)])
        return True

    def _tell_untold(self) -> None:
        for identifier, path, digest in self._state.execute("SELECT * FROM untold").fetchall():
            if self._take_deposit(identifier, path, digest):
                self._state.execute("DELETE FROM untold WHERE id = ?", (identifier,))

    def untold(self, identifier: str) -> bool:
        """Whether an object's `deposit.json` could not be read or believed yet."""
        found = self._state.execute("SELECT 1 FROM untold WHERE id = ?", (identifier,))
        return found.fetchone() is not None

    def _insert_held(self, rows: Sequence[HeldFile]) -> None:
        marks = ",".join("?" * len(_HELD_COLUMNS))
        self._state.executemany(f"INSERT OR IGNORE INTO held VALUES ({marks})", [astuple(r) for r in rows])

    def _take_audit(self, event: Event) -> None:
        place = event.subjects["place"]
        damaged = set(event.outcome.get("damaged_objects", []))
        self._state.execute(
            "INSERT OR REPLACE INTO checked SELECT ?, id, ?, 0 FROM objects WHERE at <= ? AND at < ?",
            (place, event.at, event.at, event.outcome.get("lacks_since", "~")),
        )
        for identifier in damaged:
            self._state.execute(
                "UPDATE checked SET findings = 1 WHERE place = ? AND object_id = ?", (place, identifier)
            )

    def _take_repair(self, event: Event) -> None:
        """What was mended was read again: an object is good when nothing of it was left as it was."""
        left = {_object_path(path) for path in event.outcome.get("unmended", [])}
        for mended in {_object_path(path) for path in event.subjects["paths"]} - left:
            self._state.execute(
                "UPDATE checked SET findings = 0, at = ? WHERE place = ?"
                " AND object_id = (SELECT id FROM objects WHERE path = ?)",
                (event.at, event.subjects["place"], mended),
            )

    def objects(self, after: int = 0) -> Iterator[HeldObject]:
        """Every object in the order in which they were kept."""
        columns = "number, id, path, inventory_sha512, inventory_bytes, files, bytes, at"
        while True:
            rows = self._state.execute(
                f"SELECT {columns} FROM objects WHERE number > ? ORDER BY number LIMIT 1000", (after,)
            ).fetchall()
            if not rows:
                return
            for row in rows:
                yield HeldObject(*row[1:])
            after = rows[-1][0]

    def object(self, identifier: str) -> HeldObject | None:
        """One object by its id."""
        columns = "id, path, inventory_sha512, inventory_bytes, files, bytes, at"
        row = self._state.execute(f"SELECT {columns} FROM objects WHERE id = ?", (identifier,)).fetchone()
        return HeldObject(*row) if row else None

    def files_of(self, identifier: str) -> list[HeldFile]:
        """The files whose bytes lie in an object."""
        return self._held("object_id = ? AND path != ''", identifier)

    def with_digest(self, sha512: str) -> HeldFile | None:
        """A file with these bytes, if they are held."""
        return next((held for held in self._held("sha512 = ?", sha512) if self._holds(held)), None)

    def _holds(self, file: HeldFile) -> bool:
        """Whether the object's own inventory, as the journal has it, names these bytes at that path.

        Another archive's `deposit.json` may say anything of objects that are not its own.
        """
        return self._content_of(file.object_id).get(f"{ocfl.CONTENT}/{file.path}") == file.sha512

    def _content_of(self, identifier: str) -> Mapping[str, str]:
        """An object's content by its inventory; empty when it is not held, or has no good inventory now."""
        if identifier in self._contents:
            return self._contents[identifier]
        held = self.object(identifier)
        if held is None:
            return {}
        inventory = ocfl.good_inventory(self._read, f"{ocfl.ROOT}/{held.path}", held.inventory_sha512)
        if inventory is None:
            return {}
        if len(self._contents) >= _CONTENTS_MAX:
            self._contents.clear()
        self._contents[identifier] = ocfl.content_of(inventory)
        return self._contents[identifier]

    def version(self, source: str, key: str, stamp: str) -> HeldFile | None:
        """A file by its claim's key and stamp, if it is held."""
        found = self._held("source = ? AND key = ? AND stamp = ?", source, key, stamp)
        return found[0] if found else None

    def _held(self, where: str, *values: str) -> list[HeldFile]:
        columns = ",".join(_HELD_COLUMNS)
        return [
            HeldFile(*row) for row in self._state.execute(f"SELECT {columns} FROM held WHERE {where}", values)
        ]

    def held_batches(self, rows_max: int = 10_000) -> Iterator[list[HeldFile]]:
        """Every held file in key order, in batches."""
        cursor = self._state.cursor()
        cursor.execute(f"SELECT {','.join(_HELD_COLUMNS)} FROM held ORDER BY source, key, stamp")
        while rows := cursor.fetchmany(rows_max):
            yield [HeldFile(*row) for row in rows]

    def claim_parts(self) -> list[tuple[str, int, int, str, str, str]]:
        """Path, offset, length, sha256, source and harvest of every acknowledged stretch, in order."""
        query = "SELECT path, offset, length, sha256, source, harvest FROM claim_parts ORDER BY path, offset"
        return self._state.execute(query).fetchall()

    def last_checked(self, identifier: str) -> list[tuple[str, str, int]]:
        """Place, time and whether damage was found, of an object's newest checks."""
        query = "SELECT place, at, findings FROM checked WHERE object_id = ? ORDER BY place"
        return self._state.execute(query, (identifier,)).fetchall()

    def unread(self, place: str) -> tuple[int, str | None]:
        """Objects that were never read again at a place, and when the one read longest ago was."""
        query = """SELECT count(*) FILTER (WHERE c.at IS NULL), min(c.at) FROM objects o
            LEFT JOIN checked c ON c.place = ? AND c.object_id = o.id"""
        never, oldest = self._state.execute(query, (place,)).fetchone()
        return never, oldest

    def totals(self) -> tuple[int, int, int]:
        """Objects, files and bytes held."""
        row = self._state.execute(
            "SELECT count(*), coalesce(sum(files),0), coalesce(sum(bytes),0) FROM objects"
        )
        objects, files, size = row.fetchone()
        return objects, files, size


def _vouched(inventory: bytes, deposit: bytes, rows: Sequence[HeldFile], identifier: str) -> bool:
    """Whether the inventory has this `deposit.json`, and each file that it says lies in the object."""
    content = ocfl.content_of(inventory)
    if content.get(f"{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}") != hashlib.sha512(deposit).hexdigest():
        return False
    own = [row for row in rows if row.object_id == identifier]
    return all(content.get(f"{ocfl.CONTENT}/{row.path}") == row.sha512 for row in own)


def held_files(identifier: str, deposit: dict[str, Any]) -> list[HeldFile]:
    """The files that a `deposit.json` tells of, those whose bytes lie elsewhere included."""
    return [
        HeldFile(
            source=deposit["source"], key=f["key"], deposit=deposit["deposit"], name=f["name"],
            object_id=f.get("object", identifier), path=f["path"], size_bytes=f["size"],
            sha512=f["sha512"], sha256=f["sha256"], blake3=f["blake3"], stamp=f["stamp"],
        )
        for f in [*deposit["files"], *deposit["elsewhere"]]
    ]  # fmt: skip


def _object_path(path: str) -> str:
    """The object's path below the storage root, from a finding's, which may begin with a place's name."""
    below = path.partition(f":{ocfl.ROOT}/")[2] or path.removeprefix(f"{ocfl.ROOT}/")
    return "/".join(below.split("/")[:3])
