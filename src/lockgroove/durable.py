"""What it takes until bytes survive a power cut. The rest of the house asks for it by these verbs.

An fsync error is fatal and never tried again: the kernel may have dropped the pages it could not write.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator

_LIBC = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
# Names of file systems on which syncfs does not promise what it does elsewhere.
SYNCFS_UNTRUSTED = frozenset(
    {"fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "vfat", "exfat", "ntfs3", "9p"}
)


def sync_file(path: str) -> None:
    """Flush one file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: str, roots: Iterable[str]) -> None:
    """Make everything written below `roots` durable; `path` is any folder of their file system."""
    if honours_syncfs(path):
        _syncfs(path)
        return
    for root in roots:
        for folder, _, names in os.walk(root, topdown=False):
            for name in names:
                sync_file(f"{folder}/{name}")
            sync_file(folder)
        _sync_above(root, path)


def _sync_above(folder: str, top: str) -> None:
    """Flush the folders that lead to `folder`, as far up as `top`: each names the next."""
    while True:
        folder = os.path.dirname(folder)
        sync_file(folder or ".")
        if not folder.startswith(f"{top}/"):
            return


def make_folders(path: str) -> None:
    """Make a folder and those above it that are missing, so that what is put into it can be found again."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.makedirs(folder, exist_ok=True)
        sync_file(os.path.dirname(folder) or ".")


def _syncfs(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)


def honours_syncfs(path: str) -> bool:
    """Whether one syncfs stands for an fsync of every file there."""
    return hasattr(_LIBC, "syncfs") and file_system(path) not in SYNCFS_UNTRUSTED


def file_system(path: str) -> str:
    """The kind of file system a path lies on, "" where the system does not tell."""
    best, kind = "", ""
    real = os.path.realpath(path)
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts,
    ):
        for line in mounts:
            _, point, name = line.split(" ")[:3]
            point = point.encode().decode("unicode_escape")
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, name.partition(".")[0]
    return kind


def rename_new(source: str, target: str) -> None:
    """Rename, refusing to replace anything. Raises FileExistsError."""
    call = getattr(_LIBC, "renameat2", None)
    if call is None:
        _rename_checked(source, target)
        return
    result = call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    if result == 0:
        return
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS):  # a file system without the flag
        _rename_checked(source, target)
        return
    raise OSError(number, os.strerror(number), source, None, target)


def _rename_checked(source: str, target: str) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target)


def replace_file(path: str, data: bytes, mode: int = 0o644) -> None:
    """Put `data` at `path` so that a reader sees the old or the new, never a part; durable on return."""
    beside = f"{path}.new-{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    finally:
        os.close(descriptor)
    sync_file(os.path.dirname(path) or ".")


def put_file(source: str, path: str) -> None:
    """Copy a file to `path`, or where a link there leads: a reader sees the old or the new. Durable."""
    target = os.path.realpath(path)
    beside = f"{target}.new-{os.getpid()}"
    try:
        shutil.copyfile(source, beside)
        sync_file(beside)
        os.replace(beside, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    sync_file(os.path.dirname(target))


def same_bytes(one: str, other: str) -> bool:
    """Whether two files hold the same."""
    return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)


def make_private(path: str) -> None:
    """Make a file that its owner alone can read, where there is none.

    One that is there is not opened: to close it again would let go of every lock (POSIX) that this process
    holds on it, such as those of a database, and others would take it for theirs alone.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however the system cuts the writes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append_durably(path: str, data: bytes) -> None:
    """Append and flush; durable on return, also when the file is new."""
    fresh = not os.path.exists(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if fresh:
        sync_file(os.path.dirname(path))


def chunks_of(path: str, offset: int = 0, length: int | None = None, size: int = 1 << 20) -> Iterator[bytes]:
    """The bytes of a file from `offset`, at most `length` of them, in pieces."""
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        left = length
        while left is None or left > 0:
            chunk = file.read(size if left is None else min(size, left))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk
