"""The application put together: pages, streaming and the API over one archive."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from lockgroove.access.api import build_api
from lockgroove.access.asking import Asking, Keys
from lockgroove.access.assets import Assets
from lockgroove.access.current import Current
from lockgroove.access.deskpages import DeskPages
from lockgroove.access.guarding import Guarded, Telling, refusal
from lockgroove.access.pages import House, Pages
from lockgroove.access.problems import write_down
from lockgroove.access.stream import Stream
from lockgroove.access.vaultview import VaultView
from lockgroove.access.wrapping import OnlyLoopback, Safe, Tagged
from lockgroove.archive import Archive
from lockgroove.campaigns.watching import Desk
from lockgroove.guard.gate import Refusal
from lockgroove.guard.live import Guard


def build_app(
    archive: Archive, operator: bool = False, keys: Keys | None = None, guard: Guard | None = None,
    desk: Desk | None = None,
) -> ASGIApp:  # fmt: skip
    """The ASGI application: visitors' view, or the operator's, which shows private tables.

    `keys` prove accounts; without them everybody is a visitor, whatever key they show. `guard` is asked
    before anything is given; `desk` has its cases, for pages of whom they concern and of operators.
    """
    current = Current(archive, public=not operator)
    vault = VaultView(archive, operator)
    house = House(archive, current, vault, operator, Assets(), Telling(guard))
    pages = Pages(house)
    caching = "no-store" if operator else "no-cache"
    handlers = _handlers(pages)

    def refuse(refused: Refusal, accept: str) -> Response:
        dump = vault.newest_dump()
        return refusal(refused, accept, pages.refused, f"{dump.number} of {dump.at[:10]}" if dump else "")

    stream = Stream(current, vault, guard, refuse)
    desks = [] if desk is None else DeskPages(pages, desk, guard, operator).routes()
    site: ASGIApp = Starlette(
        routes=[
            Route("/stream/{sha512}", stream),
            Route("/stream/{sha512}/{name:path}", stream),
            Route("/static/{name}", house.assets.__call__),
            *desks,
            Mount("/api", Tagged(build_api(house), caching)),
            Mount("/", Tagged(Starlette(routes=pages.routes(), exception_handlers=handlers), caching)),
        ],
        exception_handlers=handlers,
    )
    if guard is not None:
        site = Guarded(site, guard, refuse)
    if keys is not None:
        site = Asking(site, keys)
    return Safe(OnlyLoopback(site) if operator else site)


def _handlers(pages: Pages) -> dict[Any, Any]:
    async def on_http(request: Request, error: HTTPException) -> Response:
        page = pages.sorry(error.status_code, error.detail if error.status_code == 409 else "")
        page.headers.update(error.headers or {})
        return page

    async def on_crash(request: Request, error: Exception) -> Response:
        write_down(request, error)
        return pages.sorry(500)

    return {HTTPException: on_http, Exception: on_crash}
