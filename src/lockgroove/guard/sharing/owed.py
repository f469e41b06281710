"""Quotas that all front ends take from, by the server's clock; while it is away, from one's own.

Invariant: one ask takes from all its subjects or from none, whoever else asks meanwhile. A key lives for as
long as something is owed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat

from lockgroove.guard.quotas import TICKS_A_SECOND, Counted, Counting, Limits, Over
from lockgroove.guard.sharing.server import Away, Server

# Seconds since 1970, as the server has them.
SERVER_CLOCK = "(function() local t = redis.call('TIME') return t[1] + t[2] / 1000000 end)()"
_OWED_TICKS_MAX = 0xFFFFFFFF
_TAKE = """
local now = math.floor(%s * 1000)
local owed, over, longest = {}, 0, 0
local found = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  owed[key] = math.max(now, tonumber(found[i] or now))
  local wait = (owed[key] - now) / 1000 + ARGV[3 * i - 1] - ARGV[3 * i]
  if wait > longest then over, longest = i, wait end
end
if over > 0 then return {over, string.format('%%.17g', longest)} end
for i, key in ipairs(KEYS) do owed[key] = owed[key] + ARGV[3 * i - 2] end
for key, at in pairs(owed) do
  local left = math.min(at - now, %d)
  redis.call('SET', key, string.format('%%.0f', now + left), 'PX', string.format('%%.0f', left))
end
return {0, '0'}
"""


class SharedQuotas:
    """What every subject has taken, at all front ends. May be asked by several threads."""

    def __init__(
        self, server: Server, own: Counting, terms: Sequence[int] = (), clock: str = SERVER_CLOCK
    ) -> None:
        """Under other `terms` of a kind of quota (`quotas.terms_of`) nobody owes what they owed before.

        `clock` is an expression of the server's language.
        """
        self._server = server
        self._kinds = [
            f"{int(kind)}-{term:x}" for kind, term in zip(Counted, terms or repeat(0), strict=False)
        ]
        self._own = own
        self._script = server.script(_TAKE % (clock, _OWED_TICKS_MAX))

    def take(
        self, subjects: Sequence[tuple[int, Limits]], costs: Mapping[Counted, float], now_s: float
    ) -> Over | None:
        """As `Quotas.take`; what was taken here is remembered here too, for when the server is away."""
        asked = [
            (at, subject, counted, limits[counted], costs[counted])
            for at, (subject, limits) in enumerate(subjects)
            for counted in limits
            if costs.get(counted)
        ]
        if not asked:
            return None
        keys = [
            self._server.key("owed", f"{subject:x}", self._kinds[counted])
            for _, subject, counted, _, _ in asked
        ]
        arguments = [
            number for *_, quota, cost in asked for number in _paid(quota.seconds, quota.seconds_each, cost)
        ]
        try:
            over, wait_s = self._server.quickly(partial(self._script, keys, arguments))
        except Away:
            return self._own.take(subjects, costs, now_s)
        if over:
            at, _, counted, _, _ = asked[over - 1]
            return Over(at, counted, float(wait_s))
        self._own.take(subjects, costs, now_s)
        return None


def _paid(seconds: float, seconds_each: float, cost: float) -> tuple[int, str, str]:
    """How many ticks it takes to pay, how many seconds must be free, and how many there are."""
    ticks = max(1, round(cost * seconds_each * TICKS_A_SECOND))
    return min(ticks, _OWED_TICKS_MAX), repr(float(min(cost * seconds_each, seconds))), repr(float(seconds))
