"""What a source promises to gather. Give the class a fixture `source`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from lockgroove.model import Batch, Claim, Source, Terms

CLAIMS_PER_BATCH_MAX = 10_000


class Remembering:
    """What is known after a harvest, in memory."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str]:
        """As `model.Known` has it."""
        return {key: self.held[key] for key in keys if key in self.held}

    def take(self, batch: Batch) -> None:
        """Remember a batch as gather does once it is safe."""
        self.held.update({f"{claim.kind}\0{claim.key}": claim.stamp for claim in batch.claims})


class SourceContract:
    """Tests for a source; `source` must offer at least one item."""

    def test_it_declares_its_name_and_terms(self, source: Source) -> None:
        """A source without terms cannot be enabled."""
        assert source.name
        assert isinstance(source.terms, Terms)

    def test_it_gives_the_same_claims_twice(self, source: Source) -> None:
        """Same source, same claims, in the same order."""
        assert _claims(source) == _claims(source)
        assert _claims(source)

    def test_every_claim_can_be_kept(self, source: Source) -> None:
        """A claim has a kind, a key and a source, and is JSON that reads back as it was written."""
        for batch in source.batches(None, Remembering()):
            assert len(batch.claims) <= CLAIMS_PER_BATCH_MAX
            for claim in batch.claims:
                assert claim.kind
                assert claim.source
                assert claim.key
                claim.key.encode("utf-8")
                _check_is_json(claim)

    def test_what_is_known_is_not_claimed_again(self, source: Source) -> None:
        """After a harvest, an unchanged source gives every file's key as unchanged."""
        known = Remembering()
        for batch in source.batches(None, known):
            known.take(batch)

        again = list(source.batches(None, known))

        assert not [claim.key for batch in again for claim in batch.claims]
        unchanged = {key for batch in again for key in batch.unchanged}
        assert {key for key in known.held if key.startswith("file\0")} <= unchanged

    def test_findings_say_where(self, source: Source) -> None:
        """A finding without a place helps nobody."""
        for batch in source.batches(None, Remembering()):
            assert all(finding.where for finding in batch.findings)

    def test_after_a_cursor_it_gives_exactly_the_rest(self, source: Source) -> None:
        """Wherever a harvest is cut, what came before and what comes behind is the whole, each once."""
        batches = list(source.batches(None, Remembering()))
        whole = [mark for batch in batches for mark in _marks(batch)]
        before: list[tuple[str, ...]] = []
        for batch in batches:
            before += _marks(batch)
            if batch.cursor is not None:
                rest = [m for b in source.batches(batch.cursor, Remembering()) for m in _marks(b)]
                assert before + rest == whole

    def test_records_are_kept_or_refused(self, source: Source) -> None:
        """A source that counts its records loses none, and refuses none without a finding."""
        findings = sum(len(batch.findings) for batch in source.batches(None, Remembering()))
        for count in getattr(source, "counts", ()):
            assert count.read == count.kept + count.refused
            assert findings or not count.refused


def _check_is_json(claim: Claim) -> None:
    """What stands in a pack must read back."""
    json.loads(json.dumps(claim.says, allow_nan=False))
    given = claim.body if isinstance(claim.body, msgspec.Raw) else None
    json.loads(bytes(given).decode("utf-8") if given is not None else json.dumps(claim.body, allow_nan=False))


def _claims(source: Source) -> list[tuple[str, ...]]:
    return [mark for batch in source.batches(None, Remembering()) for mark in _marks(batch)]


def _marks(batch: Batch) -> Iterator[tuple[str, ...]]:
    return ((claim.kind, claim.source, claim.key, claim.stamp) for claim in batch.claims)
