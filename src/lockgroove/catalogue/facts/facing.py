"""From records to rows: what they say of recordings, artists, releases, files and the rest.

Rows are tuples in the order of `facts.SCHEMAS`; digests of names are added to all nodes of a part at once.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from lockgroove.catalogue.facts.records import ArtistSaid, Record, Said, TrackSaid
from lockgroove.catalogue.names import artist_fold
from lockgroove.journal import canonical
from lockgroove.model import FORMAT_TAG, ID_BYTES, EntityKind

Row = tuple[Any, ...]
CLAIMED, KEYED, NAMED = (
    0,
    1,
    2,
)  # `detail`: a claim of its own, a mention by the source's id, one by name alone

_LOSSLESS = frozenset(
    "flac ogg-flac wav bwf rf64 w64 aiff aifc alac wavpack ape dsf dff tta tak optimfrog".split()
)
# Companions that only describe the files beside them stand under the same statement as those.
_TECHNICAL = (".cue", ".log", ".m3u", ".m3u8", ".md5", ".sfv", ".ffp", ".accurip", ".txt.asc")


class Facing:
    """Collects the rows of one part. Whatever is named many times has one row."""

    def __init__(self, base: int) -> None:
        self.nodes: list[Row] = []
        self.files: list[Row] = []
        self.withdrawn: list[Row] = []
        self.named: dict[str, dict[tuple[Any, ...], Row]] = defaultdict(dict)
        self._seq = base
        self._ids: dict[tuple[str, str, str], bytes] = {}

    def take(self, records: Iterable[Record]) -> None:
        """The rows of each record, in order."""
        for record in records:
            getattr(self, f"_{record.kind.replace('-', '_')}", self._nothing)(record)
            self._seq += 1

    def take_at(self, seq: int, record: Record) -> None:
        """The rows of one record, by its ordinal."""
        self._seq = seq
        self.take([record])

    def _nothing(self, record: Record) -> None:
        """A kind of claim that this version does not know: kept, and not catalogued."""

    # what may be a recording

    def _recording(self, record: Record) -> None:
        says, source = record.says, record.source
        artist_id = self._credit(record, says)
        self.nodes.append((
            "recording", source, record.key, None, record.at, self._seq, -1,
            _digest("recording", source, record.key), None, says.title, says.artist, artist_id,
            self._release_mentioned(record, says, artist_id), says.medium_number, says.track_number,
            says.duration_ms, None, None, says.year, says.isrc, says.recording_mbid or _own_mbid(record),
            says.composer, _joined(says.genre),
        ))  # fmt: skip

    def _listened(self, record: Record) -> None:
        self._recording(record)
        self.nodes[-1] = ("listened", *self.nodes[-1][1:])

    def _release(self, record: Record) -> None:
        says, source = record.says, record.source
        artist_id = self._credit(record, says)
        release_id = self._id("release", source, record.key)
        group = says.release_group
        self._name("releases", record, release_id, CLAIMED, (
            says.title, says.artist, artist_id, says.year, says.barcode, says.label,
            self._id("release-group", source, group) if group else None,
            says.release_mbid or _own_mbid(record),
        ))  # fmt: skip
        taken: set[str] = set()
        for number, track in enumerate(says.tracks or ()):
            key = track.key or f"{record.key}#{track.position or number + 1}"
            if key in taken:  # positions are not always unique
                key = f"{key}#{number + 1}"
            taken.add(key)
            self._track(record, track, number, key, release_id, artist_id)

    def _track(
        self,
        record: Record,
        track: TrackSaid,
        number: int,
        key: str,
        release_id: bytes,
        artist_id: bytes | None,
    ) -> None:
        source, says = record.source, record.says
        own_artist = self._credit(record, track) if track.artist else artist_id
        self.nodes.append((
            "track", source, key, None, record.at, self._seq, number,
            _digest("recording", source, track.recording_key or key), _digest("track", source, key),
            track.title, track.artist or says.artist, own_artist, release_id, track.medium_number,
            track.track_number, track.duration_ms, None, None, says.year, track.isrc, track.recording_mbid,
            track.composer, _joined(track.genre or says.genre),
        ))  # fmt: skip

    def _file(self, record: Record) -> None:
        says = record.says
        self._file_row(record)
        if says.role == "sound":
            for track in says.tracks or (TrackSaid(),):
                self._stretch(record, track)

    def _stretch(self, record: Record, track: TrackSaid) -> None:
        """A file, or what a cue sheet cuts out of it."""
        source, says = record.source, record.says
        whole = track.index is None
        key = record.key if whole else f"{record.key}#{track.index:02}"
        self.nodes.append((
            "file", source, record.key, record.stamp, record.at, self._seq, -1 if whole else track.index,
            _digest("recording", source, key), _digest("track", source, key),
            track.title or _name_of(record.key), track.artist, self._credit(record, track),
            self._album(record, track), track.medium_number, track.track_number,
            says.duration_ms if whole else _between(track), track.start_ms, track.end_ms, track.year,
            track.isrc, track.recording_mbid, track.composer, _joined(track.genre),
        ))  # fmt: skip

    def _album(self, record: Record, track: TrackSaid) -> bytes | None:
        if not track.album:
            return None
        artist = track.album_artist or track.artist
        release_id = self._id("release", record.source, f"{record.says.deposit or '.'}\0{track.album}")
        artist_id = self._named_artist(record, artist, None) if artist else None
        self._name("releases", record, release_id, NAMED, (
            track.album, artist, artist_id, track.year, track.barcode, track.label, None, track.release_mbid,
        ))  # fmt: skip
        return release_id

    def _release_mentioned(self, record: Record, says: Said, artist_id: bytes | None) -> bytes | None:
        release = says.release
        if release is None or not (release.key or release.title):
            return None
        artist = release.artist or says.artist
        key = release.key or f"{artist or ''}\0{release.title}"
        release_id = self._id("release", record.source, key)
        if release.artist and release.artist != says.artist:
            artist_id = self._named_artist(record, release.artist, None)
        self._name("releases", record, release_id, KEYED if release.key else NAMED, (
            release.title, artist, artist_id, release.year, release.barcode, release.label, None,
            release.mbid,
        ))  # fmt: skip
        return release_id

    # who and what else

    def _credit(self, record: Record, says: TrackSaid) -> bytes | None:
        """The id of the first artist of a credit, under whom it stands in the catalogue."""
        first = says.artists[0] if says.artists else None
        if isinstance(first, ArtistSaid) and first.name:
            return self._named_artist(record, first.name, first.mbid, first.key)
        if not says.artist:
            return None
        mbids = says.artist_mbids or []
        return self._named_artist(record, says.artist, mbids[0] if len(mbids) == 1 else None)

    def _named_artist(self, record: Record, name: str, mbid: str | None, key: str | None = None) -> bytes:
        artist_id = self._id("artist", record.source, key or name)
        detail = KEYED if key else NAMED
        self._name("artists", record, artist_id, detail, (name, artist_fold(name), mbid))
        return artist_id

    def _artist(self, record: Record) -> None:
        says = record.says
        name = says.name or ""
        artist_id = self._id("artist", record.source, record.key)
        mbid = says.artist_mbid or _own_mbid(record)
        self._name("artists", record, artist_id, CLAIMED, (name, artist_fold(name), mbid))

    def _release_group(self, record: Record) -> None:
        says = record.says
        group_id = self._id("release-group", record.source, record.key)
        self._name("release_groups", record, group_id, CLAIMED, (
            says.title, says.artist, self._credit(record, says), says.type, says.year,
            says.release_group_mbid or _own_mbid(record),
        ))  # fmt: skip

    def _label(self, record: Record) -> None:
        says = record.says
        label_id = self._id("label", record.source, record.key)
        mbid = says.label_mbid or _own_mbid(record)
        self._name("labels", record, label_id, CLAIMED, (says.name, says.country, mbid))

    def _name(self, family: str, record: Record, own_id: bytes, detail: int, values: Row) -> None:
        """What a record says of something that others may name too; its last value is its MusicBrainz id.

        Of several namings in a part one stands, by the order that the catalogue chooses by too, so that it
        does not matter how records are parted. What a file says stands under that file, since it may not be
        public while another is.
        """
        file = (record.key, record.stamp) if record.kind == "file" else (None, None)
        rows = self.named[family]
        row = (own_id, record.source, *file, record.at, detail, *values)
        before = rows.get((own_id, detail, file, values[-1]))
        if before is None or (before[:-1] != row and order_of(before[:-1]) < order_of(row)):
            rows[own_id, detail, file, values[-1]] = (*row, self._seq)

    # files, deposits, shelves, and what is gone

    def _file_row(self, record: Record) -> None:
        says = record.says
        technical = says.role == "companion" and record.key.lower().endswith(_TECHNICAL)
        self.files.append((
            record.kind, record.source, record.key, record.stamp, record.at, self._seq, says.role,
            says.deposit, says.format, says.size_bytes, says.duration_ms, says.format in _LOSSLESS, technical,
            canonical(says.licences).decode() if says.licences else None,
        ))  # fmt: skip

    _deposit = _shelf = _file_row

    def _withdrawn(self, record: Record) -> None:
        kind, _, key = record.key.partition("\0")
        entity = _ENTITIES.get(kind)
        entity_id = _digest(entity, record.source, key) if entity else None
        self.withdrawn.append((kind, record.source, key, record.at, entity_id))

    def _id(self, kind: EntityKind, source: str, key: str) -> bytes:
        found = self._ids.get((kind, source, key))
        if found is None:
            found = self._ids[kind, source, key] = _digest(kind, source, key)
        return found


_ENTITIES: dict[str, EntityKind] = {
    "recording": "recording", "listened": "recording", "release": "release", "artist": "artist",
    "release-group": "release-group", "label": "label",
}  # fmt: skip


def _digest(kind: EntityKind, source: str, key: str) -> bytes:
    """As `model.entity_id`, without its detours: it is made several times for each of millions."""
    text = f"{FORMAT_TAG}\0{kind}\0{source}\0{key}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:ID_BYTES]


def _own_mbid(record: Record) -> str | None:
    """MusicBrainz's own ids are MBIDs."""
    return record.key if record.source == "musicbrainz" else None


def order_of(row: Row) -> tuple[Any, ...]:
    """Newest first, then by what is said; what is said of a year, the earlier first. The greatest stands."""
    return (row[4], *(_orderly(value) for value in row[6:]))


def _orderly(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return str(9999 - value).zfill(10) if isinstance(value, int) else value or ""


def _joined(genres: Sequence[str] | None) -> str | None:
    return "; ".join(genres) if genres else None


def _between(track: TrackSaid) -> int | None:
    start, end = track.start_ms, track.end_ms
    return None if start is None or end is None else end - start


def _name_of(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[0] or name
