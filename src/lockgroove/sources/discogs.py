"""Discogs, from its monthly dumps: artists, labels, masters and releases, in XML.

A dump is cut into records by its bytes, and each record is parsed alone: a malformed one costs no other, and
one that is known is not parsed at all. Invariant: what stands between records is refused, not passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from lockgroove.model import Batch, Known, Terms
from lockgroove.sources.discogs_says import SAYS
from lockgroove.sources.dumpreading import Count, Cut, Dumps, Entity, Malformed, Note
from lockgroove.sources.members import Member
from lockgroove.sources.packed import CHUNK_BYTES, BrokenPacking, ByteStream, Truncated

RECORD_BYTES_MAX = 64 << 20

_ROOT = re.compile(rb"<(artist|label|master|release)s\b")
_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["']([^"']*)["']""")
# a label's sublabels are <label> too, but have text inside, or nothing
_BEGINS = {
    "artist": re.compile(rb"<artist>\s*<(?!/)"),
    "label": re.compile(rb"<label>\s*<(?!/)"),
    "master": re.compile(rb"<master\s"),
    "release": re.compile(rb"<release\s"),
}
_BEGIN_BYTES_MAX = 256
_KEY = re.compile(rb"""<(?:release|master)\s[^>]*?\bid=["']([0-9]{1,19})["']|<id>\s*([0-9]{1,19})\s*</id>""")
_UNREAD = re.compile(rb"<(companies|contactinfo|extraartists|images|notes|profile|urls|videos)>")
_KINDS = {"artist": "artist", "label": "label", "master": "release-group", "release": "release"}
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_NO_CHARACTER = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_COMMENT = re.compile(rb"<!--.*?-->", re.S)


