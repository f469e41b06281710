"""Recordings, releases, artists and files as shapes, from the tables of the pinned generation.

A visitor's pinned tables hold public rows alone, so what is dark cannot be asked for here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from lockgroove.access import media
from lockgroove.access.current import Pinned
from lockgroove.access.shapes import (
    Appearance,
    Artist,
    Card,
    Claim,
    Copy,
    Fate,
    FileFacts,
    Found,
    Listens,
    Recording,
    Release,
    ReleaseLine,
    Rights,
    Track,
)
from lockgroove.access.vaultview import VaultView
from lockgroove.catalogue.reader import Reader, Row
from lockgroove.catalogue.search import Filters
from lockgroove.coverage.ledger import REASONS
from lockgroove.model import parse_id

_RELEASES_MAX = 500
_TRACKS_MAX = 2000


def find_row(reader: Reader, table: str, identifier: str) -> int | None:
    """The row that an id of this table's kind leads to, also an id of another member of the group."""
    found = reader.find(identifier) if parse_id(identifier) else None
    return found[1] if found and found[0] == table else None


def stream_path(sha512: str, name: str) -> str:
    """Where a file's bytes are."""
    return f"/stream/{sha512}/{quote(name.encode('utf-8', 'surrogateescape'), safe='')}"


_NO_FILTERS: Mapping[str, Any] = MappingProxyType({})


def search(
    pinned: Pinned, query: str, limit: int, offset: int, filters: Mapping[str, Any] = _NO_FILTERS
) -> Found:
    """Recordings for words or an identifier; `filters` by the names of `catalogue.search.Filters`."""
    asked = {name: value for name, value in filters.items() if value is not None}
    rows, count, is_exact = pinned.reader.search(query, limit, offset, Filters(**asked))
    more = offset + len(rows) < count and rows
    again = urlencode({"q": query, **asked, "limit": limit, "offset": offset + limit}, quote_via=quote)
    return Found(
        query, count, is_exact, offset, cards(pinned, rows), f"/api/search?{again}" if more else None
    )


def cards(pinned: Pinned, rows: Sequence[Row]) -> list[Card]:
    """Recordings as they stand in a list."""
    by_row = {row["row"]: row for row in rows}
    return pinned.remember_each(
        "card",
        [row["row"] for row in rows],
        lambda missing: _make_cards(pinned.reader, [by_row[r] for r in missing]),
    )


def cards_of(pinned: Pinned, numbers: Sequence[int]) -> list[Card]:
    """The same, by row numbers."""
    return pinned.remember_each(
        "card",
        numbers,
        lambda missing: _make_cards(pinned.reader, pinned.reader.by_rows("recordings", missing)),
    )


def _make_cards(reader: Reader, rows: Sequence[Row]) -> list[Card]:
    artists = _named(reader, "artists", [row["artist_row"] for row in rows])
    releases = _named(reader, "releases", [row["release_row"] for row in rows])
    best = _best_copies(reader, [row["row"] for row in rows])
    return [
        _card(row, artists.get(row["artist_row"]), releases.get(row["release_row"]), best.get(row["row"]))
        for row in rows
    ]


def _card(row: Row, artist: Row | None, release: Row | None, best: Row | None) -> Card:
    heard = best is not None and best["stream"] and media.playable(best["format"])
    return Card(
        recording_id=row["recording_id"], title=row["title"] or "Untitled", artist=row["artist"],
        artist_id=artist["artist_id"] if artist else None,
        release=release["title"] if release else None, release_id=release["release_id"] if release else None,
        duration_ms=row["duration_ms"], year=row["year"], listens=row["listens"], held=best is not None,
        sha512=best["sha512"] if best else None,
        stream=stream_path(best["sha512"], _name(best)) if best and heard else None,
        media_type=media.media_type(best["format"]) if best and heard else None,
        start_ms=best["start_ms"] if best else None, end_ms=best["end_ms"] if best else None,
    )  # fmt: skip


def _named(reader: Reader, table: str, rows: Sequence[int | None]) -> dict[int | None, Row]:
    wanted = sorted({row for row in rows if row is not None})
    return {row["row"]: row for row in reader.by_rows(table, wanted)}


