"""The two parts that front ends play: one keeps events and cases for all, the others follow.

Invariant: whatever the server does, a turn ends as it would without it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lockgroove.guard.digests import Digests
from lockgroove.guard.eventlog import EventLog, Position
from lockgroove.guard.events import empty
from lockgroove.guard.gate import Gate
from lockgroove.guard.keeper import Keeper
from lockgroove.guard.memory import Memory
from lockgroove.guard.settings import Settings
from lockgroove.guard.sharing.held import Published
from lockgroove.guard.sharing.owed import SharedQuotas
from lockgroove.guard.sharing.pairs import SharedPairs
from lockgroove.guard.sharing.server import Away, Server
from lockgroove.guard.sharing.stream import Inbox, Outbox

_LOG = logging.getLogger("lockgroove.guard")


class Part(Protocol):
    """What works for the guard, turn by turn."""

    def turn(self, rows: np.ndarray) -> None:
        """Take in events. Raises OSError: they are told again."""

    def save(self) -> None:
        """Keep what is remembered."""

    @property
    def waiting(self) -> int:
        """Events that were taken in and are not safe yet."""


class Shared:
    """What is shared of one archive's guard."""

    def __init__(self, server: Server, memory: Memory, terms: Sequence[int]) -> None:
        self.server = server
        self.quotas = SharedQuotas(server, memory.quotas, terms)
        self.met = SharedPairs(server, "met", memory.watch.seen)
        self.shown = SharedPairs(server, "shown", memory.shown)
        self.dropped = 0
        self.unreadable = 0

    def tell(self) -> None:
        """Tell what was met and shown here. Raises Away."""
        self.met.flush()
        self.shown.flush()


def opened(settings: Settings, digests: Digests, memory: Memory) -> Shared | None:
    """What is shared; None where nothing is. Raises UsageError.

    Front ends that have another key for digests have other accounts, and so other keys on the server.
    """
    if not settings.shared:
        return None
    name = f"{{lockgroove:{digests.of('shared', 'guard'):016x}}}"
    return Shared(Server(settings.shared, name), memory, settings.terms)


class Follower:
    """At a front end that does not keep: events go to the keeper, and sanctions come from there."""

    def __init__(self, shared: Shared, memory: Memory, gate: Gate) -> None:
        self._shared = shared
        self._memory = memory
        self._gate = gate
        self._outbox = Outbox(shared.server)
        self._published = Published(shared.server)
        self._exchange()

    def turn(self, rows: np.ndarray) -> None:
        """Take in events."""
        met = _met(rows)
        self._memory.watch.seen.add(met["account"], met["track"])
        self._shared.met.later(met["account"], met["track"])
        self._outbox.put(rows)
        self._gate.forget_lately()
        self._exchange()
        self._shared.dropped = self._outbox.dropped

    def save(self) -> None:
        """Nothing is kept here: what waits is sent, where it can be."""
        self._exchange()
        if self.waiting:
            _LOG.error("%d events never came to the keeper", self.waiting)

    @property
    def waiting(self) -> int:
        """Events that the server does not have yet."""
        return self._outbox.waiting

    def _exchange(self) -> None:
        with contextlib.suppress(Away):
            if (sanctions := self._published.news()) is not None:
                self._gate.hold(sanctions)
            self._outbox.send()
            self._shared.tell()


class SharedKeeper:
    """The keeper of several front ends: it watches what all of them give, and says what holds for all."""

    def __init__(self, keeper: Keeper, log: EventLog, shared: Shared, gate: Gate, who: int) -> None:
        self._keeper = keeper
        self._log = log
        self._has_read = False
        self._shared = shared
        self._gate = gate
        self._inbox = Inbox(shared.server, who)
        self._published = Published(shared.server)
        self._keeps = True
        self.waiting = 0
        self._publish()

    @property
    def behind(self) -> int:
        """Events that had to be gone over again at the start."""
        return self._keeper.behind

    def turn(self, rows: np.ndarray) -> None:
        """Take in events, those of others too."""
        theirs, entries = self._read()
        self._keeper.turn(np.concatenate([rows, theirs]))
        met = _met(rows)
        self._shared.met.later(met["account"], met["track"])
        with contextlib.suppress(Away):
            self._inbox.done(entries)
        self._publish()

    def save(self) -> None:
        """Keep what is remembered."""
        self._keeper.save()

    def _read(self) -> tuple[np.ndarray, list[bytes]]:
        with contextlib.suppress(Away):
            keeps = self._inbox.keeps()
            if self._keeps and not keeps:
                _LOG.error("Another front end keeps for all already: set keeper = false at one of them")
            self._keeps = keeps
            if keeps:
                return self._read_first() if not self._has_read else self._inbox.read()
        return empty(0), []

    def _read_first(self) -> tuple[np.ndarray, list[bytes]]:
        """What was read before a crash, without what is in the log: it was not acknowledged any more."""
        rows, entries = self._inbox.read()
        self._has_read = True
        if len(rows):
            latest = self._log.since(Position(self._log.end.segment - 1))  # a day may have ended meanwhile
            for logged, _ in latest:
                rows = rows[~np.isin(rows["event_id"], logged["event_id"])]
        return rows, entries

    def _publish(self) -> None:
        self._shared.unreadable = self._inbox.unreadable
        with contextlib.suppress(Away):
            if self._keeps:
                self._published.publish(self._gate.held)
                self._shared.met.fill()
                self._shared.shown.fill()
            self._shared.tell()


def keeper_number(digests: Digests, folder: str) -> int:
    """Who keeps, as the server has it: this folder of this machine."""
    return digests.of("keeper", f"{socket.gethostname()} {os.path.realpath(folder)}")


def _met(rows: np.ndarray) -> np.ndarray:
    met: np.ndarray = rows[(rows["track"] != 0) & (rows["account"] != 0)]
    return met
