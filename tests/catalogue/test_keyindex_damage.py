"""A key index that is damaged, cut off or not one: an error that says what to do, never a wrong answer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyfiles import key_of, numbered, write

from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.keyindex.format import PAGE_BYTES
from lockgroove.errors import DamageFound, FormatUnknown, LockgrooveError

reusing_tmp = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Three leaves of two schemes."""
    parts = [("R", numbered(9000), np.arange(9000)), ("T", numbered(1000), np.arange(1000))]
    return Path(write(tmp_path / "keys.bin", *parts))


def answers(path: Path) -> list[list[int]]:
    index = KeyIndex(str(path))
    try:
        return [
            index.rows(s, key_of(n)) for s in "RTX" for n in (0, 1, 999, 1000, 4095, 4096, 8192, 8999, 9000)
        ]
    finally:
        index.close()


def answers_or_error(path: Path) -> list[list[int]] | LockgrooveError:
    try:
        return answers(path)
    except LockgrooveError as error:
        return error


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_changed_byte_never_changes_an_answer(small: Path, data: st.DataObject) -> None:
    good = small.read_bytes()
    right = answers(small)
    inner = st.one_of(
        st.integers(0, 200), st.integers(PAGE_BYTES - 40, PAGE_BYTES), st.integers(0, len(good) - 1)
    )
    at, bits = data.draw(inner), data.draw(st.integers(1, 255))
    small.write_bytes(good[:at] + bytes([good[at] ^ bits]) + good[at + 1 :])

    got = answers_or_error(small)
    small.write_bytes(good)

    assert got == right or (isinstance(got, DamageFound | FormatUnknown) and "lockgroove rebuild" in str(got))


def test_no_byte_of_the_first_page_may_change(small: Path) -> None:
    good = small.read_bytes()
    for at in [*range(220), *range(220, PAGE_BYTES, 4093), *range(PAGE_BYTES - 40, PAGE_BYTES)]:
        small.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises((DamageFound, FormatUnknown), match="lockgroove rebuild"):
            KeyIndex(str(small))


def test_a_damaged_leaf_is_named_by_whoever_reads_it(small: Path) -> None:
    whole = bytearray(small.read_bytes())
    whole[PAGE_BYTES + 5000 * 16] ^= 1
    small.write_bytes(whole)
    index = KeyIndex(str(small))

    assert index.rows("R", key_of(1)) == [1]
    for ask in (lambda: index.rows("R", key_of(5000)), lambda: index.rows_of("R", numbered(9000))):
        with pytest.raises(DamageFound, match="131072"):
            ask()
    with pytest.raises(DamageFound):
        list(index.records())
    index.close()


@given(st.floats(0, 1, exclude_max=True))
@reusing_tmp
def test_a_file_cut_off_anywhere_is_refused(small: Path, share: float) -> None:
    good = small.read_bytes()
    small.write_bytes(good[: int(len(good) * share)])

    with pytest.raises((DamageFound, FormatUnknown), match="lockgroove rebuild"):
        KeyIndex(str(small))
    small.write_bytes(good)


def test_a_file_that_goes_on_is_refused(small: Path) -> None:
    with small.open("ab") as file:
        file.write(b"more")

    with pytest.raises(DamageFound, match="lockgroove rebuild"):
        KeyIndex(str(small))


def test_a_file_that_shrinks_while_it_is_open_is_an_error_and_not_a_crash(small: Path) -> None:
    index = KeyIndex(str(small))
    with small.open("r+b") as file:
        file.truncate(PAGE_BYTES + 100)

    with pytest.raises(DamageFound, match="cut off"):
        index.rows("R", key_of(5000))
    index.close()


def old_format() -> bytes:
    return b"".join(b"R" + key_of(n) + n.to_bytes(4, "big") for n in range(9000))


def newer(small: bytes) -> bytes:
    return small[:16] + struct.pack(">I", 3) + small[20:]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _: b"", "never finished"),
        (lambda _: old_format(), "an old one"),
        (lambda _: b"PAR1" * 40_000, "no key index"),
        (lambda good: bytes(PAGE_BYTES) + good[PAGE_BYTES:], "never finished"),
        (newer, "version 3"),
    ],
    ids=["empty", "old", "foreign", "unfinished", "newer"],
)
def test_what_is_no_key_index_of_ours_is_refused(
    small: Path, make: Callable[[bytes], bytes], told: str
) -> None:
    small.write_bytes(make(small.read_bytes()))

    with pytest.raises(FormatUnknown, match=told) as caught:
        KeyIndex(str(small))

    assert "lockgroove rebuild" in str(caught.value)


def test_who_knows_the_first_page_believes_no_other(small: Path, tmp_path: Path) -> None:
    index = KeyIndex(str(small))
    known = index.sha256
    index.close()
    other = write(tmp_path / "other.bin", ("R", numbered(9000), np.arange(9000)[::-1]))

    KeyIndex(str(small), known).close()
    with pytest.raises(DamageFound, match="another key index"):
        KeyIndex(other, known)
