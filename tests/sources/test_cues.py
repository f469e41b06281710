"""Cue sheets as EAC, foobar2000 and people write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.cues import CueError, read_cue

SHEET = """REM GENRE "Folk"
REM DATE 1977
REM COMMENT "ExactAudioCopy v1.0"
CATALOG 0724352190324
PERFORMER "The Band"
TITLE "Airs"
FILE "Airs.flac" WAVE
  TRACK 01 AUDIO
    TITLE "One"
    PERFORMER "The Band"
    ISRC GBAYE6800001
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Two"
    INDEX 00 03:00:37
    INDEX 01 03:02:00
"""


def test_a_sheet_tells_of_the_whole():
    sheet = read_cue(SHEET.encode())

    assert (sheet.performer, sheet.title, sheet.catalog) == ("The Band", "Airs", "0724352190324")
    assert (sheet.date, sheet.genre, sheet.encoding) == ("1977", "Folk", "ascii")
    assert sheet.remarks["COMMENT"] == "ExactAudioCopy v1.0"


def test_a_track_ends_where_the_next_one_starts_and_the_last_with_the_file():
    one, two = read_cue(SHEET.encode()).files[0].tracks

    assert (one.number, one.title, one.isrc, one.start_ms, one.end_ms) == (
        1,
        "One",
        "GBAYE6800001",
        0,
        182_000,
    )
    assert (two.start_ms, two.end_ms, two.pregap_ms) == (182_000, None, 180_493)


def test_each_file_has_its_own_tracks_and_a_gap_may_stand_in_the_one_before():
    sheet = read_cue(b"""FILE "01 One.wav" WAVE
  TRACK 01 AUDIO
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Two"
    INDEX 00 03:00:00
FILE "02 Two.wav" WAVE
    INDEX 01 00:00:00
""")

    first, second = sheet.files

    assert [track.number for track in first.tracks] == [1]
    assert [(track.title, track.start_ms, track.pregap_ms) for track in second.tracks] == [("Two", 0, None)]
    assert first.tracks[0].end_ms is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_marks_do_not_matter(encoding, end):
    sheet = read_cue(SHEET.replace("Airs", "Ágætis").replace("\n", end).encode(encoding))

    assert sheet.title == "Ágætis"
    assert sheet.files[0].name == "Ágætis.flac"


@pytest.mark.parametrize(
    ("title", "encoding"),
    [("Группа крови", "cp1251"), ("宇多田ヒカル", "shift_jis"), ("Ágætis byrjun", "latin-1")],
)
def test_an_old_sheet_is_read_in_the_encoding_that_its_words_show(title, encoding):
    sheet = read_cue(SHEET.replace("Airs", title).encode(encoding))

    assert (sheet.title, sheet.encoding) == (title, encoding)


def test_a_name_without_quotes_may_have_spaces():
    sheet = read_cue(b"FILE Side A.wav WAVE\nTRACK 1 AUDIO\nTITLE A song\nINDEX 1 100:00:74")

    assert sheet.files[0].name == "Side A.wav"
    assert sheet.files[0].tracks[0].title == "A song"
    assert sheet.files[0].tracks[0].start_ms == 6_000_987


def test_commands_that_nobody_knows_are_passed_over():
    assert read_cue(("FOO BAR\n" + SHEET + "  FLAGS DCP\n").encode()).files == read_cue(SHEET.encode()).files


@pytest.mark.parametrize(
    ("sheet", "line"),
    [
        ("", 0),
        ("hello", 0),
        ("TRACK 01 AUDIO", 1),
        ("FILE", 1),
        ("FILE a WAVE\nINDEX 01 00:00:00", 2),
        ("FILE a WAVE\nTRACK x AUDIO", 2),
        ("FILE a WAVE\nTRACK 01 AUDIO", 2),
        ("FILE a WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:75", 3),
        ("FILE a WAVE\nTRACK 01 AUDIO\nINDEX 01 00:61:00", 3),
        ("FILE a WAVE\nTRACK 01 AUDIO\nINDEX 01 0", 3),
        ("FILE a WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nINDEX 01 00:01:00", 4),
        ("FILE a WAVE\nTRACK 02 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 00:01:00", 4),
        ("FILE a WAVE\nTRACK 02 AUDIO\nINDEX 01 00:00:00\nTRACK 01 AUDIO\nINDEX 01 00:01:00", 4),
        ("FILE a WAVE\nTRACK 01 AUDIO\nINDEX 01 00:05:00\nTRACK 02 AUDIO\nINDEX 01 00:01:00", 5),
    ],
)
def test_what_stops_a_sheet_is_named_with_its_line(sheet, line):
    with pytest.raises(CueError) as caught:
        read_cue(sheet.encode())

    assert caught.value.line == line


@given(st.binary(max_size=300), st.integers(0, len(SHEET)))
def test_no_bytes_raise_anything_else(noise, at):
    raw = SHEET.encode()[:at] + noise + SHEET.encode()[at:]

    with suppress(CueError):
        assert read_cue(raw).files
