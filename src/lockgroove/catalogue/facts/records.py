"""Claim records as typed structures, read fast and leniently: a field of the wrong type counts as absent.

Only what the catalogue reads is here; the rest of a record, its body above all, is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec


class _Fields(msgspec.Struct, gc=False):
    """A structure whose fields may all be absent."""


class ArtistSaid(_Fields):
    """An artist within a credit."""

    name: str | None = None
    key: str | None = None
    mbid: str | None = None


class ReleaseSaid(_Fields):
    """The release that a recording is said to stand on."""

    key: str | None = None
    title: str | None = None
    artist: str | None = None
    year: int | None = None
    barcode: str | None = None
    label: str | None = None
    mbid: str | None = None


class TrackSaid(_Fields):
    """A track of a file or of a release."""

    key: str | None = None
    index: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    title: str | None = None
    artist: str | None = None
    artists: list[ArtistSaid | str] | None = None
    album: str | None = None
    album_artist: str | None = None
    medium_number: int | None = None
    track_number: int | None = None
    position: str | None = None
    duration_ms: int | None = None
    year: int | None = None
    isrc: list[str] | None = None
    recording_key: str | None = None
    recording_mbid: str | None = None
    release_mbid: str | None = None
    artist_mbids: list[str] | None = None
    barcode: str | None = None
    label: str | None = None
    composer: str | None = None
    genre: list[str] | None = None


class Said(TrackSaid):
    """What any claim says."""

    name: str | None = None
    role: str | None = None
    deposit: str | None = None
    format: str | None = None
    size_bytes: int | None = None
    licences: list[dict[str, Any]] | None = None
    tracks: list[TrackSaid] | None = None
    release: ReleaseSaid | None = None
    release_group: str | None = None
    release_group_mbid: str | None = None
    artist_mbid: str | None = None
    label_mbid: str | None = None
    type: str | None = None
    country: str | None = None


class Record(msgspec.Struct, gc=False):
    """A claim as its pack holds it, without its body."""

    kind: str
    source: str
    key: str
    stamp: str
    at: str
    says: Said


_DECODER = msgspec.json.Decoder(Record)


def decoded(lines: Iterable[bytes]) -> Iterator[Record]:
    """Records of lines, in order; says that do not have the types they should are read field by field."""
    for line in lines:
        try:
            yield _DECODER.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield record_of(json.loads(line))


def strictly(line: bytes) -> Record:
    """A record of a line whose says have the types they should. Raises ValueError where they have not."""
    try:
        return _DECODER.decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def record_of(fields: dict[str, Any]) -> Record:
    """A record from its parsed JSON; what has a wrong type is left out."""
    cleaned = {name: fields[name] for name in ("kind", "source", "key", "stamp", "at")}
    return Record(**cleaned, says=_struct(Said, fields.get("says", {})))


_HINTS: dict[type, dict[str, Any]] = {}


def _struct(kind: type, value: Any) -> Any:
    hints = _HINTS.setdefault(kind, get_type_hints(kind))
    given = value if isinstance(value, dict) else {}
    return kind(**{name: _cast(hint, given[name]) for name, hint in hints.items() if name in given})


def _cast(hint: Any, value: Any) -> Any:
    """The value as the hint has it, None where it cannot be."""
    options = [o for o in get_args(hint) if o is not NoneType] if _is_union(hint) else [hint]
    for option in options:
        if get_origin(option) is list and isinstance(value, list):
            members = [_cast(get_args(option)[0], member) for member in value]
            return [member for member in members if member is not None]
        if get_origin(option) is dict and isinstance(value, dict):
            return value
        if isinstance(option, type) and issubclass(option, msgspec.Struct) and isinstance(value, dict):
            return _struct(option, value)
        if option is str and isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        if option is int and isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _is_union(hint: Any) -> bool:
    return get_origin(hint) is Union or type(hint).__name__ == "UnionType"
