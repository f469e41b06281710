"""The nouns that every room shares: ids, claims, what a source yields, what the vault holds.

Nothing here reads or writes. Ids are never minted: the same claims give the same ids in any archive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from lockgroove.findings import Finding

FORMAT_TAG = "lockgroove-1"

EntityKind = Literal["recording", "track", "release", "artist", "release-group", "label"]
ListensMode = Literal["replace", "add"]
Act = Literal["store", "describe", "stream", "download", "dump"]

ID_PREFIXES: Mapping[EntityKind, str] = {
    "recording": "r",
    "track": "t",
    "release": "e",
    "artist": "a",
    "release-group": "g",
    "label": "l",
}
ID_BYTES = 12
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_CROCKFORD_VALUES = {c: i for i, c in enumerate(_CROCKFORD)} | {"o": 0, "i": 1, "l": 1}


def entity_id(kind: EntityKind, source: str, key: str) -> bytes:
    """The 12-byte id of what (kind, source, key) names; `docs/format.md`, "Ids"."""
    text = "\0".join((FORMAT_TAG, kind, source, key))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:ID_BYTES]


def id_text(kind: EntityKind, raw: bytes) -> str:
    """An id as people see it: a letter for the kind and 20 Crockford base32 characters."""
    bits = int.from_bytes(raw, "big") << 4  # 96 bits fill 20 characters of 5 bits with 4 to spare
    digits = (_CROCKFORD[(bits >> shift) & 31] for shift in range(95, -1, -5))
    return f"{ID_PREFIXES[kind]}-{''.join(digits)}"


def parse_id(text: str) -> tuple[EntityKind, bytes] | None:
    """The kind and bytes of an id as text, or None when it is not one."""
    letter, _, digits = text.strip().lower().partition("-")
    kind = next((k for k, p in ID_PREFIXES.items() if p == letter), None)
    values = [_CROCKFORD_VALUES.get(c, -1) for c in digits]
    if kind is None or len(values) != 20 or -1 in values or values[-1] & 15:
        return None
    bits = 0
    for value in values:
        bits = bits << 5 | value
    return kind, (bits >> 4).to_bytes(ID_BYTES, "big")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says of one entity.

    `body` is as given and never reworded, as `msgspec.Raw` to the byte: the text of one JSON value. `says`
    is the reader's account of it in the catalogue's words (`docs/format.md`, "What a claim says");
    `stamp` is the source's mark of the version.
    """

    kind: str
    source: str
    key: str
    stamp: str
    body: Mapping[str, Any] | msgspec.Raw
    says: Mapping[str, Any]


@dataclass(frozen=True)
class Terms:
    """What a source asks of those who gather from it. Terms never license items.

    `requests_per_second_max` is None for what lies on the operator's own disks.
    """

    metadata_licence: str | None
    requests_per_second_max: float | None
    rate_scope: Literal["client", "everyone"]
    contact: str | None


@dataclass(frozen=True, slots=True)
class ListenCount:
    """Listens of one subject in one month by one group of listeners; the listener is not in it.

    `subject` is the key of a `listened` claim of the same source, `month` is "YYYY-MM" or "",
    `group` is 0 to 63, or -1 where the source gives totals without listeners.
    """

    subject: str
    month: str
    group: int
    listens: int
    capped_listens: int
    listeners: int


@dataclass(frozen=True)
class Batch:
    """Part of a harvest: what was found since the last one, and where to go on after it.

    `cursor` is where to go on once everything up to here is safe; None where nobody can go on from here.
    `as_before` says that the whole source is as the last harvest left it: every key still stands.
    `listens_mode` says whether a harvest's listens replace those of earlier ones or add to them.
    """

    claims: Sequence[Claim] = ()
    unchanged: Sequence[str] = ()
    listens: Sequence[ListenCount] = ()
    findings: Sequence[Finding] = ()
    cursor: str | None = None
    as_before: bool = False
    listens_mode: ListensMode = "replace"


class Known(Protocol):
    """What earlier harvests of the same source already hold. Keys are `kind NUL key`."""

    def stamps(self, keys: Sequence[str]) -> Mapping[str, object]:
        """For those of the keys that are held and current, what equals their stamp."""


class Source(Protocol):
    """A place where music or word of it may lawfully be gathered. Found by entry point.

    A source may also have: `reader`, name and version of what reads it; `public_name`, the one name of a
    public source in every archive; `full` False, when a key that it does not give may still be offered;
    `counts`, for each file its name and the records read, kept and refused, whether it was `broken`, and the
    `kinds` of its claims; `progress()`, bytes read and bytes in all. One that goes on after a cursor gives
    exactly the rest.
    """

    name: str
    terms: Terms

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield what the source offers, in a stable order, after the cursor `since`."""


@dataclass(frozen=True)
class HeldFile:
    """A file in the vault: what it is, where it lies, and which claim it answers.

    `path` is the content path inside the object; `object_id` is the OCFL id. A file whose bytes were
    held before points at the object that holds them.
    """

    source: str
    key: str
    deposit: str
    name: str
    object_id: str
    path: str
    size_bytes: int
    sha512: str
    sha256: str
    blake3: str
    stamp: str = ""


@dataclass(frozen=True)
class Coverage:
    """Share of listens held, and of the rest by reason; shares are of all known listens."""

    listens: int
    listens_held: int
    recordings: int
    recordings_held: int
    bytes_held: int
    curve: Sequence[tuple[float, float, float]] = field(default=())
