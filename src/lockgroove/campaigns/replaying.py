"""Logs of a service played again, and what the guard would propose, told with the log's own names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockgroove.findings import Finding
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import STAND_IN, Batch
from lockgroove.guard.logs import Counts, LogMap, read_log
from lockgroove.guard.replay import Replayed, replay
from lockgroove.report import Report


@dataclass(frozen=True)
class Told:
    """What logs came to, what became of their lines, and how accounts that stand out are called there."""

    replayed: Replayed
    counts: Counts
    names: dict[int, str]


def replay_logs(
    paths: Sequence[str], log_map: LogMap, key: bytes, report: Report, tracks_all: int = 0,
    scratch: str | None = None,
) -> Told:  # fmt: skip
    """Read logs in the order given, as one. Raises UsageError, OSError."""
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="guard-", dir=scratch) as folder:
        played = replay(_batches(paths, log_map, Digests(key), counts, report), folder, report, tracks_all)
    plain = int(STAND_IN) - 1
    wanted = {suspect.account & plain for suspect in played.suspects}
    named = Digests(key, wanted)
    if wanted:  # names are not kept while reading, so those few are looked up by reading again
        for path in paths:
            for _ in read_log(path, log_map, named, Counts()):
                if len(named.texts) == len(wanted):
                    break
    called = {suspect.account: named.texts.get(suspect.account & plain, "") for suspect in played.suspects}
    return Told(played, counts, called)


def _batches(
    paths: Sequence[str], log_map: LogMap, digests: Digests, counts: Counts, report: Report
) -> Iterator[Batch]:
    for path in paths:
        known = len(counts.bad)
        before = counts.read
        yield from read_log(path, log_map, digests, counts)
        for number, reason in counts.bad[known:]:
            report.finding(Finding("log-line-unreadable", f"{path}, line {number - before}", reason))
