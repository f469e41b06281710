"""The key index against a plain list of the same records, whatever the keys."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyfiles import Counting, Entry, array, key_of, numbered, write, written

from lockgroove.catalogue.keyindex import (
    NO_ROW,
    KeyIndex,
    KeyIndexes,
    barcode_key,
    isrc_key,
)
from lockgroove.catalogue.keyindex.format import LEAF_RECORDS, PAGE_BYTES

FEW = [b"\0" * 12, b"\xff" * 12, b"USRC17607839", b"USRC17607840", b"a" * 11 + b"\0", b"\0" * 11 + b"a"]
entries_of = st.lists(
    st.tuples(
        st.sampled_from("RIZ"),
        st.one_of(st.sampled_from(FEW), st.binary(min_size=12, max_size=12)),
        st.one_of(st.integers(0, 3), st.integers(0, NO_ROW - 1)),
    ),
    max_size=40,
)
reusing_tmp = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@given(entries_of, entries_of)
@reusing_tmp
def test_a_key_leads_to_its_rows_and_to_no_others(
    tmp_path: Path, put: list[Entry], asked: list[Entry]
) -> None:
    index = KeyIndex(written(tmp_path / "keys.bin", put))

    for scheme, key, _ in put + asked:
        rows = sorted({r for s, k, r in put if (s, k) == (scheme, key)})
        assert index.rows(scheme, key) == rows
        assert index.told(scheme, key) == (rows or None)
        assert index.rows_of(scheme, array([key])).tolist() == [rows[0] if rows else NO_ROW]
    index.close()


@given(entries_of, entries_of)
@reusing_tmp
def test_all_rows_of_many_keys_are_those_of_each(
    tmp_path: Path, put: list[Entry], asked: list[Entry]
) -> None:
    index = KeyIndex(written(tmp_path / "keys.bin", put))

    for scheme in "RIZ":
        keys = sorted({k for s, k, _ in put + asked if s == scheme}, reverse=True)
        places, rows = index.pairs_of(scheme, array(keys) if keys else numbered(0))
        pairs = sorted((keys[place], int(row)) for place, row in zip(places, rows, strict=True))
        assert pairs == sorted({(k, r) for s, k, r in put if s == scheme})
    index.close()


@pytest.mark.parametrize("repeated", [1, 4095, 4096, 4097, 9000])
def test_rows_of_a_key_that_goes_on_in_further_leaves_are_all_found(tmp_path: Path, repeated: int) -> None:
    keys = np.concatenate([numbered(5), np.repeat(array([key_of(5)]), repeated, axis=0), numbered(9)[6:]])
    index = KeyIndex(write(tmp_path / "keys.bin", ("R", keys, np.arange(len(keys)))))

    places, rows = index.pairs_of("R", numbered(9))

    assert np.bincount(places).tolist() == [1] * 5 + [repeated] + [1] * 3
    assert sorted(rows.tolist()) == list(range(len(keys)))
    index.close()


@given(entries_of)
@reusing_tmp
def test_records_come_back_sorted_and_once_each(tmp_path: Path, put: list[Entry]) -> None:
    index = KeyIndex(written(tmp_path / "keys.bin", put))

    got = [
        (scheme, key.tobytes(), int(row))
        for scheme, keys, rows in index.records()
        for key, row in zip(keys, rows, strict=True)
    ]

    assert got == sorted(set(put))
    assert sum(index.counts.values()) == len(got)
    index.close()


def test_an_index_of_nothing_finds_nothing(tmp_path: Path) -> None:
    index = KeyIndex(write(tmp_path / "keys.bin"))

    assert index.rows("R", b"\0" * 12) == []
    assert index.rows_of("R", numbered(3)).tolist() == [NO_ROW] * 3
    assert list(index.records()) == []
    index.close()


LARGE = (
    2048 * LEAF_RECORDS - 50
)  # after 100 of another scheme, so that 50 are in the leaf of the second block
AFTER = 20_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two blocks of fences, keys 2n for row n; the last leaf of scheme R is the first of the second block."""
    path = tmp_path_factory.mktemp("large") / "keys.bin"
    keys = np.zeros((LARGE, 12), np.uint8)
    keys[:, 8:] = (np.arange(LARGE, dtype=np.uint32) * 2).astype(">u4").view(np.uint8).reshape(-1, 4)
    rows = np.arange(LARGE)
    yield write(path, ("Z", keys[:AFTER], rows[:AFTER]), ("R", keys, rows), ("A", keys[:100], rows[:100]))
    path.unlink()


