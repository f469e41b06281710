"""Dumps as they were published: told by content, given whole, cut or damaged, in constant memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.packed import (
    BrokenPacking,
    Damaged,
    Line,
    Truncated,
    lines,
    open_packed,
)

Pack = Callable[[bytes], bytes]
PACKINGS: dict[str, Pack] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
TEXT = b"".join(b'{"n":%d,"title":"%x"}\n' % (n, n * n * 7919) for n in range(40_000))


def written(folder: Path, data: bytes) -> bytes:
    path = folder / "dump"
    path.write_bytes(data)
    return os.fsencode(path)


def given_before_the_break(path: bytes) -> tuple[bytes, BrokenPacking | None]:
    given = b""
    with open_packed(path) as stream:
        try:
            while chunk := stream.read(10_000):
                given += chunk
        except BrokenPacking as error:
            return given, error
    return given, None


@pytest.mark.parametrize("packing", [*PACKINGS, None])
def test_a_packing_is_told_by_its_content(packing: str | None, tmp_path: Path) -> None:
    data = PACKINGS[packing](TEXT) if packing else TEXT

    with open_packed(written(tmp_path, data)) as stream:
        assert stream.packing == packing
        assert stream.size == len(data)
        assert stream.read() == TEXT
        assert stream.compressed_at == len(data)


@given(st.sampled_from([*PACKINGS]), st.lists(st.binary(max_size=200), max_size=5), st.integers(0, 9))
def test_streams_one_after_the_other_are_one(
    tmp_path_factory: pytest.TempPathFactory, packing: str, parts: list[bytes], padding: int
) -> None:
    """As cat makes them, and as parallel packers do; NUL behind them is padding."""
    data = b"".join(PACKINGS[packing](part) for part in [*parts, b"end"])
    path = written(tmp_path_factory.mktemp("packed"), data + bytes(4 * padding))

    with open_packed(path) as stream:
        assert stream.read() == b"".join(parts) + b"end"


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.9999])
def test_a_cut_file_gives_what_came_before_and_says_where(packing: str, share: float, tmp_path: Path) -> None:
    data = PACKINGS[packing](TEXT)
    cut = data[: int(len(data) * share)]

    before, error = given_before_the_break(written(tmp_path, cut))

    assert isinstance(error, Truncated)
    assert error.at == len(cut)
    assert TEXT.startswith(before)
    if share > 0.8 and packing != "bzip2":  # whose only block needs all of its bytes
        assert len(before) > len(TEXT) * 0.5


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_byte_is_noticed(packing: str, tmp_path: Path) -> None:
    for share in (0.3, 0.5, 0.7):
        data = bytearray(PACKINGS[packing](TEXT))
        data[int(len(data) * share)] ^= 0x40

        before, error = given_before_the_break(written(tmp_path, bytes(data)))

        assert isinstance(error, BrokenPacking)
        assert 0 < error.at <= len(data)
        assert before != TEXT or isinstance(error, Damaged)  # a checksum is all that tells in the end


def test_a_wrong_checksum_costs_no_byte_of_gzip(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[-6] ^= 1

    before, error = given_before_the_break(written(tmp_path, bytes(data)))

    assert before == TEXT
    assert isinstance(error, Damaged)


@pytest.mark.parametrize("packing", PACKINGS)
def test_what_is_broken_stays_broken(packing: str, tmp_path: Path) -> None:
    with open_packed(written(tmp_path, PACKINGS[packing](TEXT)[:-3])) as stream:
        with pytest.raises(BrokenPacking):
            stream.read()
        with pytest.raises(BrokenPacking):
            stream.read(1)


@pytest.mark.parametrize("packing", PACKINGS)
def test_garbage_behind_the_end_is_damage(packing: str, tmp_path: Path) -> None:
    before, error = given_before_the_break(written(tmp_path, PACKINGS[packing](TEXT) + b"<html>not found"))

    assert before == TEXT
    assert isinstance(error, Damaged)


@pytest.mark.parametrize("packing", PACKINGS)
def test_memory_is_constant_whatever_a_small_file_claims(packing: str, tmp_path: Path) -> None:
    """200 MB of NUL in a small file: reading it grows the process by less than 100 MB."""
    part = PACKINGS[packing](bytes(50 << 20))
    path = written(tmp_path, part * 4)
    program = (
        "import resource, sys\n"
        "from lockgroove.sources.packed import open_packed\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "total = 0\n"
        "with open_packed(sys.argv[1].encode()) as stream:\n"
        "    while data := stream.read(1 << 20): total += len(data)\n"
        "print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)

    total, grown_kib = map(int, done.stdout.split())
    assert total == 200 << 20
    assert grown_kib < 100 * 1024


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_packed(os.fsencode(tmp_path / "nothing"))


class TestLines:
    @given(st.binary(max_size=300), st.integers(1, 50))
    def test_every_byte_is_in_a_line_at_its_offset(self, data: bytes, chunk: int) -> None:
        stream = Dripping(data, chunk)

        found = list(lines(stream))

        assert [line for _, _, line in found] == [line for line in data.split(b"\n") if line]
        for number, offset, line in found:
            assert line is not None
            assert data[offset : offset + len(line)] == line
            assert data[:offset].count(b"\n") == number - 1

    def test_a_line_too_long_is_refused_with_its_place_and_the_next_is_read(self) -> None:
        data = b"a\n" + b"b" * 5000 + b"\nc\n"

        assert list(lines(io.BytesIO(data), 1000)) == [(1, 0, b"a"), (2, 2, None), (3, 5003, b"c")]

    def test_a_line_too_long_is_not_held(self) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        found = list(lines(Endless(b"x", 300 << 20), 1 << 20))

        assert found == [(1, 0, None)]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024

    def test_the_part_before_a_break_is_given(self, tmp_path: Path) -> None:
        data = lzma.compress(TEXT)
        found: list[Line] = []

        with open_packed(written(tmp_path, data[: len(data) // 2])) as stream, pytest.raises(Truncated):
            found.extend(lines(stream))

        given = b"\n".join(line or b"" for _, _, line in found)
        assert TEXT.startswith(given)
        assert not given.endswith(b"}")


class Dripping(io.BytesIO):
    """A stream that gives little at a time."""

    def __init__(self, data: bytes, chunk: int) -> None:
        super().__init__(data)
        self._chunk = chunk

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._chunk)


class Endless(io.RawIOBase):
    """So many of the same byte."""

    def __init__(self, byte: bytes, size: int) -> None:
        super().__init__()
        self._byte, self._left = byte, size

    def read(self, size: int = -1, /) -> bytes:
        given = min(self._left, size)
        self._left -= given
        return self._byte * given