class Discogs:
    """Dumps of Discogs, a kind of record in each; a master is a release group."""

    name = public_name = "discogs"
    reader = "discogs/1"
    terms = Terms("CC0-1.0", requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, paths: Sequence[bytes]) -> None:
        self.dumps = Dumps(self.name, paths, _records, _identified)

    @property
    def counts(self) -> Sequence[Count]:
        """What became of the records of each file."""
        return self.dumps.counts

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield claims in the order of the files."""
        return self.dumps.batches(since, known)


def _records(member: Member, note: Note) -> Iterator[Cut]:
    """The records of a dump. Raises Truncated where its root element is not closed."""
    head = _head(member.stream)
    root = _ROOT.search(head)
    if root is None:
        note("schema-unknown", "neither artists, labels, masters nor releases of Discogs: not read")
        return
    encoding = _ENCODING.match(head.lstrip(b"\xef\xbb\xbf \r\n"))
    if encoding and encoding[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        note("schema-unknown", f"declared as {encoding[1].decode('latin-1')}, read as UTF-8")
    pieces = _Pieces(root[1].decode(), member.stream, head, head.find(b">", root.end()) + 1)
    yield from pieces.cuts()
    if not pieces.is_closed:
        raise Truncated(f"the XML ends before </{pieces.tag}s>", member.packed.compressed_at)


def _head(stream: ByteStream) -> bytes:
    """The beginning of the file, so far that its root element is in it."""
    head = b""
    while len(head) < CHUNK_BYTES and not _ROOT.search(head) and (more := stream.read(CHUNK_BYTES)):
        head += more
    return head


class _Pieces:
    """A dump cut where records begin. `head` was read already; its content begins at `at`."""

    def __init__(self, tag: str, stream: ByteStream, head: bytes, at: int) -> None:
        self.tag = tag
        self.is_closed = False
        self._stream, self._head, self._at = stream, head, at
        self._begins, self._ends = _BEGINS[tag], f"</{tag}>".encode()
        self._root_ends = f"</{tag}s>".encode()
        self._number = 0
        self._too_long_at: int | None = None

    def cuts(self) -> Iterator[Cut]:
        """The records, and what is none. When the stream breaks, it raises after what came before."""
        buffer, offset, start, searched = self._head, 0, self._at, self._at
        broken: BrokenPacking | None = None
        while True:
            for found in self._begins.finditer(buffer, searched):
                if found.start() > start or self._too_long_at is not None:
                    yield from self._piece(buffer[start : found.start()], offset + start)
                start = found.start()
            searched = max(0, len(buffer) - start - _BEGIN_BYTES_MAX)
            buffer, offset, start = buffer[start:], offset + start, 0
            if len(buffer) > RECORD_BYTES_MAX:
                self._too_long_at = offset if self._too_long_at is None else self._too_long_at
                buffer, offset, searched = buffer[searched:], offset + searched, 0
            try:
                chunk = self._stream.read(CHUNK_BYTES)
            except BrokenPacking as error:
                chunk, broken = None, error
            if not chunk:
                break
            buffer += chunk
        yield from self._piece(buffer, offset)
        if broken is not None:
            raise broken

    def _piece(self, data: bytes, offset: int) -> Iterator[Cut]:
        """A record and what follows it before the next."""
        end = 0
        if self._too_long_at is not None or len(data) > RECORD_BYTES_MAX:
            yield self._cut(offset if self._too_long_at is None else self._too_long_at, None)
            self._too_long_at = None
            end, _ = self._end(data)
        elif self._begins.match(data):
            end, why = self._end(data)
            yield self._cut(offset, data[:end], why)
        yield from self._rest(data[end:], offset + end)

    def _end(self, data: bytes) -> tuple[int, str]:
        """Where a record ends, and what is wrong with that."""
        end = data.rfind(self._ends)
        if end >= 0:
            return end + len(self._ends), ""
        end = data.find(self._root_ends)
        return len(data) if end < 0 else end, f"it has no {self._ends.decode()}"

    def _rest(self, data: bytes, offset: int) -> Iterator[Cut]:
        if self._root_ends in data:
            self.is_closed = True
            data = data.partition(self._root_ends)[0]
        if _COMMENT.sub(b"", data).strip():
            yield self._cut(offset, data, "what stands here is no record")

    def _cut(self, offset: int, data: bytes | None, why: str = "") -> Cut:
        self._number += 1
        return Cut(self.tag, self._number, offset, data, why)


def _identified(cut: Cut) -> Entity:
    """What a record is of, by its first id; it is parsed when it is accounted for."""
    assert cut.data is not None
    found = _KEY.search(cut.data)
    if found is None:
        raise Malformed("no id")
    key = (found[1] or found[2]).decode()
    return Entity(_KINDS[cut.kind], key.lstrip("0") or "0", partial(_account, cut.kind, cut.data))


def _account(tag: str, data: bytes, note: Note) -> tuple[Any, Mapping[str, Any]]:
    body = {"xml": data.decode("utf-8", "surrogateescape")}
    return body, SAYS[tag](_parsed(_without_unread(data), note), note)


def _without_unread(data: bytes) -> bytes:
    """A record without the parts of which nothing is said: more than half of most releases.

    They need not be well-formed. No text can look like their tags, in which `<` would be `&lt;`.
    """
    parts, at = [], 0
    for found in _UNREAD.finditer(data):
        if found.start() < at:
            continue
        end = data.find(b"</" + found[1] + b">", found.end())
        if end < 0:
            return data
        parts.append(data[at : found.start()])
        at = end + len(found[1]) + 3
    return b"".join([*parts, data[at:]])


def _parsed(data: bytes, note: Note) -> ET.Element:
    """A record as a tree, with U+FFFD for what XML cannot hold. Raises Malformed."""
    try:
        return ET.fromstring(data)  # noqa: S314 - a record begins with its tag, so nothing in it can declare entities
    except ET.ParseError as error:
        text = data.decode("utf-8", "surrogateescape")
        mended = _NO_CHARACTER.sub("\ufffd", _REFERENCE.sub(_possible, text))
        if mended == text:
            raise Malformed(f"not well-formed XML: {error}") from error
    try:
        tree = ET.fromstring(mended)  # noqa: S314 - as above
    except ET.ParseError as error:
        raise Malformed(f"not well-formed XML: {error}") from error
    note("text-broken", "characters that XML does not have, or bytes that are not UTF-8")
    return tree


def _possible(reference: re.Match[str]) -> str:
    """A character reference, or U+FFFD where it is to no character."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    is_character = number <= 0x10FFFF and not _NO_CHARACTER.match(chr(number))
    return reference[0] if is_character else "\ufffd"
