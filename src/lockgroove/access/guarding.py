"""The guard at the web door: who asks becomes digests, quotas are asked, and what is listed is told.

A refusal says why, until when, in which case, how to appeal, and what would serve better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asked

from lockgroove.access.shapes import Card
from lockgroove.guard.digests import of_file, plain_address
from lockgroove.guard.events import Context, Kind, Scope
from lockgroove.guard.gate import Caller, Refusal, visitor
from lockgroove.guard.live import Guard
from lockgroove.people import VISITOR, Asker

Page = Callable[[int, str, str], Response]  # by status, headline and words
Refuse = Callable[[Refusal, str], Response]  # by what is refused, and which kinds of answers are accepted
_WEEK_MS = 604_800_000
_GRANTS = {"research": Scope.RESEARCH, "mirror": Scope.MIRROR}
_OWN = "/account"
_NEVER_ASKED = ("/static/", "/account", "/metrics")
# Code: status, title, what it means.
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "too-many-requests": (429, "Too many requests", "More was asked for at once than one may ask for."),
    "too-many-bytes": (429, "Too many bytes", "For now no more bytes; they come back evenly."),
    "too-many-new-tracks": (
        429, "Too many new tracks",
        "For now no more new tracks; they come back one by one. What you had is free.",
    ),
    "too-many-rare-tracks": (
        429,
        "Too many rare tracks",
        "For now no more tracks that few people hear. What you had is free.",
    ),
    "too-much-of-the-catalogue": (
        429, "Too much of the catalogue", "This much of the catalogue is more than one may take this way.",
    ),
    "slowed-down": (
        429, "Slowed down",
        "This account takes more than people do: few new tracks a day are given. What it had before is free.",
    ),
    "are-you-a-person": (
        403, "Are you a person?", "This account takes more than people do. Say that a person listens.",
    ),
    "suspended": (403, "Suspended", "No music is given to this account for now. Its pages and data remain."),
}  # fmt: skip


class Guarded:
    """Puts `scope["caller"]` beside the asker, and refuses whom the guard refuses."""

    def __init__(self, app: ASGIApp, guard: Guard, refuse: Refuse) -> None:
        self._app = app
        self._guard = guard
        self._refuse = refuse

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = caller_of(self._guard, scope)
        within = {**scope, "caller": caller}
        free = scope["path"].startswith(_NEVER_ASKED)
        refused = None if free else await answered(self._guard, self._guard.request, caller)
        if refused is None:
            await self._app(within, receive, send)
        else:
            answer = self._refuse(refused, Headers(scope=scope).get("accept", ""))
            await answer(within, receive, send)


async def answered(guard: Guard, ask: Callable[..., Refusal | None], *what: object) -> Refusal | None:
    """What the guard answers; in a thread of its own where it asks a server that front ends share."""
    return ask(*what) if guard.shared is None else await run_in_threadpool(ask, *what)


def caller_of(guard: Guard, scope: Asked) -> Caller:
    """Who asks, in digests."""
    digests, headers = guard.digests, Headers(scope=scope)
    asker: Asker = scope.get("asker", VISITOR)
    network = digests.of_network(address_of(guard, scope), guard.cases.now_ms())
    client = digests.of("client", headers.get("user-agent", "")[:500])
    if not asker.account:
        return visitor(digests, network, client)
    token = digests.of("token", f"{asker.account} {asker.key}")
    week = asker.created_ms // _WEEK_MS
    return Caller(digests.of_account(asker.account), token, network, client, week, _scope(asker))


def _scope(asker: Asker) -> Scope:
    if asker.role == "operator":
        return Scope.OPERATOR
    return _GRANTS.get(asker.grant.partition(":")[0], Scope.MEMBER)


def address_of(guard: Guard, scope: Asked) -> str:
    """The address a request comes from: the nearest that is no proxy of ours.

    What stands further to the left in the header anybody can write.
    """
    client = scope.get("client")
    address = plain_address(str(client[0])) if client else ""
    told = Headers(scope=scope).getlist("x-forwarded-for")
    for hop in reversed([part.strip() for line in told for part in line.split(",")]):
        if not guard.settings.trusts(address):
            break
        address = plain_address(hop)
    return address


def refusal(refused: Refusal, accept: str, page: Page, newest_dump: str) -> Response:
    """The answer, as a page for browsers and as a problem (RFC 9457) for programs."""
    status, title, detail = REFUSALS[refused.code]
    headers = {"cache-control": "no-store"}
    wait_s = math.ceil(refused.wait_s)
    if wait_s:
        headers["retry-after"] = str(wait_s)
    instead = _instead(newest_dump)
    if "text/html" in accept and "json" not in accept:
        answer = page(status, title, f"{detail} {instead}")
        answer.headers.update(headers)
        return answer
    told = {
        "type": "about:blank", "title": title, "status": status, "detail": detail, "code": refused.code,
        "of": refused.whose, "instead": instead, "appeal": _OWN,
        **({"retry_after_s": wait_s} if wait_s else {}),
        **({} if refused.case is None else {"case": refused.case}),
    }  # fmt: skip
    return JSONResponse(told, status, headers, media_type="application/problem+json")


def _instead(newest_dump: str) -> str:
    """What serves better whoever wants much."""
    dump = f"takes the newest dump, {newest_dump}" if newest_dump else "asks the keeper for a dump"
    return f"Whoever wants much of the archive {dump}. A grant for research or a mirror lifts quotas."


@dataclass(frozen=True)
class Telling:
    """Tells the guard what was listed; where there is none, nobody."""

    guard: Guard | None

    def listed(self, request: Request, kind: Kind, context: Context, cards: Iterable[Card] = ()) -> None:
        """A listing was given."""
        if self.guard is not None:
            tracks = [of_file(card.sha512) for card in cards if card.sha512]
            self.guard.listed(request.scope["caller"], kind, context, tracks)
