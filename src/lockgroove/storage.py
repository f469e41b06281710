"""Where bytes are kept: a small protocol, a local folder behind it.

Nothing is visible before it is whole and durable; nothing is overwritten; every verb is harmless to repeat.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lockgroove import durable
from lockgroove.errors import StorageFailed, Unavailable, storage_failed

STAGING = "staging"
BATCH_PREFIX = "batch-"  # other folders of staging/ belong to other verbs
EVENT_FILE = "event.json"


@dataclass(frozen=True)
class PendingBatch:
    """A batch that was cut between its decision and its acknowledgement."""

    name: str
    paths: Sequence[str]
    event: Mapping[str, Any]


class Storage(Protocol):
    """A home of bytes, by relative paths with `/` between."""

    name: str

    def available(self) -> bool:
        """Whether it answers now."""

    def size(self, path: str) -> int | None:
        """Bytes of a file, None when there is none; a link or folder is none."""

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a file in pieces. Raises FileNotFoundError, OSError."""

    def names(self, folder: str) -> list[str]:
        """What stands directly in a folder, sorted; folders end in `/`. Empty when there is none."""

    def stage(self, batch: str, path: str, chunks: Iterable[bytes]) -> None:
        """Write below the batch's staging; visible to nobody."""

    def decide(self, batch: str, paths: Sequence[str], event: Mapping[str, Any]) -> None:
        """Make the staged batch durable and promise to carry it to its end."""

    def publish(self, batch: str, paths: Sequence[str]) -> None:
        """Make the decided files or folders visible; durable on return. What is there already stays."""

    def finish(self, batch: str) -> None:
        """Forget the batch, after its acknowledgement or in place of it."""

    def decided(self) -> list[PendingBatch]:
        """Decided batches that are not finished: being carried now, or cut."""

    def pending(self) -> list[PendingBatch]:
        """Decided batches that were cut; undecided ones are thrown away. Use under the lock of the writer."""

    def append(self, path: str, offset: int, chunks: Iterable[bytes]) -> None:
        """Cut the file at `offset` and write on from there; durable on return."""

    def set_aside(self, path: str, aside: str) -> None:
        """Move whatever lies at `path` to `aside`, which must be free; nothing there is no error."""


