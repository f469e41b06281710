"""OCFL 1.1 as we write it: where an object lies, what its inventory says, what a storage root holds.

Source: https://ocfl.io/1.1/spec/ and extension 0003 (hashed n-tuple with encapsulated id).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROOT = "vault"
ID_PREFIX = "urn:lockgroove:"
OBJECT_DECLARATION = "0=ocfl_object_1.1"
INVENTORY = "inventory.json"
SIDECAR = "inventory.json.sha512"
CONTENT = "v1/content"
DEPOSIT_FILE = "deposit.json"
LAYOUT = "0003-hash-and-id-n-tuple-storage-layout"
NAME_BYTES_MAX = 255

_README = """\
This folder holds music and what came with it, kept by Lockgroove, an open preservation archive.

It is an OCFL 1.1 storage root (https://ocfl.io). You need no special software:

- every folder that contains a file `0=ocfl_object_1.1` is an object: one deposit, or a part of it;
- its files lie in `v1/content/`, exactly as they were received, under the names they came with;
- `inventory.json` in the object lists each file's SHA-512; `sha512sum` checks it;
- `v1/content/deposit.json` tells where the files came from, when, and under which licence as stated.
"""


@dataclass(frozen=True)
class ContentFile:
    """A file of an object: its path below the content folder, size and digests in hexadecimal."""

    path: str
    size_bytes: int
    sha512: str
    sha256: str


def root_files() -> Mapping[str, bytes]:
    """The files of a storage root itself, by path below it."""
    config = {
        "extensionName": LAYOUT,
        "digestAlgorithm": "sha256",
        "tupleSize": 2,
        "numberOfTuples": 2,
    }
    layout = {
        "extension": LAYOUT,
        "description": "SHA-256 of the object id in 2 tuples of 2, then the id, encoded",
    }
    return {
        "0=ocfl_1.1": b"ocfl_1.1\n",
        "ocfl_layout.json": pretty(layout),
        f"extensions/{LAYOUT}/config.json": pretty(config),
        "README.txt": _README.encode(),
    }


def object_id(files: Sequence[tuple[str, str]]) -> str:
    """The id of an object from its (path, sha512) list, `deposit.json` left out."""
    lines = "".join(f"{sha512}  {path}\n" for path, sha512 in sorted(files, key=lambda f: f[0].encode()))
    return ID_PREFIX + hashlib.sha256(lines.encode()).hexdigest()


def object_path(identifier: str) -> str:
    """Where an object lies below the storage root (extension 0003)."""
    digest = hashlib.sha256(identifier.encode()).hexdigest()
    encoded = "".join(
        c if re.fullmatch(r"[A-Za-z0-9_-]", c) else "".join(f"%{b:02x}" for b in c.encode())
        for c in identifier
    )
    if len(encoded) > 100:
        encoded = f"{encoded[:100]}-{digest}"
    return f"{digest[:2]}/{digest[2:4]}/{encoded}"


def inventory(identifier: str, created: str, files: Sequence[ContentFile]) -> bytes:
    """The inventory of an object of one version."""
    by_digest: dict[str, list[ContentFile]] = {}
    for file in sorted(files, key=lambda f: f.path.encode()):
        by_digest.setdefault(file.sha512, []).append(file)
    manifest = {digest: [f"{CONTENT}/{f.path}" for f in same] for digest, same in by_digest.items()}
    version = {
        "created": created,
        "message": "As received",
        "state": {digest: [f.path for f in same] for digest, same in by_digest.items()},
        "user": {"name": "Lockgroove", "address": "https://ocfl.io/1.1/spec/"},
    }
    return pretty(
        {
            "id": identifier,
            "type": "https://ocfl.io/1.1/spec/#inventory",
            "digestAlgorithm": "sha512",
            "head": "v1",
            "manifest": manifest,
            "fixity": {"sha256": _sha256_of(files)},
            "versions": {"v1": version},
        }
    )


def _sha256_of(files: Sequence[ContentFile]) -> dict[str, list[str]]:
    block: dict[str, list[str]] = {}
    for file in sorted(files, key=lambda f: f.path.encode()):
        block.setdefault(file.sha256, []).append(f"{CONTENT}/{file.path}")
    return block


def object_wrapping(inventory_bytes: bytes) -> Mapping[str, bytes]:
    """The files of an object that are not content, by path below it. Order: the declaration comes last."""
    digest = hashlib.sha512(inventory_bytes).hexdigest()
    sidecar = f"{digest}  {INVENTORY}\n".encode()
    return {
        f"v1/{INVENTORY}": inventory_bytes,
        f"v1/{SIDECAR}": sidecar,
        INVENTORY: inventory_bytes,
        SIDECAR: sidecar,
        OBJECT_DECLARATION: b"ocfl_object_1.1\n",
    }


def content_of(inventory_bytes: bytes) -> dict[str, str]:
    """The sha512 of each content path (`v1/content/…`) of an inventory."""
    manifest = json.loads(inventory_bytes)["manifest"]
    return {path: digest for digest, paths in manifest.items() for path in paths}


def good_inventory(read: Callable[[str], bytes], base: str, sha512: str) -> bytes | None:
    """The inventory of the object at `base`, from whichever of its two copies is as it was kept."""
    for path in (INVENTORY, f"v1/{INVENTORY}"):
        with contextlib.suppress(OSError):
            data = read(f"{base}/{path}")
            if hashlib.sha512(data).hexdigest() == sha512:
                return data
    return None


def content_name(name: bytes) -> str:
    """A received name as it stands in an object; `docs/format.md`, section 5."""
    parts = [_fitting(part) for part in _encoded(name).split("/")]
    if parts[0] == DEPOSIT_FILE:  # our own file is called that, so neither a file nor a folder may be
        parts[0] = "deposit%2Ejson"
    return "/".join(part if part not in (".", "..", "") else f"%2E{part[1:]}" for part in parts)


def _encoded(name: bytes) -> str:
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("utf-8", "surrogateescape")
    if not any(_needs_encoding(c) for c in text):
        return text
    return "".join(
        f"%{(ord(c) - 0xDC00 if ord(c) >= 0xDC80 else ord(c)):02X}" if _needs_encoding(c) or c == "%" else c
        for c in text
    )


def _needs_encoding(character: str) -> bool:
    code = ord(character)
    return code < 32 or code == 127 or 0xDC80 <= code <= 0xDCFF


def unique_paths(names: Iterable[bytes]) -> list[str]:
    """Content paths of received names; names that would fall together get a number."""
    files: set[str] = set()
    folders: set[str] = set()
    paths = []
    for name in names:
        parts = content_name(name).split("/")
        for depth in range(1, len(parts) + 1):
            taken = files | folders if depth == len(parts) else files
            parts[:depth] = _free("/".join(parts[:depth]), taken).split("/")
        path = "/".join(parts)
        files.add(path)
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        paths.append(path)
    return paths


def _free(path: str, taken: Container[str]) -> str:
    number, free = 1, path
    while free in taken:
        number += 1
        free = _numbered(path, number)
    return free


def _numbered(path: str, number: int) -> str:
    """A content path as it stands for the `number`th of those that fall together."""
    folder, slash, name = path.rpartition("/")
    ending = f"~{number}"
    return folder + slash + _cut(name.encode(), NAME_BYTES_MAX - len(ending)) + ending


def _fitting(part: str) -> str:
    raw = part.encode()
    if len(raw) <= NAME_BYTES_MAX:
        return part
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return _cut(raw, NAME_BYTES_MAX - 17) + "~" + digest


def _cut(raw: bytes, bytes_max: int) -> str:
    return raw[:bytes_max].decode("utf-8", "ignore")


def pretty(value: Mapping[str, Any]) -> bytes:
    """JSON for people with a text editor: sorted, one entry a line."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
