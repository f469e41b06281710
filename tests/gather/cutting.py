"""Harvests that are killed: a forked child gathers, and dies by SIGKILL at the call of our choice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from lockgroove import durable
from lockgroove.archive import Archive
from lockgroove.campaigns import gathering
from lockgroove.gather import Checkpoints, Gathered, Stamps, harvest
from lockgroove.model import Batch, Claim, Known, ListenCount, Terms
from lockgroove.report import Silence

POINTS: Sequence[tuple[Any, str]] = (
    (durable, "sync_file"),
    (durable, "append_durably"),
    (durable, "replace_file"),
    (os, "fsync"),
    (os, "replace"),
    (os, "ftruncate"),
    (Stamps, "took"),
    (Stamps, "mark"),
    (Checkpoints, "store"),
    (Checkpoints, "forget"),
)


class Dump:
    """A dump of records in batches of three, each with a cursor; `listens` are given with every batch."""

    name = public_name = "dump"
    reader = "dump/1"
    terms = Terms("CC0-1.0", None, "client", None)

    def __init__(self, records: dict[str, str], heard: bool = False, refused: int = 0) -> None:
        self._records = list(records.items())
        self._heard = heard
        self._refused = refused
        self.counts: list[Any] = []
        self.began_at: list[str | None] = []

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        self.began_at.append(since)
        count = SimpleNamespace(name="dump", read=0, kept=0, refused=0, broken=False, kinds={"recording"})
        self.counts = [count]
        for start in range(int(since or 0), len(self._records), 3):
            some = self._records[start : start + 3]
            held = known.stamps([f"recording\0{key}" for key, _ in some])
            same = [key for key, stamp in some if held.get(f"recording\0{key}") == stamp]
            claims = [
                Claim("recording", "dump", k, s, {"n": k}, {"title": k}) for k, s in some if k not in same
            ]
            listens = [ListenCount(key, "", -1, 1, 1, 0) for key, _ in some] if self._heard else []
            count.read += len(some)
            count.kept += len(some)
            if start == 0 and self._refused:
                count.read += self._refused
                count.refused += self._refused
            yield Batch(claims, [f"recording\0{key}" for key in same], listens, cursor=str(start + len(some)))


def gather(home: Archive, dump: Dump, full: bool | None = None, identity: str | None = "one") -> Gathered:
    return gathering.run(home.rooms, dump, "dump", Silence(), full=full, identity=identity)


def in_small_parts() -> None:
    """Every batch a part of its own, as if each had taken long."""
    harvest.PART_SECONDS = 0.0


class Counter:
    """Counts calls of the points, and kills at one of them, before or after it is done."""

    def __init__(self, kill_at: int = -1) -> None:
        self.calls = 0
        self._kill_at = kill_at
        for owner, name in POINTS:
            setattr(owner, name, self._watched(getattr(owner, name)))

    def _watched(self, called: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            self._pass()
            result = called(*args, **options)
            self._pass()
            return result

        return watched

    def _pass(self) -> None:
        if self.calls == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls += 1


def forked(work: Callable[[], None], kill_at: int = -1) -> int | None:
    """Work in a child: None when it was killed, else how many calls it made."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            in_small_parts()
            counter = Counter(kill_at)
            work()
            os.write(writing, b"%d" % counter.calls)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    told = os.read(reading, 100)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    assert os.WEXITSTATUS(status) == 0
    return int(told)


def current(home: Archive) -> dict[tuple[str, str], str]:
    """What the claims say now: the stamp of every key that is not withdrawn, the newest counting."""
    found: dict[tuple[str, str], str] = {}
    for record in records(home):
        if record["kind"] == "withdrawn":
            found.pop(tuple(record["key"].split("\0", 1)), None)
        else:
            found[record["kind"], record["key"]] = record["stamp"]
    return found


def records(home: Archive) -> list[dict[str, Any]]:
    parts = [part for part in home.store.parts() if not part.is_listens]
    parts.sort(key=lambda part: (part.harvest, part.path, part.offset))
    return [record for part in parts for record in home.store.read(part)]
