"""Rows of delimited files: what belongs together, and that no line is lost."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.csvrows import Row, rows
from lockgroove.sources.packed import Truncated, open_packed

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


def read(data: bytes, **given: str) -> list[Row]:
    return list(rows(io.BytesIO(data), **given))


def cells(data: bytes, **given: str) -> list[object]:
    return [row.cells for row in read(data, **given)]


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_wrote_is_read_again(table: list[list[str]], delimiter: str) -> None:
    table = [row for row in table if any(map(str.strip, row))] or [["a", "b", "c"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)

    assert cells(text.getvalue().encode(), delimiter=delimiter) == table


def test_a_record_is_known_by_line_and_byte_and_kept_as_given() -> None:
    found = read(b'a,b\r\n"x\n\ny",1\n\nz,2')

    assert [(r.line, r.offset, r.raw) for r in found] == [
        (1, 0, b"a,b\r"),
        (2, 5, b'"x\n\ny",1'),
        (6, 15, b"z,2"),
    ]
    assert found[1].cells == ["x\n\ny", "1"]


def test_a_quote_that_never_closes_costs_its_line_alone() -> None:
    found = read(b'a,b\n1,"open\n2,x\n3,"y"\n4,z\n')

    assert [(r.line, r.cells, r.why) for r in found[1:]] == [
        (2, None, "a quote that does not close"),
        (3, ["2", "x"], ""),
        (4, ["3", "y"], ""),
        (5, ["4", "z"], ""),
    ]


def test_a_quote_within_a_bare_cell_is_a_letter() -> None:
    assert cells(b'size,what\n12",LP\n7",single\n') == [["size", "what"], ['12"', "LP"], ['7"', "single"]]


@pytest.mark.parametrize("row", [b"1", b"1,2,3", b'"1"x,2', b'"1'])
def test_a_row_unlike_its_header_is_refused_and_the_next_is_read(row: bytes) -> None:
    _, bad, good = read(b"a,b\n" + row + b"\n5,6\n")

    assert (bad.cells, bool(bad.why), bad.line, bad.raw) == (None, True, 2, row)
    assert good.cells == ["5", "6"]


def test_empty_cells_beyond_the_header_and_blank_lines_are_nothing() -> None:
    assert cells(b"a,b\n1,2,,\n , , \n\n3,4\n") == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_bytes_that_are_not_text_come_back_as_they_were() -> None:
    (row,) = cells(b"caf\xe9\x00,\x80\n")

    assert [cell.encode("utf-8", "surrogateescape") for cell in row] == [b"caf\xe9\x00", b"\x80"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1251", "shift_jis"])
def test_the_declared_encoding_is_read(encoding: str) -> None:
    word = "песня" if encoding != "shift_jis" else "ソ表さくら"
    text = f'n,t\n1,"{word}\n{word}"\n2,{word}\n'

    assert cells(text.encode(encoding), encoding=encoding) == [
        ["n", "t"],
        ["1", f"{word}\n{word}"],
        ["2", word],
    ]


def test_a_cell_of_ten_million_letters_is_a_cell() -> None:
    big = b"x" * 10_000_000

    found = read(b'a,b\n1,"' + big + b'"\n2,' + big + b"\n3,y\n")

    assert [len(row.cells[1]) for row in found if row.cells] == [1, 10_000_000, 10_000_000, 1]


def test_a_line_longer_than_any_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockgroove.sources.csvrows.lines", short_lines)

    _, bad, good = read(b"a,b\n1," + b"x" * 200 + b"\n2,y\n")

    assert (bad.line, bad.cells, good.cells) == (2, None, ["2", "y"])


def short_lines(stream: object) -> object:
    from lockgroove.sources.packed import lines

    return lines(stream, 100)  # type: ignore[arg-type]


def test_a_row_cut_by_a_broken_packing_is_refused_before_it_is_told(tmp_path: Path) -> None:
    import random

    whole = "n,t\n" + "".join(f"{n},{random.random()}\n" for n in range(20_000))
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(whole.encode())[:-5000])
    found: list[Row] = []

    with open_packed(bytes(path)) as stream, pytest.raises(Truncated):
        found.extend(rows(stream))

    assert [row for row in found if row.cells is None] == [found[-1]]
    assert [list(row.cells or ()) for row in found[:-1]] == [
        line.split(",") for line in whole.split("\n")[: len(found) - 1]
    ]
    assert 5000 < len(found) < 20_000


@given(st.lists(st.sampled_from([b'"', b",", b"\n", b"a", b'""', b"\r", b"\x80"]), max_size=60))
def test_every_line_is_in_one_record(pieces: list[bytes]) -> None:
    """Whatever the quotes do: the records' bytes put together are the lines that are not blank."""
    data = b"h,i\n" + b"".join(pieces)

    found = read(data)

    taken = [line for row in found for line in row.raw.split(b"\n")]
    blank = [line for line in data.split(b"\n") if not line.strip(b', \r"')]
    assert [line for line in taken if line not in blank] == [
        line for line in data.split(b"\n") if line not in blank
    ]
