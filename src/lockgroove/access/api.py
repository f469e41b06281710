"""The JSON API: what the pages show, for programs. Described by OpenAPI 3.1 at /api/openapi.json."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse

from lockgroove import __version__
from lockgroove.access import condition, items, problems, words
from lockgroove.access.pages import PATHS, House
from lockgroove.access.shapes import Artist, Coverage, FileFacts, Found, Recording, Release, Status
from lockgroove.guard.events import Context, Kind
from lockgroove.model import EntityKind

OFFSET_MAX = 10_000
_ABOUT = (
    "Everything the pages show. Ids are text; the id of any member of a group redirects (301) to the group's."
)

Identifier = Annotated[str, Path(max_length=64, description="An id as the archive gives it, such as r-…")]
Sha512 = Annotated[str, Path(pattern="^[0-9a-f]{128}$", description="SHA-512 in hexadecimal")]
Offset = Annotated[int, Query(ge=0, le=OFFSET_MAX)]
Year = Annotated[int | None, Query(ge=0, le=9999)]
Milliseconds = Annotated[int | None, Query(ge=0, le=10**9)]


def once_each(request: Request) -> None:
    """Refuse a parameter that is given twice, rather than guess which one was meant."""
    names = [name for name, _ in request.query_params.multi_items()]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise RequestValidationError(
            [{"loc": ("query", n), "msg": "given more than once", "type": "doubled"} for n in doubled]
        )


def build_api(house: House) -> FastAPI:
    """The application, to be mounted at /api."""
    wrong: dict[int | str, dict[str, Any]] = {
        code: {"model": problems.Problem, "content": {"application/problem+json": {}}, "description": words_}
        for code, words_ in ((404, "Nothing that may be shown"), (422, "Parameters not understood"))
    }
    api = FastAPI(
        title=f"Lockgroove: {house.archive.config.name}", version=__version__, description=_ABOUT,
        docs_url=None, redoc_url=None, dependencies=[Depends(once_each)], responses=wrong,
        exception_handlers={
            StarletteHTTPException: problems.on_http, RequestValidationError: problems.on_invalid,
            Exception: problems.on_crash,
        },
    )  # fmt: skip
    _add_lists(api, house)
    _add_items(api, house)
    return api


def _add_lists(api: FastAPI, house: House) -> None:
    @api.get("/search")
    def search(
        request: Request,
        q: Annotated[
            str, Query(max_length=500, description="Words in any order and script, ISRC, MBID or id")
        ],
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Offset = 0,
        source: Annotated[str | None, Query(max_length=100, description="Only what it speaks of")] = None,
        licence: Annotated[str | None, Query(max_length=100, description="Only what has such a file")] = None,
        held: Annotated[bool | None, Query(description="Only what is in the vault, or is not")] = None,
        year_min: Year = None,
        year_max: Year = None,
        duration_min_ms: Milliseconds = None,
        duration_max_ms: Milliseconds = None,
    ) -> Found:
        """Recordings, best first."""
        filters = {
            "source": source, "licence": licence, "held": held, "year_min": year_min, "year_max": year_max,
            "duration_min_ms": duration_min_ms, "duration_max_ms": duration_max_ms,
        }  # fmt: skip
        with house.current.pin() as pinned:
            found = items.search(pinned, words.question(q), limit, offset, filters)
        house.telling.listed(request, Kind.SEARCH, Context.SEARCH, found.items)
        return found

    @api.get("/coverage")
    def coverage() -> Coverage:
        """How much of what people hear is held."""
        with house.current.pin() as pinned:
            return condition.coverage(pinned)

    @api.get("/status")
    def status() -> Status:
        """What the archive holds, and how it is."""
        with house.current.pin() as pinned:
            return condition.status(pinned, house.vault, house.archive.config)


def _add_items(api: FastAPI, house: House) -> None:
    @api.get(
        "/recordings/{id}", response_model=Recording, responses={301: {"description": "The group's own id"}}
    )
    def recording(request: Request, id: Identifier) -> Any:  # noqa: A002  the parameter's name in the address
        """A recording with its copies, rights, claims and listens."""
        with house.current.pin() as pinned:
            row = items.find_row(pinned.reader, "recordings", id)
            if row is None:
                raise HTTPException(404)
            found = items.recording(pinned, house.vault, row)
            house.telling.listed(request, Kind.META, Context.UNKNOWN)
            return _under_its_own("recording", id, found.card.recording_id) or found

    @api.get("/releases/{id}", response_model=Release, responses={301: {"description": "The group's own id"}})
    def release(request: Request, id: Identifier) -> Any:  # noqa: A002  the parameter's name in the address
        """A release with its tracks."""
        with house.current.pin() as pinned:
            row = items.find_row(pinned.reader, "releases", id)
            if row is None:
                raise HTTPException(404)
            found = items.release(pinned, row)
            house.telling.listed(request, Kind.META, Context.ALBUM, (t.recording for t in found.tracks))
            return _under_its_own("release", id, found.release_id) or found

    @api.get("/artists/{id}", response_model=Artist, responses={301: {"description": "The group's own id"}})
    def artist(
        request: Request,
        id: Identifier,  # noqa: A002  the parameter's name in the address
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> Any:
        """An artist with releases, and a stretch of the recordings."""
        with house.current.pin() as pinned:
            row = items.find_row(pinned.reader, "artists", id)
            if row is None:
                raise HTTPException(404)
            found = items.artist(pinned, row, limit, offset)
            house.telling.listed(request, Kind.META, Context.ARTIST, found.recordings)
            return _under_its_own("artist", id, found.artist_id) or found

    @api.get("/files/{sha512}")
    def file(request: Request, sha512: Sha512) -> FileFacts:
        """A file by its id: digests, rights, checks, and the recordings that it carries."""
        with house.current.pin() as pinned:
            found = items.file_facts(pinned, house.vault, sha512)
        if found is None:
            raise HTTPException(404)
        house.telling.listed(request, Kind.META, Context.UNKNOWN)
        return found


def _under_its_own(kind: EntityKind, asked: str, identifier: str) -> RedirectResponse | None:
    if asked == identifier:
        return None
    return RedirectResponse(f"/api/{PATHS[kind]}/{identifier}", 301, headers={"cache-control": "no-cache"})