def _best_copies(reader: Reader, recordings: Sequence[int]) -> dict[int, Row]:
    """For each recording that is held the copy to hear: one that may be, in a format that browsers play."""
    if not recordings:
        return {}
    numbers = ",".join(str(int(row)) for row in recordings)
    holdings = reader.select(f"SELECT * FROM holdings WHERE recording_row IN ({numbers}) ORDER BY row")
    files = _named(reader, "files", [h["file_row"] for h in holdings])
    rights = _named(reader, "rights", [f["rights_row"] for f in files.values()])
    best: dict[int, tuple[tuple[bool, bool, bool], Row]] = {}
    for holding in holdings:
        file = files[holding["file_row"]]
        stream = rights[file["rights_row"]]["stream"]
        rank = (
            not (stream and media.playable(file["format"])),
            holding["start_ms"] is not None,
            not file["lossless"],
        )
        row = holding["recording_row"]
        if row not in best or rank < best[row][0]:
            best[row] = rank, {**holding, **file, "stream": stream}
    return {row: found for row, (_, found) in best.items()}


def _name(file: Row) -> str:
    """What a file is called: the last part of its path in the vault, or of its source's name for it."""
    return str(file["path"] or file["key"]).rpartition("/")[2]


def recording(pinned: Pinned, vault: VaultView, row: int) -> Recording:
    """Everything that is known of a recording."""
    found = pinned.remember(("recording", row), lambda: pinned.reader.recording(row))
    if found is None:
        raise LookupError(row)
    fate = found["ledger"]
    return Recording(
        card=cards(pinned, [found])[0],
        isrc=found["isrc"], mbid=found["mbid"], composer=found["composer"], genre=found["genre"],
        appearances=list(dict.fromkeys(
            Appearance(t["release_id"], t["release"], t["medium_number"], t["track_number"], t["title"])
            for t in found["tracks"]
        )),
        copies=sorted((_copy(c, vault) for c in found["copies"]), key=lambda c: not c.held),
        claims=[Claim(m["claim_id"], m["source"], m["key"], m["rule"], m["score"]) for m in found["matches"]],
        counts=[Listens(c["source"], c["listens"], c["listeners"]) for c in found["counts"]],
        fate=Fate(fate["held"], fate["reason"], REASONS.get(fate["reason"], "")) if fate else None,
    )  # fmt: skip


def _copy(row: Row, vault: VaultView) -> Copy:
    held = vault.held(row["source"], row["key"], row["stamp"]) if row["sha512"] else None
    name = _name(row)
    return Copy(
        name=name, source=row["source"], format=row["format"], media_type=media.media_type(row["format"]),
        lossless=row["lossless"], size_bytes=row["size_bytes"], duration_ms=row["duration_ms"],
        start_ms=row.get("start_ms"), end_ms=row.get("end_ms"), held=bool(row["sha512"]),
        withdrawn=row["withdrawn"], sha512=row["sha512"], sha256=held.sha256 if held else None,
        blake3=held.blake3 if held else None, object_id=row["object_id"], rights=_rights(row),
        checks=vault.checks(row["object_id"]) if row["object_id"] else [],
        stream=stream_path(row["sha512"], name) if row["sha512"] and row["stream"] else None,
    )  # fmt: skip


def _rights(row: Row) -> Rights:
    names = ("statement", "status", "licence", "uri", "why", "clause", "stream", "publish")
    return Rights(**{name: row[name] for name in names})


def release(pinned: Pinned, row: int) -> Release:
    """A release with its tracks."""
    reader = pinned.reader
    found = reader.by_rows("releases", [row])[0]
    tracks = reader.select(
        f"SELECT * FROM tracks WHERE release_row = ? ORDER BY row LIMIT {_TRACKS_MAX}", row
    )
    numbers = [t["recording_row"] for t in tracks]
    of = dict(zip(numbers, cards_of(pinned, numbers), strict=True))
    artist = _named(reader, "artists", [found["artist_row"]]).get(found["artist_row"])
    return Release(
        release_id=found["release_id"], title=found["title"], artist=found["artist"],
        artist_id=artist["artist_id"] if artist else None, year=found["year"], label=found["label"],
        barcode=found["barcode"], mbid=found["mbid"], tracks=_unrepeated(tracks, of),
        licences=_licences(reader, list(of)),
    )  # fmt: skip


