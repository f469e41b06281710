"""One harvest of one source: batches in, acknowledged claims out, withdrawals at the end.

Counts add up: every key that a batch brought is claimed anew or was unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lockgroove.catalogue.claims import ClaimStore, Harvest
from lockgroove.findings import Finding
from lockgroove.gather.stamps import Stamps
from lockgroove.journal import Journal
from lockgroove.model import Batch, Claim, Source
from lockgroove.report import Report


@dataclass
class Gathered:
    """What a harvest brought."""

    source: str
    claims: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    listens: int = 0
    roles: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    @property
    def changed(self) -> bool:
        """Whether the catalogue has to be built anew."""
        return bool(self.claims or self.withdrawn or self.listens)

    def as_json(self) -> dict[str, Any]:
        """For the journal and for programs."""
        return {
            "source": self.source,
            "claims": self.claims,
            "unchanged": self.unchanged,
            "withdrawn": self.withdrawn,
            "listens": self.listens,
            "roles": dict(sorted(self.roles.items())),
            "findings": dict(sorted(self.findings.items())),
        }


def rehearse(source: Source, stamps: Stamps, name: str, report: Report) -> Gathered:
    """What a harvest would bring; nothing is stored."""
    done = Gathered(name)
    for batch in source.batches(None, stamps):
        _count(batch, done, report)
    return done


def gather(
    source: Source, harvest: Harvest, store: ClaimStore, stamps: Stamps, journal: Journal, report: Report
) -> Gathered:
    """Take in a whole harvest. What is acknowledged when it is cut stays; the next run goes on from there."""
    done = Gathered(harvest.source)
    as_before = False
    for batch in source.batches(None, stamps):
        _take(batch, harvest, store, stamps, done, report)
        as_before = as_before or batch.as_before
    if not as_before and not _incomplete(done):
        for claims in _withdrawals(stamps, harvest):
            store.add(harvest, claims)
            stamps.forget(claim.key for claim in claims)
            done.withdrawn += len(claims)
    if done.changed:
        journal.append("harvest-ended", {"source": harvest.source, "harvest": harvest.id}, done.as_json())
    return done


def _take(
    batch: Batch, harvest: Harvest, store: ClaimStore, stamps: Stamps, done: Gathered, report: Report
) -> None:
    store.add(harvest, batch.claims)
    store.add_listens(harvest, batch.listens)
    stamps.saw(harvest.id, batch.claims, batch.unchanged)
    _count(batch, done, report)


def _count(batch: Batch, done: Gathered, report: Report) -> None:
    done.claims += len(batch.claims)
    done.unchanged += len(batch.unchanged)
    done.listens += sum(count.listens for count in batch.listens)
    done.roles.update(claim.says["role"] for claim in batch.claims if claim.kind == "file")
    for finding in batch.findings:
        _tell(finding, done, report)
    report.progress("gather", done.claims + done.unchanged, None, "files")


def _tell(finding: Finding, done: Gathered, report: Report) -> None:
    done.findings[finding.code] += 1
    report.finding(finding)


def _incomplete(done: Gathered) -> bool:
    """A shelf that could not be read whole must not look as if things had gone from it."""
    return done.findings["unreadable"] + done.findings["changed-while-read"] > 0


def _withdrawals(stamps: Stamps, harvest: Harvest) -> Iterator[list[Claim]]:
    for keys in stamps.unseen(harvest.id):
        yield [Claim("withdrawn", harvest.source, key, "", {}, {}) for key in keys]
