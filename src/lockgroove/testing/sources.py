"""What a source promises to gather. Give the class a fixture `source`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from lockgroove.model import Batch, Source, Terms


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
        """A claim is JSON, has a kind, a key and a source, and no text that UTF-8 cannot hold."""
        for batch in source.batches(None, Remembering()):
            for claim in batch.claims:
                assert claim.kind
                assert claim.source
                assert claim.key
                json.dumps([claim.body, claim.says], allow_nan=False)
                claim.key.encode("utf-8")

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


def _claims(source: Source) -> list[tuple[str, str, str, str]]:
    return [
        (claim.kind, claim.source, claim.key, claim.stamp)
        for batch in source.batches(None, Remembering())
        for claim in batch.claims
    ]
