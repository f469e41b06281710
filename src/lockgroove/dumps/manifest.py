"""The manifest of a dump: every file with size and digest, one root digest, a minisign signature."""

from __future__ import annotations

import json
import re
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
_ARCHIVE = re.compile(r"arc-[0-9a-f]{16}")
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z|", re.ASCII)


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
        _refuse_shapes(manifest)
        root = root_digest(files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationFailed(f"The manifest cannot be understood ({error})", where) from None
    if root != manifest.root or manifest.root not in comment:
        raise VerificationFailed("The manifest's root is not that of its files", where, "Try another mirror.")
    return manifest


def _refuse_shapes(manifest: Manifest) -> None:
    """Raise ValueError for what no dump of this format has, such as a path that climbs out."""
    _require(_ARCHIVE.fullmatch(manifest.archive), f"no archive is called {manifest.archive!r}")
    _require(_TIME.fullmatch(manifest.as_of), f"{manifest.as_of!r} is no time")
    _require(isinstance(manifest.name, str) and isinstance(manifest.counts, dict), "name and counts")
    for entry in manifest.files:
        _require(_PATH.fullmatch(entry.path), f"a dump has no path {entry.path!r}")
        _require(_SHA256.fullmatch(entry.sha256), f"{entry.path} has no SHA-256")
        _require(type(entry.size_bytes) is int and entry.size_bytes >= 0, f"{entry.path} has no size")
        _require(type(entry.rows) is int, f"{entry.path} has no number of rows")
    paths = {entry.path for entry in manifest.files}
    _require(len(paths) == len(manifest.files), "a path stands there twice")
    _require(not paths & {path.partition("/")[0] for path in paths if "/" in path}, "a file is a folder too")
    _require(not paths & {MANIFEST, SIGNATURE, SUMS}, "it names itself")


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def trusted_comment(manifest: Manifest) -> str:
    """What the signature says beside the bytes: root and date, and nothing that changes by itself."""
    return f"lockgroove dump root:{manifest.root} as-of:{manifest.as_of}"
