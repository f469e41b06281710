"""What survives: renames that replace nothing, files that are old or new, flushes that miss nothing."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove import durable


@pytest.fixture(params=["renameat2", "without it", "flag refused"])
def rename(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """rename_new with the system's own call, and the two ways to do without."""
    if request.param == "without it":
        monkeypatch.setattr(durable, "_LIBC", object())
    if request.param == "flag refused":
        monkeypatch.setattr(durable, "_RENAME_NOREPLACE", 1 << 20)
    return durable.rename_new


@pytest.mark.parametrize("make", ["file", "folder", "full folder", "link", "broken link"])
def test_rename_new_replaces_nothing(rename, tmp_path: Path, make: str) -> None:
    (tmp_path / "source").write_bytes(b"new")
    target = tmp_path / "target"
    if make == "file":
        target.write_bytes(b"old")
    elif make.endswith("folder"):
        target.mkdir()
        if make.startswith("full"):
            (target / "x").write_bytes(b"x")
    else:
        target.symlink_to(tmp_path / ("source" if make == "link" else "nowhere"))

    with pytest.raises(FileExistsError):
        rename(str(tmp_path / "source"), str(target))

    assert (tmp_path / "source").read_bytes() == b"new"
    assert make != "file" or target.read_bytes() == b"old"


def test_rename_new_moves_to_a_free_name(rename, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"new")

    rename(str(tmp_path / "source"), os.fspath(tmp_path / "target"))

    assert (tmp_path / "target").read_bytes() == b"new"
    assert not (tmp_path / "source").exists()


def test_of_many_that_rename_to_one_name_one_wins(tmp_path: Path) -> None:
    for number in range(16):
        (tmp_path / f"{number}").write_bytes(b"%d" % number)
    won: list[int] = []

    def run(number: int) -> None:
        try:
            durable.rename_new(str(tmp_path / f"{number}"), str(tmp_path / "target"))
            won.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [b"%d" % number for number in won] == [(tmp_path / "target").read_bytes()]
    assert len(os.listdir(tmp_path)) == 16


def test_replace_file_leaves_the_old_one_when_it_fails(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    durable.replace_file(str(path), b"old")

    def refuse(descriptor: int) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="full"):
        durable.replace_file(str(path), b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_reader_of_a_replaced_file_sees_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    versions = [bytes([n]) * 50_000 for n in range(30)]
    durable.replace_file(str(path), versions[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for version in versions:
        durable.replace_file(str(path), version)
    done.set()
    reader.join()

    assert seen <= set(versions)


def test_replace_file_keeps_a_secret_secret(tmp_path: Path) -> None:
    durable.replace_file(str(tmp_path / "key"), b"secret", mode=0o600)

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are flushed, in order."""
    paths: list[str] = []
    real = durable.sync_file
    monkeypatch.setattr(durable, "sync_file", lambda path: (paths.append(path), real(path)))
    return paths


def test_without_syncfs_every_file_and_every_folder_above_is_flushed(tmp_path, monkeypatch, synced) -> None:
    """A folder that nothing names durably is lost with all that is in it."""
    monkeypatch.setattr(durable, "honours_syncfs", lambda path: False)
    top = f"{tmp_path}/top"
    os.makedirs(f"{top}/vault/ab/cd/object/v1")
    Path(f"{top}/vault/ab/cd/object/v1/file").write_bytes(b"x")

    durable.sync_tree(top, [f"{top}/vault/ab/cd"])

    below = ["vault/ab/cd/object/v1/file", "vault/ab/cd/object/v1", "vault/ab/cd/object", "vault/ab/cd"]
    above = ["vault/ab", "vault", ""]
    assert [os.path.relpath(path, top) for path in synced] == [*below, *above[:-1], "."]


def test_a_new_folder_is_named_durably_by_the_one_above(tmp_path, synced) -> None:
    durable.make_folders(f"{tmp_path}/a/b/c")

    assert os.path.isdir(f"{tmp_path}/a/b/c")
    assert synced == [f"{tmp_path}", f"{tmp_path}/a", f"{tmp_path}/a/b"]


def test_a_file_system_is_told_by_its_nearest_mount(small_disk: Path, tmp_path: Path) -> None:
    assert durable.file_system(str(small_disk)) == "tmpfs"
    assert durable.file_system(f"{small_disk}/not/there/yet") == "tmpfs"
    assert durable.file_system("/proc/self") == "proc"


def test_a_failing_syncfs_is_an_error(tmp_path, monkeypatch) -> None:
    class Refusing:
        def syncfs(self, descriptor: int) -> int:
            ctypes.set_errno(5)
            return -1

    monkeypatch.setattr(durable, "_LIBC", Refusing())

    with pytest.raises(OSError, match="Input/output"):
        durable.sync_tree(str(tmp_path), [])


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_appending_adds_up(tmp_path_factory, pieces) -> None:
    path = tmp_path_factory.mktemp("append") / "file"

    for piece in pieces:
        durable.append_durably(str(path), piece)

    assert path.read_bytes() == b"".join(pieces)


@given(st.binary(max_size=200), st.integers(0, 220), st.none() | st.integers(0, 220), st.integers(1, 50))
def test_a_stretch_is_what_a_slice_is(tmp_path_factory, data, offset, length, size) -> None:
    path = tmp_path_factory.mktemp("stretch") / "file"
    path.write_bytes(data)

    read = b"".join(durable.chunks_of(str(path), offset, length, size))

    assert read == data[offset : None if length is None else offset + length]


def test_every_byte_is_written_however_the_system_cuts_it(monkeypatch, tmp_path) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))

    durable.append_durably(str(tmp_path / "file"), b"0123456789")

    assert (tmp_path / "file").read_bytes() == b"0123456789"
