"""Dumps that were signed by somebody who means no good."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lockgroove import keys, tables
from lockgroove.dumps.manifest import MANIFEST, PUBLIC_KEY, SIGNATURE
from lockgroove.keys import SigningKey

KEY = SigningKey(b"12345678", b"\7" * 32)
Change = Callable[[dict[str, Any]], object]


def sign(dump: Path, change: Change = lambda fields: None) -> None:
    """Put a new manifest over the files as they are now, changed at will, with a signature that holds."""
    fields = json.loads((dump / MANIFEST).read_text())
    (dump / PUBLIC_KEY).write_bytes(KEY.public.file())
    for entry in fields["files"]:
        path = dump / entry["path"]
        if path.exists():
            entry["size"], entry["sha256"] = path.stat().st_size, tables.sha256_of(str(path))
    change(fields)
    with contextlib.suppress(Exception):  # what has no root is signed all the same
        fields["root"] = tables.root_digest(
            [tables.WrittenFile(f["path"], f["size"], f["sha256"]) for f in fields["files"]]
        )
    data = json.dumps(fields).encode()
    (dump / MANIFEST).write_bytes(data)
    comment = f"lockgroove dump root:{fields['root']} as-of:{fields['as_of']}"
    (dump / SIGNATURE).write_bytes(KEY.sign(data, comment))


def members(volume: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    found = []
    with tarfile.open(volume) as tar:
        for info in tar:
            content = tar.extractfile(info)
            found.append((info, content.read() if content else b""))
    return found


def rewrite(volume: Path, content: Iterable[tuple[tarfile.TarInfo, bytes]]) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in content:
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    volume.write_bytes(sink.getvalue())


def file(name: str, data: bytes = b"hostile") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def public_key() -> str:
    return keys.parse_public(KEY.public.text()).text()
