"""Errors for programs: application/problem+json after RFC 9457, never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

_LOG = logging.getLogger("lockgroove.access")
DETAILS: Mapping[int, str] = {
    401: "This key opens nothing here: it is mistyped, has ended, or its account is disabled.",
    403: "This key is not for that. Ask for one whose scope has it.",
    404: "Nothing that may be shown has this id or address.",
    405: "The API is for reading: GET and HEAD.",
    422: "The parameters cannot be understood; see errors.",
    500: "It broke on our side, and it is written down.",
}


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None


def problem(
    status: int, errors: Sequence[Mapping[str, Any]] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": DETAILS.get(status, title),
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(
        body, status, {**(headers or {}), "cache-control": "no-store"}, media_type="application/problem+json"
    )


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """An HTTPException."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, headers=error.headers)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Parameters that are no good: where, and why; what was sent is not sent back."""
    assert isinstance(error, RequestValidationError)
    return problem(422, [{"loc": [str(p) for p in e["loc"]], "msg": e["msg"]} for e in error.errors()])


async def on_crash(request: Request, error: Exception) -> JSONResponse:
    """Anything else: told plainly, and written down for the operator."""
    write_down(request, error)
    return problem(500)


def write_down(request: Request, error: Exception) -> None:
    """Log where it broke; what was asked for stays out of the log."""
    _LOG.error("%s %s broke", request.method, request.url.path, exc_info=error)
