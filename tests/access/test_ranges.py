from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.access.ranges import ByteRange, frame_parts, parse_ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", [(0, 9)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=-10", [(90, 99)]),
        ("bytes=-1000", [(0, 99)]),
        ("bytes=50-1000", [(50, 99)]),
        ("BYTES = 0-0 , -1", [(0, 0), (99, 99)]),
        ("bytes=0-0,200-300", [(0, 0)]),
        ("bytes=200-300", []),
        ("bytes=-0", []),
    ],
)
def test_what_was_asked_for_is_understood(header: str, expected: list[tuple[int, int]]) -> None:
    assert parse_ranges(header, 100) == [ByteRange(*pair) for pair in expected]


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=a-b", "bytes=5-2", "bytes=--5", "lines=0-9", "bytes=0-9;1",
     "bytes=1-2-3", "bytes=0-99,0-99", "bytes=" + ",".join(["0-0"] * 101), "bytes=-",
     "bytes=" + "9" * 40 + "-"],
)  # fmt: skip
def test_what_is_not_understood_or_abusive_means_the_whole_file(header: str | None) -> None:
    assert parse_ranges(header, 100) is None


@given(st.text(max_size=60), st.integers(0, 2**40))
def test_no_header_breaks_it_and_no_range_leaves_the_file(text: str, size: int) -> None:
    for one in parse_ranges(f"bytes={text}", size) or []:
        assert 0 <= one.first <= one.last < size


def test_parts_are_framed_as_zsync_needs_it() -> None:
    parts = frame_parts([ByteRange(0, 1), ByteRange(8, 9)], 10, "audio/flac", "B")

    assert parts.heads[0] == b"\r\n--B\r\nContent-Type: audio/flac\r\nContent-Range: bytes 0-1/10\r\n\r\n"
    assert parts.end == b"\r\n--B--\r\n"
    assert parts.length == sum(len(h) + 2 for h in parts.heads) + len(parts.end)
