"""What stands around every answer: headers that keep a browser safe, entity tags, HEAD without a body."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}


class Safe:
    """Adds the headers to every answer, and keeps bodies out of those to HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, wrapped."""

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            elif message["type"] == "http.response.body" and scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, wrapped if scope["type"] == "http" else send)


class Tagged:
    """Gives answers that are made whole an entity tag, and answers 304 to who has them already."""

    def __init__(self, app: ASGIApp, cache_control: str) -> None:
        self._app = app
        self._cache_control = cache_control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Collect the answer, then send it."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        # HEAD is asked as GET, so that both have the same headers; `Safe` drops the body.
        try:
            await self._app({**scope, "method": "GET"}, receive, collect)
        finally:
            if start:  # also when it crashed, once it has said so
                await self._send(bytes(body), start, Headers(scope=scope), send)

    async def _send(self, body: bytes, start: Message, asked: Headers, send: Send) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        headers.setdefault("cache-control", self._cache_control)
        if start["status"] == 200 and headers["cache-control"] != "no-store":
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers["etag"] = etag
            if etag in (tag.strip().removeprefix("W/") for tag in asked.get("if-none-match", "").split(",")):
                start = {**start, "status": 304}
                del headers["content-length"], headers["content-type"]
                body = b""
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})


class OnlyLoopback:
    """Answers to names of this machine alone: no page elsewhere can point its name at the operator's view."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] == "http" and not is_loopback(_host(Headers(scope=scope).get("host", ""))):
            refusal = PlainTextResponse(
                "The operator's view answers on this machine's own address alone.", 421
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host(header: str) -> str:
    return header.partition("]")[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a name or address can only be reached from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
