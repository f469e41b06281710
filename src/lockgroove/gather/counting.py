"""What a harvest brought, counted so that it adds up: read = kept + refused, and kept = new + unchanged.

A harvest that goes on where it was cut adds to what was counted before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from lockgroove.errors import LockgrooveError
from lockgroove.model import Batch


class Count(Protocol):
    """What became of one file's records, as its source counts them."""

    name: str
    read: int
    kept: int
    refused: int


@dataclass
class FileTally:
    """What became of one file's records. `broken`: it ended before its end, or was damaged."""

    name: str
    read: int = 0
    kept: int = 0
    refused: int = 0
    broken: bool = False
    kinds: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every record of the file was understood."""
        return not self.refused and not self.broken

    def with_count(self, count: Count) -> FileTally:
        """The same file with what a source counted since."""
        return FileTally(
            count.name,
            self.read + count.read,
            self.kept + count.kept,
            self.refused + count.refused,
            self.broken or bool(getattr(count, "broken", False)),
            sorted({*self.kinds, *getattr(count, "kinds", ())}),
        )


@dataclass
class Tally:
    """What batches brought so far, as it is remembered with a checkpoint."""

    claims: int = 0
    unchanged: int = 0
    listens: int = 0
    roles: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    files: list[FileTally] = field(default_factory=list)

    @classmethod
    def remembered(cls, given: Mapping[str, Any]) -> Tally:
        """A tally as a checkpoint holds it."""
        files = [FileTally(**file) for file in given.get("files", [])]
        return cls(**{**given, "files": files})

    def take(self, batch: Batch) -> None:
        """Count a batch."""
        self.claims += len(batch.claims)
        self.unchanged += len(batch.unchanged)
        self.listens += sum(count.listens for count in batch.listens)
        kinds = Counter(claim.kind for claim in batch.claims)
        kinds.update(key.partition("\0")[0] for key in batch.unchanged)
        roles = Counter(claim.says["role"] for claim in batch.claims if claim.kind == "file")
        codes: Counter[str] = Counter()
        for finding in batch.findings:
            codes[finding.code] += finding.times
        for counts, more in ((self.kinds, kinds), (self.roles, roles), (self.findings, codes)):
            for name, number in more.items():
                counts[name] = counts.get(name, 0) + number

    def with_counts(self, before: Sequence[FileTally], counts: Sequence[Count]) -> Tally:
        """The same with its files, as they were counted before and by the source since."""
        known = [*before, *(FileTally(count.name) for count in counts[len(before) :])]
        files = [tally.with_count(count) for tally, count in zip(known, counts, strict=False)]
        return replace(self, files=files or list(before))

    def check(self) -> None:
        """Raise when a source counted records that were neither kept nor refused."""
        for file in self.files:
            if file.read != file.kept + file.refused:
                raise LockgrooveError(
                    f"Of {file.read:,} records {file.kept:,} were kept and {file.refused:,} refused",
                    file.name,
                    "This is a fault of the reader: tell those who make it. What was kept is safe.",
                )


@dataclass
class Gathered:
    """What a harvest brought. `spared` are keys that it did not meet and that yet were not withdrawn."""

    source: str
    claims: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    spared: int = 0
    listens: int = 0
    went_on: bool = False
    roles: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    files: list[FileTally] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Records read, where the source counts them; else what was kept."""
        return sum(file.read for file in self.files) if self.files else self.claims + self.unchanged

    @property
    def refused(self) -> int:
        """Records that could not be understood."""
        return sum(file.refused for file in self.files)

    @property
    def broken(self) -> list[str]:
        """The files that ended before their end, or were damaged."""
        return [file.name for file in self.files if file.broken]

    @property
    def kept_are_claims(self) -> bool:
        """Whether each record that was kept is one claim; many listens are counted in one."""
        return self.read == self.claims + self.unchanged + self.refused

    @property
    def changed(self) -> bool:
        """Whether the catalogue has to be built anew."""
        return bool(self.claims or self.withdrawn or self.listens)

    def take(self, tally: Tally) -> None:
        """Take over what was counted."""
        self.claims, self.unchanged, self.listens = tally.claims, tally.unchanged, tally.listens
        self.roles, self.kinds = Counter(tally.roles), Counter(tally.kinds)
        self.findings, self.files = Counter(tally.findings), list(tally.files)

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
            **(self._records() if self.files else {}),
        }

    def _records(self) -> dict[str, Any]:
        """What sources that count their records add."""
        return {
            "read": self.read,
            "kept": sum(file.kept for file in self.files),
            "refused": self.refused,
            "spared": self.spared,
            "went_on": self.went_on,
            "kinds": dict(sorted(self.kinds.items())),
            "files": [
                {"name": f.name, "read": f.read, "kept": f.kept, "refused": f.refused, "broken": f.broken}
                for f in self.files
            ],
        }
