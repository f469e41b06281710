"""Writing: the same bytes for the same records, in bounded memory, and nothing left after a failure."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.keyindex import KeyIndex, write_key_index
from lockgroove.catalogue.keyindex.format import RECORD
from lockgroove.catalogue.keyindex.write import KeyIndexWriter, key_array, row_array, sort_records
from lockgroove.errors import StorageFailed

Entry = tuple[str, bytes, int]
reusing_tmp = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
few_keys = st.sampled_from([bytes(12), b"\xff" * 12, b"USRC17607839", b"USRC17607840", b"USRC17607\0\0\0"])
some_entries = st.lists(
    st.tuples(
        st.sampled_from("RI"),
        few_keys | st.binary(min_size=12, max_size=12),
        st.integers(0, 2) | st.just(2**32 - 1),
    ),
    max_size=60,
)


def index_bytes(path: Path, entries: list[Entry], waiting_max: int, batch: int) -> bytes:
    with KeyIndexWriter(str(path), str(path.parent / "scratch"), waiting_max) as writer:
        for start in range(0, len(entries), batch):
            for scheme in "RI":
                chosen = [e for e in entries[start : start + batch] if e[0] == scheme]
                keys = np.frombuffer(b"".join(k for _, k, _ in chosen), np.uint8).reshape(-1, 12)
                writer.add(scheme, keys, np.array([r for *_, r in chosen], np.uint32))
        assert writer.close() == len(set(entries))
    return path.read_bytes()


@given(some_entries, st.randoms(use_true_random=False), st.integers(1, 20), st.integers(1, 20))
@reusing_tmp
def test_order_batches_and_memory_do_not_change_a_byte(
    tmp_path: Path, entries: list[Entry], rng: random.Random, waiting_max: int, batch: int
) -> None:
    once = index_bytes(tmp_path / "once.bin", entries, 1 << 20, 1000)
    rng.shuffle(entries)

    assert index_bytes(tmp_path / "again.bin", entries, waiting_max, batch) == once
    assert not list((tmp_path / "scratch").glob("*"))


@given(
    st.lists(
        st.binary(min_size=16, max_size=16) | st.sampled_from([bytes(16), bytes(15) + b"\1", b"\1" * 16])
    )
)
def test_records_are_sorted_by_all_their_bytes_and_once_each(raw: list[bytes]) -> None:
    got = sort_records(np.frombuffer(b"".join(raw), RECORD))

    assert [r.tobytes() for r in got] == sorted(set(raw))


def hostile(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    isrcs = np.tile(np.frombuffer(b"USRC17600000", np.uint8), (count, 1))
    isrcs[:, 7:] = rng.integers(48, 58, (count, 5))
    return {
        "all the same": np.zeros((count, 12), np.uint8),
        "last byte alone": np.concatenate(
            [np.zeros((count, 11), np.uint8), rng.integers(0, 2, (count, 1), np.uint8)], 1
        ),
        "ISRCs of one registrant": isrcs,
        "uniform": rng.integers(0, 256, (count, 12), np.uint8),
    }


@pytest.mark.parametrize("kind", list(hostile(1)))
@pytest.mark.parametrize("rows", ["one", "many"])
def test_no_choice_of_keys_fills_the_memory(tmp_path: Path, kind: str, rows: str) -> None:
    count, waiting_max = 400_000, 1 << 14
    keys = hostile(count)[kind]
    numbers = np.arange(count, dtype=np.uint32) if rows == "many" else np.full(count, 5, np.uint32)
    tracemalloc.start()

    with KeyIndexWriter(str(tmp_path / "keys.bin"), str(tmp_path), waiting_max) as writer:
        for start in range(0, count, 10_000):
            writer.add("I", keys[start : start + 10_000], numbers[start : start + 10_000])
        written = writer.close()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * waiting_max * 16 + (1 << 20)
    expected = np.unique(
        np.concatenate([keys, numbers.astype(">u4").view(np.uint8).reshape(-1, 4)], 1).view("V16")
    )
    index = KeyIndex(str(tmp_path / "keys.bin"))
    assert written == len(expected)
    at = 0
    for _, found, found_rows in index.records():
        part = np.concatenate([found, found_rows.astype(">u4").view(np.uint8).reshape(-1, 4)], 1)
        assert part.tobytes() == expected[at : at + len(part)].tobytes()
        at += len(part)
    index.close()
    assert list(tmp_path.iterdir()) == [tmp_path / "keys.bin"]


def test_what_is_written_by_halves_is_left_by_no_one(tmp_path: Path) -> None:
    def write_half() -> None:
        with KeyIndexWriter(str(tmp_path / "keys.bin"), str(tmp_path), 4) as writer:
            writer.add("R", np.zeros((100, 12), np.uint8), np.arange(100, dtype=np.uint32))
            assert len(list(tmp_path.iterdir())) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()

    assert list(tmp_path.iterdir()) == []


def test_the_disk_holds_little_more_than_the_records_once(small_disk: Path) -> None:
    keys = np.random.default_rng(1).integers(0, 16, (90_000, 12), np.uint8)  # 1.4 MB on 2 MB, scratch and all

    with KeyIndexWriter(str(small_disk / "keys.bin"), str(small_disk), 1 << 13) as writer:
        writer.add("R", keys, np.arange(len(keys), dtype=np.uint32))
        assert writer.close() == len(keys)


@pytest.mark.parametrize("full", ["scratch", "target"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, small_disk: Path, full: str) -> None:
    keys = np.random.default_rng(1).integers(0, 256, (400_000, 12), np.uint8)
    scratch, target = (small_disk, tmp_path) if full == "scratch" else (tmp_path, small_disk)

    def write() -> None:
        with KeyIndexWriter(str(target / "keys.bin"), str(scratch), 1 << 14) as writer:
            writer.add("R", keys, np.arange(len(keys), dtype=np.uint32))
            writer.close()

    with pytest.raises(StorageFailed, match="Free some space"):
        write()

    assert list(small_disk.iterdir()) == []
    assert list(tmp_path.iterdir()) == [small_disk]


KEYS = [b"USRC17607839", b"GBAYE0000351", b"\0" * 12, b"\xff" * 12]


@pytest.mark.parametrize("kind", [pa.binary(12), pa.binary(), pa.large_binary()])
def test_columns_of_any_kind_are_the_same_keys(kind: Any) -> None:
    column = pa.array([b"-" * 12, *KEYS, b"+" * 12], kind).slice(1, 4)

    assert key_array(column).tobytes() == b"".join(KEYS)
    assert key_array(pa.chunked_array([column, column.slice(4), column.slice(2)])).tobytes() == b"".join(
        KEYS + KEYS[2:]
    )
    assert key_array(column.slice(4)).shape == (0, 12)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_of_twelve_bytes_is_a_key(kind: Any) -> None:
    assert key_array(pa.array(["USRC17607839"], kind)).tobytes() == b"USRC17607839"


@pytest.mark.parametrize(
    "wrong", [[b"short"], [b"USRC17607839", b"much too long for a key"], [b"USRC17607839", None]]
)
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_that_holds_no_keys_is_refused(wrong: list[bytes | None], kind: Any) -> None:
    with pytest.raises(ValueError, match=r"null|12"):
        key_array(pa.array(wrong, kind))


@pytest.mark.parametrize("wrong", [[-1], [2**32], [1, None]])
def test_a_row_number_that_does_not_fit_is_refused(wrong: list[int | None]) -> None:
    with pytest.raises(ValueError, match=r"null|not in range"):
        row_array(pa.array(wrong, pa.int64()))


@pytest.mark.parametrize(("scheme", "keys", "rows"), [("RR", 1, 1), ("é", 1, 1), ("R", 2, 1)])
def test_what_fits_no_record_is_refused(tmp_path: Path, scheme: str, keys: int, rows: int) -> None:
    with (
        KeyIndexWriter(str(tmp_path / "keys.bin"), str(tmp_path)) as writer,
        pytest.raises(ValueError, match="scheme"),
    ):
        writer.add(scheme, np.zeros((keys, 12), np.uint8), np.zeros(rows, np.uint32))


def test_batches_of_many_schemes_are_taken_apart(tmp_path: Path) -> None:
    schemes = pa.array(["I", "R", "I", "B"])
    columns = [schemes, pa.array(KEYS), pa.array([4, 3, 2, 1], pa.int64())]
    batch = pa.RecordBatch.from_arrays(columns, names=["scheme", "value", "row"])

    assert write_key_index(str(tmp_path / "keys.bin"), [batch, batch]) == 4

    index = KeyIndex(str(tmp_path / "keys.bin"))
    assert [index.rows(s, k) for s, k in zip(schemes.to_pylist(), KEYS, strict=True)] == [[4], [3], [2], [1]]
    index.close()
