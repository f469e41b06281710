"""The manifest of a dump: every file with size and digest, one root digest, a minisign signature."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove import keys
from lockgroove.errors import FormatUnknown, VerificationFailed
from lockgroove.tables import WrittenFile, root_digest

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.minisig"
PUBLIC_KEY = "lockgroove.pub"
SUMS = "SHA256SUMS"
FORMAT = "lockgroove-dump-1"
MANIFEST_BYTES_MAX = 256 << 20


@dataclass(frozen=True)
class Manifest:
    """What a dump consists of. `root` is the digest of the list of files."""

    archive: str
    name: str
    as_of: str
    root: str
    files: Sequence[WrittenFile]
    counts: dict[str, Any]

    def as_bytes(self) -> bytes:
        """The file, the same for the same content."""
        fields = {
            "format": FORMAT,
            "archive": self.archive,
            "name": self.name,
            "as_of": self.as_of,
            "root": self.root,
            "counts": self.counts,
            "files": [f.as_json() for f in sorted(self.files, key=lambda f: f.path.encode())],
        }
        return json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    def file(self, path: str) -> WrittenFile:
        """The entry of one file. Raises VerificationFailed when it is not listed."""
        for entry in self.files:
            if entry.path == path:
                return entry
        raise VerificationFailed("The manifest does not list it", path)


def load_manifest(data: bytes, signature: bytes, key: keys.PublicKey, where: str) -> Manifest:
    """A manifest whose signature and root hold. Raises VerificationFailed or FormatUnknown."""
    comment = keys.verify(data, signature, key, where)
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            raise FormatUnknown(f"The dump has format {fields['format']}", where, "Use a newer Lockgroove.")
        files = [WrittenFile(f["path"], f["size"], f["sha256"], f["rows"]) for f in fields["files"]]
        manifest = Manifest(
            fields["archive"], fields["name"], fields["as_of"], fields["root"], files, fields["counts"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(f"The manifest cannot be understood ({error})", where) from None
    if root_digest(files) != manifest.root or manifest.root not in comment:
        raise VerificationFailed("The manifest's root is not that of its files", where, "Try another mirror.")
    _refuse_paths(manifest, where)
    return manifest


def _refuse_paths(manifest: Manifest, where: str) -> None:
    for entry in manifest.files:
        parts = entry.path.split("/")
        if (
            entry.path.startswith("/")
            or ".." in parts
            or "" in parts
            or "\0" in entry.path
            or entry.size_bytes < 0
        ):
            raise VerificationFailed(
                f"The manifest names the path {entry.path!r}", where, "Try another mirror."
            )


def trusted_comment(manifest: Manifest) -> str:
    """What the signature says beside the bytes: root and date, and nothing that changes by itself."""
    return f"lockgroove dump root:{manifest.root} as-of:{manifest.as_of}"
