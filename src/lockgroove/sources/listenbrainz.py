"""ListenBrainz's dumps into counts: JSON lines or Parquet, full or incremental; who listened is dropped here.

A full dump's counts replace all before; those of incremental dumps add to them. Invariant: no listen counts
twice. So a dump is taken in whole or not at all, never again, and never when a full dump that is held has it.
A dump's counting is not resumed: it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import duckdb

from lockgroove.errors import StorageFailed, UsageError
from lockgroove.model import Batch, Claim, Known, ListensMode, Terms
from lockgroove.sources.dumpreading import Count, Told
from lockgroove.sources.filemarks import file_claim, file_key, shown
from lockgroove.sources.listen_judge import Judge, listened_claim
from lockgroove.sources.listen_tally import Tally, filled
from lockgroove.sources.listenbrainz_dumps import Dump, Progress, chunks_of, look_at
from lockgroove.sources.packed import BrokenPacking

NUMBERS_AHEAD = 20_000  # so many numbers after its own a full dump may have that holds an incremental one
_COVERS, _COVERS_KEY = "covers", "file\0full:{}"  # stamp and key of the word that a full dump leaves


class ListenBrainz:
    """Dumps of listens: at most one full one, and incremental ones, in any order."""

    name = public_name = "listenbrainz"
    reader = "listenbrainz/1"
    terms = Terms("CC0-1.0", requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, paths: Sequence[bytes], group_of: Callable[[str], int], scratch: str) -> None:
        self._paths = paths
        self._group_of = group_of
        self._scratch = scratch
        self.full = True
        self.counts: list[Count] = []
        self.dumps = Progress()

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield findings as they are met, then counts by subject, and word of the dumps as the last.

        Raises UsageError when a full dump, given or held, has an incremental one's listens already.
        """
        dumps = _in_order([look_at(path) for path in self._paths])
        self.dumps.total = sum(dump.size_bytes for dump in dumps)
        held = known.stamps([file_key(dump.path) for dump in dumps])
        fresh = [dump for dump in dumps if held.get(file_key(dump.path)) != dump.mark]
        self.full = any(dump.is_full for dump in fresh)
        self.counts = [Count(shown(dump.path), kinds={"listened", "file"}) for dump in dumps]
        if not fresh:
            words = [_covers_key(dump) for dump in dumps if dump.is_full and dump.number is not None]
            yield Batch(unchanged=[*(file_key(dump.path) for dump in dumps), *words], as_before=True)
            return
        if not self.full:
            _refuse_covered(fresh, known)
        try:
            with closing(Tally(self._scratch)) as tally:
                yield from self._gathered(dumps if self.full else fresh, dumps, tally, known)
        except (duckdb.Error, OSError) as error:
            what = f"Listens cannot be counted: {str(error).partition(chr(10))[0]}"
            raise StorageFailed(what, self._scratch, "Make room on that disk.") from error

    def _gathered(
        self, taken: Sequence[Dump], dumps: Sequence[Dump], tally: Tally, known: Known
    ) -> Iterator[Batch]:
        telling = _Telling()
        judge = Judge(self._group_of, telling)
        for number, dump in enumerate(dumps):
            if dump in taken:
                yield from self._count(number, dump, tally, judge, telling)
        telling.told.close(self.name)
        if self.full and self.counts[0].broken:
            self._give_up()
            yield Batch(findings=telling.told.take())
            return
        mode: ListensMode = "replace" if self.full else "add"
        for batch in filled(tally, partial(listened_claim, self.name), mode):
            yield _without_held(batch, known)
        whole = [dump for dump, count in zip(dumps, self.counts, strict=True) if not count.broken]
        claims = [claim for dump in whole if dump in taken for claim in self._words_of(dump)]
        unchanged = [file_key(dump.path) for dump in whole if dump not in taken]
        yield Batch(claims, unchanged, findings=telling.told.take(), listens_mode=mode)

    def _give_up(self) -> None:
        """Half of a full dump must not replace the whole of another: nothing counts."""
        for count in self.counts:
            count.kept, count.refused, count.broken = 0, count.read, True

    def _count(
        self, number: int, dump: Dump, tally: Tally, judge: Judge, telling: _Telling
    ) -> Iterator[Batch]:
        count, counted, refused = self.counts[number], judge.counted, judge.refused
        try:
            for where, chunk in chunks_of(dump, self._scratch, telling.told, self.dumps):
                telling.where = where
                for problem in chunk.problems:
                    telling.tell(problem.code, chunk.unit, problem.number, problem.why)
                judge.refused += chunk.refused
                if chunk.numbers:
                    tally.add(*judge.judged(chunk), number)
                if findings := telling.told.take():
                    yield Batch(findings=findings)
        except BrokenPacking as error:
            count.broken = True
            tally.take_back(number)
            telling.told.tell(
                error.code, f"{count.name} at byte {error.at}", f"{error.why}; nothing of it counts"
            )
        count.kept = 0 if count.broken else judge.counted - counted
        count.refused = judge.refused - refused + (judge.counted - counted - count.kept)
        count.read = count.kept + count.refused

    def _words_of(self, dump: Dump) -> Iterator[Claim]:
        """What is remembered of a dump: that it was read, and of a full one up to where it has all."""
        count = next(count for count in self.counts if count.name == shown(dump.path))
        yield file_claim(self.name, dump.path, dump.mark, {"rows": count.read, "refused": count.refused})
        if dump.is_full and dump.number is not None:
            says = {"role": "listens"}
            key = _covers_key(dump).partition("\0")[2]
            yield Claim("file", self.name, key, _COVERS, {"number": dump.number}, says)


