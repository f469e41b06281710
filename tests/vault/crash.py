"""Keeping that is killed: a forked child does it, and dies by SIGKILL at the call of our choice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from judge import faults

import worlds
from lockgroove import durable
from lockgroove.archive import Archive
from lockgroove.keep import keep
from lockgroove.report import Silence
from lockgroove.vault import Committer, DraftFile, ObjectDraft, commit, ocfl

Point = tuple[ModuleType, str]
POINTS: Sequence[Point] = (
    (durable, "rename_new"),
    (durable, "sync_tree"),
    (durable, "sync_file"),
    (durable, "replace_file"),
    (durable, "append_durably"),
    (durable, "write_all"),
    (os, "rename"),
    (os, "makedirs"),
    (os, "replace"),
    (os, "ftruncate"),
    (shutil, "rmtree"),
)

DEPOSITS: dict[str, dict[bytes, bytes]] = {
    "Aria": {b"1.wav": worlds.wav(1), b"2.wav": worlds.wav(2), b"again.wav": worlds.wav(2), b"empty": b""},
    "Bolero": {b"1.wav": worlds.wav(1), b"CD2/caf\xe9.wav": worlds.wav(3), b"deposit.json": b"{}"},
    "Copy": {b"1.wav": worlds.wav(1), b"2.wav": worlds.wav(2)},
    "Dirge": {b"a\nb.wav": worlds.wav(4)},
    "Etude": {f"{n}.wav".encode(): worlds.wav(10 + n) for n in range(4)},
}


def draft(deposit: str, files: dict[bytes, bytes], source: str = "shelf-1") -> ObjectDraft:
    """An object as a flow would draft it."""
    drafted = [
        DraftFile(
            key=f"{deposit}/{name.decode('utf-8', 'backslashreplace')}",
            stamp=hashlib.sha256(data).hexdigest()[:8],
            name=name,
            chunks=lambda data=data: worlds.chunks(data, 300),
        )
        for name, data in files.items()
    ]
    return ObjectDraft(
        source, deposit, "2026-01-02T03:04:05.000000Z", [{"text": "CC0", "where": "LICENSE"}], drafted
    )


def keep_all(home: str) -> None:
    """A run of keep without the catalogue: everything that is not held yet, two objects a batch."""
    commit.BATCH_OBJECTS_MAX = 2
    with Archive(home) as opened:
        committer = Committer(opened.storage, opened.journal, opened.index, Silence())
        keep(unheld(opened), committer, committer.recover(), 0, Silence())


def keeping(world: worlds.World) -> Callable[[], None]:
    return lambda: keep_all(str(world.home))


def unheld(opened: Archive) -> Iterator[ObjectDraft]:
    for deposit, files in DEPOSITS.items():
        whole = draft(deposit, files)
        rest = [f for f in whole.files if opened.index.version("shelf-1", f.key, f.stamp) is None]
        if rest:
            yield ObjectDraft(whole.source, deposit, whole.received_at, whole.licences, rest)


def in_child(work: Callable[[], None]) -> int:
    """The wait status of a child that did it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(7)
    return os.waitpid(child, 0)[1]


def counted(work: Callable[[], None], folder: Path) -> dict[str, int]:
    """How often each point is passed."""
    counts: dict[str, int] = {}

    def count() -> None:
        for module, name in POINTS:
            wrap(module, name, lambda real, label: tallied(real, label, counts))
        work()
        (folder / "counts").write_text(json.dumps(counts))

    assert in_child(count) == 0
    return json.loads((folder / "counts").read_text())


def tallied(real: Callable, label: str, counts: dict[str, int]) -> Callable:
    def call(*args, **options):
        counts[label] = counts.get(label, 0) + 1
        return real(*args, **options)

    return call


def wrap(module: ModuleType, name: str, make: Callable) -> None:
    setattr(module, name, make(getattr(module, name), f"{module.__name__}.{name}"))


def killed_at(point: Point, number: int, when: str, work: Callable[[], None]) -> bool:
    """Do it in a child that is killed at the point's `number`th call; whether it was."""

    def make(real: Callable, label: str) -> Callable:
        calls = iter(range(1, 1 << 30))

        def call(*args, **options):
            last = next(calls) == number
            if last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **options)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    def child() -> None:
        wrap(*point, make)
        work()

    status = in_child(child)
    assert status in (0, signal.SIGKILL), status
    return status == signal.SIGKILL


def require_sound(home: Path) -> int:
    """Every visible object is whole, every acknowledged one visible; the number of those."""
    wrong = [fault for fault in faults(str(home / "vault")) if not fault.endswith("is empty")]
    assert wrong == []
    acknowledged = 0
    for path in (home / "journal").glob("*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            event = json.loads(line)
            for subject in event["subjects"].get("objects", []) if event["type"] == "kept" else ():
                inventory = home / "vault" / subject["path"] / ocfl.INVENTORY
                assert hashlib.sha512(inventory.read_bytes()).hexdigest() == subject["inventory_sha512"]
                acknowledged += 1
    return acknowledged


def require_done(world: worlds.World, vault: dict[str, bytes]) -> None:
    """The vault is that of an undisturbed run, nothing is left over, and every byte is accounted for."""
    assert world.tree() == vault
    assert faults(str(world.home / "vault")) == []
    assert [n for n in os.listdir(world.home / "staging") if not n.endswith(".lock")] == []
    with world.open() as opened:
        care = opened.audit(Silence())
        assert care.findings == []
        assert opened.index.totals()[0] == require_sound(world.home)
        held = [h for batch in opened.index.held_batches() for h in batch]
    files = {
        (d, hashlib.sha512(data).hexdigest()) for d, names in DEPOSITS.items() for data in names.values()
    }
    assert {(h.deposit, h.sha512) for h in held} == files
