"""The pages: each endpoint asks for what it shows and renders one template. No page needs a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lockgroove import __version__
from lockgroove.access import condition, items, media, pictures, words
from lockgroove.access.assets import Assets
from lockgroove.access.current import Current, Pinned
from lockgroove.access.guarding import Telling
from lockgroove.access.narrowing import narrowing
from lockgroove.access.vaultview import VaultView
from lockgroove.archive import Archive
from lockgroove.guard.events import Context, Kind
from lockgroove.model import EntityKind, parse_id

RESULTS_A_PAGE = 20
RESULTS_MAX = 400
RECORDINGS_A_PAGE = 100
PATHS: Mapping[EntityKind, str] = {"recording": "recordings", "release": "releases", "artist": "artists"}

# Status: what to say, and what a person can do.
_SORRY: Mapping[int, tuple[str, str]] = {
    400: ("That address cannot be read", "A part of it is missing, doubled or not a number."),
    403: ("This form is not yours", "It was made for somebody else, or too long ago. Open the page anew."),
    404: ("There is nothing here by that name", "It was never given, or it may not be shown. Try a search."),
    405: ("That cannot be done here", "These pages are for reading."),
    409: ("That cannot be done", "What was asked for does not fit what there is."),
    413: ("That is too long", "A form here has at most 20 kB."),
    421: ("Not under this name", "The operator's view answers on this machine's own address alone."),
    500: (
        "Something broke on our side",
        "It is written down, and it is not your doing. Try again in a while.",
    ),
    503: (
        "These bytes cannot be read now",
        "No good copy is within reach just now. The keeper of the archive can mend that: lockgroove repair.",
    ),
}


@dataclass(frozen=True)
class House:
    """What every endpoint needs: the archive, the generation, the vault, and whose view it is."""

    archive: Archive
    current: Current
    vault: VaultView
    operator: bool
    assets: Assets
    telling: Telling


class Pages:
    """The endpoints. Each runs in a thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._templates = _environment(house)

    def routes(self) -> list[Route]:
        """Addresses and who answers them."""
        return [
            Route("/", self.home),
            Route("/search", self.search),
            Route("/coverage", self.coverage),
            Route("/coverage/curve.vl.json", self.curve),
            Route("/health", self.health),
            Route("/about", self.about),
            *(Route(f"/{kind}/{{id}}", self.item) for kind in PATHS),
        ]

    def page(self, template: str, **shown: Any) -> Response:
        """A template with what it shows."""
        return HTMLResponse(self._templates.get_template(template).render(shown))

    def home(self, request: Request) -> Response:
        """What this archive is."""
        with self._house.current.pin() as pinned:
            shown: dict[str, Any] = {
                "status": condition.status(pinned, self._house.vault, self._house.archive.config),
                "coverage": condition.coverage(pinned),
                "start": items.to_start_with(pinned, 8),
            }
        self._house.telling.listed(request, Kind.META, Context.SEARCH, shown["start"])
        return self.page("home.html", **shown)

    def search(self, request: Request) -> Response:
        """Recordings for words; with `part=results`, the list alone for the script."""
        query = words.question(only(request, "q"))
        page = whole_number(request, "page", 1, RESULTS_MAX // RESULTS_A_PAGE)
        template = {"": "search.html", "results": "results.html"}.get(only(request, "part"))
        if template is None:
            raise HTTPException(400)
        narrowed = narrowing(partial(only, request))
        with self._house.current.pin() as pinned:
            named = self._named(pinned, query)
            offset = (page - 1) * RESULTS_A_PAGE
            asked = (query or narrowed.written) and not narrowed.trouble
            found = items.search(pinned, query, RESULTS_A_PAGE, offset, narrowed.filters) if asked else None
        if found and page > 1 and not found.items:
            raise HTTPException(404)
        self._house.telling.listed(request, Kind.SEARCH, Context.SEARCH, found.items if found else ())
        pages = min(RESULTS_MAX, found.found if found else 0) + RESULTS_A_PAGE - 1
        return self.page(
            template,
            query=query,
            found=found,
            page=page,
            pages=pages // RESULTS_A_PAGE,
            named=named,
            most=RESULTS_MAX,
            narrowed=narrowed,
        )

    def _named(self, pinned: Pinned, query: str) -> dict[str, str] | None:
        """The release or artist that the query names by an identifier."""
        found = pinned.reader.find(query)
        if found is None or found[0] not in ("releases", "artists"):
            return None
        row = pinned.reader.by_rows(found[0], [found[1]])[0]
        kind = found[0][:-1]
        return {"kind": kind, "id": row[f"{kind}_id"], "name": row["title" if kind == "release" else "name"]}

    def item(self, request: Request) -> Response:
        """A recording, release or artist; any id ever given leads to the group that holds it now."""
        parsed = parse_id(request.path_params["id"])
        if parsed is None or parsed[0] not in PATHS:
            raise HTTPException(404)
        kind = parsed[0]
        with self._house.current.pin() as pinned:
            row = items.find_row(pinned.reader, PATHS[kind], request.path_params["id"])
            if row is None:
                raise HTTPException(404)
            identifier = pinned.reader.by_rows(PATHS[kind], [row])[0][f"{kind}_id"]
            address = f"/{kind}/{identifier}"
            if request.url.path != address:
                return RedirectResponse(address, 301, headers={"cache-control": "no-cache"})
            show: Callable[[Request, Pinned, int], Response] = getattr(self, f"_{kind}")
            return show(request, pinned, row)

    def _recording(self, request: Request, pinned: Pinned, row: int) -> Response:
        self._house.vault.freshen()
        self._house.telling.listed(request, Kind.META, Context.UNKNOWN)
        return self.page("recording.html", it=items.recording(pinned, self._house.vault, row))

    def _release(self, request: Request, pinned: Pinned, row: int) -> Response:
        it = items.release(pinned, row)
        self._house.telling.listed(
            request, Kind.META, Context.ALBUM, (track.recording for track in it.tracks)
        )
        return self.page("release.html", it=it)

    def _artist(self, request: Request, pinned: Pinned, row: int) -> Response:
        page = whole_number(request, "page", 1, 100_000)
        it = items.artist(pinned, row, RECORDINGS_A_PAGE, (page - 1) * RECORDINGS_A_PAGE)
        if page > 1 and not it.recordings:
            raise HTTPException(404)
        self._house.telling.listed(request, Kind.META, Context.ARTIST, it.recordings)
        pages = (it.recordings_found + RECORDINGS_A_PAGE - 1) // RECORDINGS_A_PAGE
        return self.page("artist.html", it=it, page=page, pages=pages)

    def coverage(self, request: Request) -> Response:
        """The curve, its table and its specification."""
        with self._house.current.pin() as pinned:
            return self.page("coverage.html", coverage=condition.coverage(pinned))

    def curve(self, request: Request) -> Response:
        """The figure for programs that draw."""
        with self._house.current.pin() as pinned:
            return JSONResponse(pictures.vega_lite(condition.coverage(pinned)))

    def health(self, request: Request) -> Response:
        """What was read again, when, and what was found."""
        with self._house.current.pin() as pinned:
            status = condition.status(pinned, self._house.vault, self._house.archive.config)
        return self.page("health.html", status=status)

    def about(self, request: Request) -> Response:
        """What this is and what it is not."""
        return self.page("about.html", version=__version__)

    def sorry(self, status: int, words: str = "") -> Response:
        """The page of an error; `words` say more of it."""
        headline, advice = _SORRY.get(status, _SORRY[500])
        return self.refused(status, headline, words or advice)

    def refused(self, status: int, headline: str, words: str) -> Response:
        """The page of what is not given."""
        page = self.page("error.html", code=status, headline=headline, advice=words)
        page.status_code = status
        page.headers["cache-control"] = "no-store"
        return page


def only(request: Request, name: str) -> str:
    """The one value of a parameter, empty when it is absent. Raises 400 when it is doubled."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise HTTPException(400)
    return values[0] if values else ""


def whole_number(request: Request, name: str, least: int, most: int) -> int:
    """A number within its bounds, `least` when it is absent. Raises 400, or 404 beyond the end."""
    text = only(request, name)
    if not text:
        return least
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
        raise HTTPException(400)
    if int(text) > most:
        raise HTTPException(404)
    return int(text)


def _environment(house: House) -> Environment:
    templates = Environment(
        loader=PackageLoader("lockgroove.access"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    for name in ("size", "length", "number", "plural", "share", "day", "moment", "source", "key"):
        templates.filters[name] = getattr(words, name)
    templates.filters["format_name"] = media.format_name
    templates.tests["playable"] = media.playable
    templates.globals.update(
        archive=house.archive.config.name,
        archive_id=house.archive.config.archive_id,
        operator=house.operator,
        asset=house.assets.address,
        pictures=pictures,
    )
    return templates
