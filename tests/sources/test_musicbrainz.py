"""MusicBrainz's dumps: what the web service says of real records, and every way in which a dump is broken."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from dumps_harness import DUMPS, packed_tar, paths, put, read
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.musicbrainz import MusicBrainz
from lockgroove.testing.sources import SourceContract

KINDS = ("artist", "label", "release-group", "release", "recording")
FILES = [f"{kind}.jsonl" for kind in KINDS]
MBID = "cb2cc207-8125-445c-9ef9-6ea44eee959a"


def mbid(number: int) -> str:
    return str(UUID(int=number + (1 << 100)))


def recording(number: int, **fields: Any) -> bytes:
    return (
        json.dumps({"id": mbid(number), "title": f"Song {number}", "video": False} | fields).encode() + b"\n"
    )


def the_dump(folder: Path, kind: str, data: bytes, schema: bytes = b"1\n") -> bytes:
    """As it is published."""
    files = {
        "TIMESTAMP": b"2026-11-21 00:10:02.12345+00\n",
        "COPYING": b"CC0\n",
        "README": b"A dump.\n",
        "REPLICATION_SEQUENCE": b"171000\n",
        "SCHEMA_SEQUENCE": b"30\n",
        f"mbdump/{kind}": data,
        "JSON_DUMPS_SCHEMA_NUMBER": schema,
    }
    return put(folder, f"{kind}.tar.xz", packed_tar(files))


class TestContract(SourceContract):
    @pytest.fixture
    def source(self) -> MusicBrainz:
        return MusicBrainz(paths("musicbrainz", FILES))

    def test_every_claim_can_be_kept(self, source: MusicBrainz) -> None:  # type: ignore[override]  # bodies are raw
        for claim in read(source).claims:
            json.dumps([json.loads(bytes(claim.body)), dict(claim.says)], allow_nan=False)


class TestRealRecords:
    def test_every_kind_is_read_and_adds_up(self) -> None:
        found = read(MusicBrainz(paths("musicbrainz", FILES)))

        assert {claim.kind for claim in found.claims} == set(KINDS)
        assert found.sums == (19, 19, 0)
        assert not found.findings

    def test_a_recording_says_who_what_when_and_its_isrc(self) -> None:
        found = read(MusicBrainz(paths("musicbrainz", ["recording.jsonl"])))

        assert found.says["cb2cc207-8125-445c-9ef9-6ea44eee959a"] == {
            "title": "Thinking Out Loud",
            "artist": "Ed Sheeran",
            "artists": [
                {
                    "name": "Ed Sheeran",
                    "key": "b8a7c51f-362c-4dcb-a259-bc6e0095f0a6",
                    "mbid": "b8a7c51f-362c-4dcb-a259-bc6e0095f0a6",
                }
            ],
            "duration_ms": 281000,
            "isrc": ["GBAHS1400099"],
            "recording_mbid": "cb2cc207-8125-445c-9ef9-6ea44eee959a",
            "date": "2014-06-20",
            "year": 2014,
        }

    def test_the_credit_is_as_printed_and_the_artist_as_known(self) -> None:
        found = read(MusicBrainz(paths("musicbrainz", ["recording.jsonl"])))

        said = found.says["3cf17055-68db-477a-a9b6-a3271f188f27"]
        assert said["artist"] == "後ろから這いより隊C"
        assert said["artists"][0]["name"] == "クー子"

    def test_a_release_has_its_tracks_in_order_with_their_recordings(self) -> None:
        found = read(MusicBrainz(paths("musicbrainz", ["release.jsonl"])))

        said = found.says["b84ee12a-09ef-421b-82de-0441a926375b"]
        assert said["release_group"] == "f5093c06-23e3-404f-aeaa-40f72885ee3a"
        assert (said["country"], said["label"], said["format"]) == ("GB", "Harvest", '12" Vinyl')
        assert "barcode" not in said  # "123" is none
        assert [track["position"] for track in said["tracks"]] == [
            f"{s}{n}" for s in "AB" for n in range(1, 6)
        ]
        assert said["tracks"][3] == {
            "key": "39478197-6ea3-33ec-af39-dc7ae75c9799",
            "title": "Time",
            "duration_ms": 409600,
            "medium_number": 1,
            "track_number": 4,
            "position": "A4",
            "recording_key": "41959321-f2bb-4580-aa19-16248fe665d3",
            "recording_mbid": "41959321-f2bb-4580-aa19-16248fe665d3",
        }

    def test_a_track_before_the_first_is_number_0(self) -> None:
        found = read(MusicBrainz(paths("musicbrainz", ["release.jsonl"])))

        (track,) = found.says["7c1d6a3e-4f0b-4c55-9d0f-6a1b9a3f0c11"]["tracks"]
        assert (track["title"], track["track_number"], track["position"]) == ("Sexy DVD", 0, "0")

    def test_an_artist_says_its_other_names(self) -> None:
        found = read(MusicBrainz(paths("musicbrainz", ["artist.jsonl"])))

        assert any(said.get("aliases") and said["sort_name"] for said in found.says.values())

    def test_the_body_is_the_record_as_given(self) -> None:
        given_lines = (DUMPS / "musicbrainz" / "recording.jsonl").read_bytes().splitlines()

        found = read(MusicBrainz(paths("musicbrainz", ["recording.jsonl"])))

        assert [bytes(claim.body) for claim in found.claims] == given_lines

    def test_bodies_are_raw_json(self, tmp_path: Path) -> None:
        (claim,) = read(MusicBrainz([put(tmp_path, "recording", recording(1))])).claims

        assert isinstance(claim.body, msgspec.Raw)

    def test_nothing_under_the_other_licence_is_said(self, tmp_path: Path) -> None:
        line = recording(
            1, genres=[{"name": "pop"}], tags=[{"name": "x"}], annotation="y", rating={"value": 5}
        )

        (claim,) = read(MusicBrainz([put(tmp_path, "recording", line)])).claims

        assert set(claim.says) == {"title", "recording_mbid"}


class TestDumps:
    def test_a_dump_as_published_is_read_with_what_it_says_of_itself(self, tmp_path: Path) -> None:
        source = MusicBrainz([the_dump(tmp_path, "recording", recording(1) + recording(2))])

        found = read(source)

        assert found.keys == [mbid(1), mbid(2)]
        assert not found.findings
        assert source.stated["SCHEMA_SEQUENCE"] == "30"
        assert source.counts[0].kinds == {"recording"}

    def test_another_schema_is_told_and_read(self, tmp_path: Path) -> None:
        found = read(MusicBrainz([the_dump(tmp_path, "recording", recording(1), b"2\n")]))

        assert found.codes == {"schema-unknown": 1}
        assert found.keys == [mbid(1)]

    def test_records_of_other_kinds_are_told_and_left(self, tmp_path: Path) -> None:
        found = read(MusicBrainz([the_dump(tmp_path, "work", recording(1))]))

        assert found.codes == {"schema-unknown": 1}
        assert found.findings[0].where == "work.tar.xz:mbdump/work"
        assert not found.claims

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_a_bare_file_holds_is_told_by_its_records(self, kind: str, tmp_path: Path) -> None:
        data = (DUMPS / "musicbrainz" / f"{kind}.jsonl").read_bytes()

        found = read(MusicBrainz([put(tmp_path, "unnamed", data)]))

        assert {claim.kind for claim in found.claims} == {kind}

    def test_pregap_and_data_tracks_stand_around_the_others(self, tmp_path: Path) -> None:
        track = [{"id": mbid(n), "title": str(n), "position": n, "number": str(n)} for n in range(4)]
        medium = {"position": 2, "pregap": track[0], "tracks": track[1:3], "data-tracks": track[3:]}
        line = json.dumps({"id": MBID, "title": "R", "media": [medium]}).encode()

        said = read(MusicBrainz([put(tmp_path, "release", line)])).says[MBID]

        assert [(t["title"], t["medium_number"], t["track_number"]) for t in said["tracks"]] == [
            (str(n), 2, n) for n in range(4)
        ]

    def test_a_joined_credit_and_a_track_by_others(self, tmp_path: Path) -> None:
        artists = [{"id": mbid(n), "name": f"A{n}"} for n in range(3)]
        both = [
            {"name": "One", "joinphrase": " feat. ", "artist": artists[0]},
            {"name": "Two", "joinphrase": "", "artist": artists[1]},
        ]
        tracks = [
            {"title": "t1", "artist-credit": both},
            {"title": "t2", "artist-credit": [{"artist": artists[2]}]},
        ]
        record = {
            "id": MBID,
            "title": "R",
            "artist-credit": both,
            "media": [{"position": 1, "tracks": tracks}],
        }

        said = read(MusicBrainz([put(tmp_path, "release", json.dumps(record).encode())])).says[MBID]

        assert said["artist"] == "One feat. Two"
        assert [artist["name"] for artist in said["artists"]] == ["A0", "A1"]
        assert [track.get("artist") for track in said["tracks"]] == [
            None,
            "A2",
        ]  # the release's is not repeated


class TestBroken:
    def test_json_that_ends_in_mid_line_is_refused_alone(self, tmp_path: Path) -> None:
        found = read(MusicBrainz([put(tmp_path, "recording", recording(1) + recording(2)[:40])]))

        assert found.sums == (2, 1, 1)
        assert found.codes == {"record-malformed": 1}
        assert found.findings[0].where == f"recording record 2 at byte {len(recording(1))}"

    @pytest.mark.parametrize(
        "line",
        [
            b"null",
            b"[]",
            b"{}",
            b'{"id":"x"}',
            b"[" * 100_000,
            b"\xff\xfe",
            b'{"id":null}',
            b'"' + b"x" * 99,
            b"1e999",
        ],
    )
    def test_what_is_no_record_is_refused_and_the_next_is_read(self, line: bytes, tmp_path: Path) -> None:
        found = read(MusicBrainz([put(tmp_path, "recording", line + b"\n" + recording(1))]))

        assert found.sums == (2, 1, 1)
        assert found.keys == [mbid(1)]

    @pytest.mark.parametrize(
        ("fields", "missing"),
        [
            ({"length": -1}, "duration_ms"),
            ({"length": 8 * 24 * 3600 * 1000}, "duration_ms"),
            ({"length": 10**40}, "duration_ms"),
            ({"length": "long"}, "duration_ms"),
            ({"length": True}, "duration_ms"),
            ({"title": 7}, "title"),
            ({"artist-credit": {"name": "x"}}, "artist"),
            ({"artist-credit": [{"name": ["x"]}]}, "artist"),
            ({"first-release-date": "2014-13"}, "date"),
            ({"first-release-date": "0999"}, "year"),
            ({"first-release-date": 2014}, "year"),
            ({"isrcs": [5]}, "isrc"),
        ],
    )
    def test_a_value_that_cannot_be_is_left_out_told_and_kept_as_given(
        self, fields: dict[str, Any], missing: str, tmp_path: Path
    ) -> None:
        found = read(MusicBrainz([put(tmp_path, "recording", recording(1, **fields))]))

        (claim,) = found.claims
        assert missing not in claim.says
        assert found.codes == {"value-absurd": 1}
        assert json.loads(bytes(claim.body)).items() >= fields.items()

    @pytest.mark.parametrize(
        "unknown", [{"length": None}, {"length": 0}, {"isrcs": []}, {"first-release-date": ""}]
    )
    def test_what_is_not_known_is_no_finding(self, unknown: dict[str, Any], tmp_path: Path) -> None:
        found = read(MusicBrainz([put(tmp_path, "recording", recording(1, **unknown))]))

        assert set(found.claims[0].says) == {"title", "recording_mbid"}
        assert not found.findings

    @pytest.mark.parametrize(
        "spelling",
        ["GBAHS1400099", "gbahs1400099", "GB-AHS-14-00099", "GB AHS 14 00099", " GBAHS1400099 ",
         "ISRC GB-AHS-14-00099", "ISRC:GBAHS1400099", "GB/AHS/14/00099", "gb_ahs_14_00099"],
    )  # fmt: skip
    def test_an_isrc_is_one_however_it_is_spelled(self, spelling: str, tmp_path: Path) -> None:
        found = read(
            MusicBrainz([put(tmp_path, "recording", recording(1, isrcs=[spelling, "GBAHS1400099"]))])
        )

        assert found.claims[0].says["isrc"] == ["GBAHS1400099"]

    def test_what_is_no_isrc_is_told_and_kept_in_the_body(self, tmp_path: Path) -> None:
        found = read(MusicBrainz([put(tmp_path, "recording", recording(1, isrcs=["GBAHS14"]))]))

        assert found.codes == {"isrc-malformed": 1}
        assert "isrc" not in found.claims[0].says
        assert b"GBAHS14" in bytes(found.claims[0].body)

    @pytest.mark.parametrize(
        "title",
        [b"a\\u0000b", b"a\\ud800b", b"a\\uDC00b", b"a\xffb", b"a\xed\xa0\x80b", b"a\x01b", b"a\xc3"],
    )
    def test_broken_text_is_shown_with_replacements_and_kept(self, title: bytes, tmp_path: Path) -> None:
        line = recording(1).replace(b"Song 1", title)

        found = read(MusicBrainz([put(tmp_path, "recording", line)]))

        (claim,) = found.claims
        assert found.codes == {"text-broken": 1}
        assert "\ufffd" in claim.says["title"]
        claim.says["title"].encode()
        assert given_back(bytes(claim.body), line.strip())

    def test_escapes_that_are_text_are_not_broken(self, tmp_path: Path) -> None:
        line = recording(1).replace(b"Song 1", b"\\ud83c\\udfb5 \\\\u0000 \\u2019")

        found = read(MusicBrainz([put(tmp_path, "recording", line)]))

        assert found.claims[0].says["title"] == "🎵 \\u0000 ’"
        assert not found.findings

    @given(st.text(), st.lists(st.binary(min_size=1, max_size=4), max_size=3))
    def test_all_that_a_record_has_is_in_the_body(
        self, tmp_path_factory: pytest.TempPathFactory, title: str, noise: list[bytes]
    ) -> None:
        line = recording(1, title=title, **{"first-release-date": "MARK"}).strip()
        line = line.replace(
            b"MARK", b"".join(noise).replace(b"\n", b"").replace(b'"', b"").replace(b"\\", b"")
        )

        found = read(MusicBrainz([put(tmp_path_factory.mktemp("mb"), "recording", line)]))

        assert found.sums[0] == 1
        for claim in found.claims:
            assert given_back(bytes(claim.body), line)
            json.dumps(claim.says).encode()
            claim.says.get("title", "").encode()

    def test_a_record_longer_than_any_is_refused(self, tmp_path: Path) -> None:
        huge = recording(2, title="x" * (65 << 20))

        found = read(MusicBrainz([put(tmp_path, "recording", recording(1) + huge + recording(3))]))

        assert found.keys == [mbid(1), mbid(3)]
        assert found.sums == (3, 2, 1)

    def test_a_record_of_ten_million_bytes_is_read(self, tmp_path: Path) -> None:
        found = read(MusicBrainz([put(tmp_path, "recording", recording(1, comment="x" * 10_000_000))]))

        assert found.keys == [mbid(1)]

    def test_a_cut_dump_keeps_what_came_before(self, tmp_path: Path) -> None:
        data = lzma.compress(b"".join(recording(n, comment=str(n) * 50) for n in range(5000)))

        found = read(
            MusicBrainz([put(tmp_path, "recording.xz", data[: len(data) // 2]), *paths("musicbrainz", FILES)])
        )

        _, kept, refused = found.sums
        assert found.codes["archive-truncated"] == 1
        assert 1000 < kept < 5019
        assert refused <= 1
        assert [count.broken for count in found.source.counts] == [True, False, False, False, False, False]


def given_back(body: bytes, line: bytes) -> bool:
    """Whether a body means the same as a line, whose bytes JSON and UTF-8 need not allow."""
    return bool(json.loads(body) == json.loads(line.decode("utf-8", "surrogateescape"), strict=False))
