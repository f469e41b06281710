"""The run of `keep`: draft after draft, progress told in bytes, after what was cut has been recovered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lockgroove.report import Report
from lockgroove.vault import Committer, ObjectDraft


@dataclass(frozen=True)
class KeepResult:
    """What a run kept."""

    recovered: int
    objects: int
    files: int
    bytes: int
    elsewhere: int
    refused: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return dict(self.__dict__)


def keep(
    drafts: Iterable[ObjectDraft], committer: Committer, recovered: int, total_bytes: int, report: Report
) -> KeepResult:
    """Keep every draft. Whatever moment it is cut, the next run goes on from the last acknowledged batch."""
    try:
        for draft in drafts:
            committer.add(draft)
            report.progress("keep", committer.staged_bytes, total_bytes, "bytes")
        committer.finish()
    except KeyboardInterrupt:
        committer.finish()
        raise
    except BaseException:
        committer.abandon()
        raise
    counts = committer.counts
    return KeepResult(recovered, counts.objects, counts.files, counts.bytes, counts.elsewhere, counts.refused)