def _without_held(batch: Batch, known: Known) -> Batch:
    """A batch without the claims of names that are held already: a name says the same for ever."""
    keys = {f"{claim.kind}\0{claim.key}": claim for claim in batch.claims}
    held = known.stamps(list(keys))
    unchanged = [key for key, claim in keys.items() if held.get(key) == claim.stamp]
    fresh = [claim for key, claim in keys.items() if held.get(key) != claim.stamp]
    return replace(batch, claims=fresh, unchanged=unchanged)


class _Telling:
    """Findings with the place in the dump. They quote nothing: any cell may hold a listener's name."""

    def __init__(self) -> None:
        self.told = Told()
        self.where = ""

    def tell(self, code: str, unit: str, number: int | None, why: str) -> None:
        """As Judge asks for it."""
        self.told.tell(code, self.where if number is None else f"{self.where}:{unit} {number}", why)


def _in_order(dumps: Sequence[Dump]) -> list[Dump]:
    """The full dump, then the incremental ones by number. Raises UsageError where listens are in two."""
    full = [dump for dump in dumps if dump.is_full]
    if len({shown(dump.path) for dump in dumps}) < len(dumps):
        raise UsageError("Two of the dumps have the same name", advice="Give each dump once.")
    if len(full) > 1:
        names = " and ".join(shown(dump.path) for dump in full)
        raise UsageError("Two full dumps hold the same listens", names, "Give the newer one.")
    for dump in dumps:
        if full and not dump.is_full and _is_covered(dump, full[0]):
            raise _covered(dump, shown(full[0].path))
    return [*full, *sorted((d for d in dumps if not d.is_full), key=lambda d: (d.number or 0, d.path))]


def _covers_key(dump: Dump) -> str:
    return _COVERS_KEY.format(dump.number)


def _is_covered(dump: Dump, full: Dump) -> bool:
    return dump.number is not None and full.number is not None and dump.number <= full.number


def _refuse_covered(dumps: Sequence[Dump], known: Known) -> None:
    """A full dump says with its number what it has: all incremental ones before."""
    for dump in dumps:
        if dump.number is not None:
            ahead = range(dump.number, dump.number + NUMBERS_AHEAD)
            keys = [_COVERS_KEY.format(number) for number in ahead]
            if found := next(iter(known.stamps(keys)), None):
                raise _covered(dump, f"full dump {found.rpartition(':')[2]}, which is held,")


def _covered(dump: Dump, full: str) -> UsageError:
    return UsageError(
        f"{full} has the listens of this one already, and they would count twice",
        shown(dump.path),
        "Leave it out.",
    )
