"""MusicBrainz, from its JSON dumps: artists, labels, release groups, releases and recordings.

Files as published (artist.tar.xz, release.tar.xz, …) or bare JSON lines. A record is what the web service
answers; its key is its MBID. Genres, tags, ratings and annotations are under another licence than the rest,
CC BY-NC-SA, and so are never said; the body has them as given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from lockgroove.model import Batch, Known, Terms
from lockgroove.sources.dumpreading import Count, Cut, Dumps, Entity, Malformed, Note
from lockgroove.sources.jsonrecords import decoded, has_control, is_plain, mended
from lockgroove.sources.members import Member
from lockgroove.sources.musicbrainz_says import DECODERS, SAYS, Identity
from lockgroove.sources.packed import lines
from lockgroove.sources.saying import mbid

SCHEMA = "1"
STATED_BYTES_MAX = 4096

_KINDS = r"artist|label|release-group|release|recording"
_NAMED = re.compile(rf"(?:^|[/._-])({_KINDS})(?:$|[._])")
_STATEMENTS = re.compile(r"(?:.*/)?(?:[A-Z][A-Z_]+)")  # COPYING, README, TIMESTAMP, SCHEMA_SEQUENCE, …
_SCHEMA_MEMBER = "JSON_DUMPS_SCHEMA_NUMBER"


class MusicBrainz:
    """Dumps of MusicBrainz, a kind of record in each. `stated` is what they say of themselves."""

    name = public_name = "musicbrainz"
    reader = "musicbrainz/1"
    terms = Terms("CC0-1.0", requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, paths: Sequence[bytes]) -> None:
        self.dumps = Dumps(self.name, paths, self._records, _identified)
        self.stated: dict[str, str] = {}

    @property
    def counts(self) -> Sequence[Count]:
        """What became of the records of each file."""
        return self.dumps.counts

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield claims in the order of the files."""
        return self.dumps.batches(since, known)

    def _records(self, member: Member, note: Note) -> Iterator[Cut]:
        named = _NAMED.search(member.name)
        if member.size is not None and named is None:
            self._take_statement(member, note)
            return
        kind = named[1] if named else ""
        for number, offset, data in lines(member.stream):
            yield Cut(kind, number, offset, data)

    def _take_statement(self, member: Member, note: Note) -> None:
        """A file of the dump beside its records: its licence, its time, its schema."""
        if not _STATEMENTS.fullmatch(member.name):
            note("schema-unknown", "no artists, labels, release groups, releases or recordings: not read")
            return
        name = member.name.rpartition("/")[2]
        text = (member.stream.read(STATED_BYTES_MAX) or b"").decode("utf-8", "replace").strip()
        self.stated[name] = text
        if name == _SCHEMA_MEMBER and text != SCHEMA:
            note("schema-unknown", f"{text[:20]!r}; this reader knows {SCHEMA}")


def _identified(cut: Cut) -> Entity:
    """What a line is of. What is odd about it is told when it is accounted for."""
    assert cut.data is not None
    if is_plain(cut.data):
        try:
            return _entity(cut.kind, cut.data, cut.data, [])
        except Malformed:
            if not has_control(cut.data):
                raise
    body, readable = mended(cut.data)
    told = ("text-broken", "control characters, lone surrogates or bytes that are not UTF-8")
    return _entity(cut.kind, body, readable, [told])


def _entity(kind: str, body: bytes, readable: bytes, notes: list[tuple[str, str]]) -> Entity:
    kind = kind or _kind_of(readable)
    record = decoded(DECODERS[kind], readable, lambda code, detail: notes.append((code, detail)))
    key = mbid(record.id)
    if key is None:
        raise Malformed("no MBID")
    return Entity(kind, key, partial(_account, SAYS[kind], record, body, notes))


def _account(
    says: Any, record: Any, body: bytes, notes: Sequence[tuple[str, str]], note: Note
) -> tuple[Any, Mapping[str, Any]]:
    for code, detail in notes:
        note(code, detail)
    return msgspec.Raw(body), says(record, note)


def _kind_of(data: bytes) -> str:
    """What a line is by the fields it has, where no name tells it. Raises Malformed."""
    has = decoded(_IDENTITY, data, lambda _code, _detail: None)
    signs = (
        ("release", has.media, has.barcode),
        ("release-group", has.primary_type),
        ("recording", has.length, has.isrcs, has.video),
        ("label", has.label_code),
        ("artist", has.sort_name),
    )
    for kind, *fields in signs:
        if any(bytes(field) for field in fields):
            return kind
    raise Malformed("neither an artist, a label, a release group, a release nor a recording")


_IDENTITY = msgspec.json.Decoder(Identity)
