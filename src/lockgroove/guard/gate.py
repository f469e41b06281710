"""At the gate: may this be given to whom it is asked for, now? In microseconds, from memory alone.

Invariant: what an account had before is never refused for being too much that is new. Whoever has a grant
meets no quota; what they take is written down all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgroove.guard.casefile import Sanction
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import STAND_IN, Scope
from lockgroove.guard.quotas import Counted, Counting, Limits, Over
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.seen import Knowing

_EXEMPT = frozenset({Scope.RESEARCH, Scope.MIRROR, Scope.OPERATOR})
_EVERYBODY = int(STAND_IN) | 0x4C6F636B67726F6F  # all visitors together
_NO_NETWORK = 1
_LATELY_MAX = 1_000_000  # also while nothing can be written
_OF_NEW = (Counted.FRESH, Counted.RARE)
_CODES = {
    Counted.REQUESTS: "too-many-requests",
    Counted.BYTES: "too-many-bytes",
    Counted.FRESH: "too-many-new-tracks",
    Counted.RARE: "too-many-rare-tracks",
    Counted.SHARE: "too-much-of-the-catalogue",
}


@dataclass(frozen=True)
class Caller:
    """Who asks, in digests. `account` of a visitor is a stand-in: their network."""

    account: int
    token: int = 0
    network: int = 0
    client: int = 0
    cohort: int = 0
    scope: Scope = Scope.PUBLIC

    @property
    def named(self) -> bool:
        """Whether it is an account, for which somebody can answer."""
        return not self.account & int(STAND_IN)

    @property
    def exempt(self) -> bool:
        """Whether no quota holds for it."""
        return self.scope in _EXEMPT


@dataclass(frozen=True)
class Refusal:
    """Not now, or not at all: why, until when it makes no sense to ask again, and in which case."""

    code: str
    wait_s: float = 0.0
    case: int | None = None
    whose: str = ""  # whose quota: account, key, network or visitors


class Gate:
    """Quotas and sanctions. May be asked by several threads."""

    def __init__(self, quotas: Counting, limits: Mapping[str, Limits], seen: Knowing) -> None:
        self._quotas = quotas
        self._limits = limits
        self._seen = seen
        self._sanctions: Mapping[int, Sanction] = {}
        # Two turns' worth: what was given in the middle of a turn is watched in the next.
        self._lately: set[tuple[int, int]] = set()
        self._before: set[tuple[int, int]] = set()

    def hold(self, sanctions: Mapping[int, Sanction]) -> None:
        """From now on, these are in force."""
        self._sanctions = sanctions

    @property
    def held(self) -> Mapping[int, Sanction]:
        """What is in force, by account."""
        return self._sanctions

    def forget_lately(self) -> None:
        """What was given before the last turn is in the memory of the watch by now."""
        self._before, self._lately = self._lately, set()

    def request(self, caller: Caller, now_s: float) -> Refusal | None:
        """A request of any kind."""
        return None if caller.exempt else self._take(caller, {Counted.REQUESTS: 1}, now_s)

    def sound(
        self, caller: Caller, track: int, size_bytes: int, is_rare: bool, now_s: float
    ) -> Refusal | None:
        """So many bytes of a track, which is or is not one that few people hear."""
        if caller.exempt:
            return None
        fresh = not self.had(caller.account, track)
        sanction = self._sanctions.get(caller.account)
        if sanction is not None and (refused := _refused(sanction, fresh, now_s)):
            return refused
        costs = {
            Counted.BYTES: float(size_bytes), Counted.FRESH: float(fresh), Counted.SHARE: float(fresh),
            Counted.RARE: float(fresh and is_rare),
        }  # fmt: skip
        refused = self._take(caller, costs, now_s)
        if refused is None:
            self._lately.add((caller.account, track))
            if len(self._lately) > _LATELY_MAX:
                self.forget_lately()
        return refused

    def spent(self, caller: Caller, size_bytes: int, now_s: float) -> None:
        """So many bytes more were given than were asked for: they count where the quota has room."""
        if size_bytes and not caller.exempt:
            self._take(caller, {Counted.BYTES: float(size_bytes)}, now_s)

    def had(self, account: int, track: int) -> bool:
        """Whether an account had a track before, as far as is remembered."""
        pair = (account, track)
        return pair in self._lately or pair in self._before or self._seen.knows(account, track)

    def _take(self, caller: Caller, costs: Mapping[Counted, float], now_s: float) -> Refusal | None:
        asked = self._subjects(caller)
        over = self._quotas.take([(key, limits) for key, limits, _ in asked], costs, now_s)
        return None if over is None else self._over(caller, over, asked[over.subject][2])

    def limits_of(self, caller: Caller) -> Limits:
        """The quotas of an account, or of a visitor's network."""
        if caller.exempt:
            return {}
        limits = self._limits.get("member" if caller.named else "network", {})
        return {**limits, **self._limits.get("slowed", {})} if caller.account in self._sanctions else limits

    def _subjects(self, caller: Caller) -> list[tuple[int, Limits, str]]:
        """Whose quotas a request comes out of."""
        asked = [(caller.account, self.limits_of(caller), "account" if caller.named else "network")]
        if caller.named:
            asked.append((caller.token, self._limits.get("key", {}), "key"))
        else:
            asked.append((_EVERYBODY, self._limits.get("visitors", {}), "visitors"))
        return [one for one in asked if one[1] and one[0]]

    def _over(self, caller: Caller, over: Over, whose: str) -> Refusal:
        sanction = self._sanctions.get(caller.account)
        slowed = sanction is not None and whose in ("account", "network") and over.counted in _OF_NEW
        case = sanction.case if slowed and sanction else None
        return Refusal("slowed-down" if slowed else _CODES[over.counted], over.wait_s, case, whose)


def _in_force(sanction: Sanction, now_s: float) -> bool:
    return sanction.until_ms is None or sanction.until_ms > now_s * 1000


def _refused(sanction: Sanction, fresh: bool, now_s: float) -> Refusal | None:
    """What a stage refuses outright."""
    if not _in_force(sanction, now_s):
        return None
    wait_s = 0.0 if sanction.until_ms is None else sanction.until_ms / 1000 - now_s
    if sanction.stage >= Stage.SUSPENDED:
        return Refusal("suspended", wait_s, sanction.case, "account")
    if sanction.stage == Stage.CHALLENGED and fresh:
        return Refusal("are-you-a-person", wait_s, sanction.case, "account")
    return None


def visitor(digests: Digests, network: int, client: int) -> Caller:
    """Somebody without an account: their network stands in for one."""
    return Caller((network or _NO_NETWORK) | int(STAND_IN), network=network, client=client)
