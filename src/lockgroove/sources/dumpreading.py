"""What readers of published dumps share: batches, cursors, stamps, counts, capped findings, repeated ids.

A reader says how a file falls into records (`Cutter`) and what a record is (`Identifier`); `Dumps` does the
rest. Invariant: records in = kept + refused, by file (`Count`), and every record refused has its finding.
"""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from lockgroove.errors import UsageError
from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, Known, ListenCount
from lockgroove.sources.members import Member, PassedOver, members
from lockgroove.sources.packed import BrokenPacking
from lockgroove.sources.repeats import Repeats
from lockgroove.sources.shelfkeys import encode

BATCH_RECORDS_MAX = 2000
BATCH_BYTES_MAX = 8 << 20
FINDINGS_PER_CODE_MAX = 1000
DETAIL_CHARS_MAX = 500

Note = Callable[[str, str], None]  # a code of findings.CODES, and the particulars


class Malformed(ValueError):
    """Why a record is refused."""


class Cut(NamedTuple):
    """A record as it stands in its file: the number from 1, the byte it begins at, and its bytes.

    `data` None is a record longer than any may be: it is refused. `kind` is the cutter's word for what the
    record is, `why` a reason for which it is refused unread.
    """

    kind: str
    number: int
    offset: int
    data: bytes | None
    why: str = ""


class Entity(NamedTuple):
    """What a record is of.

    `account` gives its claim's body and says, and notes what is odd; it is asked only when the record is new
    or has changed, and may raise Malformed. `listens` are given with the claim.
    """

    kind: str
    key: str
    account: Callable[[Note], tuple[Any, Mapping[str, Any]]]
    listens: Sequence[ListenCount] = ()


Cutter = Callable[[Member, Note], Iterator[Cut]]  # may raise BrokenPacking; notes are about the file
Identifier = Callable[[Cut], Entity]  # may raise Malformed


@dataclass
class Count:
    """What became of one file's records: read = kept + refused. `skipped` ones lie before the cursor.

    `kinds` are those of its claims. `broken` says that it ended before its end or was damaged, so that keys
    not met may still be offered by the source.
    """

    name: str
    read: int = 0
    kept: int = 0
    refused: int = 0
    skipped: int = 0
    broken: bool = False
    kinds: set[str] = field(default_factory=set)
    passed_over: PassedOver = field(default_factory=PassedOver)


class Told:
    """Findings that wait to be given. After a thousand of a code the rest is only counted."""

    def __init__(self) -> None:
        self._waiting: list[Finding] = []
        self._numbers: dict[str, int] = {}

    def tell(self, code: str, where: str, detail: str = "") -> None:
        """One finding."""
        self._numbers[code] = self._numbers.get(code, 0) + 1
        if self._numbers[code] <= FINDINGS_PER_CODE_MAX:
            self._waiting.append(Finding(code, where, printable(detail[:DETAIL_CHARS_MAX])))

    def close(self, where: str) -> None:
        """Tell how many more there were."""
        for code, number in self._numbers.items():
            if number > FINDINGS_PER_CODE_MAX:
                more = f"and {number - FINDINGS_PER_CODE_MAX:,} more, {number:,} in all"
                self._waiting.append(Finding(code, where, more, number - FINDINGS_PER_CODE_MAX))

    def take(self) -> list[Finding]:
        """Those that wait, once."""
        taken, self._waiting = self._waiting, []
        return taken


def printable(text: str) -> str:
    """Text that can be shown: what a terminal or UTF-8 cannot carry stands as U+FFFD."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in " \n" else "\ufffd" for c in text)


def stamp_of(data: bytes) -> str:
    """The mark of a record's version: 16 hexadecimal digits of the SHA-256 of its bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


class Dumps:
    """The files of one source, one after the other. `counts` has a Count for each, in their order.

    A cursor is `files:file:records`: a digest of the files' names, sizes and times, the file's number from 0,
    and how many of its records are done. With other files, reading begins again; stamps say what is known.
    Repeated ids are looked for from where a reading begins.
    """

    def __init__(
        self,
        source: str,
        paths: Sequence[bytes],
        cutter: Cutter,
        identifier: Identifier,
        note_repeats: bool = True,
    ) -> None:
        self._source = source
        self._paths = list(paths)
        self._cutter = cutter
        self._identify = identifier
        self._note_repeats = note_repeats
        self.counts: list[Count] = []
        self.bytes_read, self.bytes_total = 0, 0
        self._sizes: list[int] = []

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield what the files hold, in their order. Raises UsageError when one cannot be opened."""
        files = self._looked_at()
        first, skip = _place(since, files)
        self.bytes_read = sum(self._sizes[:first])
        told = Told()
        self.counts = [Count(encode(os.path.basename(path))) for path in self._paths]
        for number, path in enumerate(self._paths[first:], first):
            repeats = Repeats() if self._note_repeats else None
            filling = _Filling(self._source, self.counts[number], known, told, repeats, f"{files}:{number}:")
            yield from self._read(path, filling, skip if number == first else 0)
            self.bytes_read = sum(self._sizes[: number + 1])
            yield filling.full(f"{files}:{number + 1}:0")
        told.close(self._source)
        if findings := told.take():
            yield Batch(findings=findings, cursor=f"{files}:{len(self._paths)}:0")

    def _looked_at(self) -> str:
        """A digest of the files' names, sizes and times."""
        digest = hashlib.sha256()
        self._sizes = []
        for path in self._paths:
            try:
                with open(path, "rb") as file:
                    status = os.fstat(file.fileno())
            except OSError as error:
                where = encode(os.path.basename(path))
                raise UsageError(f"The dump cannot be read: {error.strerror}", where) from error
            self._sizes.append(status.st_size)
            digest.update(b"%s\0%d\0%d\0" % (os.path.basename(path), status.st_size, status.st_mtime_ns))
        self.bytes_total = sum(self._sizes)
        return digest.hexdigest()[:12]

    def _read(self, path: bytes, filling: _Filling, skip: int) -> Iterator[Batch]:
        count, before = filling.count, self.bytes_read
        try:
            for member in members(path, count.passed_over):
                for cut in self._cutter(member, filling.note_of(member)):
                    if count.skipped < skip:
                        count.skipped += 1
                        continue
                    filling.take(cut, self._identify)
                    if filling.is_full:
                        yield filling.full(None)
                    self.bytes_read = before + member.packed.compressed_at
        except BrokenPacking as error:
            count.broken = True
            filling.told.tell(error.code, f"{count.name} at byte {error.at}", error.why)
        except OSError as error:
            count.broken = True
            filling.told.tell("archive-damaged", count.name, f"it cannot be opened: {error.strerror}")


