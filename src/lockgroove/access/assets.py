"""Style, scripts and icon: read once, named by their digest, cached by browsers for ever."""

from __future__ import annotations

import hashlib
import os
from importlib import resources

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Assets:
    """The files of `static/`."""

    def __init__(self) -> None:
        folder = resources.files("lockgroove.access") / "static"
        self._files = {entry.name: entry.read_bytes() for entry in folder.iterdir()}
        self._marks = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in self._files.items()}

    def address(self, name: str) -> str:
        """Where a file is, as it is now."""
        return f"/static/{name}?v={self._marks[name]}"

    async def __call__(self, request: Request) -> Response:
        """Send one."""
        name = request.path_params["name"]
        kind = _TYPES.get(os.path.splitext(name)[1])
        if name not in self._files or kind is None:
            raise HTTPException(404)
        fresh = request.query_params.get("v") == self._marks[name]
        headers = {
            "etag": f'"{self._marks[name]}"',
            "cache-control": "public, max-age=31536000, immutable" if fresh else "no-cache",
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(self._files[name], media_type=kind, headers=headers)
