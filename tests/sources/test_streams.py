"""The stream of every readable format is described, and real ones as ffmpeg describes them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from lockgroove.sources.formats import READABLE, sniff
from lockgroove.sources.tags import SoundReading, read_sound

SOUNDS = Path(__file__).parents[1] / "data" / "sounds"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def read(data: bytes) -> SoundReading:
    word = sniff(io.BytesIO(data), len(data))
    assert word in READABLE
    return read_sound(io.BytesIO(data), b"a/song", word)


def bytes_of(name: str) -> bytes:
    return (SOUNDS / name).read_bytes()


@pytest.mark.parametrize("name", sorted(path.name for path in SOUNDS.iterdir()))
def test_the_stream_is_described(name):
    data = bytes_of(name)
    word = sniff(io.BytesIO(data), len(data))
    if word not in READABLE:
        pytest.skip(f"{word} is not read")

    reading = read(data)

    assert reading.duration_ms is not None
    assert 490 <= reading.duration_ms <= 640
    assert reading.sample_rate_hz in (8000, 16000, 32000, 44100, 48000)
    assert reading.channels in (1, 2)
    assert reading.bitrate
    assert json.dumps(reading.as_json())


def test_absurd_durations_are_not_believed():
    data = bytearray(bytes_of("tone.wav"))
    data[28:32] = (0).to_bytes(4, "little")
    data[32:34] = bytes(2)

    assert read(bytes(data)).duration_ms is None


# chained, cut on purpose, and of two minds about it
LONGER = {"mutagen/example.opus", "mutagen/issue_29.wma", "mutagen/no-tags.3g2"}


@pytest.mark.parametrize("folder", ["audio-tagged", "audio-flac-testbench", "audio-music-cc"])
def test_durations_agree_with_those_that_ffmpeg_found(folder):
    index = SHARED / folder / "index.tsv"
    if not index.exists():
        pytest.skip(f"{index} is not here")

    with index.open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            data = (SHARED / folder / row["file"]).read_bytes()
            word = sniff(io.BytesIO(data), len(data))
            if word not in READABLE:
                continue
            told = read(data).duration_ms
            if told and row["dur"] not in ("", "None") and row["file"] not in LONGER:
                assert told == pytest.approx(float(row["dur"]) * 1000, rel=0.03, abs=250), row["file"]
