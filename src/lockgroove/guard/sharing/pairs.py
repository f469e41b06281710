"""Pairs of account and track that any front end remembers: the filters of `seen`, on the server.

They have the same layout, to the byte: two strings of bits that take turns. So memory is bounded, and the
keeper can fill them from its own where the server lost them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lockgroove.guard.seen import BITS_SET, LINE, Seen, mixed
from lockgroove.guard.sharing.server import Away, Server

_LINE_BYTES = LINE * 8
_AT_ONCE = 200
_WAITING_MAX = 200_000
_CHUNK_BYTES = 1 << 18
_ADD = """
local new = 0
for i = 2, #ARGV, 4 do
  local fresh = 0
  for j = i, i + 3 do
    if redis.call('SETBIT', KEYS[1], ARGV[j], 1) == 0 then fresh = 1 end
  end
  new = new + fresh
end
if redis.call('INCRBY', KEYS[3], new) >= tonumber(ARGV[1]) then
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('DEL', KEYS[3])
end
"""


class SharedPairs:
    """What all front ends have met of one kind. The server is asked only for what is not known here."""

    def __init__(self, server: Server, what: str, own: Seen) -> None:
        """All front ends must have filters of the same size: others have pairs of their own."""
        self._server = server
        self._own = own
        self._lines = len(own.newer)
        self._newer, self._older, self._count, self._filled, self._filling = (
            server.key(what, self._lines, part) for part in ("newer", "older", "count", "filled", "filling")
        )
        self._add = server.script(_ADD)
        self._waiting: deque[int] = deque(maxlen=_WAITING_MAX)

    def knows(self, account: int, track: int) -> bool:
        """Whether an account had a track, as far as anybody remembers."""
        return self._own.knows(account, track) or self.known_elsewhere(account, [track])[0]

    def known_elsewhere(self, account: int, tracks: Sequence[int]) -> list[bool]:
        """The same for several tracks, by the server alone; nothing is known while it is away."""
        try:
            return self.asked(account, tracks)
        except Away:
            return [False] * len(tracks)

    def asked(self, account: int, tracks: Sequence[int]) -> list[bool]:
        """The same. Raises Away."""
        pairs = _mixed(np.full(len(tracks), account, np.uint64), np.array(tracks, np.uint64))
        found = self._server.quickly(lambda client: self._lines_of(client, pairs))
        wanted = [sum(1 << bit for bit in set(_bits(pair))) for pair in pairs]
        return [
            any(int.from_bytes(line, "little") & bits == bits for line in found[2 * at : 2 * at + 2])
            for at, bits in enumerate(wanted)
        ]

    def later(self, accounts: np.ndarray, tracks: np.ndarray) -> None:
        """Remember pairs with the next `flush`; where too many wait, the oldest are let go."""
        self._waiting.extend(_mixed(accounts, tracks))

    def flush(self) -> None:
        """Tell the server what waits. Raises Away: it is told again."""
        while self._waiting:
            pairs = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            offsets = [self._line(p) * _LINE_BYTES * 8 + (bit ^ 7) for p in pairs for bit in _bits(p)]
            keys = [self._newer, self._older, self._count]
            try:
                self._server.patiently(partial(self._add, keys, [self._own.pairs_max, *offsets]))
            except Away:
                self._waiting.extendleft(reversed(pairs))
                raise

    def fill(self) -> None:
        """Where the server has nothing, give it all that is known here. Raises Away."""
        if self._server.patiently(lambda client: client.exists(self._filled)):
            return
        for bits, key in ((self._own.newer, self._newer), (self._own.older, self._older)):
            self._merge(bits.view(np.uint8).reshape(-1), key)
        self._server.patiently(lambda client: client.incrby(self._count, self._own.pairs))
        self._server.patiently(lambda client: client.set(self._filled, 1))

    def _merge(self, data: np.ndarray, key: str) -> None:
        """Add bits to those that front ends have set meanwhile."""
        self._server.patiently(lambda client: client.delete(self._filling))
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = data[start : start + _CHUNK_BYTES]
            if chunk.any():
                self._server.patiently(partial(self._write, start, chunk.tobytes()))
        self._server.patiently(lambda client: client.bitop("OR", key, key, self._filling))
        self._server.patiently(lambda client: client.delete(self._filling))

    def _write(self, start: int, data: bytes, client: Any) -> None:
        client.setrange(self._filling, start, data)

    def _lines_of(self, client: Any, pairs: list[int]) -> list[bytes]:
        """For each pair its line of the newer filter, and of the older."""
        pipe = client.pipeline(transaction=False)
        for pair in pairs:
            first = self._line(pair) * _LINE_BYTES
            for key in (self._newer, self._older):
                pipe.getrange(key, first, first + _LINE_BYTES - 1)
        return pipe.execute()  # type: ignore[no-any-return]

    def _line(self, pair: int) -> int:
        return (pair >> 36) % self._lines


def _mixed(accounts: np.ndarray, tracks: np.ndarray) -> list[int]:
    return mixed(accounts.astype(np.uint64), tracks.astype(np.uint64)).tolist()  # type: ignore[no-any-return]


def _bits(pair: int) -> list[int]:
    """Which bits of its line a pair sets, as `seen` does."""
    places = [pair >> (9 * turn) for turn in range(BITS_SET)]
    return [(place & 7) * 64 + ((place >> 3) & 63) for place in places]
