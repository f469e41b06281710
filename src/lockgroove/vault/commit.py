"""Objects into the vault, in batches: staged, synced, decided, renamed, synced, and only then acknowledged.

Invariant: whatever moment the power goes, every object that the journal names is whole, and no other is
visible for longer than until the next writer comes (`docs/format.md`, section 7).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from blake3 import blake3

from lockgroove import durable
from lockgroove.findings import Finding
from lockgroove.journal import Journal, canonical
from lockgroove.model import HeldFile
from lockgroove.report import Report
from lockgroove.storage import BATCH_PREFIX, LocalStorage, failing_as_storage
from lockgroove.vault import ocfl
from lockgroove.vault.index import HeldIndex, HeldObject
from lockgroove.vault.repair import carry_repair

BATCH_OBJECTS_MAX = 200
BATCH_BYTES_MAX = 1 << 30
BATCH_FILES_MAX = 10_000
_HASHERS = 2  # digests release the interpreter; two files at once use both cores of a small machine


class SourceChanged(Exception):
    """Raised by an opener whose file is not what was gathered; the finding says how."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class DraftFile:
    """A file to be kept: the claim it answers, its received name, and a way to read its bytes once."""

    key: str
    stamp: str
    name: bytes
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class ObjectDraft:
    """Files of one deposit under one rights statement as stated."""

    source: str
    deposit: str
    received_at: str
    licences: Sequence[dict[str, str]]
    files: Sequence[DraftFile]


@dataclass
class KeptCounts:
    """What came of it."""

    objects: int = 0
    files: int = 0
    bytes: int = 0
    elsewhere: int = 0
    refused: int = 0


@dataclass
class _Batch:
    name: str
    objects: list[HeldObject] = field(default_factory=list)
    elsewhere: list[HeldFile] = field(default_factory=list)
    pending: dict[str, HeldFile] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0

    def full(self) -> bool:
        return (
            len(self.objects) >= BATCH_OBJECTS_MAX
            or self.bytes >= BATCH_BYTES_MAX
            or self.files >= BATCH_FILES_MAX
        )


@dataclass(frozen=True)
class _Staged:
    file: DraftFile
    path: str
    size_bytes: int
    sha512: str
    sha256: str
    blake3: str


