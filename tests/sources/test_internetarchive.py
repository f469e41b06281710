"""Items of the Internet Archive: what is sound becomes a release, and nothing else is lost without a word."""

from __future__ import annotations

import io
import json
import lzma
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from gathered_dumps import DUMPS, SHARED, gathered, resumed
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.errors import UsageError
from lockgroove.sources.internetarchive import InternetArchive
from lockgroove.testing.sources import Remembering, SourceContract

ITEMS = DUMPS / "internetarchive"
REAL = SHARED / "internet-archive-api"


def archive(*paths: Path) -> InternetArchive:
    return InternetArchive([os.fsencode(path) for path in paths])


class TestContract(SourceContract):
    @pytest.fixture
    def source(self) -> InternetArchive:
        return archive(ITEMS)


def test_two_files_of_xml_are_one_release_with_its_original_sound_as_tracks() -> None:
    done = gathered(archive(ITEMS))

    assert done.says("release", "fern-live") == {
        "title": "Live & Green",
        "artist": "The Ferns; さくら合唱団",
        "artists": [{"name": "The Ferns"}, {"name": "さくら合唱団"}],
        "date": "2008-11-26",
        "year": 2008,
        "barcode": "5099902988054",
        "release_mbid": "c6911b3b-135f-4b7b-a2cc-b90ea1e11ac9",
        "licences": [{"text": "http://creativecommons.org/licenses/by/4.0/", "where": "licenseurl"}],
        "tracks": [
            {
                "key": "fern-live/a side.wav",
                "title": "Moss",
                "artist": "Guest",
                "artists": [{"name": "Guest"}],
                "duration_ms": 272_040,
                "medium_number": 1,
                "track_number": 1,
                "position": "1",
            },
            {
                "key": "fern-live/b side.flac",
                "title": "Spore",
                "duration_ms": 61_000,
                "medium_number": 1,
                "track_number": 2,
                "position": "2/2",
                "recording_mbid": "c7d0bf6e-b2aa-4ffa-bded-2448415b39b0",
                "isrc": ["GBAYE8100053"],
            },
        ],
    }
    body = done.body("release", "fern-live")
    assert body["files_xml"].encode() == (ITEMS / "fern-live_files.xml").read_bytes()
    assert body["meta_xml"].encode() == (ITEMS / "fern-live_meta.xml").read_bytes()


def test_a_line_is_an_item_kept_or_refused() -> None:
    done = gathered(archive(ITEMS / "items.jsonl"))

    assert set(done.of("release")) == {"one", "bare", "odd"}
    lines = (ITEMS / "items.jsonl").read_bytes().splitlines()
    assert bytes(done.of("release")["one"].body) == lines[0]
    assert bytes(done.of("release")["bare"].body) == lines[2]
    refused = [f for f in done.findings if f.code == "record-malformed"]
    assert [f.where.partition(" record ")[2][0] for f in refused] == ["2", "4", "6"]
    assert refused[0].detail == "an item of mediatype movies, which is no sound"
    (count,) = done.source.counts
    assert (count.read, count.kept, count.refused) == (6, 3, 3)


def test_what_cannot_be_is_left_out_and_told() -> None:
    done = gathered(archive(ITEMS / "items.jsonl"))

    one = done.says("release", "one")
    assert (one["title"], one["date"], one["year"]) == ("Moss", "1977-04", 1977)
    assert one["licences"] == [{"text": "All rights reserved", "where": "rights"}]
    assert one["tracks"] == [
        {"key": "one/x.mp3", "title": "x", "medium_number": 1, "track_number": 1},
        {"key": "one/y.mp3", "title": "y", "medium_number": 1, "track_number": 2, "position": "7"},
    ]
    assert done.says("release", "bare") == {"title": "Sp\ufffdre", "date": "1977", "year": 1977}
    assert done.says("release", "odd") == {"artist": "B", "artists": [{"name": "B"}]}
    assert (done.codes["value-absurd"], done.codes["text-broken"]) == (2, 1)


def tar_of(path: Path, *files: Path, order: int = 1) -> Path:
    with tarfile.open(path, "w:xz") as tar:
        for file in sorted(files)[::order]:
            tar.add(file, f"items/{file.name}")
    return path


@pytest.mark.parametrize("order", [1, -1])
def test_a_tar_gives_what_its_folder_does(tmp_path: Path, order: int) -> None:
    path = tar_of(tmp_path / "items.tar.xz", *ITEMS.iterdir(), order=order)

    folder = {k: (c.stamp, c.says) for k, c in gathered(archive(ITEMS)).of("release").items()}

    assert {k: (c.stamp, c.says) for k, c in gathered(archive(path)).of("release").items()} == folder