def near_borders(records: int) -> list[int]:
    """Numbers of records about the ends of leaves and of the block of fences, and some others."""
    borders = [0, 1, 100, 4096, 4 * 4096, 2047 * 4096, 2048 * 4096, records - 1]
    around = {b + d - shift for b in borders for d in range(-2, 3) for shift in (0, 50, 100)}
    chosen = np.random.default_rng(5).integers(0, records, 300).tolist()
    return sorted(n for n in around.union(chosen) if 0 <= n < records)


@pytest.mark.parametrize(("scheme", "records"), [("R", LARGE), ("A", 100), ("Z", AFTER)])
def test_three_ranges_of_64_kib_are_enough(large: str, scheme: str, records: int) -> None:
    for number in near_borders(records):
        ranges = Counting(large)
        index = KeyIndex.over(ranges)

        assert index.rows(scheme, key_of(2 * number)) == [number]
        assert len(ranges.reads) <= 3
        assert max(ranges.reads) <= PAGE_BYTES
        index.close()


def test_a_warm_index_reads_one_range_whether_it_finds_or_not(large: str) -> None:
    numbers = near_borders(LARGE)
    ranges = Counting(large)
    index = KeyIndex.over(ranges)

    for number in numbers:
        assert index.rows("R", key_of(2 * number)) == [number]
        assert index.rows("R", key_of(2 * number + 1)) == []

    assert len(ranges.reads) == 1 + 2 + 2 * len(numbers)  # the page, both blocks of fences, a leaf each
    index.close()


def test_many_keys_at_once_find_what_each_finds_alone(large: str) -> None:
    index = KeyIndex(large)
    for scheme, records in (("R", LARGE), ("A", 100), ("Z", AFTER)):
        numbers = near_borders(records)
        np.random.default_rng(1).shuffle(numbers)
        asked = array([key_of(2 * n + odd) for odd in (0, 1) for n in numbers])

        assert index.rows_of(scheme, asked).tolist() == [*numbers, *[NO_ROW] * len(numbers)]
        assert index.rows_of(scheme, array([key_of(2 * records), b"\xff" * 12])).tolist() == [NO_ROW] * 2
    index.close()


def test_threads_may_share_an_index(large: str) -> None:
    index = KeyIndex(large)
    numbers = near_borders(LARGE)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: index.rows("R", key_of(2 * n)), numbers))

    assert found == [[n] for n in numbers]
    index.close()


@pytest.mark.parametrize("count", [4095, 4096, 10_000])
def test_schemes_with_the_same_keys_do_not_mix(tmp_path: Path, count: int) -> None:
    parts = [(s, numbered(count), np.arange(count) + n * 100_000) for n, s in enumerate("ABC")]
    index = KeyIndex(write(tmp_path / "keys.bin", *parts))

    for shift, scheme in ((0, "A"), (100_000, "B"), (200_000, "C")):
        for number in range(0, count, 13):
            assert index.rows(scheme, key_of(number)) == [number + shift]
        assert index.rows(scheme, key_of(count)) == []
        assert index.rows_of(scheme, numbered(count)).tolist() == list(range(shift, shift + count))
    index.close()