class LocalStorage:
    """A folder of a local file system."""

    def __init__(self, root: str, name: str = "") -> None:
        self.name = name or root
        self._root = root

    @property
    def root(self) -> str:
        """The folder."""
        return self._root

    def available(self) -> bool:
        """Whether the folder is there."""
        return os.path.isdir(self._root)

    def path(self, path: str) -> str:
        """The absolute path. Raises ValueError for one that climbs out."""
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"not a path below the storage: {path!r}")
        return f"{self._root}/{path}"

    def size(self, path: str) -> int | None:
        """Bytes of a regular file."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            status = os.lstat(self.path(path))
            return status.st_size if stat.S_ISREG(status.st_mode) else None
        return None

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        return durable.chunks_of(self.path(path), offset, length)

    def names(self, folder: str) -> list[str]:
        """See Storage."""
        try:
            with os.scandir(self.path(folder)) as entries:
                return sorted(e.name + "/" if e.is_dir(follow_symlinks=False) else e.name for e in entries)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def stage(self, batch: str, path: str, chunks: Iterable[bytes]) -> None:
        """See Storage."""
        target = f"{self._batch(batch)}/{self._checked(path)}"
        with failing_as_storage(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        _write_chunks(descriptor, chunks, target)

    def staged(self, batch: str, path: str) -> str:
        """Where a staged file lies until it is published."""
        return f"{self._batch(batch)}/{self._checked(path)}"

    def decide(self, batch: str, paths: Sequence[str], event: Mapping[str, Any]) -> None:
        """See Storage."""
        folder = self._batch(batch)
        with failing_as_storage(folder):
            os.makedirs(folder, exist_ok=True)
            durable.sync_tree(folder, [folder])
            plan = {"paths": list(paths), "event": event}
            durable.replace_file(f"{folder}/{EVENT_FILE}", json.dumps(plan).encode())

    def publish(self, batch: str, paths: Sequence[str]) -> None:
        """See Storage."""
        folder = self._batch(batch)
        with failing_as_storage(folder):
            for path in paths:
                self._publish_one(f"{folder}/{path}", self.path(path))
            durable.sync_tree(self._root, {os.path.dirname(self.path(p)) for p in paths})

    def _publish_one(self, source: str, target: str) -> None:
        if os.path.lexists(target):
            if os.path.lexists(source) and not _same(source, target):
                raise StorageFailed(
                    "Something else lies where this belongs", target,
                    "Move it out of the archive, then run the same command again.",
                )  # fmt: skip
            return  # it was renamed before the cut, or lay there already
        os.makedirs(os.path.dirname(target), exist_ok=True)
        durable.rename_new(source, target)

    def finish(self, batch: str) -> None:
        """See Storage."""
        shutil.rmtree(self._batch(batch), ignore_errors=True)

    def decided(self) -> list[PendingBatch]:
        """See Storage."""
        return [batch for name in self._batches() if (batch := self._pending_batch(name))]

    def pending(self) -> list[PendingBatch]:
        """See Storage."""
        found = self.decided()
        for name in {*self._batches()} - {batch.name for batch in found}:
            self.finish(name)
        return found

    def _batches(self) -> list[str]:
        names = self.names(STAGING)
        return [name[:-1] for name in names if name.startswith(BATCH_PREFIX) and name.endswith("/")]

    def _pending_batch(self, name: str) -> PendingBatch | None:
        try:
            with open(f"{self._batch(name)}/{EVENT_FILE}", "rb") as file:
                plan = json.load(file)
            return PendingBatch(name, plan["paths"], plan["event"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def append(self, path: str, offset: int, chunks: Iterable[bytes]) -> None:
        """See Storage."""
        target = self.path(path)
        with failing_as_storage(target):
            durable.make_folders(os.path.dirname(target))
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT, 0o644)
        _write_chunks(descriptor, chunks, target, offset)
        with failing_as_storage(target):
            durable.sync_file(os.path.dirname(target))

    def set_aside(self, path: str, aside: str) -> None:
        """See Storage."""
        source, target = self.path(path), self.path(aside)
        if not os.path.lexists(source):
            return
        with failing_as_storage(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            durable.rename_new(source, target)

    def remove(self, path: str) -> None:
        """Remove what lies in quarantine or staging; the truth has no such verb."""
        target = self.path(path)
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        else:
            os.unlink(target)

    def _batch(self, batch: str) -> str:
        return f"{self._root}/{STAGING}/{batch}"

    def _checked(self, path: str) -> str:
        self.path(path)
        return path


def _write_chunks(descriptor: int, chunks: Iterable[bytes], target: str, offset: int | None = None) -> None:
    """Write and close, from `offset` durably. What fails in reading the chunks is not the target's fault."""
    try:
        if offset is not None:
            with failing_as_storage(target):
                os.ftruncate(descriptor, offset)
                os.lseek(descriptor, offset, os.SEEK_SET)
        for chunk in chunks:
            with failing_as_storage(target):
                durable.write_all(descriptor, chunk)
        if offset is not None:
            with failing_as_storage(target):
                os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _same(one: str, other: str) -> bool:
    """Whether two files, or two folders with all that is in them, are the same to the byte."""
    if os.path.islink(one) or os.path.islink(other) or os.path.isdir(one) != os.path.isdir(other):
        return False
    if os.path.isdir(one):
        names = sorted(os.listdir(one))
        return names == sorted(os.listdir(other)) and all(
            _same(f"{one}/{name}", f"{other}/{name}") for name in names
        )
    return filecmp.cmp(one, other, shallow=False)


@contextlib.contextmanager
def failing_as_storage(where: str) -> Iterator[None]:
    """Turn the system's refusal of a write into our error; nothing of it was acknowledged."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileExistsError):
            raise
        raise storage_failed(error, where) from error


def require_available(storage: Storage) -> None:
    """Raise Unavailable when a place does not answer."""
    if not storage.available():
        raise Unavailable("The place does not answer", storage.name, "Connect it, then try again.")
