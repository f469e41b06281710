"""Claims as columns: what each says, one row per track, ready for the table engine.

In: the records of a part. Out: rows of SCHEMA, cached as Parquet per part, since parts never change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.catalogue.names import artist_fold, fold, version_words
from lockgroove.journal import canonical
from lockgroove.model import entity_id

VERSION = 2  # counts up when the rows for the same claims change, so that old caches are not read

_COLUMNS: Mapping[pa.DataType, str] = {
    pa.int64(): "seq size_bytes duration_ms start_ms end_ms",
    pa.int32(): "track_index track_number medium_number year",
    pa.bool_(): "lossless technical",
    pa.binary(): "recording_id track_id release_id artist_id album_artist_id",
    pa.list_(pa.string()): "isrcs",
    pa.string(): (
        "kind source key stamp said_at role deposit format title artist album album_artist recording_mbid"
        " release_mbid artist_mbid barcode label genre composer licences title_fold artist_fold"
        " album_artist_fold version"
    ),
}
SCHEMA = pa.schema([(name, kind) for kind, names in _COLUMNS.items() for name in names.split()])

_LOSSLESS = frozenset(
    "flac ogg-flac wav bwf rf64 w64 aiff aifc alac wavpack ape dsf dff tta tak optimfrog".split()
)
# Companions that only describe the files beside them stand under the same statement as those.
_TECHNICAL = (".cue", ".log", ".m3u", ".m3u8", ".md5", ".sfv", ".ffp", ".accurip", ".txt.asc")


def cached_facts(store: ClaimStore, cache: str) -> Iterator[str]:
    """The Parquet files of every part's rows, made where they are not there yet, in order of the parts."""
    folder = f"{cache}/facts-{VERSION}"
    os.makedirs(folder, exist_ok=True)
    for part in store.parts():
        if part.is_listens:
            continue
        path = f"{folder}/{part.name}-{part.sha256[:16]}.parquet"
        if not os.path.exists(path):
            write_facts(store.read(part), ordinal_of(part), path)
        yield path


def ordinal_of(part: Part) -> int:
    """A number that grows with the parts of one writer; ties between writers are settled by time."""
    pack = int(part.path.rpartition("-")[2].partition(".")[0])
    return (pack << 32) + part.offset


def write_facts(records: Sequence[Mapping[str, Any]], base: int, path: str) -> None:
    """Write the rows of one part; a reader sees all of them or none."""
    rows: list[dict[str, Any]] = []
    for number, record in enumerate(records):
        rows.extend({**row, "seq": base + number} for row in rows_of(record))
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    beside = f"{path}.new-{os.getpid()}"
    pq.write_table(table, beside, compression="zstd")
    os.replace(beside, path)


def rows_of(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one claim: one per track for sound, else one."""
    base = {name: record[name] for name in ("kind", "source", "key", "stamp")}
    base["said_at"] = record["at"]
    says = record["says"]
    if record["kind"] == "withdrawn":
        kind, _, key = record["key"].partition("\0")
        yield base | {"role": kind, "key": key, "track_index": -1}
        return
    base |= {
        "licences": canonical(says.get("licences", [])).decode() if says.get("licences") else None,
        "track_index": -1,
    }
    if record["kind"] == "listened":
        yield base | _named(record["source"], record["key"], says, None)
        return
    for name in ("role", "deposit", "format", "size_bytes", "duration_ms"):
        base[name] = says.get(name)
    base["lossless"] = says.get("format") in _LOSSLESS
    base["title"] = says.get("name")
    base["technical"] = says.get("role") == "companion" and record["key"].lower().endswith(_TECHNICAL)
    if says.get("role") != "sound":
        yield base
        return
    for track in says.get("tracks") or [{}]:
        yield base | _track(record["source"], record["key"], str(says.get("deposit", ".")), track)


def _track(source: str, key: str, deposit: str, track: Mapping[str, Any]) -> dict[str, Any]:
    index = track.get("index")
    own_key = key if index is None else f"{key}#{index:02}"
    row = _named(source, own_key, track, key)
    row["track_index"] = -1 if index is None else index
    row |= {name: track.get(name) for name in ("start_ms", "end_ms", "track_number", "medium_number", "year")}
    if index is not None:
        row["duration_ms"] = _stretch(track)
    album = track.get("album")
    if album:
        row["release_id"] = entity_id("release", source, f"{deposit}\0{album}")
    row["track_id"] = entity_id("track", source, own_key)
    album_artist = track.get("album_artist") or track.get("artist")
    if album_artist:
        row["album_artist_id"] = entity_id("artist", source, album_artist)
    return row


def _stretch(track: Mapping[str, Any]) -> int | None:
    start, end = track.get("start_ms"), track.get("end_ms")
    return None if start is None or end is None else end - start


def _named(source: str, key: str, says: Mapping[str, Any], file_key: str | None) -> dict[str, Any]:
    title = says.get("title") or (_name_of(file_key) if file_key else None)
    artist = says.get("artist")
    mbids = says.get("artist_mbids") or []
    genres = says.get("genre") or []
    return {
        "title": title,
        "artist": artist,
        "album": says.get("album"),
        "album_artist": says.get("album_artist"),
        "isrcs": says.get("isrc") or [],
        "recording_mbid": says.get("recording_mbid"),
        "release_mbid": says.get("release_mbid"),
        "artist_mbid": mbids[0] if len(mbids) == 1 else None,
        "barcode": says.get("barcode"),
        "label": says.get("label"),
        "composer": says.get("composer"),
        "genre": "; ".join(genres) or None,
        "recording_id": entity_id("recording", source, key),
        "artist_id": entity_id("artist", source, artist) if artist else None,
        "title_fold": fold(title) if title else "",
        "artist_fold": artist_fold(artist) if artist else "",
        "album_artist_fold": artist_fold(says.get("album_artist") or artist or ""),
        "version": version_words(title) if title else "",
    }


def _name_of(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[0] or name
