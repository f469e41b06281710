"""The FMA dataset: licences, listens, broken text, and every row accounted for."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from gathered_dumps import DUMPS, SHARED, gathered, resumed

from lockgroove.errors import UsageError
from lockgroove.model import ListenCount
from lockgroove.rights.reading import read
from lockgroove.sources.fma import FMA
from lockgroove.testing.sources import Remembering, SourceContract

MADE_UP = DUMPS / "fma-made-up"
REAL = SHARED / "fma-excerpt"


def fma(*paths: Path) -> FMA:
    return FMA([os.fsencode(path) for path in paths])


class TestContract(SourceContract):
    @pytest.fixture
    def source(self) -> FMA:
        return fma(MADE_UP / "raw_tracks.csv", MADE_UP / "raw_artists.csv")


def test_a_track_says_what_its_row_does() -> None:
    done = gathered(fma(MADE_UP / "raw_tracks.csv"))

    assert done.says("recording", "1") == {
        "title": "Moss",
        "artist": "The Ferns",
        "artists": [{"name": "The Ferns", "key": "7"}],
        "duration_ms": 272_000,
        "release": {"key": "10", "title": "First Light"},
        "medium_number": 1,
        "track_number": 3,
        "date": "2008-11-26",
        "year": 2008,
        "genre": ["Folk", "Children's Music"],
        "composer": "A. Fern",
        "licences": [
            {
                "text": "Attribution (http://creativecommons.org/licenses/by/4.0/)",
                "where": "license_title, license_url",
            }
        ],
    }
    assert done.body("recording", "1")["track_information"] == '<p>Recorded\nin one "take".</p>'
    assert done.source.terms.metadata_licence == "CC-BY-4.0"


def test_a_byte_that_is_no_text_is_kept_and_shown_with_its_replacement() -> None:
    done = gathered(fma(MADE_UP / "raw_tracks.csv"))

    body = done.body("recording", "2")
    assert body["track_title"].encode("utf-8", "surrogateescape") == b"Sp\x80re"
    assert body["track_information"].encode("utf-8", "surrogateescape") == b"<p>caf\xe9 \x80</p>"
    assert done.says("recording", "2")["title"] == "Sp\ufffdre"
    assert done.says("recording", "2")["duration_ms"] == 3_607_000
    assert [(f.detail) for f in done.findings if f.code == "text-broken"] == [
        "in track_information, track_title"
    ]


def test_what_cannot_be_is_left_out_and_told() -> None:
    done = gathered(fma(MADE_UP / "raw_tracks.csv"))

    assert done.says("recording", "3").keys().isdisjoint({"duration_ms", "date", "track_number"})
    assert done.says("recording", "3")["licences"] == [
        {"text": "Creative Commons by-nc-sa 3.0", "where": "track_copyright_c"}
    ]
    assert done.says("recording", "4")["year"] == 2008
    assert "date" not in done.says("recording", "4")
    assert done.codes["value-absurd"] == 3
    assert (done.codes["listen-negative"], done.codes["listen-malformed"]) == (1, 1)


def test_rows_that_cannot_be_read_are_refused_where_they_stand_and_no_other() -> None:
    done = gathered(fma(MADE_UP / "raw_tracks.csv"))

    data = (MADE_UP / "raw_tracks.csv").read_bytes()
    told = [(f.where, f.detail) for f in done.findings if f.code == "record-malformed"]
    places = [data.index(b"\n" + start) + 1 for start in (b"5,10", b"x,10", b"6,10")]
    assert told == [
        (f"raw_tracks.csv record 5 at byte {places[0]}", "3 columns where the header has 17"),
        (f"raw_tracks.csv record 6 at byte {places[1]}", "a row without a number of its own"),
        (f"raw_tracks.csv record 7 at byte {places[2]}", "a quote that does not close"),
    ]
    (count,) = done.source.counts
    assert (count.read, count.kept, count.refused) == (9, 6, 3)  # the file itself is one of them
    assert done.says("recording", "7")["duration_ms"] == 61_500


def test_listens_are_totals_of_recordings() -> None:
    done = gathered(fma(MADE_UP / "raw_tracks.csv"))

    assert done.listens == [ListenCount("1", "", -1, 120, 120, 0), ListenCount("2", "", -1, 17, 17, 0)]


def test_artists_and_the_flat_table_are_read_too() -> None:
    done = gathered(fma(MADE_UP / "raw_artists.csv", MADE_UP / "tracks.csv"))

    assert done.says("artist", "8") == {"name": "さくら合唱団"}
    assert done.body("artist", "7")["artist_bio"] == "<p>From the\nwoods</p>"
    assert done.says("recording", "1") == {
        "title": "Moss",
        "artist": "The Ferns",
        "artists": [{"name": "The Ferns", "key": "7"}],
        "duration_ms": 272_000,
        "release": {"key": "10", "title": "First Light"},
        "date": "2008-11-26",
        "year": 2008,
        "genre": ["Folk"],
        "licences": [{"text": "Attribution", "where": "license"}],
    }


@pytest.mark.parametrize("text", ["genre_id,title\n1,Folk\n", "<html>\n", "track_id\n"])
def test_what_is_no_table_of_music_is_told_before_anything_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    source = fma(MADE_UP / "raw_tracks.csv", tmp_path / "t.csv")

    if text.startswith("track_id"):
        gathered(source)
        return
    with pytest.raises(UsageError, match="no table of FMA"):
        next(iter(source.batches(None, Remembering())))


def test_two_tables_of_the_same_tracks_are_refused() -> None:
    source = fma(MADE_UP / "raw_tracks.csv", MADE_UP / "tracks.csv")

    with pytest.raises(UsageError, match="the same tracks"):
        next(iter(source.batches(None, Remembering())))


def test_the_same_files_are_not_read_again_and_changed_ones_are(tmp_path: Path) -> None:
    path = tmp_path / "raw_tracks.csv"
    path.write_bytes((MADE_UP / "raw_tracks.csv").read_bytes())
    known = Remembering()
    for batch in fma(path).batches(None, known):
        known.take(batch)

    same = gathered(fma(path), known)
    path.write_bytes(path.read_bytes().replace(b"Moss", b"Mass"))
    other = gathered(fma(path), known)

    assert [batch.as_before for batch in same.batches] == [True]
    assert [(c.kind, c.key) for c in other.claims] == [("recording", "1"), ("file", "raw_tracks.csv")]
    assert sum(count.listens for count in other.listens) == 137


def test_a_cut_file_gives_what_came_before_and_is_read_again(tmp_path: Path) -> None:
    lines = (MADE_UP / "raw_tracks.csv").read_bytes().splitlines(keepends=True)
    rows = [b"%d,10,A,7,B,,,,,,,%d,,%x,1,1,T\n" % (n, n, n * 7919**9) for n in range(1, 5000)]
    path = tmp_path / "raw_tracks.csv.gz"
    path.write_bytes(gzip.compress(lines[0] + b"".join(rows))[:-3000])

    done = gathered(fma(path))

    assert done.codes["archive-truncated"] == 1
    assert 1000 < len(done.of("recording")) < 5000
    assert not done.of("file")
    assert done.source.counts[0].broken


@pytest.mark.skipif(not REAL.is_dir(), reason="the FMA excerpt is not here")
def test_the_real_excerpt_is_kept_to_the_last_row() -> None:
    done = gathered(fma(REAL / "raw_tracks_excerpt.csv.gz", REAL / "raw_albums_excerpt.csv.gz"))

    assert (len(done.of("recording")), len(done.of("release")), done.codes["record-malformed"]) == (
        2000,
        427,
        0,
    )
    assert sum(count.listens for count in done.listens) == 1_481_188
    assert done.codes["text-broken"] == 17
    licences = [c.says["licences"][0]["text"] for c in done.of("recording").values() if "licences" in c.says]
    assert len(licences) == 1971
    assert all(read(text).licence for text in set(licences))


@pytest.mark.skipif(not REAL.is_dir(), reason="the FMA excerpt is not here")
@pytest.mark.parametrize("after", [1, 2])
def test_a_harvest_goes_on_where_it_was_cut(after: int) -> None:
    paths = REAL / "raw_tracks_excerpt.csv.gz", REAL / "raw_albums_excerpt.csv.gz"

    whole = [(c.kind, c.key, c.stamp) for c in gathered(fma(*paths)).claims]

    assert [(c.kind, c.key, c.stamp) for c in resumed(fma(*paths), after)] == whole
