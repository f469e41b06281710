"""Events on their way from front ends to the keeper.

Invariant: an event leaves the server only after it is in the keeper's log. What is sent or read twice has the
same number, and the watch counts it once.
"""

from __future__ import annotations

import secrets
import zlib
from functools import partial
from typing import Any

import numpy as np

from lockgroove.guard.events import EVENT, empty
from lockgroove.guard.sharing.server import Server

EVENTS_AN_ENTRY = 500
ENTRIES_MAX = 2_000  # about 150 MB on the server
WAITING_MAX = 200_000  # about 30 MB here
_READ_AT_ONCE = 100
_READ_A_TURN = 400
_KEEPER_LASTS_MS = 10_000
_LAYOUT = b"%08x" % zlib.crc32(repr(EVENT.descr).encode())
_PUT = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'layout', ARGV[2], 'rows', ARGV[3])
return 1
"""
# There is one keeper: whoever said so last, within so many milliseconds.
_KEEP = """
local keeper = redis.call('GET', KEYS[1])
if keeper and keeper ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.pcall('XGROUP', 'CREATE', KEYS[2], 'keepers', '0', 'MKSTREAM')
return 1
"""


class Outbox:
    """Events of a front end that keeps none, for one thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stream = server.key("events")
        self._put = server.script(_PUT)
        self._next = secrets.randbits(62) | 1 << 62
        self._rows = empty(0)
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Events that are not on the server yet."""
        return len(self._rows)

    def put(self, rows: np.ndarray) -> None:
        """Send these with the next `send`. Those for which there is no room are dropped, and counted."""
        taken = rows[: WAITING_MAX - len(self._rows)].copy()
        taken["event_id"] = np.arange(len(taken), dtype=np.uint64) + np.uint64(self._next)
        self._next += len(taken)
        self.dropped += len(rows) - len(taken)
        self._rows = np.concatenate([self._rows, taken])

    def send(self) -> None:
        """Send what waits, for as long as the server has room. Raises Away: it is sent again.

        Where many entries wait for the keeper, only whole ones are added.
        """
        while len(self._rows):
            part = self._rows[:EVENTS_AN_ENTRY]
            room = ENTRIES_MAX if len(part) == EVENTS_AN_ENTRY else ENTRIES_MAX // 10
            told = [room, _LAYOUT, part.tobytes()]
            if not self._server.patiently(partial(self._put, [self._stream], told)):
                return
            self._rows = self._rows[len(part) :]


class Inbox:
    """Events of all front ends, for the keeper's thread. `who` is the same after the keeper comes back."""

    def __init__(self, server: Server, who: int) -> None:
        self._server = server
        self._stream = server.key("events")
        self._who = f"{who:x}"
        self._keep = server.script(_KEEP)
        self._taken: set[bytes] = set()
        self.unreadable = 0

    def keeps(self) -> bool:
        """Whether this is the keeper, and not another. Raises Away."""
        keys = [self._server.key("keeper"), self._stream]
        told = [self._who, _KEEPER_LASTS_MS]
        return bool(self._server.patiently(partial(self._keep, keys, told)))

    def read(self) -> tuple[np.ndarray, list[bytes]]:
        """Events, and the entries they came in: first what was read and not done with. Raises Away."""
        entries = self._not_done()
        while len(entries) < _READ_A_TURN:
            more = self._entries(">")
            entries += more
            if len(more) < _READ_AT_ONCE:
                break
        fresh = [self._rows_of(fields) for number, fields in entries if number not in self._taken]
        return np.concatenate([empty(0), *fresh]), [number for number, _ in entries]

    def done(self, entries: list[bytes]) -> None:
        """These are in the log: the server forgets them. Raises Away: they are not read twice here."""
        self._taken.update(entries)
        if entries:
            self._server.patiently(lambda client: self._forget(client, entries))
            self._taken.difference_update(entries)

    def _forget(self, client: Any, entries: list[bytes]) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.xack(self._stream, "keepers", *entries)
        pipe.xdel(self._stream, *entries)
        pipe.execute()

    def _not_done(self) -> list[Any]:
        """All that was read before and not done with."""
        entries = self._entries("0")
        while entries and (more := self._entries(entries[-1][0])):
            entries += more
        return entries

    def _entries(self, since: str | bytes) -> list[Any]:
        found = self._server.patiently(
            lambda client: client.xreadgroup("keepers", "keeper", {self._stream: since}, _READ_AT_ONCE)
        )
        return list(found[0][1]) if found else []

    def _rows_of(self, fields: dict[bytes, bytes] | None) -> np.ndarray:
        """The events of an entry; none where another version of the house packed them."""
        body = (fields or {}).get(b"rows", b"")
        if (fields or {}).get(b"layout") != _LAYOUT or len(body) % EVENT.itemsize:
            self.unreadable += 1
            return empty(0)
        return np.frombuffer(body, EVENT)