def test_half_an_item_is_kept_by_its_meta_and_refused_without(tmp_path: Path) -> None:
    meta, files = ITEMS / "fern-live_meta.xml", ITEMS / "fern-live_files.xml"
    paths = tar_of(tmp_path / "1.tar.xz", meta), tar_of(tmp_path / "2.tar.xz", files)
    shutil.copy(files, tmp_path)

    one, two = gathered(archive(paths[0])), gathered(archive(paths[1]))
    bare = gathered(archive(tmp_path / "fern-live_files.xml"))
    alone = gathered(archive(meta))

    assert "tracks" not in one.says("release", "fern-live")
    assert one.says("release", "fern-live") == alone.says("release", "fern-live")
    assert [f.detail for d in (two, bare) for f in d.findings] == ["without its _meta.xml"] * 2


def test_a_cut_tar_is_told(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "items.tar.xz", *ITEMS.iterdir())
    data = lzma.decompress(path.read_bytes())
    path.write_bytes(data[: data.index(b"items/items.jsonl") + 700])

    done = gathered(archive(path))

    assert done.codes["archive-truncated"] == 1
    assert done.source.counts[0].broken
    assert "fern-live" in done.of("release")


@pytest.mark.parametrize(
    "xml",
    [
        b"<metadata><identifier>x</identifier>",
        b'<!DOCTYPE m [<!ENTITY a "b">]><metadata><identifier>&a;</identifier></metadata>',
        b"<a>" * 100_000,
        b"\0",
        b"",
    ],
)
def test_xml_that_cannot_be_read_is_refused(tmp_path: Path, xml: bytes) -> None:
    (tmp_path / "x_meta.xml").write_bytes(xml)

    done = gathered(archive(tmp_path / "x_meta.xml"))

    assert (done.claims, done.codes) == ([], {"record-malformed": 1})


def test_xml_with_broken_text_is_mended_and_kept_as_given(tmp_path: Path) -> None:
    said = b"<identifier>x</identifier><mediatype>audio</mediatype><title>caf\xe9\x01</title>"
    xml = b"<metadata>" + said + b"</metadata>"
    (tmp_path / "x_meta.xml").write_bytes(xml)

    done = gathered(archive(tmp_path / "x_meta.xml"))

    assert done.says("release", "x")["title"] == "caf\ufffd\ufffd"
    assert done.body("release", "x")["meta_xml"].encode("utf-8", "surrogateescape") == xml
    assert done.codes == {"text-broken": 1}


def test_an_empty_folder_is_no_dump(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing in the folder"):
        archive(tmp_path)


def test_what_is_known_is_not_claimed_again_and_nothing_else_is_gone() -> None:
    known = Remembering()
    for batch in archive(ITEMS).batches(None, known):
        known.take(batch)

    again = gathered(archive(ITEMS), known)

    assert (again.claims, len(again.unchanged)) == ([], 4)
    assert again.source.full is False


def test_a_harvest_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    lines = (
        json.dumps({"metadata": {"identifier": f"i{n}", "mediatype": "audio"}, "files": []})
        for n in range(7000)
    )
    (tmp_path / "i.jsonl").write_text("\n".join(lines))
    paths = tmp_path / "i.jsonl", ITEMS

    whole = [(c.kind, c.key, c.stamp) for c in gathered(archive(*paths)).claims]

    for after in (1, 3, 5):
        assert [(c.kind, c.key, c.stamp) for c in resumed(archive(*paths), after)] == whole


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NAMES = "title creator date genre publisher licenseurl external-identifier".split()
FILE_NAMES = "title track disc length creator artist external-identifier".split()
FILES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a.mp3", "d1t02.flac", "d1t2.wav", "b"]), "source": st.just("original")},
        optional=dict.fromkeys(FILE_NAMES, JSON),
    ),
    max_size=4,
)


@settings(max_examples=80)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON)), FILES | JSON)
def test_whatever_an_item_holds_it_is_kept(
    tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, object], files: object
) -> None:
    document = {"metadata": {**metadata, "identifier": "x", "mediatype": "audio"}, "files": files}
    path = tmp_path_factory.mktemp("items") / "x.json"
    path.write_text(json.dumps(document, indent=2))

    done = gathered(archive(path))

    assert done.body("release", "x") == document
    tracks = done.says("release", "x").get("tracks", [])
    places = [(track["medium_number"], track["track_number"]) for track in tracks]
    assert places == sorted(set(places))


@pytest.mark.skipif(not REAL.is_dir(), reason="the Internet Archive's answers are not here")
def test_real_answers() -> None:
    done = gathered(archive(*sorted(REAL.glob("*.json")), REAL / "nasa_meta.xml"))

    (item,) = done.of("release").values()
    tracks = item.says["tracks"]
    assert item.says["artist"] == "Grateful Dead"
    assert (len(tracks), tracks[9]["title"], tracks[9]["medium_number"]) == (22, "Scarlet Begonias ->", 2)
    assert sum(track["duration_ms"] for track in tracks) == pytest.approx(193 * 60_000, rel=0.01)
    assert io.BytesIO(bytes(item.body)).getbuffer().nbytes > 100_000
    assert done.codes == {"record-malformed": 4}
