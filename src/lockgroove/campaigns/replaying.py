"""Logs of a service played again, and what the guard would propose, told with the log's own names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgroove import durable
from lockgroove.findings import Finding
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import STAND_IN, Batch
from lockgroove.guard.logs import Counts, LogMap, read_log
from lockgroove.guard.replay import Replayed, replay
from lockgroove.report import Report

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Told:
    """What logs came to, what became of their lines, and how accounts that stand out are called there."""

    replayed: Replayed
    counts: Counts
    names: dict[int, str]
    leak: Mapping[str, int] = field(default_factory=dict)  # most tracks that one account, network… was given


def replay_logs(
    paths: Sequence[str], log_map: LogMap, key: bytes, report: Report, tracks_all: int = 0,
    scratch: str | None = None,
) -> Told:  # fmt: skip
    """Read logs in the order given, as one. Raises UsageError, OSError."""
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="guard-", dir=scratch) as folder:
        played = replay(_batches(paths, log_map, Digests(key), counts, report), folder, report, tracks_all)
    return Told(played, counts, _names(played, paths, log_map, key))


def analyse(
    paths: Sequence[str], log_map: LogMap, key: bytes, report: Report, url: str, scratch: str | None = None,
    sketches: str = "",
) -> Told:  # fmt: skip
    """Go over logs in batch, as tables of an engine. Raises UsageError, OSError.

    Tables of events are read where they are; other logs are made into such first. All machines of a cluster
    must see `scratch`. A file `sketches` is written of who was given what.
    """
    import pyarrow.parquet as pq  # all of these are slow to import

    from lockgroove.engines import engine
    from lockgroove.guard import batch

    if sketches:
        batch.require_room(sketches)
    counts = Counts()
    nameless = not log_map.fields and batch.are_events(paths)
    with tempfile.TemporaryDirectory(prefix="guard-", dir=scratch) as folder, engine(url, folder) as opened:
        if nameless:
            events, told = batch.read_events(opened, paths)
            counts.read = counts.events = sum(pq.read_metadata(path).num_rows for path in paths)
        else:
            read = _batches(paths, log_map, Digests(key), counts, report)
            told = batch.write_events(read, f"{folder}/events")
            events, _ = batch.read_events(opened, [f"{folder}/events"])
        mark = "as the tables had them" if nameless else f"{Digests(key).of('key', 'sketches'):016x}"
        made = f"{folder}/sketches"

        def sketched(plays: ir.Table) -> None:
            batch.write_sketches(opened, plays, told, made, mark)

        found = batch.analyse(opened, events, told, report, sketched=sketched if sketches else None)
        names = {} if nameless else _names(found.replayed, paths, log_map, key)
        if sketches and counts.events and "track" in told:
            durable.put_file(made, sketches)
    return Told(found.replayed, counts, names, found.leak)


def _names(played: Replayed, paths: Sequence[str], log_map: LogMap, key: bytes) -> dict[int, str]:
    """What accounts that stand out are called. Names are not kept while reading: the log is read again."""
    plain = int(STAND_IN) - 1
    wanted = {suspect.account & plain for suspect in played.suspects}
    named = Digests(key, wanted)
    for path in paths if wanted else ():
        for _ in read_log(path, log_map, named, Counts()):
            if len(named.texts) == len(wanted):
                break
    return {suspect.account: named.texts.get(suspect.account & plain, "") for suspect in played.suspects}


def _batches(
    paths: Sequence[str], log_map: LogMap, digests: Digests, counts: Counts, report: Report
) -> Iterator[Batch]:
    for path in paths:
        known = len(counts.bad)
        before = counts.read
        yield from read_log(path, log_map, digests, counts)
        for number, reason in counts.bad[known:]:
            report.finding(Finding("log-line-unreadable", f"{path}, line {number - before}", reason))