@pytest.mark.parametrize("before", [0, 1, LEAF_RECORDS - 1, LEAF_RECORDS, LEAF_RECORDS + 1])
@pytest.mark.parametrize("alike", [1, 2, LEAF_RECORDS - 1, LEAF_RECORDS, LEAF_RECORDS + 1, 3 * LEAF_RECORDS])
def test_a_key_whose_records_go_on_over_leaves_gives_all_and_reads_no_more_than_those(
    tmp_path: Path, before: int, alike: int
) -> None:
    key = b"\0\1" + bytes(10)
    parts = [("R", numbered(before), np.arange(before)), ("R", array([key] * alike), np.arange(alike))]
    path = write(tmp_path / "keys.bin", *parts, ("R", array([b"\2" * 12]), np.array([7])))
    ranges = Counting(path)
    index = KeyIndex.over(ranges)

    assert index.rows("R", key, rows_max=alike + 1) == list(range(alike))

    leaves = (before + alike - 1) // LEAF_RECORDS - before // LEAF_RECORDS + 1
    assert len(ranges.reads) == 2 + leaves
    assert index.rows("R", b"\0\0" + b"\7" * 10) == []
    assert len(ranges.reads) == 3 + leaves  # it ends before the key that goes on
    assert index.rows("R", key, rows_max=2) == list(range(min(alike, 2)))
    assert index.rows_of("R", array([key, b"\2" * 12])).tolist() == [0, 7]
    index.close()


@pytest.mark.parametrize("count", [1, LEAF_RECORDS - 1, LEAF_RECORDS, 2 * LEAF_RECORDS])
def test_a_scheme_ends_where_the_next_begins_with_the_same_key(tmp_path: Path, count: int) -> None:
    key = b"\7" * 12
    first = ("A", array([key] * count), np.arange(count))
    path = write(tmp_path / "keys.bin", first, ("B", array([key] * 3), np.array([90_001, 90_002, 90_003])))
    ranges = Counting(path)
    index = KeyIndex.over(ranges)

    assert index.rows("A", key, rows_max=1 << 20) == list(range(count))
    assert len(ranges.reads) == 2 + -(-count // LEAF_RECORDS)
    assert index.rows("B", key) == [90_001, 90_002, 90_003]
    assert index.counts == {"A": count, "B": 3}
    index.close()


@given(st.lists(st.lists(st.tuples(st.integers(0, 8), st.one_of(st.none(), st.integers(0, 99)))), max_size=4))
@reusing_tmp
def test_the_newest_index_that_speaks_of_a_key_answers_alone(
    tmp_path: Path, parts: list[list[tuple[int, int | None]]]
) -> None:
    newest_first = [
        KeyIndex(
            written(tmp_path / f"{n}.bin", [("R", key_of(k), NO_ROW if r is None else r) for k, r in part])
        )
        for n, part in enumerate(parts)
    ]
    together = KeyIndexes(newest_first)

    for number in range(10):
        speaking = next((p for p in parts if number in [k for k, _ in p]), [])
        rows = sorted({r for k, r in speaking if k == number and r is not None})
        assert together.rows("R", key_of(number)) == rows
        assert together.rows_of("R", array([key_of(number)])).tolist() == [rows[0] if rows else NO_ROW]
    asked = numbered(10)
    assert together.rows_of("R", asked).tolist() == [
        (together.rows("R", key.tobytes()) or [NO_ROW])[0] for key in asked
    ]
    together.close()


def test_a_deleted_key_is_spoken_of_and_leads_nowhere(tmp_path: Path) -> None:
    index = KeyIndex(written(tmp_path / "keys.bin", [("R", key_of(1), NO_ROW)]))

    assert index.told("R", key_of(1)) == []
    assert index.told("R", key_of(2)) is None
    assert index.rows("R", key_of(1)) == []
    index.close()


def test_a_barcode_is_the_same_with_and_without_its_leading_zeros() -> None:
    assert barcode_key("75678123456") == barcode_key("0075678123456") == barcode_key("00075678123456")
    assert barcode_key("75678123456") != barcode_key("75678123457")
    assert barcode_key("75678123456").hex().lstrip("0") == "75678123456"


@pytest.mark.parametrize("wrong", ["", "12a", "１２", "1" * 25, "1" * 26])
def test_what_is_no_barcode_has_no_key(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a barcode"):
        barcode_key(wrong)


def test_an_isrc_is_its_own_key() -> None:
    assert isrc_key("USRC17607839") == b"USRC17607839"
    for wrong in ("", "US-RC1-76-07839", "USRC1760783é"):
        with pytest.raises(ValueError, match=r"not an ISRC|ascii"):
            isrc_key(wrong)
