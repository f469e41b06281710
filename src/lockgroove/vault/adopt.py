"""Objects out of somebody's volumes: written beside, verified file by file, and only then handed over.

Nothing is believed: the id must be that of the content, the path that of the id, and every digest must hold.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from blake3 import blake3

from lockgroove.errors import VerificationFailed
from lockgroove.storage import failing_as_storage
from lockgroove.vault import ocfl
from lockgroove.vault.index import HeldObject, held_files
from lockgroove.vault.volumes import read_volume

_PARTS = 3  # two tuples and the encoded id
# The system's answers to a name that no object of ours can have.
_BAD_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
_UNSOUND = (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError)


@dataclass
class _Arriving:
    path: str
    folder: str
    digests: dict[str, str] = field(default_factory=dict)
    sha256s: dict[str, str] = field(default_factory=dict)
    blake3s: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


def objects_of(
    volume: str, bytes_max: int, scratch: str, received_at: str
) -> Iterator[tuple[str, HeldObject]]:
    """Each object of a volume as a folder below `scratch`, verified. Raises VerificationFailed.

    Take the folder before asking for the next object.
    """
    roots = ocfl.root_files()
    arriving: _Arriving | None = None
    for number, (name, size, content) in enumerate(read_volume(volume, bytes_max)):
        if name in roots:
            continue
        path = "/".join(name.split("/")[:_PARTS])
        if arriving is None or arriving.path != path:
            if arriving is not None:
                yield arriving.folder, _verified(arriving, volume, received_at)
            arriving = _Arriving(path, f"{scratch}/{number:08}")
        _write(arriving, name.removeprefix(f"{path}/"), size, content, volume)
    if arriving is not None:
        yield arriving.folder, _verified(arriving, volume, received_at)


def _write(arriving: _Arriving, name: str, size: int, content: BinaryIO, volume: str) -> None:
    target = f"{arriving.folder}/{name}"
    digests: list[Any] = [hashlib.sha512(), hashlib.sha256(), blake3()]
    with failing_as_storage(target), _open_new(target, name, volume) as file:
        while chunk := _chunk_of(content, volume):
            for digest in digests:
                digest.update(chunk)
            file.write(chunk)
    arriving.digests[name], arriving.sha256s[name], arriving.blake3s[name] = (d.hexdigest() for d in digests)
    arriving.sizes[name] = size


def _open_new(target: str, name: str, volume: str) -> BinaryIO:
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        return open(target, "xb")
    except OSError as error:
        if error.errno not in _BAD_NAME:
            raise
        raise VerificationFailed(f"Volume member {name!r} cannot be a file of an object", volume) from None


def _chunk_of(content: BinaryIO, volume: str) -> bytes:
    try:
        return content.read(1 << 20)
    except tarfile.TarError as error:
        raise VerificationFailed(f"The volume is cut ({error})", volume, "Try another mirror.") from None


def _verified(arriving: _Arriving, volume: str, received_at: str) -> HeldObject:
    try:
        return _checked(arriving, received_at)
    except _UNSOUND as error:
        shutil.rmtree(arriving.folder, ignore_errors=True)
        raise VerificationFailed(f"The object {arriving.path} is not sound ({error})", volume) from None


def _checked(arriving: _Arriving, received_at: str) -> HeldObject:
    with open(f"{arriving.folder}/{ocfl.INVENTORY}", "rb") as file:
        inventory = file.read()
    fields = json.loads(inventory)
    identifier, content = fields["id"], ocfl.content_of(inventory)
    wrapping = ocfl.object_wrapping(inventory)
    _require(set(arriving.digests) == set(content) | set(wrapping), "it has files too many or too few")
    for path, digest in content.items():
        _require(arriving.digests[path] == digest, f"{path} has another digest")
    for path, data in wrapping.items():
        _require(arriving.digests[path] == hashlib.sha512(data).hexdigest(), f"{path} is not as it must be")
    files = {path.removeprefix(f"{ocfl.CONTENT}/"): digest for path, digest in content.items()}
    _require(files.pop(ocfl.DEPOSIT_FILE, None) is not None, "it has no deposit.json")
    _require(ocfl.object_id(list(files.items())) == identifier, "its id is not that of its files")
    _require(ocfl.object_path(identifier) == arriving.path, "it lies at another path than its id's")
    _require(_as_written(fields, arriving, content), "its inventory is not as it must be")
    _require_deposit(identifier, arriving, set(files))
    return HeldObject(
        id=identifier,
        path=arriving.path,
        inventory_sha512=hashlib.sha512(inventory).hexdigest(),
        inventory_bytes=len(inventory),
        files=len(files),
        bytes=sum(arriving.sizes[f"{ocfl.CONTENT}/{path}"] for path in files),
        at=received_at,
    )


def _as_written(fields: dict[str, Any], arriving: _Arriving, content: dict[str, str]) -> bool:
    """Whether the inventory says what we would say of the same files; words and dates are the publisher's."""
    files = [
        ocfl.ContentFile(p.removeprefix(f"{ocfl.CONTENT}/"), arriving.sizes[p], digest, arriving.sha256s[p])
        for p, digest in content.items()
    ]
    created = fields["versions"]["v1"]["created"]
    expected = json.loads(ocfl.inventory(fields["id"], str(created), files))
    for version in (fields["versions"]["v1"], expected["versions"]["v1"]):
        version.pop("message", None)
        version.pop("user", None)
    return bool(fields == expected)


def _require_deposit(identifier: str, arriving: _Arriving, paths: set[str]) -> None:
    with open(f"{arriving.folder}/{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}", "rb") as file:
        rows = held_files(identifier, json.load(file))
    for row in rows:
        words = [value for name, value in row.__dict__.items() if name != "size_bytes"]
        _require(all(isinstance(w, str) for w in words), "its deposit.json has words of another kind")
        _require(type(row.size_bytes) is int, "its deposit.json has sizes of another kind")
    own = [row for row in rows if row.object_id == identifier]
    _require({row.path for row in own} == paths, "its deposit.json names other files")
    for row in own:
        path = f"{ocfl.CONTENT}/{row.path}"
        seen = (arriving.digests, arriving.sha256s, arriving.blake3s, arriving.sizes)
        said = (row.sha512, row.sha256, row.blake3, row.size_bytes)
        _require(tuple(d[path] for d in seen) == said, f"its deposit.json has other digests of {row.path}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