def _unrepeated(tracks: Sequence[Row], of: dict[int, Card]) -> list[Track]:
    """One line for each place on the release, however many files carry it."""
    lines: dict[tuple[Any, ...], Track] = {}
    for t in tracks:
        key = (t["medium_number"], t["track_number"], t["recording_row"])
        lines.setdefault(
            key, Track(t["medium_number"], t["track_number"], t["title"], of[t["recording_row"]])
        )
    return list(lines.values())


def _licences(reader: Reader, recordings: Sequence[int]) -> list[str]:
    if not recordings:
        return []
    numbers = ",".join(str(int(row)) for row in recordings)
    rows = reader.select(
        "SELECT DISTINCT coalesce(r.licence, r.status) AS licence FROM copies c"
        " JOIN files f ON f.row = c.file_row JOIN rights r ON r.row = f.rights_row"
        f" WHERE c.recording_row IN ({numbers}) ORDER BY 1"
    )
    return [row["licence"] for row in rows]


def artist(pinned: Pinned, row: int, limit: int, offset: int) -> Artist:
    """An artist with releases, and recordings from `offset` on."""
    reader = pinned.reader
    found = reader.by_rows("artists", [row])[0]
    releases = reader.select(
        f"SELECT release_id, title, year FROM releases WHERE artist_row = ? LIMIT {_RELEASES_MAX}",
        row,
    )
    count = reader.select("SELECT count(*) AS n FROM recordings WHERE artist_row = ?", row)[0]["n"]
    rows = reader.select(
        "SELECT * FROM recordings WHERE artist_row = ? ORDER BY row LIMIT ? OFFSET ?", row, limit, offset
    )
    return Artist(
        found["artist_id"], found["name"], found["mbid"],
        [ReleaseLine(e["release_id"], e["title"], e["year"]) for e in releases],
        cards(pinned, rows), count, offset,
    )  # fmt: skip


_FILE = """SELECT f.*, r.* EXCLUDE (row), NULL AS start_ms, NULL AS end_ms, g.row AS recording_row,
        g.release_row, g.listens, g.duration_ms AS recording_ms
    FROM files f JOIN rights r ON r.row = f.rights_row
    LEFT JOIN holdings h ON h.file_row = f.row LEFT JOIN recordings g ON g.row = h.recording_row
    WHERE f.sha512 = ? ORDER BY r.stream DESC, f.row, g.row LIMIT 1"""


def file_row(pinned: Pinned, sha512: str) -> Row | None:
    """A held file by its id, with its rights. Of several claims of the same bytes, one that may be heard."""

    def look_up() -> list[Row]:
        return pinned.reader.select(_FILE, sha512)

    found = pinned.remember(("file", sha512), look_up)
    return found[0] if found else None


def file_facts(pinned: Pinned, vault: VaultView, sha512: str) -> FileFacts | None:
    """What is known of a file."""
    row = file_row(pinned, sha512)
    if row is None:
        return None
    recordings = pinned.reader.select(
        "SELECT DISTINCT h.recording_row FROM holdings h JOIN files f ON f.row = h.file_row"
        " WHERE f.sha512 = ? ORDER BY 1", sha512,
    )  # fmt: skip
    return FileFacts(sha512, _copy(row, vault), cards_of(pinned, [r["recording_row"] for r in recordings]))


_TO_START = """SELECT DISTINCT h.recording_row AS number, r.listens FROM holdings h
    JOIN files f ON f.row = h.file_row JOIN rights g ON g.row = f.rights_row
    JOIN recordings r ON r.row = h.recording_row
    WHERE g.stream ORDER BY r.listens DESC, number LIMIT ?"""


def to_start_with(pinned: Pinned, limit: int) -> list[Card]:
    """The recordings that people hear most, of those that may be heard here."""

    def choose() -> list[int]:
        return [row["number"] for row in pinned.reader.select(_TO_START, limit)]

    return cards_of(pinned, pinned.remember(("start", limit), choose))


def counts(pinned: Pinned) -> dict[str, Any]:
    """How many recordings, releases and artists there are."""

    def count() -> dict[str, Any]:
        parts = ", ".join(f"(SELECT count(*) FROM {t}) AS {t}" for t in ("recordings", "releases", "artists"))
        return pinned.reader.select(f"SELECT {parts}")[0]

    return pinned.remember("counts", count)