def _place(since: str | None, files: str) -> tuple[int, int]:
    """The file and how many of its records a cursor says are done; the beginning for any other cursor."""
    parts = (since or "").split(":")
    if len(parts) == 3 and parts[0] == files and parts[1].isdigit() and parts[2].isdigit():
        return int(parts[1]), int(parts[2])
    return 0, 0


class _Waiting(NamedTuple):
    entity: Entity
    stamp: str
    where: str


class _Filling:
    """A batch as it fills with the records of one file."""

    def __init__(
        self, source: str, count: Count, known: Known, told: Told, repeats: Repeats | None, cursor: str
    ) -> None:
        self.count, self.told = count, told
        self._source, self._known, self._repeats, self._cursor = source, known, repeats, cursor
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._member = ""

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= BATCH_RECORDS_MAX or self._bytes >= BATCH_BYTES_MAX

    def note_of(self, member: Member) -> Note:
        """Notes about a file within the dump."""
        self._member = self.count.name if member.size is None else f"{self.count.name}:{member.name}"
        where = self._member
        return lambda code, detail: self.told.tell(code, where, detail)

    def take(self, cut: Cut, identify: Identifier) -> None:
        """Take in a record, or refuse it."""
        self.count.read += 1
        where = f"{self._member} record {cut.number} at byte {cut.offset}"
        try:
            if cut.data is None or cut.why:
                raise Malformed(cut.why or "longer than any record may be")
            entity = identify(cut)
        except Malformed as error:
            self._refuse(where, error)
            return
        stamp = stamp_of(cut.data)
        if self._repeats is not None:
            self._tell_repeated(self._repeats.saw(hash(entity[:2]), int(stamp, 16), where))
        self._waiting.append(_Waiting(entity, stamp, where))
        self._bytes += len(cut.data)

    def full(self, cursor: str | None) -> Batch:
        """The batch, and begin another. Without a cursor of its own it is the place after the last record."""
        if cursor is not None and self._repeats is not None:
            self._tell_repeated(self._repeats.settle())
        held = dict(self._known.stamps([_full_key(waiting.entity) for waiting in self._waiting]))
        with _collector_at_rest():
            batch = self._accounted(held)
        self._waiting, self._bytes = [], 0
        place = cursor or f"{self._cursor}{self.count.read + self.count.skipped}"
        return replace(batch, findings=self.told.take(), cursor=place)

    def _accounted(self, held: dict[str, object]) -> Batch:
        """Claims of those that are new or changed, whose stamps are then among those `held`."""
        claims: list[Claim] = []
        unchanged: list[str] = []
        listens: list[ListenCount] = []
        for waiting in self._waiting:
            key = _full_key(waiting.entity)
            if held.get(key) == waiting.stamp:
                unchanged.append(key)
            elif (claim := self._claim(waiting)) is not None:
                claims.append(claim)
                held[key] = waiting.stamp
            else:
                continue
            self.count.kinds.add(waiting.entity.kind)
            listens.extend(waiting.entity.listens)
        self.count.kept += len(claims) + len(unchanged)
        return Batch(claims, unchanged, listens)

    def _claim(self, waiting: _Waiting) -> Claim | None:
        entity, where = waiting.entity, waiting.where
        try:
            body, says = entity.account(lambda code, detail: self.told.tell(code, where, detail))
        except Malformed as error:
            self._refuse(where, error)
            return None
        return Claim(entity.kind, self._source, entity.key, waiting.stamp, body, says)

    def _refuse(self, where: str, error: Malformed) -> None:
        self.count.refused += 1
        self.told.tell("record-malformed", where, str(error))

    def _tell_repeated(self, places: list[str]) -> None:
        for where in places:
            self.told.tell("record-repeated", where, "an earlier record of this id says something else")


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No looking for cycles while a batch is made: there are none, and it takes a fifth of the time."""
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()


def _full_key(entity: Entity) -> str:
    return f"{entity.kind}\0{entity.key}"