class Committer:
    """Takes drafts, acknowledges batches. Use under the vault's lock, and `finish` at the end."""

    def __init__(
        self,
        storage: LocalStorage,
        journal: Journal,
        index: HeldIndex,
        report: Report,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._journal = journal
        self._index = index
        self._report = report
        self._committed = committed
        self._pool = ThreadPoolExecutor(_HASHERS)
        self._batch = self._new_batch()
        self._serial = 0
        self.counts = KeptCounts()

    def recover(self) -> int:
        """Carry a batch that was cut to its end; the number of batches carried."""
        self._index.catch_up()
        pending = self._storage.pending()
        for batch in pending:
            if carry_repair(self._storage, batch):
                continue
            self._storage.publish(batch.name, batch.paths)
            objects = batch.event["objects"]
            acknowledged = all(self._index.object(o["id"]) for o in objects) and all(
                self._index.version(h["source"], h["key"], h["stamp"]) for h in batch.event["elsewhere"]
            )
            if not acknowledged:
                self._journal.append("kept", batch.event)
            self._storage.finish(batch.name)
        self._index.catch_up()
        return len(pending)

    @property
    def staged_bytes(self) -> int:
        """Bytes taken in so far, acknowledged or in the batch."""
        return self.counts.bytes + self._batch.bytes

    def add(self, draft: ObjectDraft) -> None:
        """Stage one object; the batch is committed when it is full."""
        self._serial += 1
        folder = self._storage.staged(self._batch.name, f"incoming/{self._serial:06}")
        staged = self._stage_files(draft.files, folder)
        if not staged:
            return
        fresh, repeated = self._split(draft, staged, folder)
        if fresh:
            self._wrap(draft, fresh, repeated, folder)
        else:
            self._batch.elsewhere.extend(repeated)
        self._batch.files += len(staged)
        self.counts.elsewhere += len(repeated)
        if self._batch.full():
            self.commit()

    def scratch(self) -> str:
        """A folder of the batch in which objects may be made ready for `adopt`."""
        self._serial += 1
        return self._storage.staged(self._batch.name, f"incoming/{self._serial:06}")

    def adopt(self, folder: str, held: HeldObject) -> None:
        """Take in a whole, verified object that was made ready in `scratch`."""
        self._settle(folder, held)
        self._batch.files += held.files
        if self._batch.full():
            self.commit()

    def finish(self) -> None:
        """Commit what is left."""
        self.commit()
        self._pool.shutdown()

    def abandon(self) -> None:
        """Throw what is undecided away, so that it does not fill the disk.

        A decided batch waits for `recover`: some of its objects may be visible already.
        """
        self._pool.shutdown(cancel_futures=True)
        self._storage.pending()

    def commit(self) -> None:
        """Acknowledge the batch: everything in it is durable when this returns."""
        batch, self._batch = self._batch, self._new_batch()  # whatever cuts us, it is not begun again
        if not batch.objects and not batch.elsewhere:
            self._storage.finish(batch.name)
            return
        paths = [f"{ocfl.ROOT}/{o.path}" for o in batch.objects]
        event = {
            "batch": batch.name,
            "objects": [o.as_subject() for o in batch.objects],
            "elsewhere": [asdict(h) for h in batch.elsewhere],
        }
        self._storage.decide(batch.name, paths, event)
        self._storage.publish(batch.name, paths)
        self._journal.append("kept", event)
        self._storage.finish(batch.name)
        self._index.catch_up()
        self._count(batch)
        self._committed()

    def _count(self, batch: _Batch) -> None:
        self.counts.objects += len(batch.objects)
        self.counts.files += sum(o.files for o in batch.objects)
        self.counts.bytes += sum(o.bytes for o in batch.objects)

    def _new_batch(self) -> _Batch:
        return _Batch(f"{BATCH_PREFIX}{secrets.token_hex(8)}")

    def _stage_files(self, files: Sequence[DraftFile], folder: str) -> list[_Staged]:
        paths = ocfl.unique_paths([f.name for f in files])
        jobs = [
            self._pool.submit(_copy, file, path, f"{folder}/{ocfl.CONTENT}/{path}")
            for file, path in zip(files, paths, strict=True)
        ]
        staged = []
        try:
            for job in jobs:
                done = job.result()
                if isinstance(done, Finding):
                    self.counts.refused += 1
                    self._report.finding(done)
                else:
                    staged.append(done)
        finally:
            for job in jobs:
                job.cancel()
        if len(staged) < len(paths):  # only now: a folder must not go while others still write into it
            for path in paths:
                _prune(f"{folder}/{ocfl.CONTENT}", path)
        return staged

    def _split(
        self, draft: ObjectDraft, staged: Sequence[_Staged], folder: str
    ) -> tuple[list[_Staged], list[HeldFile]]:
        fresh: dict[str, _Staged] = {}
        repeated: list[HeldFile] = []
        for one in staged:
            held = self._batch.pending.get(one.sha512) or self._index.with_digest(one.sha512)
            if held is None and one.sha512 not in fresh:
                fresh[one.sha512] = one
                continue
            _discard(f"{folder}/{ocfl.CONTENT}", one.path)
            object_id, path = (held.object_id, held.path) if held else ("", fresh[one.sha512].path)
            repeated.append(_held(draft, one, object_id, path))
        return self._unkept(draft, list(fresh.values()), repeated)

    def _unkept(
        self, draft: ObjectDraft, fresh: list[_Staged], repeated: list[HeldFile]
    ) -> tuple[list[_Staged], list[HeldFile]]:
        """An object that is acknowledged, but whose `deposit.json` cannot be read, is not kept twice."""
        identifier = ocfl.object_id([(f.path, f.sha512) for f in fresh])
        if not fresh or self._index.object(identifier) is None:
            return fresh, repeated
        again = [_held(draft, f, identifier, f.path) for f in fresh]
        return [], [*again, *(replace(h, object_id=h.object_id or identifier) for h in repeated)]

    def _wrap(
        self, draft: ObjectDraft, fresh: Sequence[_Staged], repeated: Sequence[HeldFile], folder: str
    ) -> None:
        identifier = ocfl.object_id([(f.path, f.sha512) for f in fresh])
        files = [_held(draft, f, identifier, f.path) for f in fresh]
        repeated = [replace(h, object_id=h.object_id or identifier) for h in repeated]
        deposit = deposit_json(draft, files, repeated)
        self._write(f"{folder}/{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}", deposit)
        inventory = ocfl.inventory(
            identifier, draft.received_at, [*map(_content, files), _deposit_content(deposit)]
        )
        for path, data in ocfl.object_wrapping(inventory).items():
            self._write(f"{folder}/{path}", data)
        held = HeldObject(
            id=identifier,
            path=ocfl.object_path(identifier),
            inventory_sha512=hashlib.sha512(inventory).hexdigest(),
            inventory_bytes=len(inventory),
            files=len(files),
            bytes=sum(f.size_bytes for f in files),
            at=draft.received_at,
        )
        self._settle(folder, held)
        self._batch.pending.update((f.sha512, f) for f in files)

    def _settle(self, folder: str, held: HeldObject) -> None:
        target = self._storage.staged(self._batch.name, f"{ocfl.ROOT}/{held.path}")
        with failing_as_storage(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(folder, target)
        self._batch.objects.append(held)
        self._batch.bytes += held.bytes

    def _write(self, path: str, data: bytes) -> None:
        with failing_as_storage(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(data)


def deposit_json(draft: ObjectDraft, files: Sequence[HeldFile], elsewhere: Sequence[HeldFile]) -> bytes:
    """What a stranger needs to know of the object's files (`docs/format.md`, section 5)."""
    return (
        canonical(
            {
                "format": "lockgroove-deposit-1",
                "source": draft.source,
                "deposit": draft.deposit,
                "received": draft.received_at,
                "licences": list(draft.licences),
                "files": [_deposit_row(f) for f in files],
                "elsewhere": [_deposit_row(f) | {"object": f.object_id} for f in elsewhere],
            }
        )
        + b"\n"
    )


def _deposit_row(file: HeldFile) -> dict[str, Any]:
    return {
        "key": file.key,
        "stamp": file.stamp,
        "name": file.name,
        "path": file.path,
        "size": file.size_bytes,
        "sha512": file.sha512,
        "sha256": file.sha256,
        "blake3": file.blake3,
    }


def _held(draft: ObjectDraft, one: _Staged, object_id: str, path: str) -> HeldFile:
    return HeldFile(
        source=draft.source,
        key=one.file.key,
        deposit=draft.deposit,
        name=ocfl.content_name(one.file.name),
        object_id=object_id,
        path=path,
        size_bytes=one.size_bytes,
        sha512=one.sha512,
        sha256=one.sha256,
        blake3=one.blake3,
        stamp=one.file.stamp,
    )


def _content(file: HeldFile) -> ocfl.ContentFile:
    return ocfl.ContentFile(file.path, file.size_bytes, file.sha512, file.sha256)


def _deposit_content(data: bytes) -> ocfl.ContentFile:
    sha512, sha256 = hashlib.sha512(data).hexdigest(), hashlib.sha256(data).hexdigest()
    return ocfl.ContentFile(ocfl.DEPOSIT_FILE, len(data), sha512, sha256)


def _copy(file: DraftFile, path: str, target: str) -> _Staged | Finding:
    """Copy and digest in one read."""
    sha512, sha256, scrub, size = hashlib.sha512(), hashlib.sha256(), blake3(), 0
    with failing_as_storage(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        for chunk in file.chunks():
            sha512.update(chunk)
            sha256.update(chunk)
            scrub.update(chunk)
            size += len(chunk)
            with failing_as_storage(target):
                durable.write_all(descriptor, chunk)
    except SourceChanged as changed:
        os.unlink(target)
        return changed.finding
    finally:
        os.close(descriptor)
    return _Staged(file, path, size, sha512.hexdigest(), sha256.hexdigest(), scrub.hexdigest())


def _discard(content: str, path: str) -> None:
    """Remove a staged file and the folders that it leaves empty: an OCFL object has none."""
    os.unlink(f"{content}/{path}")
    _prune(content, path)


def _prune(content: str, path: str) -> None:
    while "/" in path:
        path = path.rpartition("/")[0]
        with contextlib.suppress(OSError):
            os.rmdir(f"{content}/{path}")
