"""A file that was cut is told from a whole one by its own headers, and a whole one is never called cut.

What cannot be told: a cut between two frames of a stream without a stated length, and one that takes
only tags after the sound. Both are left out of the cuts below, by where they fall.
"""

from __future__ import annotations

import csv
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.formats import READABLE, sniff
from lockgroove.sources.structure import Reader, frame_at, trailing_tags
from lockgroove.sources.wholeness import incomplete

SOUNDS = Path(__file__).parents[1] / "data" / "sounds"
SHARED = Path(__file__).parents[3] / "shared" / "data"
BARE_STREAMS = ("plain.mp3", "tone.aac", "tone.ac3", "tone.eac3", "tone.mp2")


def dsf() -> bytes:
    sound = b"data" + struct.pack("<Q", 12 + 4096) + b"\x69" * 4096
    fmt = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, 2822400, 1, 32768, 4096, 0)
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(fmt) + len(sound), 0) + fmt + sound


def dff() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack(">Q", len(body)) + body

    rate = (
        chunk(b"FS  ", struct.pack(">I", 2822400)) + chunk(b"CHNL", b"\0\1C000") + chunk(b"CMPR", b"DSD \0\0")
    )
    body = (
        b"DSD " + chunk(b"FVER", b"\1\5\0\0") + chunk(b"PROP", b"SND " + rate) + chunk(b"DSD ", b"\x69" * 999)
    )
    return chunk(b"FRM8", body)


def mpc7() -> bytes:
    return b"MP+\x07" + struct.pack("<II", 1, 0) + bytes(200)


def sounds() -> dict[str, bytes]:
    paths = [
        path for path in sorted(SOUNDS.iterdir()) if path.suffix not in (".md", ".mka", ".au", ".caf", ".w64")
    ]
    files = {path.name: path.read_bytes() for path in paths if not path.name.startswith("film")}
    return files | {"made.dsf": dsf(), "made.dff": dff()}


FILES = sounds()
FORMATS = {name: sniff(io.BytesIO(data), len(data)) for name, data in FILES.items()}


def why(name: str, data: bytes) -> str:
    return incomplete(io.BytesIO(data), FORMATS[name] or "", len(data))


def untold_cuts(name: str) -> set[int]:
    """Where a cut leaves nothing amiss: between bare frames, and within or before the tags at the end."""
    data = FILES[name]
    ends = set()
    if name in BARE_STREAMS:
        frame = frame_at(data, 0)
        while frame:
            ends.add(frame.end)
            frame = frame_at(data, frame.end)
    tags = trailing_tags(Reader(io.BytesIO(data), len(data)))
    return ends | set(range(min((tag.offset for tag in tags), default=len(data)), len(data)))


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_whole(name):
    assert FORMATS[name] in READABLE
    assert why(name, FILES[name]) == ""


@pytest.mark.parametrize("name", FILES)
def test_a_cut_at_any_byte_is_found(name):
    data = FILES[name]
    untold = untold_cuts(name)
    cuts = [
        n for n in range(1, len(data)) if n not in untold and (n < 300 or n % 7 == 0 or len(data) - n < 300)
    ]

    missed = [n for n in cuts if not why(name, data[:n])]

    assert missed == []


@pytest.mark.parametrize("name", ["plain.mp3", "tone.flac", "tone.mpc", "tone.tta", "tone.wv", "tone.aac"])
def test_tags_after_the_sound_do_not_hide_a_cut(name):
    items = struct.pack("<II", 4, 0) + b"Title\0Tone"
    ape = items + b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, 1, 0) + bytes(8)
    tags = ape + b"TAG" + bytes(125)

    assert why(name, FILES[name] + tags) == ""
    assert why(name, FILES[name][:-400] + tags) != ""


def test_zeros_after_the_last_flac_frame_are_left_alone():
    assert why("tone.flac", FILES["tone.flac"] + bytes(500)) == ""


@pytest.mark.parametrize(
    "name", ["plain.mp3", "tone.wav", "tone.aiff", "tone.m4a", "tone.wma", "tone.ogg", "tone.wv"]
)
def test_junk_after_the_sound_is_left_alone(name):
    assert why(name, FILES[name] + b"TAGjunk!" * 9) == ""


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFF000])
def test_a_wav_streamed_before_its_length_was_known_is_whole(size):
    data = bytearray(FILES["tone.wav"])
    data[4:8] = data[40:44] = size.to_bytes(4, "little")

    assert why("tone.wav", bytes(data)) == ""


def test_a_last_chunk_of_odd_size_needs_no_padding():
    data = FILES["tone.wav"] + b"LIST\x05\0\0\0INFOx"

    assert why("tone.wav", data) == ""


def test_a_riff_size_that_counts_its_own_header_is_borne():
    data = bytearray(FILES["tone.wav"])
    data[4:8] = len(data).to_bytes(4, "little")

    assert why("tone.wav", bytes(data)) == ""


def test_a_flac_of_unknown_length_is_judged_by_its_last_frame():
    data = bytearray(FILES["tone.flac"])
    data[21] &= 0xF0
    data[22:26] = bytes(4)

    assert why("tone.flac", bytes(data)) == ""
    assert why("tone.flac", bytes(data[:-1])) == "its last frame is cut"


def test_musepack_sv7_cannot_be_told():
    assert incomplete(io.BytesIO(mpc7()[:-50]), "musepack", len(mpc7()) - 50) == ""


@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=20),
)
def test_no_bytes_make_it_raise(name, changes):
    data = bytearray(FILES[name])
    for at, byte in changes:
        data[at % len(data)] = byte

    assert isinstance(why(name, bytes(data)), str)


@given(st.sampled_from(sorted(READABLE)), st.binary(max_size=400))
def test_no_noise_makes_it_raise(word, noise):
    assert isinstance(incomplete(io.BytesIO(noise), word, len(noise)), str)


# excerpts, cut on purpose by those who made them, and files whose headers are broken
CUT = set(
    """
    beets/empty.wma beets/emptylist.mp3 beets/full.wma beets/image.wma beets/pure.wma
    beets/unparseable.wma mutagen/106-short-picture-block-size.flac mutagen/52-overwritten-metadata.flac
    mutagen/52-too-short-block-size.flac mutagen/apev2-lyricsv2.mp3 mutagen/bad-POPM-frame.mp3
    mutagen/bad-xing.mp3 mutagen/flac_application.flac mutagen/id3v1v2-combined.mp3
    mutagen/id3v22-test.mp3 mutagen/id3v23_unsynch.id3 mutagen/issue_21.id3 mutagen/issue_29.wma
    mutagen/ooming-header.flac mutagen/too-short.mp3 mutagen/variable-block.flac mutagen/vbri.mp3
    mutagen/xing.mp3 picard/test.ofr picard/test.ofs
    """.split()
)


@pytest.mark.parametrize("folder", ["audio-tagged", "audio-flac-testbench", "audio-music-cc"])
def test_of_the_files_of_other_projects_only_the_cut_ones_are_called_so(folder):
    index = SHARED / folder / "index.tsv"
    if not index.exists():
        pytest.skip(f"{index} is not here")

    found = set()
    with index.open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            path = SHARED / folder / row["file"]
            with path.open("rb") as file:
                word = sniff(file, path.stat().st_size)
                if word in READABLE and incomplete(file, word, path.stat().st_size):
                    found.add(row["file"])

    assert found <= CUT
    assert folder != "audio-tagged" or len(found) > 20
