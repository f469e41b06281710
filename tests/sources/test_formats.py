"""Sound is found by its bytes: every format under its word, and nothing else under any."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.formats import READABLE, UNKNOWN_SOUND, expected_suffixes, sniff

SOUNDS = Path(__file__).parents[1] / "data" / "sounds"
SHARED = Path(__file__).parents[3] / "shared" / "data"
WORDS = {
    "plain.mp3": "mp3",
    "tone.aac": "aac",
    "tone.ac3": "ac3",
    "tone.aifc": "aifc",
    "tone.aiff": "aiff",
    "tone.alac.m4a": "alac",
    "tone.au": "au",
    "tone.bwf.wav": "bwf",
    "tone.caf": "caf",
    "tone.eac3": "eac3",
    "tone.flac": "flac",
    "tone.m4a": "m4a",
    "tone.mka": "matroska",
    "tone.mp2": "mp2",
    "tone.mp3": "mp3",
    "tone.mpc": "musepack",
    "tone.oga": "ogg-flac",
    "tone.ogg": "ogg-vorbis",
    "tone.opus": "opus",
    "tone.rf64.wav": "rf64",
    "tone.spx": "speex",
    "tone.tta": "tta",
    "tone.w64": "w64",
    "tone.wav": "wav",
    "tone.wma": "wma",
    "tone.wv": "wavpack",
}


def word(data: bytes) -> str | None:
    return sniff(io.BytesIO(data), len(data))


def id3(size_bytes: int) -> bytes:
    sizes = bytes(size_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + sizes + bytes(size_bytes)


def tracker(at: int, magic: bytes) -> bytes:
    return (b"A song".ljust(28, b"\0") + b"\x1a\x10").ljust(at, b"\0") + magic + bytes(2000)


@pytest.mark.parametrize("name", WORDS)
def test_a_format_is_told_by_its_bytes(name):
    assert word((SOUNDS / name).read_bytes()) == WORDS[name]


@pytest.mark.parametrize("name", ["film.avi", "film.mp4", "film.ogv"])
def test_a_film_is_no_sound(name):
    assert word((SOUNDS / name).read_bytes()) is None


@pytest.mark.parametrize("name", ["plain.mp3", "tone.aac", "tone.flac", "tone.mpc", "tone.tta", "tone.wv"])
def test_a_tag_before_the_sound_is_passed_over_however_long_it_is(name):
    data = id3(200_000) + id3(10) + (SOUNDS / name).read_bytes()

    assert word(data) == WORDS[name]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tracker(1080, b"M.K."), "tracker"),
        (tracker(44, b"SCRM"), "tracker"),
        (b"Extended Module: A song".ljust(37) + b"\x1a" + bytes(99), "tracker"),
        (b"IMPM" + bytes(99), "tracker"),
        (b"MThd\0\0\0\6\0\1\0\2\0\x60", "midi"),
        (b"RIFF\x20\0\0\0RMIDdata", "midi"),
        (b"ajkg\2\0\0\0", "shorten"),
        (b"#!AMR\n\x04\x91", "amr"),
        (b"PSID\0\2", "chiptune"),
        (b"FORM\0\0\0\x10AIFCFVER", "aifc"),
        (b"DSD \x1c\0\0\0\0\0\0\0", "dsf"),
        (b"FRM8\0\0\0\0\0\0\0\x80DSD FVER", "dff"),
    ],
)
def test_rarer_formats_are_known_by_their_first_bytes(data, expected):
    assert word(data) == expected


@pytest.mark.parametrize("junk", [b"\0" * 999, b"\x55" * 5000, b"ICY 200 OK\r\n\r\n"])
def test_junk_before_the_first_frame_is_borne(junk):
    assert word(junk + (SOUNDS / "plain.mp3").read_bytes()) == "mp3"


@pytest.mark.parametrize(
    "outer", [b"PK\3\4".ljust(60, b"\0"), b"01.mp3".ljust(257, b"\0") + b"ustar".ljust(255, b"\0")]
)
def test_frames_within_an_archive_are_no_sound(outer):
    assert word(outer + (SOUNDS / "plain.mp3").read_bytes()) is None


@pytest.mark.parametrize(
    "text",
    [
        b"MAC addresses of the studio's machines, by room\n",
        b"ADIF 2 Export from eQSL.cc\n<PROGRAMID:21>eQSL.cc DownloadInBox\n",
        b"OFR is short for OptimFROG\n",
        b"DSD sounds no better\n",
        b"ID3 is a tag\n",
        b"RIFF\n",
        b"",
        b"\xff",
        b"\0" * 100_000,
        b"\xff" * 100_000,
        b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\xff\xfb\x90\x64" * 2000,
        b"\x0b\x77" * 5000,
    ],
)
def test_what_only_looks_like_sound_is_none(text):
    assert word(text) is None


@given(st.text(max_size=2000))
def test_text_is_no_sound(text):
    assert word(text.encode("utf-8", "surrogatepass")) in (None, *UNKNOWN_SOUND)


@given(
    st.sampled_from(sorted(WORDS)), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=9)
)
def test_no_bytes_make_it_raise(name, changes):
    data = bytearray((SOUNDS / name).read_bytes()[:4000])
    for at, byte in changes:
        data[at % len(data)] = byte

    found = word(bytes(data))

    assert found is None or found in READABLE | UNKNOWN_SOUND


def test_every_format_has_its_usual_suffixes():
    assert set(expected_suffixes) == READABLE | UNKNOWN_SOUND
    assert all(s.startswith(".") for suffixes in expected_suffixes.values() for s in suffixes)


# mutagen's and ffmpeg's verdict under `container` and `codec`, and what we call it
INDEX_WORDS = {
    **{same: {same} for same in ("aac", "ac3", "ape", "dsf", "eac3", "flac", "mp3", "tak", "tta", "wav")},
    "aiff": {"aiff", "aifc"},
    "iff": {"dff"},
    "mpc": {"musepack"},
    "mpc8": {"musepack"},
    "wv": {"wavpack"},
    "asf": {"wma"},
    "mov,mp4,m4a,3gp,3g2,mj2": {"m4a", "alac"},
    "ogg": {"ogg-flac", "ogg-vorbis", "opus", "speex"},
}
# films, and FLAC without its header, which is not looked for
NOT_OURS = {
    "picard/test.wmv",
    "picard/test.m4v",
    "picard/test.ogv",
    "mutagen/64bit.mp4",
    "mutagen/truncated-64bit.mp4",
    "mutagen/sample.oggtheora",
    "mutagen/sample_length.oggtheora",
    "mutagen/sample_bitrate.oggtheora",
    "uncommon/10 - file starting at frame header.flac",
    "uncommon/11 - file starting with unparsable data.flac",
}


@pytest.mark.parametrize("folder", ["audio-tagged", "audio-flac-testbench", "audio-music-cc"])
def test_the_word_agrees_with_what_ffmpeg_found(folder):
    index = SHARED / folder / "index.tsv"
    if not index.exists():
        pytest.skip(f"{index} is not here")

    with index.open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            path = SHARED / folder / row["file"]
            with path.open("rb") as file:
                found = sniff(file, path.stat().st_size)
            if row["file"] in NOT_OURS:
                assert found is None, row["file"]
            elif row["container"]:
                assert found in INDEX_WORDS[row["container"]], row["file"]
