"""A file's bytes over HTTP: whole, in ranges, or only the headers. Memory is constant; threads read.

Invariant: nothing is sent unless a rights statement lets us stream it; dark and unknown answer alike.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Generator, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lockgroove.access import items, media
from lockgroove.access.current import Current
from lockgroove.access.guarding import Refuse, answered
from lockgroove.access.ranges import ByteRange, frame_parts, parse_ranges
from lockgroove.access.vaultview import VaultView
from lockgroove.catalogue.reader import Row
from lockgroove.guard.digests import of_file
from lockgroove.guard.events import popularity
from lockgroove.guard.live import Guard, Wanted

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CHUNK_BYTES = 256 << 10
_SHA512 = re.compile(r"[0-9a-f]{128}")
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Granted:
    """A file that may be streamed, and where its bytes are."""

    sha512: str
    path: str
    size_bytes: int
    media_type: str
    disposition: str
    row: Row

    @property
    def etag(self) -> str:
        """Strong: the same bytes have it everywhere and for ever."""
        return f'"{self.sha512}"'


def grant(current: Current, vault: VaultView, sha512: str) -> Granted:
    """The file, if it may be streamed. Raises HTTPException 404, also if dark; 503 without bytes."""
    row = None
    if _SHA512.fullmatch(sha512):
        with current.pin() as pinned:
            row = items.file_row(pinned, sha512)
    if row is None or not row["stream"]:
        raise HTTPException(404)
    found = vault.storage_of(row["object_id"], row["path"], row["size_bytes"])
    if found is None:
        raise HTTPException(503)
    storage, path = found
    name = row["path"].rpartition("/")[2]
    kind = media.media_type(row["format"]) if row["role"] == "sound" else media.UNKNOWN
    shown = media.disposition(name, inline=kind != media.UNKNOWN)
    return Granted(sha512, storage.path(path), row["size_bytes"], kind, shown, row)


class Stream:
    """The endpoint, as an ASGI application."""

    def __init__(
        self, current: Current, vault: VaultView, guard: Guard | None = None, refuse: Refuse | None = None
    ) -> None:
        """With a `guard`, and what to say where it refuses."""
        self._current = current
        self._vault = vault
        self._guard = guard
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        request = Request(scope)
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"allow": "GET, HEAD"})
        file = await run_in_threadpool(grant, self._current, self._vault, request.path_params["sha512"])
        answer = plan_answer(file, request.method, request.headers)
        asked = wanted(file, answer) if request.method == "GET" and answer.pieces else None
        if self._guard is not None and self._refuse is not None and asked is not None:
            refused = await answered(self._guard, self._guard.sound, scope["caller"], asked)
            if refused is not None:
                await self._refuse(refused, "")(scope, receive, send)
                return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.raw_headers()})
        if request.method == "HEAD" or not answer.pieces:
            await send({"type": "http.response.body", "body": b""})
        elif answer.whole and "http.response.pathsend" in scope.get("extensions", {}):
            await send({"type": "http.response.pathsend", "path": file.path})
        else:
            sent = Sent()
            try:
                await _send_pieces(file.path, answer.pieces, receive, send, sent)
            finally:  # however it ended, this much was had
                if self._guard is not None and asked is not None:
                    await answered(self._guard, self._guard.sent, scope["caller"], asked, sent.size_bytes)


Piece = bytes | ByteRange


@dataclass(frozen=True)
class Answer:
    """What to send: framing as bytes, stretches of the file as ranges."""

    status: int
    headers: dict[str, str]
    pieces: Sequence[Piece] = ()
    whole: bool = False

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """As ASGI has them."""
        return [(name.encode(), value.encode("latin-1")) for name, value in self.headers.items()]


def wanted(file: Granted, answer: Answer) -> Wanted:
    """What an answer would give, as the guard asks for it."""
    row = file.row
    sent = sum(piece.length for piece in answer.pieces if isinstance(piece, ByteRange))
    return Wanted(
        of_file(file.sha512), file.size_bytes, sent, not answer.whole,
        -1 if row["recording_row"] is None else row["recording_row"],
        0 if row["release_row"] is None else row["release_row"] + 1,
        (row["duration_ms"] or row["recording_ms"] or 0) / 1000, popularity(row["listens"] or 0),
    )  # fmt: skip


def plan_answer(file: Granted, method: str, asked: Any) -> Answer:
    """The answer to a request's headers, before a byte is read."""
    headers = _headers(file)
    if _names_tag(asked.get("if-none-match"), file.etag):
        return Answer(304, headers)
    headers |= {"content-type": file.media_type, "content-disposition": file.disposition}
    ranges = None
    if method == "GET" and asked.get("if-range", file.etag).strip() == file.etag:
        ranges = parse_ranges(asked.get("range"), file.size_bytes)
    if ranges is None:
        return _whole(file, headers)
    if not ranges:
        headers |= {"content-range": f"bytes */{file.size_bytes}", "content-length": "0"}
        headers["cache-control"] = "no-store"
        return Answer(416, headers)
    return _partial(file, headers, ranges)


