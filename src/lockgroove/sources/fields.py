"""What a file's tags say, in the catalogue's words, following Picard's mapping of tags.

Invariant: nothing is invented. What is malformed is left out here and stays in the verbatim tags.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from mutagen.id3 import TCON

Value = str | Mapping[str, Any]
Tags = Mapping[str, Sequence[Value]]

# tags that stand beside a format's own; the nearer the front, the more they are believed
_BESIDE = ("APEv2:", "ID3v2:", "ID3v1:")
_FREE = ("TXXX:", "TXX:", "----:com.apple.iTunes:")
# for each field the native names of every container, as `_plain` writes them, the best first
_NAMES: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "tit2", "tt2", "©nam", "inam", "name"),
    "artist": ("artist", "tpe1", "tp1", "©art", "author", "iart", "auth"),
    "artists": ("artists",),
    "album": ("album", "talb", "tal", "©alb", "albumtitle", "iprd"),
    "album_artist": ("albumartist", "album artist", "album_artist", "tpe2", "tp2", "aart"),
    "composer": ("composer", "tcom", "tcm", "©wrt", "imus"),
    "track": ("tracknumber", "track", "trck", "trk", "trkn", "tracknum", "itrk", "iprt"),
    "track_total": ("tracktotal", "totaltracks"),
    "medium": ("discnumber", "disc", "disk", "tpos", "tpa", "partofset"),
    "date": ("date", "tdrc", "©day", "year", "tyer", "tye", "icrd", "tdrl", "originationdate"),
    "isrc": ("isrc", "tsrc", "trc"),
    "barcode": ("barcode", "upc", "ean", "ean/upn"),
    "label": ("label", "tpub", "tpb", "publisher", "organization", "ipub"),
    "catalogue_number": ("catalognumber", "catalogno", "labelno", "catalog #", "catalog"),
    "genre": ("genre", "tcon", "tco", "©gen", "ignr"),
    "language": ("language", "tlan", "tla", "ilng", "ilan"),
    "recording_mbid": ("musicbrainz_trackid", "ufid:http://musicbrainz.org", "musicbrainz track id"),
    "track_mbid": ("musicbrainz_releasetrackid", "musicbrainz release track id"),
    "release_mbid": ("musicbrainz_albumid", "musicbrainz album id"),
    "release_group_mbid": ("musicbrainz_releasegroupid", "musicbrainz release group id"),
    "artist_mbids": ("musicbrainz_artistid", "musicbrainz artist id"),
    "album_artist_mbids": ("musicbrainz_albumartistid", "musicbrainz album artist id"),
}
_LICENCE_NAMES = ("license", "licence", "licenseurl", "license_url", "wcop", "wcp")
_COPYRIGHT_NAMES = ("copyright", "tcop", "tcr", "cprt", "©cpy", "icop", "(c) ", "rights", "copyrighturl")
_REMARK_NAMES = (
    "comment", "comments", "description", "contact", "©cmt", "desc", "icmt", "anno", "url", "website", "©url",
    "related", "authorurl", "promotionurl", "woaf", "woar", "woas", "wpub", "coverart url",
)  # fmt: skip
_REMARK_STEMS = ("comm:", "com:", "wxxx:", "wxx:", "bext:description")
_LICENCE_URL = re.compile(r"creativecommons\.org|rightsstatements\.org|opensource\.org", re.I)
_COMMONS_URL = re.compile(r"creativecommons\.org", re.I)
_LICENCE_WORDS = re.compile(
    r"\bcc[ -](?:by|0|zero)\b|\bcc0\b|creative commons|public domain|all rights reserved", re.I
)
_ISRC = re.compile(
    r"(?<![A-Z0-9])(?:ISRC[\s:]*)?([A-Z]{2})[-\s./_]?([A-Z0-9]{3})[-\s./_]?(\d{2})[-\s./_]?(\d{5})(?![A-Z0-9])"
)
_NUMBER = re.compile(r"\s*(\d{1,5})\s*(?:(?:/|of)\s*(\d{1,5}))?\s*", re.I)
_YEAR = re.compile(r"(?<!\d)([12]\d{3})(?:(?!\d)|(?=\d{4}(?!\d)))")
_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)


@dataclass(frozen=True)
class Fields:
    """The tags of one file in the catalogue's words; None or empty is what they do not say."""

    title: str | None = None
    artist: str | None = None
    artists: tuple[str, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    composer: str | None = None
    track_number: int | None = None
    track_total: int | None = None
    medium_number: int | None = None
    date: str | None = None
    year: int | None = None
    isrc: tuple[str, ...] = ()
    recording_mbid: str | None = None
    track_mbid: str | None = None
    release_mbid: str | None = None
    release_group_mbid: str | None = None
    artist_mbids: tuple[str, ...] = ()
    album_artist_mbids: tuple[str, ...] = ()
    barcode: str | None = None
    label: str | None = None
    catalogue_number: str | None = None
    genre: tuple[str, ...] = ()
    language: str | None = None
    licences: tuple[Mapping[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What is said, and nothing of what is not; tuples as lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value not in (None, ())
        }


def fields(tags: Tags, format: str) -> Fields:  # noqa: A002 - the word that the house uses for it
    """The fields of verbatim tags. Of several containers in one file the format's own is believed first."""
    said = _Said(tags, format)
    number, total = _number(said.first("track"))
    date = said.joined("date")
    return Fields(
        title=said.joined("title"),
        artist=said.joined("artist"),
        artists=said.artists(),
        album=said.joined("album"),
        album_artist=said.joined("album_artist"),
        composer=said.joined("composer"),
        track_number=number,
        track_total=total or _number(said.first("track_total"))[0],
        medium_number=_number(said.first("medium"))[0],
        date=date,
        year=year(date or ""),
        isrc=isrcs(said.all("isrc")),
        recording_mbid=next(iter(mbids(said.all("recording_mbid"))), None),
        track_mbid=next(iter(mbids(said.all("track_mbid"))), None),
        release_mbid=next(iter(mbids(said.all("release_mbid"))), None),
        release_group_mbid=next(iter(mbids(said.all("release_group_mbid"))), None),
        artist_mbids=mbids(said.all("artist_mbids")),
        album_artist_mbids=mbids(said.all("album_artist_mbids")),
        barcode=said.joined("barcode"),
        label=said.joined("label"),
        catalogue_number=said.joined("catalogue_number"),
        genre=said.genres(),
        language=said.joined("language"),
        licences=tuple(_licences(tags)),
    )


class _Said:
    """Tags by the plain names of their keys; of equal names, those of the format's own container."""

    def __init__(self, tags: Tags, format: str) -> None:  # noqa: A002 - as above
        self._values: dict[str, list[str]] = {}
        self._ranks: dict[str, int] = {}
        for key in sorted(tags, key=_rank):
            texts = [text for value in tags[key] if (text := _text(value))]
            name, rank = _plain(key), _rank(key)
            if texts and self._ranks.setdefault(name, rank) == rank:
                self._values.setdefault(name, []).extend(texts)
        if format == "wma" and "artist" in self._values:
            self._values.pop("author", None)

    def all(self, field: str) -> list[str]:
        """The values under the best name, in the best container that has any."""
        names = [name for name in _NAMES[field] if name in self._values]
        return self._values[min(names, key=self._ranks.__getitem__)] if names else []

    def first(self, field: str) -> str:
        return next(iter(self.all(field)), "")

    def joined(self, field: str) -> str | None:
        """One text; several values are told apart by semicolons."""
        return "; ".join(_distinct(self.all(field))) or None

    def artists(self) -> tuple[str, ...]:
        """The artists one by one, where the tags tell them apart."""
        several = _distinct(self.all("artists")) or _distinct(self.all("artist"))
        return several if len(several) > 1 or "artists" in self._values else ()

    def genres(self) -> tuple[str, ...]:
        """Genres by name; ID3's numbers are looked up."""
        said = self.all("genre")
        if said and said in (self._values.get("tcon"), self._values.get("tco")):
            return _distinct(TCON(encoding=3, text=said).genres)
        return _distinct(said)


def year(date: str) -> int | None:
    """The first year from 1000 to 2999 in a date as people write it."""
    match = _YEAR.search(date)
    return int(match[1]) if match and int(match[1]) < 3000 else None


def isrcs(texts: Iterable[str]) -> tuple[str, ...]:
    """The valid ISRCs in texts, as twelve capitals and digits, however they were spelled."""
    found = (_ISRC.findall(unicodedata.normalize("NFKC", text).upper()) for text in texts)
    return _distinct("".join(parts) for matches in found for parts in matches)


def mbids(texts: Iterable[str]) -> tuple[str, ...]:
    """The valid UUIDs in texts, in lower case."""
    found = (match for text in texts for match in _MBID.findall(text))
    return _distinct(str(UUID(text)) for text in found if text.strip("0-"))


def _rank(key: str) -> int:
    return next((n for n, prefix in enumerate(_BESIDE, 1) if key.startswith(prefix)), 0)


def _plain(key: str) -> str:
    """A native key without what its container puts around every key."""
    for prefix in (*_BESIDE, *_FREE, "WM/", "bext:"):
        key = key.removeprefix(prefix)
    return key.replace("MusicBrainz/", "MusicBrainz ").casefold()


def _text(value: Value) -> str:
    """A value as text without the padding that some writers leave."""
    text = value if isinstance(value, str) else str(value.get("text", ""))
    return text.strip("\0 \t\r\n\ufeff")


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _number(text: str) -> tuple[int | None, int | None]:
    """Both numbers of "3/12"; nought means that there is none."""
    match = _NUMBER.fullmatch(text)
    return (int(match[1]) or None, int(match[2] or 0) or None) if match else (None, None)


def _licences(tags: Tags) -> Iterator[Mapping[str, str]]:
    """The statements on rights, each with the tag that makes it."""
    for key, values in tags.items():
        for text in filter(None, map(_text, values)):
            if _states_rights(_plain(key), text):
                yield {"text": text, "where": f"tag:{key}"}


def _states_rights(name: str, text: str) -> bool:
    """Whether it is a licence tag, or another one that speaks of a licence."""
    if name in _LICENCE_NAMES or (name.startswith(("wxxx:", "wxx:")) and re.search("licen[sc]e", name)):
        return True
    if name in _COPYRIGHT_NAMES:
        return bool(_LICENCE_URL.search(text) or _LICENCE_WORDS.search(text))
    return (name in _REMARK_NAMES or name.startswith(_REMARK_STEMS)) and bool(_COMMONS_URL.search(text))
