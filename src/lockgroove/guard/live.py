"""The guard as the doors meet it: asked before anything is given, told of what was given, working beside.

Invariant: whoever asks waits for no disk; where front ends share a server, for that, and not for long. What
is told is written within a second or so; a crash loses no more than that, and no decision.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lockgroove import locks
from lockgroove.errors import Locked, UsageError
from lockgroove.guard import sharing
from lockgroove.guard.alerting import Alerting
from lockgroove.guard.cases import Cases
from lockgroove.guard.digests import Digests
from lockgroove.guard.eventlog import EventLog
from lockgroove.guard.events import Context, Kind, Origin, empty
from lockgroove.guard.gate import Caller, Gate, Refusal
from lockgroove.guard.keeper import Keeper
from lockgroove.guard.memory import Memory
from lockgroove.guard.settings import Settings
from lockgroove.guard.sharing.server import Away

FOLDER = "guard"
_TURN_S = 0.5
_AT_ONCE = 100_000
_FIRST_BYTES = 1 << 20
_WAITING_MAX = 1_000_000
_TURN_SHARED_S = 0.4  # two turns, the keeper's and another's, are within a second
_LOG = logging.getLogger("lockgroove.guard")
# Where a track can have been shown: each is a pair of its own in the memory of what was shown.
_SHOWN_IN = (Context.ALBUM, Context.ARTIST, Context.SEARCH)


@dataclass(frozen=True)
class Wanted:
    """A stretch of a file, and what is known of the track in it. `track` is a number for the file itself."""

    track: int
    size_bytes: int
    sent_bytes: int
    ranged: bool
    place: int = -1
    album: int = 0
    seconds: float = 0.0
    prior: int = 0


class Guard:
    """Asked by many threads, working in one of its own between `start` and `close`."""

    def __init__(
        self, root: str, settings: Settings, digests: Digests, cases: Cases, listens: np.ndarray,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """Raises Locked where another process guards this archive, UsageError for what cannot be shared."""
        self.settings = settings
        self.digests = digests
        self.cases = cases
        self.refused: Counter[str] = Counter()
        self.admitted = 0
        self.dropped = 0  # events that could not be written for too long
        self._clock = clock
        self._began = clock() - time.monotonic()
        folder = f"{root}/{FOLDER}"
        self.memory = Memory(folder, settings.pairs_bytes, listens, settings.terms)
        self.shared = sharing.opened(settings, digests, self.memory)
        self._held = contextlib.ExitStack()
        self.gate = self._gate()
        self.log: EventLog | None = None
        self.keeper = self._keeper(folder) if settings.keeper else self._follower()
        self._alerting = Alerting(settings.alerts)
        self._told: deque[np.ndarray] = deque()
        self._turning = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="guard", daemon=True)

    def _gate(self) -> Gate:
        memory, shared = self.memory, self.shared
        if shared is None:
            return Gate(memory.quotas, self.settings.quotas, memory.watch.seen)
        return Gate(shared.quotas, self.settings.quotas, shared.met)

    def _keeper(self, folder: str) -> sharing.Part:
        """The part that keeps events and cases."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._held.enter_context(_alone(folder))
        self.log = EventLog(f"{folder}/events")
        keeper = Keeper(self.memory, self.log, self.cases, self.gate, self.settings, self._clock)
        if self.shared is None:
            return keeper
        who = sharing.keeper_number(self.digests, folder)
        return sharing.SharedKeeper(keeper, self.log, self.shared, self.gate, who)

    def _follower(self) -> sharing.Part:
        """The part that leaves them to another."""
        if self.shared is None:
            raise UsageError(
                "Without a server nothing comes to the keeper", "lockgroove.toml, guard.keeper",
                'Such as shared = "redis://127.0.0.1:6379/0".',
            )  # fmt: skip
        self.gate.hold(self.cases.in_force())
        return sharing.Follower(self.shared, self.memory, self.gate)

    def now_s(self) -> float:
        """The time for quotas: it runs evenly, also while somebody sets the clock."""
        return self._began + time.monotonic()

    def request(self, caller: Caller) -> Refusal | None:
        """Whether a request may be answered at all."""
        return self._counted(self.gate.request(caller, self.now_s()))

    def sound(self, caller: Caller, wanted: Wanted) -> Refusal | None:
        """Whether these bytes may be given. A whole file is told as given at once.

        Of a stretch the first bytes are asked for, and `sent` tells the rest: players ask for all up to the
        end, and leave when somebody seeks.
        """
        is_rare, asked = self.memory.is_rare(wanted.prior), wanted.sent_bytes
        first = min(asked, _FIRST_BYTES) if wanted.ranged else asked
        refused = self.gate.sound(caller, wanted.track, first, is_rare, self.now_s())
        if refused is None and not wanted.ranged:
            self._tell_sound(caller, wanted)
        return self._counted(refused)

    def sent(self, caller: Caller, wanted: Wanted, sent_bytes: int) -> None:
        """So many bytes of a stretch went out."""
        if wanted.ranged and sent_bytes:
            self.gate.spent(caller, max(0, sent_bytes - _FIRST_BYTES), self.now_s())
            self._tell_sound(caller, replace(wanted, sent_bytes=sent_bytes))

    def listed(self, caller: Caller, kind: Kind, context: Context, tracks: Sequence[int] = ()) -> None:
        """A listing was given, with these tracks in it."""
        row = self._row(caller, kind, context)
        self._tell(row)
        if tracks:
            keys = np.array([number ^ _salt(context) for number in tracks], np.uint64)
            accounts = np.full(len(keys), caller.account, np.uint64)
            self.memory.shown.add(accounts, keys)
            if self.shared is not None:
                self.shared.shown.later(accounts, keys)

    def shown_in(self, caller: Caller, track: int) -> Context:
        """Where the account was shown a track; DIRECT_ID: nowhere that is remembered.

        UNKNOWN where another front end could have shown it, and cannot be asked.
        """
        keys = [track ^ _salt(context) for context in _SHOWN_IN]
        here = [self.memory.shown.knows(caller.account, key) for key in keys]
        if self.shared is not None and not any(here):
            try:
                here = self.shared.shown.asked(caller.account, keys)
            except Away:
                return Context.UNKNOWN
        return next((c for c, known in zip(_SHOWN_IN, here, strict=True) if known), Context.DIRECT_ID)

    def start(self) -> None:
        """Work from now on."""
        self._thread.start()

    def close(self) -> None:
        """Take in what was told, keep what is remembered, and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.turn()
        self.keeper.save()
        if self.shared is not None:
            self.shared.server.close()
        self._held.close()

    def turn(self) -> int:
        """Take in what was told until now; how many events. Raises OSError: they are told again next time."""
        with self._turning:
            count = 0
            while True:
                told = [self._told.popleft() for _ in range(min(_AT_ONCE, len(self._told)))]
                try:
                    self.keeper.turn(np.concatenate(told) if told else empty(0))
                except OSError:
                    self._told.extendleft(reversed(told))
                    raise
                count += len(told)
                if len(told) < _AT_ONCE:
                    return count

    @property
    def waiting(self) -> int:
        """Events that are not written yet."""
        return len(self._told) + self.keeper.waiting

    def _work(self) -> None:
        while not self._ended.wait(_TURN_S if self.shared is None else _TURN_SHARED_S):
            try:
                self.turn()
                if self.settings.keeper:
                    self._alerting.tell(self.cases)
            except Exception:  # whatever it is, the archive goes on serving, and the guard watching
                _LOG.exception("The guard's turn broke")

    def _counted(self, refused: Refusal | None) -> Refusal | None:
        if refused is None:
            self.admitted += 1
        else:
            self.refused[refused.code] += 1
        return refused

    def _tell_sound(self, caller: Caller, wanted: Wanted) -> None:
        row = self._row(caller, Kind.STREAM_START, self.shown_in(caller, wanted.track))
        one = row[0]
        one["track"], one["place"], one["album"] = wanted.track, wanted.place, wanted.album
        one["bytes_sent"], one["bytes_full"] = wanted.sent_bytes, wanted.size_bytes
        share = wanted.sent_bytes / max(1, wanted.size_bytes)
        one["seconds_possible"], one["range"] = wanted.seconds * share, wanted.ranged
        one["prior"] = wanted.prior
        self._tell(row)

    def _tell(self, row: np.ndarray) -> None:
        """Have it taken in. While nothing can be written, memory holds so many and no more."""
        if len(self._told) < _WAITING_MAX:
            self._told.append(row)
        else:
            self.dropped += 1

    def _row(self, caller: Caller, kind: Kind, context: Context) -> np.ndarray:
        row = empty(1)
        one = row[0]
        one["ts_ms"], one["account"], one["token"] = int(self._clock() * 1000), caller.account, caller.token
        one["network"], one["client"], one["cohort"] = caller.network, caller.client, caller.cohort
        one["kind"], one["context"], one["scope"], one["status"] = kind, context, caller.scope, 200
        one["origin"] = Origin.USER
        return row


def _salt(context: Context) -> int:
    return (context * 0x9E3779B97F4A7C15) & ((1 << 64) - 1)


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locks.hold(folder, "guard"))
        except Locked as error:
            raise Locked(
                "Another process serves this archive and guards it",
                folder,
                "End that one first; or share its quotas (docs/guides/guard.md), with --no-keeper.",
            ) from error
        yield


@contextlib.contextmanager
def guarding(guard: Guard) -> Iterator[Guard]:
    """The guard at work."""
    guard.start()
    try:
        yield guard
    finally:
        guard.close()


def is_watched(root: str) -> bool:
    """Whether a process guards this archive now."""
    folder = f"{root}/{FOLDER}"
    if not os.path.isdir(folder):
        return False
    try:
        with locks.hold(folder, "guard"):
            return False
    except Locked:
        return True
