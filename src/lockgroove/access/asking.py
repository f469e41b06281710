"""Who asks: a key in the `Authorization` header is an account, none is a visitor, a wrong one is refused.

`Bearer KEY` is for programs. `Basic`, with the key as its password, is for browsers, which ask for one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from http import HTTPStatus
from typing import Protocol

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lockgroove.access.problems import DETAILS, problem
from lockgroove.people import VISITOR, Asker

_WRONG = {"www-authenticate": 'Basic realm="Lockgroove", charset="UTF-8", Bearer realm="Lockgroove"'}


class Keys(Protocol):
    """What proves an account."""

    def ask(self, text: str) -> Asker | None:
        """Who proves themselves with a key, None for nobody."""


class Asking:
    """Finds out who asks before anything is answered; what is behind reads `scope["asker"]`."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asker = self._asker(Headers(scope=scope).get("authorization"))
        status = 401 if asker is None else 200 if asker.may(_needed(scope["path"])) else 403
        if status == 200:
            await self._app({**scope, "asker": asker}, receive, send)
        else:
            await refusal(status, scope["path"])(scope, receive, send)

    def _asker(self, header: str | None) -> Asker | None:
        if header is None:
            return VISITOR
        key = key_of(header)
        return None if key is None else self._keys.ask(key)


def key_of(header: str) -> str | None:
    """The key in an `Authorization` header, None where there is none in it."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    return None


def _needed(path: str) -> str:
    return "stream" if path.startswith("/stream/") else "read"


def refusal(status: int, path: str, detail: str = "") -> Response:
    """Refuse a request; with 401 a browser asks whoever sits there for a key."""
    headers = _WRONG if status == 401 else {}
    if path.startswith("/api/"):
        return problem(status, headers=headers)
    text = f"{status} {HTTPStatus(status).phrase}. {detail or DETAILS[status]}\n"
    return PlainTextResponse(text, status, {**headers, "cache-control": "no-store"})
