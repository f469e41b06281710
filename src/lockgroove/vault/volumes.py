"""Volumes: whole objects in POSIX pax tars, so that untarring all of them is a valid storage root.

The same objects in the same order are the same bytes: headers carry no clock, no owner and no mode of ours.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lockgroove.errors import DamageFound, VerificationFailed
from lockgroove.storage import Storage
from lockgroove.vault import ocfl

VOLUME_BYTES_MAX = 10 << 30
_BLOCK = 512
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file in a volume: where its bytes start in the tar."""

    volume: str
    object_id: str
    path: str
    offset: int
    size_bytes: int


class VolumeObject(Protocol):
    """What a volume needs to know of an object."""

    @property
    def id(self) -> str:
        """Its OCFL id."""

    @property
    def path(self) -> str:
        """Where it lies below the storage root."""

    @property
    def bytes(self) -> int:
        """Its size."""

    @property
    def inventory_sha512(self) -> str:
        """The digest of its inventory, as it was acknowledged."""


def write_volumes(
    storage: Storage, objects: Iterable[VolumeObject], folder: str, bytes_max: int
) -> Iterator[Member]:
    """Write `NNNNNN.tar` files into `folder`, in the order of the objects; yield each object's members.

    Raises DamageFound for a file that is not as it was kept: nobody's signature may stand under it.
    """
    writer: _Volume | None = None
    number = 0
    try:
        for item in objects:
            if writer is not None and writer.objects and writer.size_bytes + item.bytes > bytes_max:
                writer.close()
                writer = None
            if writer is None:
                number += 1
                writer = _Volume(f"{folder}/{number:06}.tar")
            yield from writer.add(storage, item)
        if writer is not None:
            writer.close()
    finally:
        if writer is not None:
            writer.abandon()


class _Volume:
    """One tar being written; the storage root's own files come first."""

    def __init__(self, path: str) -> None:
        self._name = os.path.basename(path)
        self._file = open(path, "xb")  # noqa: SIM115 - closed by close
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8")  # noqa: SIM115
        self.objects = 0
        for name, data in sorted(ocfl.root_files().items()):
            self._put(name, len(data), io.BytesIO(data))

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        return self._file.tell()

    def add(self, storage: Storage, item: VolumeObject) -> Iterator[Member]:
        """Add every file of an object as it was kept, in order of path."""
        for path, digest in sorted(_kept_files(storage, item).items(), key=lambda f: f[0].encode()):
            name = f"{item.path}/{path}"
            size = storage.size(f"{ocfl.ROOT}/{name}")
            if size is None:
                raise _damage(name, "is missing")
            stream = _Stream(storage.read(f"{ocfl.ROOT}/{name}"), name)
            offset = self._put(name, size, stream)
            if stream.digest.hexdigest() != digest:
                raise _damage(name, "is not as it was kept")
            yield Member(self._name, item.id, name, offset, size)
        self.objects += 1

    def _put(self, name: str, size: int, content: BinaryIO | _Stream) -> int:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o644, 0
        info.uid = info.gid = 0
        self._tar.addfile(info, content)
        padded = -(-size // _BLOCK) * _BLOCK
        return self._file.tell() - padded

    def close(self) -> None:
        """End the tar and make it durable."""
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file, whether it is whole or not."""
        self._file.close()


def _kept_files(storage: Storage, item: VolumeObject) -> dict[str, str]:
    """The sha512 of every file of an object, content and wrapping, by path below it."""

    def read(path: str) -> bytes:
        return b"".join(storage.read(path))

    inventory = ocfl.good_inventory(read, f"{ocfl.ROOT}/{item.path}", item.inventory_sha512)
    if inventory is None:
        raise _damage(f"{item.path}/{ocfl.INVENTORY}", "is not as it was kept")
    wrapping = ocfl.object_wrapping(inventory)
    return ocfl.content_of(inventory) | {p: hashlib.sha512(data).hexdigest() for p, data in wrapping.items()}


def _damage(name: str, how: str) -> DamageFound:
    what = f"A file that would be published {how}"
    return DamageFound(what, f"{ocfl.ROOT}/{name}", "Run: lockgroove repair")


class _Stream:
    """Chunks as something to read from, and their sha512. Raises DamageFound where they end early."""

    def __init__(self, chunks: Iterator[bytes], name: str) -> None:
        self._chunks = chunks
        self._name = name
        self._rest = b""
        self.digest = hashlib.sha512()

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes."""
        parts, have = [self._rest], len(self._rest)
        while have < size:
            parts.append(self._chunk())
            have += len(parts[-1])
        data = b"".join(parts)
        self._rest = data[size:]
        self.digest.update(data[:size])
        return data[:size]

    def _chunk(self) -> bytes:
        try:
            chunk = next(self._chunks, b"")
        except OSError as error:
            raise _damage(self._name, f"cannot be read ({error.strerror or error})") from error
        if not chunk:
            raise _damage(self._name, "is cut")
        return chunk


def read_volume(path: str, bytes_max: int) -> Iterator[tuple[str, int, BinaryIO]]:
    """Name, size and content of every file of a volume. Raises VerificationFailed.

    Links, devices, absolute paths, paths that climb out and more bytes than `bytes_max` are refused.
    """
    total = 0
    seen: set[str] = set()
    try:
        with tarfile.open(path, mode="r:", encoding="utf-8") as tar:
            for info in tar:
                total += info.size
                _refuse(info, path, seen, total > bytes_max)
                seen.add(info.name)
                content = tar.extractfile(info)
                assert content is not None
                yield info.name, info.size, content  # type: ignore[misc]
                tar.members = []  # type: ignore[attr-defined]  # a volume has millions; keep none
    except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError) as error:
        raise VerificationFailed(f"The volume is no tar ({error})", path, "Try another mirror.") from None


def _refuse(info: tarfile.TarInfo, path: str, seen: set[str], too_much: bool) -> None:
    parts = info.name.split("/")
    reason = ""
    if not info.isreg():
        reason = "is not a plain file"
    elif info.name.startswith("/") or ".." in parts or "" in parts or "\0" in info.name:
        reason = "leads out of the folder"
    elif info.name in seen:
        reason = "is in the volume twice"
    elif too_much:
        reason = "is more than the volume may hold"
    if reason:
        raise VerificationFailed(f"Volume member {info.name!r} {reason}", path, "Try another mirror.")
