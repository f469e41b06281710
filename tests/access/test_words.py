from __future__ import annotations

import pytest

from lockgroove.access import words
from lockgroove.access.media import media_type


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0 %"), (10, 10, "100 %"), (999_999, 1_000_000, "99.9 %"), (1, 1_000_000, "0.1 %"),
     (1, 2, "50 %"), (0, 0, "–")],
)  # fmt: skip
def test_a_share_is_whole_only_when_it_is(part: int, whole: int, text: str) -> None:
    assert words.share(part, whole) == text


def test_lengths_and_sizes_are_as_people_write_them() -> None:
    assert [words.length(ms) for ms in (None, 0, 59_600, 3_600_000)] == ["", "0:00", "1:00", "1:00:00"]
    assert [words.size(n) for n in (0, 999, 1000, 999_949_999, 300 * 10**12)] == [
        "0 B", "999 B", "1.0 kB", "1.0 GB", "300 TB"
    ]  # fmt: skip
    assert words.plural(1, "file") == "1 file"


def test_a_question_loses_what_nobody_types_and_keeps_what_scripts_need() -> None:
    assert words.question("a\0b\u202ec  d") == "a b c d"
    assert words.question("می\u200cخواهم") == "می\u200cخواهم"
    assert len(words.question("x" * 100_000)) == words.QUERY_CHARACTERS_MAX


def test_no_format_is_sent_as_a_page() -> None:
    for word in ("html", "svg", None, "", "tracker"):
        assert media_type(word) == "application/octet-stream"
