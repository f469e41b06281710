"""Tars as they stream by: every ordinary file, and nothing that leads elsewhere."""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.members import NAME_BYTES_MAX, PassedOver, members
from lockgroove.sources.packed import BrokenPacking, Damaged, Truncated

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def tar_of(
    files: dict[str, bytes], tar_format: int = tarfile.PAX_FORMAT, odd: tuple[bytes, ...] = ()
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tar_format) as tar:
        for kind in odd:
            member = tarfile.TarInfo(f"odd-{kind.hex()}")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def read(folder: Path, data: bytes, passed_over: PassedOver | None = None) -> dict[str, bytes]:
    path = folder / "dump.tar.xz"
    path.write_bytes(data)
    return {m.name: m.stream.read() or b"" for m in members(os.fsencode(path), passed_over)}


@given(
    st.dictionaries(st.text("abcé/.-", min_size=1, max_size=250), st.binary(max_size=2000), max_size=5),
    st.sampled_from(FORMATS[1:]),
)
def test_names_and_contents_come_as_they_were_put(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], tar_format: int
) -> None:
    names = {name: data for name, data in files.items() if is_plain(name)}

    found = read(tmp_path_factory.mktemp("tar"), lzma.compress(tar_of(names, tar_format)))

    assert found == names


def is_plain(name: str) -> bool:
    return not (name.startswith("/") or name.endswith("/") or ".." in name.split("/"))


@pytest.mark.parametrize("tar_format", FORMATS)
def test_a_member_left_unread_is_passed(tar_format: int, tmp_path: Path) -> None:
    path = tmp_path / "dump.tar"
    path.write_bytes(tar_of({"a": b"x" * 5000, "b": b"y" * 5000}, tar_format))

    found = [(m.name, m.size, m.stream.read(3)) for m in members(os.fsencode(path))]

    assert found == [("a", 5000, b"xxx"), ("b", 5000, b"yyy")]


def test_what_is_no_ordinary_file_is_passed_over_and_counted(tmp_path: Path) -> None:
    odd = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S")
    passed_over = PassedOver()

    found = read(
        tmp_path, tar_of({"/abs": b"1", "../up": b"2", "a/../b": b"3", "good": b"4"}, odd=odd), passed_over
    )

    assert found == {"good": b"4"}
    assert passed_over.counts == {
        "a link": 2,
        "a device or something unknown": 3,
        "a sparse file": 1,
        "a name that leads out": 3,
    }


def test_a_bare_file_is_its_own_member(tmp_path: Path) -> None:
    path = tmp_path / "release.jsonl.xz"
    path.write_bytes(lzma.compress(b"{}\n"))

    (member,) = members(os.fsencode(path))

    assert (member.name, member.size) == ("release.jsonl", None)


def test_the_bare_file_that_is_empty_has_no_bytes(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == {"dump": b""}


@pytest.mark.parametrize(("cut", "whole"), [(512, 0), (700, 0), (1536, 1), (2000, 1), (2600, 1)])
def test_a_cut_tar_says_so_after_what_came_before(cut: int, whole: int, tmp_path: Path) -> None:
    path = tmp_path / "dump.tar"
    path.write_bytes(tar_of({"a": b"x" * 700, "b": b"y" * 700}, tarfile.USTAR_FORMAT)[:cut])
    found: list[tuple[str, bytes | None]] = []

    if cut == 1536:  # what is missing is padding, and nobody can know that more was to come
        found.extend((m.name, m.stream.read()) for m in members(os.fsencode(path)) if m.size)
    else:
        with pytest.raises(Truncated):
            found.extend((m.name, m.stream.read()) for m in members(os.fsencode(path)))

    assert found == [("a", b"x" * 700)][:whole]


def test_a_damaged_header_stops_at_its_place(tmp_path: Path) -> None:
    data = bytearray(tar_of({"a": b"x", "b": b"y"}, tarfile.USTAR_FORMAT))
    data[1024 + 3] ^= 0xFF

    with pytest.raises(Damaged):
        read(tmp_path, bytes(data))


def test_a_name_longer_than_any_is_not_held(tmp_path: Path) -> None:
    """A pax header that claims 8 GB would fill the memory of whoever believes it."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 << 30
    first = header.tobuf(tarfile.GNU_FORMAT)

    with pytest.raises(Damaged):
        read(tmp_path, first + bytes(2 * NAME_BYTES_MAX))


@given(st.binary(min_size=1, max_size=20), st.integers(0, 3000))
def test_no_bytes_make_it_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    data = bytearray(tar_of({"a" * 120: b"x" * 600, "b": b"y"}, tarfile.GNU_FORMAT))
    data[at : at + len(noise)] = noise

    with contextlib.suppress(BrokenPacking):
        read(tmp_path_factory.mktemp("noise"), bytes(data))
