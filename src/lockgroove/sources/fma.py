"""The Free Music Archive's tables, as the FMA dataset publishes them: CSV with HTML and broken UTF-8.

Read are raw_tracks.csv, raw_albums.csv, raw_artists.csv, and tracks.csv with its three header rows. A byte
that is no UTF-8 stands in the body as its lone surrogate (PEP 383), so that the row can be had again. Empty
cells say nothing and are not in the body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lockgroove.errors import UsageError
from lockgroove.model import Batch, Known, ListenCount, Terms
from lockgroove.sources.cells import Saying, as_text, tell_broken
from lockgroove.sources.csvrows import Row, rows
from lockgroove.sources.dumpreading import Cut, Dumps, Entity, Malformed, Note
from lockgroove.sources.filemarks import marked, shown
from lockgroove.sources.members import Member, members
from lockgroove.sources.packed import BrokenPacking

LISTENS_MAX = 10**12

Cells = Mapping[str, str]
_GENRE = re.compile(r"""'genre_title': (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
_RIGHTS_WORDS = re.compile(r"creative ?commons|all rights reserved|public domain|\bcc[ -]by\b", re.I)


class FMA:
    """The tables of the FMA dataset, in any order. Recordings by track_id, releases by album_id."""

    name = public_name = "fma"
    reader = "fma/1"
    terms = Terms("CC-BY-4.0", requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, paths: Sequence[bytes]) -> None:
        self._paths = paths
        self.dumps = Dumps(self.name, paths, self._cuts, self._entity)
        self._cells: Cells = {}

    @property
    def counts(self) -> Sequence[Any]:
        """What became of each file's rows; the file itself is one of them."""
        return self.dumps.counts

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield claims in order of the rows, listens as totals beside them, and word of the files last.

        Raises UsageError for what is no table of FMA, and for two tables of the same tracks.
        """
        _check(self._paths)
        yield from marked(self.name, self._paths, self.dumps, since, known)

    def _cuts(self, member: Member, note: Note) -> Iterator[Cut]:
        given = rows(member.stream)
        header = next(given, None)
        if header is None:
            note("empty-file", "")
            return
        names, table, given = _table(header, given, member.name)
        for number, row in enumerate(given, 1):
            self._cells = {name: cell for name, cell in zip(names, row.cells or (), strict=False) if cell}
            yield Cut(table, number, row.offset, row.raw, row.why)

    def _entity(self, cut: Cut) -> Entity:
        cells = self._cells
        kind, key_names, say = _TABLES[cut.kind]
        key = next((cells[name] for name in key_names if name in cells), "").strip()
        if not key.isascii() or not key.isdigit() or len(key) > 18:
            raise Malformed("a row without a number of its own")

        def account(note: Note) -> tuple[Any, Mapping[str, Any]]:
            saying = Saying(note)
            say(cells, saying)
            tell_broken(cells, note)
            _listens(cells, key, note)
            return cells, saying.says

        return Entity(kind, key, account, _listens(cells, key, None) if kind == "recording" else ())


def _check(paths: Sequence[bytes]) -> None:
    tables = [_table_of(path) for path in paths]
    if {"tracks", "flat"} <= set(tables):
        raise UsageError(
            "raw_tracks.csv and tracks.csv tell of the same tracks", advice="Give only raw_tracks.csv."
        )


def _table_of(path: bytes) -> str | None:
    try:
        for member in members(path):
            given = rows(member.stream)
            if (header := next(given, None)) is not None:
                return _table(header, given, member.name)[1]
    except BrokenPacking:
        pass  # it is told where it is read
    except OSError as error:
        raise UsageError(f"The file cannot be read: {error.strerror}", shown(path)) from error
    return None


def _table(header: Row, given: Iterator[Row], name: str) -> tuple[list[str], str, Iterator[Row]]:
    """The columns, the table that they tell of, and the rows. Raises UsageError for what is none of FMA's."""
    names = [cell.strip() for cell in header.cells or ()]
    if names[:1] == [""] and {"track", "album", "artist"} <= set(names):
        second, third = next(given, None), next(given, None)
        if second and second.cells and third and third.cells:
            names = [f"{a}.{b}".strip() for a, b in zip(names, second.cells, strict=False)]
            return ["track_id", *names[1:]], "flat", given
    for table, (_, (key, *_), _) in _TABLES.items():
        if names[:1] == [key]:
            return names, table, given
    raise UsageError(
        "This is no table of FMA that says what music there is",
        name,
        "Give raw_tracks.csv, raw_albums.csv and raw_artists.csv.",
    )


def _say_track(cells: Cells, say: Saying) -> None:
    get = cells.get
    say.text("title", get("track_title"))
    _say_artist_of(say, get("artist_name"), get("artist_id"))
    say.duration(get("track_duration"))
    _say_release_of(say, get("album_id"), get("album_title"))
    say.number("medium_number", get("track_disc_number"))
    say.number("track_number", get("track_number"))
    say.date(get("track_date_recorded"))
    say.texts("genre", _genres(get("track_genres", "")))
    say.text("composer", get("track_composer"))
    say.isrc(get("track_isrc"))
    rights = {name: get(name, "") for name in ("track_copyright_c", "track_copyright_p")}
    stated = {name: text for name, text in rights.items() if _RIGHTS_WORDS.search(text)}
    # of "Attribution" the address knows the version: both columns are one statement
    title, address = (get(name, "").strip() for name in ("license_title", "license_url"))
    licence = f"{title} ({address})" if title and address else title or address
    say.licences({"license_title, license_url": licence, **stated})


def _say_flat(cells: Cells, say: Saying) -> None:
    get = cells.get
    say.text("title", get("track.title"))
    _say_artist_of(say, get("artist.name"), get("artist.id"))
    say.duration(get("track.duration"))
    _say_release_of(say, get("album.id"), get("album.title"))
    say.number("track_number", get("track.number"))
    say.date(get("track.date_recorded"))
    say.texts("genre", [get("track.genre_top")])
    say.text("composer", get("track.composer"))
    say.licences({"license": get("track.license")})


def _say_album(cells: Cells, say: Saying) -> None:
    get = cells.get
    say.text("title", get("album_title"))
    _say_artist_of(say, get("artist_name"), get("artist_id"))
    say.date(get("album_date_released") or get("album_year_released"))


def _say_artist(cells: Cells, say: Saying) -> None:
    say.text("name", cells.get("artist_name"))


def _say_artist_of(say: Saying, name: Any, key: Any) -> None:
    if artist := say.text("artist", name):
        say.says["artists"] = [{"name": artist} | ({"key": key} if _is_key(key) else {})]


def _say_release_of(say: Saying, key: Any, title: Any) -> None:
    if shown := say.shown(title):
        say.says["release"] = ({"key": key} if _is_key(key) else {}) | {"title": shown}


def _is_key(text: Any) -> bool:
    return as_text(text).isascii() and as_text(text).isdigit()


def _genres(text: str) -> Iterator[str]:
    """The names in a list as Python prints it."""
    for single, double in _GENRE.findall(text):
        yield re.sub(r"\\(.)", r"\1", single or double)


def _listens(cells: Cells, key: str, note: Note | None) -> list[ListenCount]:
    """The total as it was when the dataset was made; no month and no listener is known of it."""
    given = (cells.get("track_listens") or cells.get("track.listens") or "").strip()
    digits = given.removesuffix(".0")
    if digits.isascii() and digits.isdigit() and len(digits) <= 13 and int(digits) <= LISTENS_MAX:
        return [ListenCount(key, "", -1, int(digits), int(digits), 0)] if int(digits) else []
    if given and note is not None:
        is_negative = re.fullmatch(r"-[0-9.]+", given) is not None
        note("listen-negative" if is_negative else "listen-malformed", "its number of listens")
    return []


_Table = tuple[str, tuple[str, ...], Callable[[Cells, Saying], None]]
_TABLES: Mapping[str, _Table] = {
    "tracks": ("recording", ("track_id",), _say_track),
    "flat": ("recording", ("track_id",), _say_flat),
    "albums": ("release", ("album_id",), _say_album),
    "artists": ("artist", ("artist_id",), _say_artist),
}
