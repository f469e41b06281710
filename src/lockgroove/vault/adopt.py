"""Objects out of somebody's volumes: written beside, verified file by file, and only then handed over.

Nothing is believed: the id must be that of the content, the path that of the id, and every digest must hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from lockgroove.errors import VerificationFailed
from lockgroove.storage import failing_as_storage
from lockgroove.vault import ocfl
from lockgroove.vault.index import HeldObject
from lockgroove.vault.volumes import read_volume

_PARTS = 3  # two tuples and the encoded id


@dataclass
class _Arriving:
    path: str
    folder: str
    digests: dict[str, str] = field(default_factory=dict)
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
        _write(arriving, name.removeprefix(f"{path}/"), size, content)
    if arriving is not None:
        yield arriving.folder, _verified(arriving, volume, received_at)


def _write(arriving: _Arriving, name: str, size: int, content: BinaryIO) -> None:
    target = f"{arriving.folder}/{name}"
    digest = hashlib.sha512()
    with failing_as_storage(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "xb") as file:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
    arriving.digests[name] = digest.hexdigest()
    arriving.sizes[name] = size


def _verified(arriving: _Arriving, volume: str, received_at: str) -> HeldObject:
    try:
        return _checked(arriving, received_at)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
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
    return HeldObject(
        id=identifier,
        path=arriving.path,
        inventory_sha512=hashlib.sha512(inventory).hexdigest(),
        inventory_bytes=len(inventory),
        files=len(files),
        bytes=sum(arriving.sizes[f"{ocfl.CONTENT}/{path}"] for path in files),
        at=received_at,
    )


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
