"""A harvest of a dump, sorted out; and what every reader of dumps must keep to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from harvested import Harvested

from lockgroove.journal import canonical
from lockgroove.model import Claim, Known, Source
from lockgroove.testing.sources import Remembering

DUMPS = Path(__file__).parent.parent / "data" / "dumps"
SHARED = Path(__file__).parents[3] / "shared" / "data"


@dataclass
class Gathered(Harvested):
    """The same, with the source that gave it."""

    source: Any = None

    def of(self, kind: str) -> dict[str, Claim]:
        """The newest claims of a kind by key."""
        return {claim.key: claim for claim in self.claims if claim.kind == kind}

    def says(self, kind: str, key: str) -> Mapping[str, Any]:
        return self.of(kind)[key].says

    def body(self, kind: str, key: str) -> Any:
        body = self.of(kind)[key].body
        return json.loads(bytes(body)) if isinstance(body, msgspec.Raw) else body


def gathered(source: Source, known: Known | None = None, since: str | None = None) -> Gathered:
    """A whole harvest, whose claims can be kept and whose counts add up."""
    done = Gathered(source=source)
    for batch in source.batches(since, known or Remembering()):
        done.batches.append(batch)
    check(done)
    return done


def check(done: Gathered) -> None:
    """In = kept + refused; what is claimed can be written; nothing empty is said."""
    counts = done.source.counts
    assert all(c.read == c.kept + c.refused for c in counts)
    assert sum(c.kept for c in counts) == len(done.claims) + len(done.unchanged)
    for claim in done.claims:
        body = bytes(claim.body) if isinstance(claim.body, msgspec.Raw) else canonical(claim.body)
        json.loads(body)
        body.decode("utf-8")
        canonical(claim.says).decode("utf-8")
        assert claim.key
        claim.key.encode("utf-8")
        assert not [v for value in claim.says.values() for v in _empties(value)], claim


def _empties(value: Any) -> Iterator[Any]:
    if value is None or value == "" or value == [] or value == {}:
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _empties(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _empties(inner)


def resumed(source: Source, after: int) -> Sequence[Claim]:
    """The claims of a harvest that is cut after so many batches with a cursor and then gone on with."""
    known, claims, cursor = Remembering(), [], None
    stream = source.batches(None, known)
    for number, batch in enumerate(stream, 1):
        claims += batch.claims
        cursor = batch.cursor or cursor
        known.take(batch)
        if number == after:
            break
    stream.close()  # type: ignore[attr-defined]  # a generator, as gather gets it
    for batch in source.batches(cursor, known):
        claims += batch.claims
        known.take(batch)
    return claims
