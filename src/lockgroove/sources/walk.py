"""A folder's entries, sorted, with what cannot be read told as findings. Links are not followed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lockgroove.findings import Finding
from lockgroove.sources.shelfkeys import encode

_DISC = re.compile(rb"(cd|dis[ck]|disque|side|vinyl|lp|tape)[ ._-]*(\d{1,2}|[a-d])\b.{0,40}", re.IGNORECASE)
Tell = Callable[[Finding], None]


@dataclass(frozen=True)
class Entry:
    """A regular file: its path below the shelf, size and time of change."""

    path: bytes
    size_bytes: int
    mtime_ns: int

    @property
    def key(self) -> str:
        """The file's key."""
        return encode(self.path)

    @property
    def stamp(self) -> str:
        """The mark of this version."""
        return f"{self.size_bytes}-{self.mtime_ns}"


@dataclass(frozen=True)
class Listing:
    """A folder: its files, those of its discs' folders among them, and the folders to go on with."""

    path: bytes
    files: list[Entry]
    folders: list[bytes]


def listing(root: bytes, folder: bytes, tell: Tell) -> Listing:
    """List one folder; folders named like discs (CD 1, Disc B) count as part of it."""
    files: list[Entry] = []
    folders: list[bytes] = []
    for name, entry in _entries(root, folder, tell):
        if isinstance(entry, Entry):
            files.append(entry)
        elif _DISC.fullmatch(name):
            inner = listing(root, entry, tell)
            files.extend(inner.files)
            folders.extend(inner.folders)
        else:
            folders.append(entry)
    return Listing(folder, files, folders)


def _entries(root: bytes, folder: bytes, tell: Tell) -> Iterator[tuple[bytes, Entry | bytes]]:
    try:
        names = sorted(os.listdir(os.path.join(root, folder) if folder else root))
    except OSError as error:
        tell(Finding("unreadable", encode(folder) or ".", error.strerror or str(error)))
        return
    for name in names:
        path = folder + b"/" + name if folder else name
        found = _entry(root, path, tell)
        if found is not None:
            yield name, found


def _entry(root: bytes, path: bytes, tell: Tell) -> Entry | bytes | None:
    """A regular file as an Entry, a folder as its path, anything else as a finding."""
    full = os.path.join(root, path)
    try:
        status = os.lstat(full)
    except OSError as error:
        code = "vanished" if isinstance(error, FileNotFoundError) else "unreadable"
        tell(Finding(code, encode(path), error.strerror or str(error)))
        return None
    if stat.S_ISDIR(status.st_mode):
        return path
    if stat.S_ISREG(status.st_mode):
        return Entry(path, status.st_size, status.st_mtime_ns)
    if stat.S_ISLNK(status.st_mode):
        _tell_link(root, path, tell)
    else:
        tell(Finding("special-file", encode(path)))
    return None


def _tell_link(root: bytes, path: bytes, tell: Tell) -> None:
    """A link within the shelf needs no word, unless it leads nowhere, out or back above itself."""
    full = os.path.join(root, path)
    try:
        target = os.path.realpath(full, strict=True)
    except OSError as error:
        code = "symlink-loop" if error.errno == 40 else "symlink-broken"
        tell(Finding(code, encode(path), f"to {encode(os.readlink(full))}"))
        return
    real_root, here = os.path.realpath(root), os.path.realpath(os.path.dirname(full))
    if not (target + b"/").startswith(real_root.rstrip(b"/") + b"/"):
        tell(Finding("symlink-outside", encode(path), f"to {encode(os.readlink(full))}"))
    elif os.path.isdir(target) and (here + b"/").startswith(target.rstrip(b"/") + b"/"):
        tell(Finding("symlink-loop", encode(path), f"to {encode(os.readlink(full))}"))
