"""Rights statements: what somebody said about the rights in a deposit, kept as said, and what it means.

Invariant: a statement is clear only if it names one licence of the vocabulary; else it is undecided, and
says why. Distinct texts are few beside items, so readings are cached by text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from lockgroove.rights.reading import Reading, read
from lockgroove.rights.vocabulary import uri_of

TEXT_CHARS_KEPT = 2_000


@dataclass(frozen=True)
class Statement:
    """Who said what (`where` is "tag:LICENSE", "file:COPYING", "operator"), and what we understand by it."""

    text: str
    where: str
    licence: str | None
    uri: str | None
    status: Literal["clear", "undecided"]
    why: str


def read_statement(text: str, where: str) -> Statement:
    """What the text says of rights; never raises. Give a name and its address together, as one text."""
    reading = (_read_short if len(text) <= TEXT_CHARS_KEPT else _read_long)(text)
    return Statement(
        text=_kept(text),
        where=where,
        licence=reading.licence,
        uri=uri_of(reading.licence) if reading.licence else None,
        status="clear" if reading.licence else "undecided",
        why=reading.why,
    )


def statement_key(statements: Sequence[Statement]) -> str:
    """The name of a group of like statements: the same texts from the same kinds of place.

    How often each was said makes no difference, nor does the order.
    """
    said = sorted({(s.where.partition(":")[0], s.text) for s in statements})
    return f"s-{hashlib.sha256(json.dumps(said).encode('ascii')).hexdigest()[:12]}"


def _kept(text: str) -> str:
    if len(text) <= TEXT_CHARS_KEPT:
        return text
    # Two long texts that begin alike must not share a key, and so a decision.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    mark = f"… [{len(text)} characters, sha256 {digest}]"
    return text[: TEXT_CHARS_KEPT - len(mark)] + mark


@lru_cache(maxsize=65_536)
def _read_short(text: str) -> Reading:
    return read(text)


@lru_cache(maxsize=256)
def _read_long(text: str) -> Reading:
    return read(text)
