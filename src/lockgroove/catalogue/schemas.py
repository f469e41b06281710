"""The tables of a generation: columns, types, what each means, and the order of rows.

These are the bytes of the catalogue and of every dump: `docs/format.md`, section 8. Portable types only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column: its type, whether a value may be missing, and what it says."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = True


@dataclass(frozen=True)
class TableSpec:
    """A table: what a row is, and its columns."""

    name: str
    row: str
    columns: Sequence[Column]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, nullability stated."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])


def _id(name: str, meaning: str) -> Column:
    return Column(name, pa.binary(12), meaning, nullable=False)


def _row(name: str, table: str, nullable: bool = True) -> Column:
    return Column(name, pa.int32(), f"row number in {table}, counted from 0", nullable)


_STR, _I32, _I64 = pa.string(), pa.int32(), pa.int64()

ARTISTS = TableSpec(
    "artists",
    "an artist, in order of the folded name",
    [
        _id("artist_id", "id of the group's first claim"),
        Column("name", _STR, "the name as given by the best source", nullable=False),
        Column("mbid", _STR, "MusicBrainz id"),
    ],
)
RELEASES = TableSpec(
    "releases",
    "a release, in order of artist, year and title",
    [
        _id("release_id", "id of the group's first claim"),
        Column("title", _STR, "the title as given", nullable=False),
        _row("artist_row", "artists"),
        Column("artist", _STR, "the artist as credited"),
        Column("year", _I32, "year of this edition"),
        Column("mbid", _STR, "MusicBrainz id"),
        Column("barcode", _STR, "EAN or UPC"),
        Column("label", _STR, "record label as given"),
        _row("release_group_row", "release_groups"),
    ],
)
RELEASE_GROUPS = TableSpec(
    "release_groups",
    "a release group, in order of artist, year and title",
    [
        _id("release_group_id", "id of its claim"),
        Column("title", _STR, "the title as given", nullable=False),
        _row("artist_row", "artists"),
        Column("artist", _STR, "the artist as credited"),
        Column("type", _STR, "kind of release, such as album or single"),
        Column("year", _I32, "year of its first release"),
        Column("mbid", _STR, "MusicBrainz id"),
    ],
)
LABELS = TableSpec(
    "labels",
    "a record label, in order of its name",
    [
        _id("label_id", "id of its claim"),
        Column("name", _STR, "the name as given", nullable=False),
        Column("country", _STR, "country as given"),
        Column("mbid", _STR, "MusicBrainz id"),
    ],
)
RECORDINGS = TableSpec(
    "recordings",
    "a recording: distinct audio, in order of artist, release, medium and position",
    [
        _id("recording_id", "id of the group's first claim"),
        Column("title", _STR, "the title as given by the best source", nullable=False),
        _row("artist_row", "artists"),
        Column("artist", _STR, "the artist as credited"),
        _row("release_row", "releases"),
        Column("medium_number", _I32, "medium of its first track"),
        Column("track_number", _I32, "position of its first track"),
        Column("duration_ms", _I64, "length in milliseconds"),
        Column("year", _I32, "earliest year given"),
        Column("isrc", _STR, "first of its ISRCs"),
        Column("mbid", _STR, "MusicBrainz recording id"),
        Column("composer", _STR, "composer as given"),
        Column("genre", _STR, "genres as given"),
        Column("listens", _I64, "listens counted, all sources", nullable=False),
        Column("source", _STR, "source of the group's first claim", nullable=False),
        Column("claims", _I32, "claims in the group", nullable=False),
    ],
)
TRACKS = TableSpec(
    "tracks",
    "a track: one appearance of a recording on a release",
    [
        Column("track_id", pa.binary(12), "id of the track, where its source has one for it"),
        _row("release_row", "releases"),
        _row("recording_row", "recordings", nullable=False),
        Column("medium_number", _I32, "medium"),
        Column("track_number", _I32, "position"),
        Column("title", _STR, "title as on this release; none: that of its recording"),
    ],
)
FILES = TableSpec(
    "files",
    "a file that a source offers or the vault holds, in order of its first recording",
    [
        Column("source", _STR, "the source that offered it", nullable=False),
        Column("key", _STR, "the source's own name for it", nullable=False),
        Column("stamp", _STR, "the source's mark of the version", nullable=False),
        Column("deposit", _STR, "what it came with", nullable=False),
        Column("role", _STR, "sound, unknown-sound or companion", nullable=False),
        Column("format", _STR, "format by content"),
        Column("lossless", pa.bool_(), "whether the coding loses nothing", nullable=False),
        Column("size_bytes", _I64, "size", nullable=False),
        Column("duration_ms", _I64, "length in milliseconds"),
        Column("sha512", _STR, "its id, when held"),
        Column("object_id", _STR, "OCFL object that holds the bytes"),
        Column("path", _STR, "content path in that object"),
        _row("rights_row", "rights", nullable=False),
        Column("withdrawn", pa.bool_(), "the source offers it no more", nullable=False),
        Column("gathered_at", _STR, "time of the harvest that found this version", nullable=False),
    ],
)
_COPY_COLUMNS = [
    _row("recording_row", "recordings", nullable=False),
    _row("file_row", "files", nullable=False),
    Column("start_ms", _I64, "where the stretch begins; none: at the start"),
    Column("end_ms", _I64, "where it ends; none: at the end"),
]
COPIES = TableSpec(
    "copies",
    "a file, or a stretch of one, that carries a recording, held or offered",
    _COPY_COLUMNS,
)
HOLDINGS = TableSpec(
    "holdings",
    "our copy of a recording: a file, or a stretch of one, whose bytes are in the vault",
    _COPY_COLUMNS,
)
RIGHTS = TableSpec(
    "rights",
    "a set of rights statements as stated, and what follows from it",
    [
        Column("statement", _STR, "short name of the set, for decisions", nullable=False),
        Column("status", _STR, "open, closed, undecided or none", nullable=False),
        Column("licence", _STR, "SPDX id or rightsstatements.org code"),
        Column("uri", _STR, "canonical address of the licence"),
        Column("why", _STR, "the reason in words", nullable=False),
        Column("stream", pa.bool_(), "whether it may be streamed to anyone", nullable=False),
        Column("publish", pa.bool_(), "whether copies may be given to anyone", nullable=False),
        Column("clause", _STR, "the clause that the permission rests on", nullable=False),
        Column("stated", _STR, "the statements as stated, JSON", nullable=False),
    ],
)
LISTENS = TableSpec(
    "listens",
    "totals of listens of a recording by one source; no listener is in it",
    [
        _row("recording_row", "recordings", nullable=False),
        Column("source", _STR, "who counted", nullable=False),
        Column("listens", _I64, "plays", nullable=False),
        Column("capped_listens", _I64, "plays, at most 1,000 a listener and month; none: as many as listens"),
        Column("listeners", _I64, "listeners summed over months and groups; 0 where only totals are known", nullable=False),
    ],
)  # fmt: skip
MATCHES = TableSpec(
    "matches",
    "why a claim belongs to its recording; of the first claim, which is the recording's own, only if it is a file's",
    [
        _row("recording_row", "recordings", nullable=False),
        _id("claim_id", "id of the member claim"),
        Column("source", _STR, "who claims", nullable=False),
        Column("key", _STR, "under which key", nullable=False),
        Column("rule", _STR, "rule that joined it; none: it stands for itself"),
        Column("score", pa.float64(), "confidence of the rule"),
    ],
)

SPECS: Mapping[str, TableSpec] = {
    spec.name: spec
    for spec in (
        ARTISTS,
        RELEASES,
        RELEASE_GROUPS,
        LABELS,
        RECORDINGS,
        TRACKS,
        FILES,
        COPIES,
        HOLDINGS,
        RIGHTS,
        LISTENS,
        MATCHES,
    )
}


def dictionary(specs: Sequence[TableSpec]) -> dict[str, Any]:
    """The data dictionary of a generation or dump."""
    return {
        spec.name: {
            "row": spec.row,
            "columns": {
                c.name: {"type": str(c.type), "nullable": c.nullable, "meaning": c.meaning}
                for c in spec.columns
            },
        }
        for spec in specs
    }
