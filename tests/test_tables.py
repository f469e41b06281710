"""The same rows are the same bytes, however they come; row groups are exact."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove import tables
from lockgroove.tables import ROW_GROUP_ROWS, TableWriter, WrittenFile

SCHEMA = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("title", pa.string()),
        pa.field("ids", pa.list_(pa.string())),
        pa.field("digest", pa.binary(4), nullable=False),
        pa.field("share", pa.float64()),
        pa.field("held", pa.bool_()),
    ]
)


def rows(count: int, first: int = 0) -> pa.RecordBatch:
    numbers = range(first, first + count)
    columns = [
        pa.array(numbers, pa.int32()),
        pa.array([None if n % 7 == 0 else f"さくら {n % 501}" for n in numbers], pa.string()),
        pa.array([[str(n)] * (n % 3) if n % 5 else None for n in numbers], pa.list_(pa.string())),
        pa.array([n.to_bytes(4, "big") for n in numbers], pa.binary(4)),
        pa.array([n / 7 for n in numbers], pa.float64()),
        pa.array([None if n % 11 == 0 else n % 2 == 0 for n in numbers], pa.bool_()),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def written(folder: Path, batches: list[pa.RecordBatch]) -> bytes:
    tables.write_table(str(folder), "t.parquet", SCHEMA, batches)
    return (folder / "t.parquet").read_bytes()


TOTAL = 2 * ROW_GROUP_ROWS + 1234
ALL = rows(TOTAL)


@pytest.fixture(scope="module")
def in_one_batch(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("one"), [ALL])


@settings(max_examples=15)
@given(st.lists(st.integers(0, TOTAL), max_size=12))
def test_the_same_rows_are_the_same_bytes_however_the_batches_come(
    tmp_path_factory, in_one_batch, cuts
) -> None:
    """Slices, made anew with other buffers, and empty ones."""
    edges = [0, *sorted(cuts), TOTAL]
    pairs = list(itertools.pairwise(edges))
    batches = [ALL.slice(a, b - a) if number % 2 else rows(b - a, a) for number, (a, b) in enumerate(pairs)]

    assert written(tmp_path_factory.mktemp("cut"), batches) == in_one_batch


def test_row_by_row_is_the_same_too(tmp_path: Path) -> None:
    few = rows(700)
    (tmp_path / "one").mkdir()

    singly = written(tmp_path, [few.slice(n, 1) for n in range(700)])

    assert singly == written(tmp_path / "one", [few])


@settings(max_examples=10)
@given(st.sampled_from([0, 1, ROW_GROUP_ROWS - 1, ROW_GROUP_ROWS, ROW_GROUP_ROWS + 1, 2 * ROW_GROUP_ROWS]))
def test_row_groups_are_exact(tmp_path_factory, count) -> None:
    folder = tmp_path_factory.mktemp("groups")

    file = tables.write_table(str(folder), "t", SCHEMA, [ALL.slice(0, count)])

    with pq.ParquetFile(folder / "t") as parquet:
        groups = [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)]
    full, rest = divmod(count, ROW_GROUP_ROWS)
    assert groups == [ROW_GROUP_ROWS] * full + ([rest] if rest else [])
    assert file.rows == count


def test_the_file_is_as_the_format_says(tmp_path: Path) -> None:
    """Section 8: zstd, version 2.6, no stored Arrow schema, no dictionaries."""
    written(tmp_path, [rows(100)])

    with pq.ParquetFile(tmp_path / "t.parquet") as parquet:
        column = parquet.metadata.row_group(0).column(1)
        assert parquet.metadata.format_version == "2.6"
        assert column.compression == "ZSTD"
        assert not column.has_dictionary_page
        assert b"ARROW:schema" not in (parquet.metadata.metadata or {})
        assert parquet.schema_arrow.field("row").nullable is False


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written(tmp_path, [ALL])

    read = pa.Table.from_batches(list(tables.read_batches(str(tmp_path / "t.parquet"))))
    titles = pa.Table.from_batches(list(tables.read_batches(str(tmp_path / "t.parquet"), ["title"])))

    assert read.to_pylist() == pa.Table.from_batches([ALL]).to_pylist()
    assert titles.column_names == ["title"]


def test_batches_are_cast_to_the_schema(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("n", pa.int32(), nullable=False)])
    wide = pa.record_batch([pa.array([1, 2], pa.int64())], names=["n"])

    tables.write_table(str(tmp_path), "t", schema, [wide])

    with pq.ParquetFile(tmp_path / "t") as parquet:
        assert parquet.read().to_pydict() == {"n": [1, 2]}


def test_a_number_too_large_for_its_column_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("n", pa.int32(), nullable=False)])
    wide = pa.record_batch([pa.array([1 << 40], pa.int64())], names=["n"])

    with pytest.raises(pa.ArrowInvalid):
        tables.write_table(str(tmp_path), "t", schema, [wide])


def test_the_writer_counts_its_rows(tmp_path: Path) -> None:
    writer = TableWriter(str(tmp_path / "t"), SCHEMA)
    for start in range(0, 30_000, 10_000):
        writer.write(ALL.slice(start, 10_000))
    writer.close()

    assert writer.rows == 30_000


@given(st.permutations(range(5)))
def test_a_root_digest_is_that_of_the_sorted_lines(order) -> None:
    names = ["b", "a", "ä", "a/b", "Z"]
    files = [WrittenFile(name, len(name), hashlib.sha256(name.encode()).hexdigest()) for name in names]
    lines = sorted(
        (f"{f.sha256} {f.size_bytes} {f.path}\n" for f in files), key=lambda line: line[67:].encode()
    )

    assert (
        tables.root_digest([files[n] for n in order]) == hashlib.sha256("".join(lines).encode()).hexdigest()
    )
