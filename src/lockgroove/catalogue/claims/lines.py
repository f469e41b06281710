"""A claim as the line that stands in its pack: canonical JSON, with the body as it was given.

Invariant: every line is one JSON value in UTF-8 on one line, whatever a source gave; `docs/format.md`, 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from lockgroove.journal import canonical
from lockgroove.model import Claim

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_CHECK = msgspec.json.Decoder(msgspec.Raw).decode
# The fast encoder writes some numbers in other words than canonical JSON, and what is no number as null.
_IN_OTHER_WORDS = re.compile(rb"[\[:,](?:-?[0-9]+[.e]|null)")
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def encoded(value: Any) -> bytes:
    """`journal.canonical`, to the byte, at a tenth of its cost for what claims mostly say."""
    try:
        data = _ENCODE(value)
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        return canonical(value)
    if _IN_OTHER_WORDS.search(data) or data[:1] not in b'{["':
        return canonical(value)
    return data


def verbatim(body: bytes) -> bytes:
    """A JSON text as given, on one line. What turns out to be none is kept as `{"text": …}`."""
    try:
        _CHECK(body)
        body.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if not _is_json(body):
            return canonical({"text": body.decode("utf-8", "surrogateescape")})
    return body.strip().translate(_LINE_BREAKS) if b"\n" in body or b"\r" in body else body


def _is_json(body: bytes) -> bool:
    """Whether a more lenient reader takes it: halves of characters stand in real dumps as escapes."""
    try:
        json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def liner(harvest: str, at: str, reader: str) -> Callable[[Claim], bytes]:
    """What makes lines, with LF, of one harvest's claims."""
    head = b'{"at":%b,"body":' % encoded(at)
    middle = b',"harvest":%b,"key":' % encoded(harvest)
    kinds: dict[tuple[str, str], tuple[bytes, bytes]] = {}

    def line(claim: Claim) -> bytes:
        marks = kinds.get((claim.kind, claim.source))
        if marks is None:
            kind = b',"kind":%b,"reader":%b,"says":' % (encoded(claim.kind), encoded(reader))
            marks = kinds[claim.kind, claim.source] = (kind, b',"source":%b,"stamp":' % encoded(claim.source))
        body = claim.body
        given = verbatim(bytes(body)) if isinstance(body, msgspec.Raw) else encoded(body)
        return b"".join((
            head, given, middle, encoded(claim.key), marks[0], encoded(claim.says),
            marks[1], encoded(claim.stamp), b',"v":1}\n',
        ))  # fmt: skip

    return line


def record_of(line: bytes) -> dict[str, Any]:
    """A line as it reads. Bodies may hold what stricter parsers refuse, so that the lenient one reads it."""
    record: dict[str, Any] = json.loads(line)
    return record


class Mark(msgspec.Struct, gc=False):
    """Whose word a line is, of which version: what is needed to tell what changed."""

    kind: str
    key: str
    stamp: str
    source: str


_MARK = msgspec.json.Decoder(Mark).decode


def mark_of(line: bytes) -> Mark:
    """The mark of a line, without building what it says."""
    try:
        return _MARK(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        record = json.loads(line)
        return Mark(record["kind"], record["key"], record["stamp"], record["source"])