def _headers(file: Granted) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(file.sha512)).decode()
    return {
        "etag": file.etag,
        "accept-ranges": "bytes",
        "cache-control": _FOR_EVER,
        "repr-digest": f"sha-512=:{digest}:",
    }


def _whole(file: Granted, headers: dict[str, str]) -> Answer:
    pieces = [ByteRange(0, file.size_bytes - 1)] if file.size_bytes else []
    return Answer(200, headers | {"content-length": str(file.size_bytes)}, pieces, whole=True)


def _partial(file: Granted, headers: dict[str, str], ranges: Sequence[ByteRange]) -> Answer:
    if len(ranges) == 1:
        only = ranges[0]
        headers |= {"content-range": only.content_range(file.size_bytes), "content-length": str(only.length)}
        return Answer(206, headers, ranges)
    boundary = secrets.token_hex(16)
    parts = frame_parts(ranges, file.size_bytes, file.media_type, boundary)
    pieces = [piece for pair in zip(parts.heads, ranges, strict=True) for piece in pair]
    headers |= {
        "content-type": f"multipart/byteranges; boundary={boundary}",
        "content-length": str(parts.length),
    }
    return Answer(206, headers, [*pieces, parts.end])


def _names_tag(header: str | None, etag: str) -> bool:
    """Whether If-None-Match has the tag, compared weakly."""
    tags = [tag.strip().removeprefix("W/") for tag in (header or "").split(",")]
    return "*" in tags or etag in tags


@dataclass
class Sent:
    """How much of an answer went out so far."""

    size_bytes: int = 0


async def _send_pieces(path: str, pieces: Sequence[Piece], receive: Receive, send: Send, sent: Sent) -> None:
    """Send them until all is sent or nobody listens."""
    left = asyncio.ensure_future(_until_gone(receive))
    chunks = _chunks(path, pieces)
    try:
        while (chunk := await run_in_threadpool(next, chunks, None)) is not None:
            if left.done():
                return  # whoever listened has left: no error, and nothing more to read
            sent.size_bytes += len(chunk)  # whether all of it arrives nobody can tell
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        left.cancel()
        await run_in_threadpool(chunks.close)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunks(path: str, pieces: Sequence[Piece]) -> Generator[bytes, None, None]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from _stretch(descriptor, piece)
    finally:
        os.close(descriptor)


def _stretch(descriptor: int, wanted: ByteRange) -> Iterator[bytes]:
    offset = wanted.first
    while offset <= wanted.last:
        chunk = os.pread(descriptor, min(_CHUNK_BYTES, wanted.last + 1 - offset), offset)
        if not chunk:
            raise OSError(f"the file ends at {offset}, before what was promised")
        yield chunk
        offset += len(chunk)
