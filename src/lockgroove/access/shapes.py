"""What pages show and the JSON API answers: one set of nouns for both. Ids are text everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rights:
    """How an item stands, which licence says so, and the clause that the permission rests on."""

    statement: str
    status: str
    licence: str | None
    uri: str | None
    why: str
    clause: str
    stream: bool
    publish: bool


@dataclass(frozen=True)
class Check:
    """When the bytes were last read again at a place, and whether damage was found."""

    place: str
    at: str
    damaged: bool


@dataclass(frozen=True)
class Card:
    """A recording as it stands in a list. `stream` is where it may be heard, if it may."""

    recording_id: str
    title: str
    artist: str | None
    artist_id: str | None
    release: str | None
    release_id: str | None
    duration_ms: int | None
    year: int | None
    listens: int
    held: bool
    sha512: str | None
    stream: str | None
    media_type: str | None
    start_ms: int | None
    end_ms: int | None


@dataclass(frozen=True)
class Copy:
    """A file, or a stretch of one, that carries a recording. Digests are there when it is held."""

    name: str
    source: str
    format: str | None
    media_type: str
    lossless: bool
    size_bytes: int
    duration_ms: int | None
    start_ms: int | None
    end_ms: int | None
    held: bool
    withdrawn: bool
    sha512: str | None
    sha256: str | None
    blake3: str | None
    object_id: str | None
    rights: Rights
    checks: Sequence[Check]
    stream: str | None


@dataclass(frozen=True)
class Claim:
    """What one source says; `rule` joined it to the recording, none when it stands for itself."""

    claim_id: str
    source: str
    key: str | None
    rule: str | None
    score: float | None


@dataclass(frozen=True)
class Appearance:
    """A track: where the recording appears on a release."""

    release_id: str | None
    release: str | None
    medium_number: int | None
    track_number: int | None
    title: str


@dataclass(frozen=True)
class Listens:
    """Plays counted by one source. No listener is in it."""

    source: str
    listens: int
    listeners: int


@dataclass(frozen=True)
class Fate:
    """The ledger's line: held or not, and why."""

    held: bool
    reason: str
    meaning: str


@dataclass(frozen=True)
class Recording:
    """Everything that is known of a recording."""

    card: Card
    isrc: str | None
    mbid: str | None
    composer: str | None
    genre: str | None
    appearances: Sequence[Appearance]
    copies: Sequence[Copy]
    claims: Sequence[Claim]
    counts: Sequence[Listens]
    fate: Fate | None


@dataclass(frozen=True)
class Track:
    """A line of a release."""

    medium_number: int | None
    track_number: int | None
    title: str
    recording: Card


@dataclass(frozen=True)
class Release:
    """A release with its tracks in order."""

    release_id: str
    title: str
    artist: str | None
    artist_id: str | None
    year: int | None
    label: str | None
    barcode: str | None
    mbid: str | None
    tracks: Sequence[Track]
    licences: Sequence[str]


@dataclass(frozen=True)
class ReleaseLine:
    """A release as it stands in a list."""

    release_id: str
    title: str
    year: int | None


@dataclass(frozen=True)
class Artist:
    """An artist, the releases, and a stretch of the recordings in catalogue order."""

    artist_id: str
    name: str
    mbid: str | None
    releases: Sequence[ReleaseLine]
    recordings: Sequence[Card]
    recordings_found: int
    offset: int


@dataclass(frozen=True)
class Found:
    """A stretch of the recordings that answer a question, best first; `next` leads on.

    There are `found` in all, or, where not `found_exactly`, at least so many.
    """

    query: str
    found: int
    found_exactly: bool
    offset: int
    items: Sequence[Card]
    next: str | None


@dataclass(frozen=True)
class FileFacts:
    """A file by its id, which is its SHA-512."""

    sha512: str
    copy: Copy
    recordings: Sequence[Card]


@dataclass(frozen=True)
class CoveragePoint:
    """With so many bytes, so many recordings and listens are held."""

    size_bytes: int
    recordings: int
    listens: int


@dataclass(frozen=True)
class Coverage:
    """How much of what people hear is held, and what the plan would add. Without listens, `by` is "bytes".

    `held_curve` leads from nothing to what is held, in the order in which a plan would have kept it; `curve`
    goes on from there.
    """

    by: str
    budget_bytes: int | None
    bytes_held: int
    bytes_planned: int
    recordings: int
    recordings_held: int
    listens: int
    listens_held: int
    held_curve: Sequence[CoveragePoint]
    curve: Sequence[CoveragePoint]


@dataclass(frozen=True)
class FindingCount:
    """What an audit found of one kind. `where` is told to the operator alone."""

    code: str
    severity: str
    meaning: str
    advice: str
    count: int
    where: Sequence[str]


@dataclass(frozen=True)
class PlaceState:
    """A home of the truth: its last audit, and what was not read there since it came."""

    name: str
    location: str | None
    audited_at: str | None
    files_read: int
    bytes_read: int
    damaged: int
    never_read: int
    oldest_read_at: str | None
    findings: Sequence[FindingCount]


@dataclass(frozen=True)
class Tally:
    """Items of one kind counted: files by rights, or recordings and files by the ledger's reason."""

    kind: str
    word: str
    meaning: str
    count: int
    size_bytes: int


@dataclass(frozen=True)
class DumpLine:
    """A dump that was published."""

    number: str
    at: str
    root: str | None


@dataclass(frozen=True)
class Status:
    """What the archive holds, and how it is."""

    archive: str
    archive_id: str
    as_of: str
    catalogue_digest: str
    recordings: int
    releases: int
    artists: int
    objects: int
    files: int
    bytes: int
    places: Sequence[PlaceState]
    rights: Sequence[Tally]
    reasons: Sequence[Tally]
    dump: DumpLine | None

    @property
    def damaged(self) -> int:
        """Damaged files at all places, by their last audits."""
        return sum(place.damaged for place in self.places)

    @property
    def never_read(self) -> int:
        """Objects that were not read again here since they were kept."""
        return sum(place.never_read for place in self.places if place.name == "here")
