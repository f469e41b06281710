"""One harvest of one source: batches in, acknowledged claims out, withdrawals at the end.

Invariant: a cursor is remembered only after all before it is safe. Counts add up: every key that a batch
brought is claimed anew or was unchanged, and every record that was read was kept or refused.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove.catalogue.claims import ClaimStore, Harvest, Waiting
from lockgroove.catalogue.claims.listenparts import Spool
from lockgroove.findings import Finding
from lockgroove.gather.counting import Gathered, Tally
from lockgroove.gather.stamps import Mark, Stamps
from lockgroove.journal import Journal
from lockgroove.model import Batch, Claim, ListensMode, Source
from lockgroove.report import Report

PART_SECONDS = 10.0
_INCOMPLETE = ("unreadable", "changed-while-read", "archive-truncated", "archive-damaged", "record-malformed")


@dataclass(frozen=True)
class Run:
    """What a harvest works with.

    `full` says whether what it does not meet is gone: None leaves that to the source, and to caution.
    `since` and `tally` are those of the harvest that it goes on with; `remember` keeps them for the next.
    """

    source: Source
    harvest: Harvest
    store: ClaimStore
    stamps: Stamps
    journal: Journal
    report: Report
    scratch: str
    full: bool | None = None
    since: str | None = None
    tally: Tally | None = None
    remember: Callable[[str, Mark, Tally], None] | None = None


def rehearse(run: Run) -> Gathered:
    """What a harvest would bring; nothing is stored. The stamps are opened for a rehearsal."""
    flow = _Flow(run)
    for batch in run.source.batches(None, run.stamps):
        run.stamps.saw(batch.claims, batch.unchanged)
        flow.count(batch)
    return flow.end(dry_run=True)


def gather(run: Run) -> Gathered:
    """Take in a whole harvest. What is acknowledged when it is cut stays; the next run goes on from there."""
    flow = _Flow(run)
    for batch in flow.batches():
        flow.take(batch)
    flow.acknowledge(with_listens=True)
    done = flow.end()
    if done.changed:
        subjects = {"source": run.harvest.source, "harvest": run.harvest.id}
        run.journal.append("harvest-ended", subjects, done.as_json())
    return done


class _Flow:
    """Batches on their way to safety, many to a part."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._before = run.tally or Tally()
        self._tally = run.tally or Tally()
        self._as_before = self._adds = False
        self._cursor: str | None = None
        self._waiting = Waiting(run.store, run.harvest)
        self._spools: dict[ListensMode, Spool] = {}
        self._needs_listens = self._told_of_lowering = False
        self._acknowledged_at = time.monotonic()

    def batches(self) -> Iterator[Batch]:
        """The source's batches. When it fails, or is interrupted, what came before is made safe first.

        No cursor is remembered then: the source's counts may be ahead of its last batch.
        """
        run = self._run
        with contextlib.closing(_generator(run.source.batches(run.since, run.stamps))) as batches:
            while True:
                try:
                    batch = next(batches, None)
                except BaseException:
                    self._cursor = None
                    self.acknowledge()
                    raise
                if batch is None:
                    return
                yield batch

    def take(self, batch: Batch) -> None:
        """Take in a batch; now and then all that waits is made safe."""
        self._waiting.add(batch.claims)
        self._run.stamps.saw(batch.claims, batch.unchanged)
        self._spool(batch)
        self.count(batch)
        self._cursor = batch.cursor
        is_late = time.monotonic() - self._acknowledged_at >= PART_SECONDS
        if is_late or self._waiting.is_full:
            self.acknowledge()

    def _spool(self, batch: Batch) -> None:
        """A claim of kind `file` says that a file's listens are in: they must be safe before it is."""
        if batch.listens:
            if batch.listens_mode not in self._spools:
                folder = f"{self._run.scratch}/{batch.listens_mode}"
                self._spools[batch.listens_mode] = Spool(folder, self._run.harvest.source)
            self._spools[batch.listens_mode].add(batch.listens)
        self._needs_listens = self._needs_listens or any(claim.kind == "file" for claim in batch.claims)

    def count(self, batch: Batch) -> None:
        """Count a batch, and tell of it."""
        self._tally.take(batch)
        self._as_before = self._as_before or batch.as_before
        self._adds = self._adds or batch.listens_mode == "add"
        for finding in batch.findings:
            self._run.report.finding(finding)
        _tell_progress(self._run.source, self._tally, self._run.report)

    def acknowledge(self, with_listens: bool = False) -> None:
        """Make everything that waits safe, and remember where to go on."""
        run = self._run
        goes_on = self._cursor is not None and run.remember is not None and not self._replaces()
        if with_listens or goes_on or self._needs_listens:
            self._acknowledge_listens()
        run.stamps.took(self._waiting.acknowledge())
        self._needs_listens = False
        if goes_on and self._cursor is not None and run.remember is not None:
            run.remember(self._cursor, run.stamps.mark(), self._tally_now())
        self._acknowledged_at = time.monotonic()

    def _acknowledge_listens(self) -> None:
        for mode in sorted(self._spools, reverse=True):  # what replaces goes before what adds
            if mode == "replace" and self._would_lower():
                continue
            for path, rows in self._spools[mode].finished():
                self._run.store.add_listens_file(self._run.harvest, path, rows, mode)

    def _would_lower(self) -> bool:
        """Whether these listens are of a broken file and would replace those of an earlier harvest."""
        counts = getattr(self._run.source, "counts", ())
        broken = [count.name for count in counts if getattr(count, "broken", False)]
        if not broken or not self._replaces():
            return False
        if not self._told_of_lowering:
            self._run.report.finding(Finding("listens-left-as-they-were", ", ".join(broken), ""))
            self._told_of_lowering = True
        return True

    def _replaces(self) -> bool:
        """Whether listens wait that would replace those of an earlier harvest.

        Until the source has been read to its end nobody knows whether they may: so long there is no going on.
        """
        run = self._run
        earlier = (
            part for part in run.store.listens() if part.source == run.harvest.source and not part.adds
        )
        return "replace" in self._spools and any(part.harvest != run.harvest.id for part in earlier)

    def _tally_now(self) -> Tally:
        return self._tally.with_counts(self._before.files, getattr(self._run.source, "counts", ()))

    def end(self, dry_run: bool = False) -> Gathered:
        """The counts, checked, and what is withdrawn because it was not met."""
        tally = self._tally_now()
        done = Gathered(self._run.harvest.source, went_on=self._run.since is not None)
        done.take(tally)
        tally.check()
        kinds = self._whole_kinds(tally)
        if kinds is None or kinds:
            self._withdraw(kinds, done, dry_run)
        if not dry_run:
            self._run.stamps.mark()
        return done

    def _whole_kinds(self, tally: Tally) -> Collection[str] | None:
        """The kinds of which every key that is offered was met; None for all.

        What could not be read whole must not look as if things had gone from it.
        """
        run = self._run
        full = run.full if run.full is not None else getattr(run.source, "full", True)
        if not full or self._as_before or self._adds:
            return ()
        if not tally.files:
            return () if any(tally.findings.get(code) for code in _INCOMPLETE) else None
        doubtful = {kind for file in tally.files if not file.is_whole for kind in file.kinds}
        return {kind for file in tally.files if file.is_whole for kind in file.kinds} - doubtful

    def _withdraw(self, kinds: Collection[str] | None, done: Gathered, dry_run: bool) -> None:
        run = self._run
        for some in [None] if kinds is None else [[kind] for kind in sorted(kinds)]:
            unseen = run.stamps.unseen(some)
            is_odd = some is not None and "file" not in some and 2 * len(unseen) > run.stamps.held_of(some)
            if run.full is None and is_odd:
                done.spared += len(unseen)  # a piece of a dump was given, more likely than not
            elif dry_run:
                done.withdrawn += len(unseen)
            elif len(unseen):
                for keys in run.stamps.names(unseen, some, run.harvest.id):
                    self._claim_withdrawn(keys)
                    done.withdrawn += len(keys)
        if done.withdrawn and not dry_run:
            run.stamps.took(self._waiting.acknowledge())

    def _claim_withdrawn(self, keys: Sequence[str]) -> None:
        run = self._run
        self._waiting.add(Claim("withdrawn", run.harvest.source, key, "", {}, {}) for key in keys)
        run.stamps.forget(keys)
        if self._waiting.is_full:
            run.stamps.took(self._waiting.acknowledge())


def _generator(batches: Iterator[Batch]) -> Any:
    """An iterator that can be closed, which sources need not give."""
    yield from batches


def _tell_progress(source: Any, tally: Tally, report: Report) -> None:
    """Bytes where the source knows how many there are, else items."""
    done, total = source.progress() if hasattr(source, "progress") else _bytes(source)
    if total:
        report.progress("gather", min(done, total), total, "bytes")
    else:
        report.progress("gather", tally.claims + tally.unchanged, None, "files")


def _bytes(source: Any) -> tuple[int, int]:
    holder = getattr(source, "dumps", None)
    return getattr(holder, "bytes_read", 0), getattr(holder, "bytes_total", 0)
