"""What a source gave, sorted out: for the tests of every reader."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, ListenCount


@dataclass
class Harvested:
    """The batches of one harvest."""

    batches: list[Batch] = field(default_factory=list)

    @property
    def claims(self) -> list[Claim]:
        return [claim for batch in self.batches for claim in batch.claims]

    @property
    def unchanged(self) -> list[str]:
        return [key for batch in self.batches for key in batch.unchanged]

    @property
    def listens(self) -> list[ListenCount]:
        return [count for batch in self.batches for count in batch.listens]

    @property
    def findings(self) -> list[Finding]:
        return [finding for batch in self.batches for finding in batch.findings]

    @property
    def codes(self) -> Counter[str]:
        return Counter(finding.code for finding in self.findings)
