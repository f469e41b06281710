"""Listens from a file: counts by recording, month and group of listeners, and never who listened.

Invariant: a listener's name does not leave `listen_judge.Judge`. Counting is done on disk, so that memory
does not grow with the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import IO

import duckdb

from lockgroove.errors import StorageFailed, UsageError
from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, Known, Terms
from lockgroove.sources.listen_judge import Judge, listened_claim
from lockgroove.sources.listen_records import read_chunks
from lockgroove.sources.listen_tally import BATCH_ITEMS_MAX, Tally, filled
from lockgroove.sources.shelfkeys import encode

FINDINGS_PER_CODE_MAX = 1000

_FILE_KEY = "file\0."


class Listens:
    """A file of listens: CSV, Parquet or ListenBrainz's JSON lines."""

    name = "listens"
    reader = "listens/1"
    terms = Terms(metadata_licence=None, requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, path: bytes, source: str, group_of: Callable[[str], int], scratch: str) -> None:
        self._path = path
        self._source = source
        self._group_of = group_of
        self._scratch = scratch
        self._shown = encode(os.path.basename(path))

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield findings as they are met, then counts by subject, and word of the file itself as the last."""
        with self._open() as file:
            stamp = _stamp(file)
            if known.stamps([_FILE_KEY]).get(_FILE_KEY) == stamp:
                yield Batch(unchanged=[_FILE_KEY], as_before=True)
                return
            try:
                with closing(Tally(self._scratch)) as tally:
                    yield from self._count(file, stamp, tally)
            except (duckdb.Error, OSError) as error:
                what = f"Listens cannot be counted: {str(error).partition(chr(10))[0]}"
                raise StorageFailed(what, self._scratch, "Make room on that disk.") from error

    def _open(self) -> IO[bytes]:
        try:
            return open(self._path, "rb")
        except OSError as error:
            raise UsageError(f"The file cannot be read: {error.strerror}", self._shown) from error

    def _count(self, file: IO[bytes], stamp: str, tally: Tally) -> Iterator[Batch]:
        told = _Told(self._shown)
        judge = Judge(self._group_of, told)
        for chunk in read_chunks(file, self._shown):
            for problem in chunk.problems:
                told.tell(problem.code, chunk.unit, problem.number, problem.why)
            judge.refused += chunk.refused
            if chunk.numbers:
                tally.add(*judge.judged(chunk))
            yield from told.batches()
        if _stamp(file) != stamp:
            told.tell("changed-while-read", "", None, "")
        told.close()
        yield from told.batches()
        yield from filled(tally, partial(listened_claim, self._source))
        yield Batch(claims=[self._file_claim(stamp, judge)])

    def _file_claim(self, stamp: str, judge: Judge) -> Claim:
        body = {"name": self._shown, "rows": judge.counted + judge.refused, "refused": judge.refused}
        says = {"role": "listens", "size_bytes": int(stamp.partition("-")[0])}
        return Claim("file", self._source, ".", stamp, body, says)


def _stamp(file: IO[bytes]) -> str:
    status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}"


class _Told:
    """Findings that wait to be given. After a thousand of a code the rest is only counted."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: list[Finding] = []
        self._numbers: dict[str, int] = {}

    def tell(self, code: str, unit: str, number: int | None, why: str) -> None:
        self._numbers[code] = self._numbers.get(code, 0) + 1
        if self._numbers[code] <= FINDINGS_PER_CODE_MAX:
            where = self._name if number is None else f"{self._name}:{unit} {number}"
            self._waiting.append(Finding(code, where, why))

    def close(self) -> None:
        """Tell how many more there were."""
        for code, number in self._numbers.items():
            if number > FINDINGS_PER_CODE_MAX:
                more = f"and {number - FINDINGS_PER_CODE_MAX:,} more, {number:,} in all"
                self._waiting.append(Finding(code, self._name, more, number - FINDINGS_PER_CODE_MAX))

    def batches(self) -> Iterator[Batch]:
        """Give what waits."""
        while self._waiting:
            yield Batch(findings=self._waiting[:BATCH_ITEMS_MAX])
            self._waiting = self._waiting[BATCH_ITEMS_MAX:]
