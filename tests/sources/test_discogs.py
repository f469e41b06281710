"""Discogs' dumps: what real records say, and records that are broken each in its own way."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from dumps_harness import DUMPS, paths, put, read
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.discogs import RECORD_BYTES_MAX, Discogs
from lockgroove.testing.sources import Remembering, SourceContract

FILES = [f"discogs_20200806_{kind}.xml.gz" for kind in ("artists", "labels", "masters", "releases")]
WHOLE_SAMPLE = Path(__file__).parents[2].parent / "shared" / "data" / "discogs-dump-sample"


def artist(number: int, name: str = "Name") -> bytes:
    return b"<artist><id>%d</id><name>%s</name></artist>" % (number, name.encode())


def artists(*records: bytes) -> bytes:
    return b"<artists>\n" + b"\n".join(records) + b"\n</artists>\n"


def release(inside: str, number: int = 1) -> bytes:
    return f'<releases>\n<release id="{number}" status="Accepted">{inside}</release>\n</releases>\n'.encode()


def track(position: str = "", title: str = "T", duration: str = "", inside: str = "") -> str:
    place = f"<position>{position}</position>"
    return f"<track>{place}<title>{title}</title><duration>{duration}</duration>{inside}</track>"


def said_of(tmp_path: Path, inside: str) -> dict[str, object]:
    (claim,) = read(Discogs([put(tmp_path, "r.xml", release(inside))])).claims
    return dict(claim.says)


def tracks_of(tmp_path: Path, *entries: str) -> list[dict[str, object]]:
    return said_of(tmp_path, f"<tracklist>{''.join(entries)}</tracklist>").get("tracks", [])  # type: ignore[return-value]


class TestContract(SourceContract):
    @pytest.fixture
    def source(self) -> Discogs:
        return Discogs(paths("discogs", FILES))


class TestRealRecords:
    def test_every_kind_is_read_and_adds_up(self) -> None:
        found = read(Discogs(paths("discogs", FILES)))

        assert {claim.kind for claim in found.claims} == {"artist", "label", "release-group", "release"}
        assert found.sums == (26, 26, 0)
        assert not found.findings

    def test_a_release_says_what_its_sleeve_does(self) -> None:
        said = next(c.says for c in read(Discogs(paths("discogs", FILES[3:]))).claims if c.key == "1")

        assert {name: value for name, value in said.items() if name != "tracks"} == {
            "title": "Stockholm",
            "artist": "The Persuader",
            "artists": [{"name": "The Persuader", "key": "1"}],
            "date": "1999-03",
            "year": 1999,
            "country": "Sweden",
            "label": "Svek",
            "release_group": "1660109",
            "format": "Vinyl",
            "genre": ["Electronic", "Deep House"],
        }
        assert said["tracks"][3] == {
            "title": "Södermalm",
            "duration_ms": 338_000,
            "position": "C1",
            "medium_number": 2,
            "track_number": 1,
        }

    def test_a_barcode_is_its_digits(self) -> None:
        found = read(Discogs(paths("discogs", FILES[3:])))

        assert found.says["3"]["barcode"] == "074646362822"

    def test_an_isrc_stands_at_the_track_that_it_was_given_for(self) -> None:
        found = read(Discogs(paths("discogs", FILES[3:])))

        given_isrcs = [t["isrc"] for said in found.says.values() for t in said["tracks"] if "isrc" in t]
        assert given_isrcs == [["DEQY41700004"]]

    def test_the_body_is_the_record_as_given(self) -> None:
        with gzip.open(DUMPS / "discogs" / FILES[1]) as file:
            xml = file.read().decode()

        found = read(Discogs(paths("discogs", [FILES[1]])))

        assert "\n".join(["<labels>", *(claim.body["xml"] for claim in found.claims), "</labels>\n"]) == xml

    def test_a_labels_sublabels_are_part_of_it(self) -> None:
        found = read(Discogs(paths("discogs", [FILES[1]])))

        assert found.keys == ["1", "3", "5", "7", "9", "12"]
        assert found.says["1"] == {"name": "Planet E"}

    @pytest.mark.skipif(not WHOLE_SAMPLE.exists(), reason="the larger sample is not beside the repository")
    def test_two_thousand_real_records_are_read_without_a_finding(self) -> None:
        found = read(Discogs([os.fsencode(WHOLE_SAMPLE / name) for name in FILES]))

        assert found.sums == (2000, 2000, 0)
        assert not found.findings
        assert sum(len(claim.says.get("tracks", ())) for claim in found.claims) > 4000


class TestNames:
    def test_the_number_that_tells_namesakes_apart_is_not_said(self, tmp_path: Path) -> None:
        found = read(
            Discogs([put(tmp_path, "a.xml", artists(artist(7, "Prince (2)"), artist(8, "Sunn O)))")))])
        )

        assert [claim.says["name"] for claim in found.claims] == ["Prince", "Sunn O)))"]

    def test_a_credit_is_as_printed(self, tmp_path: Path) -> None:
        credit = "".join(
            f"<artist><id>{n}</id><name>{name}</name><anv>{anv}</anv><join>{join}</join><role/><tracks/></artist>"
            for n, name, anv, join in (
                (1, "One (3)", "", ","),
                (2, "Two", "Deux", "&amp;"),
                (3, "Three", "", "Feat."),
                (0, "Four", "", ""),
            )
        )

        said = said_of(tmp_path, f"<artists>{credit}</artists><title>T</title>")

        assert said["artist"] == "One, Deux & Three Feat. Four"
        assert said["artists"] == [
            {"name": "One", "key": "1"},
            {"name": "Two", "key": "2"},
            {"name": "Three", "key": "3"},
            {"name": "Four"},
        ]

    def test_extra_artists_are_nobodys_credit(self, tmp_path: Path) -> None:
        extra = "<extraartists><artist><id>9</id><name>Producer</name></artist></extraartists>"

        said = said_of(tmp_path, f"{extra}<title>T</title><tracklist>{track('1', inside=extra)}</tracklist>")

        assert "Producer" not in json.dumps(said)


class TestTracks:
    @pytest.mark.parametrize(
        ("positions", "places"),
        [
            ("A1 A2 B1 B2 C1 D1", [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]),
            ("A B", [(1, 1), (1, 2)]),
            ("A AA", [(1, 1), (1, 2)]),
            ("A1 AA1", [(1, 1), (1, 2)]),
            ("1 2 3", [(1, 1), (1, 2), (1, 3)]),
            ("1-1 1-2 2-01 2-02 2-12", [(1, 1), (1, 2), (2, 1), (2, 2), (2, 12)]),
            ("CD1-1 CD1-2 CD2-1 CD2-3", [(1, 1), (1, 2), (2, 1), (2, 3)]),
            ("CD1 CD2 DVD1 DVD2", [(1, 1), (1, 2), (2, 1), (2, 2)]),
            ("CD-1 CD-2 DVD-1 DVD-2", [(1, 1), (1, 2), (2, 1), (2, 2)]),
            ("A1 B1 CD1 CD2", [(1, 1), (1, 2), (2, 1), (2, 2)]),
            ("1 2a 2b 3", [(1, 1), (1, 2), (1, 3), (1, 4)]),
            ("A1.a A1.b B. 1", [(1, 1), (1, 2), (1, 3)]),
            ("?? !", [(1, 1), (1, 2)]),
            ("3-9 3-10", [(3, 9), (3, 10)]),
        ],
    )
    def test_a_position_means_a_medium_and_a_number(
        self, positions: str, places: list[tuple[int, int]], tmp_path: Path
    ) -> None:
        entries = [track(position) for position in positions.split()]
        if "B. 1" in positions:
            entries = [track("A1.a"), track("A1.b"), track("B. 1")]

        found = tracks_of(tmp_path, *entries)

        assert [(t["medium_number"], t["track_number"]) for t in found] == places

    @given(st.lists(st.text("AB1259-.CDVa ", max_size=7), max_size=8))
    def test_no_two_tracks_of_a_medium_share_a_number(
        self, tmp_path_factory: pytest.TempPathFactory, positions: list[str]
    ) -> None:
        found = tracks_of(
            tmp_path_factory.mktemp("d"), *(track(position, duration="1:00") for position in positions)
        )

        places = [(t["medium_number"], t["track_number"]) for t in found]
        assert len(places) == len(positions) == len(set(places))

    def test_a_heading_is_no_track(self, tmp_path: Path) -> None:
        found = tracks_of(tmp_path, track("", "Side One"), track("A1", "One"), track("", "Bonus", "1:00"))

        assert [t["title"] for t in found] == ["One", "Bonus"]

    def test_where_nothing_has_a_position_all_are_tracks(self, tmp_path: Path) -> None:
        assert len(tracks_of(tmp_path, track("", "One"), track("", "Two"))) == 2

    def test_the_parts_of_an_index_are_tracks_under_its_title(self, tmp_path: Path) -> None:
        parts = f"<sub_tracks>{track('A1', 'Allegro')}{track('A2', 'Largo')}</sub_tracks>"

        found = tracks_of(tmp_path, track("", "Concerto", inside=parts), track("B", "Song"))

        assert [t["title"] for t in found] == ["Concerto: Allegro", "Concerto: Largo", "Song"]

    def test_an_index_with_a_position_is_one_track(self, tmp_path: Path) -> None:
        parts = f"<sub_tracks>{track('1a', 'Intro')}{track('1b', 'Song')}</sub_tracks>"

        found = tracks_of(tmp_path, track("1", "Medley", "10:00", parts), track("2"))

        assert [(t["title"], t["position"]) for t in found] == [("Medley", "1"), ("T", "2")]

    @pytest.mark.parametrize(
        ("duration", "milliseconds"),
        [("4:32", 272_000), ("04:32", 272_000), ("1:02:03", 3_723_000), ("75:00", 4_500_000),
         ("(4:32)", 272_000), ("4'32", 272_000), ("", None), ("0:00", None)],
    )  # fmt: skip
    def test_a_duration_is_milliseconds(
        self, duration: str, milliseconds: int | None, tmp_path: Path
    ) -> None:
        (found,) = tracks_of(tmp_path, track("1", duration=duration))

        assert found.get("duration_ms") == milliseconds

    @pytest.mark.parametrize("duration", ["-4:32", "4:99", "long", "1:99:00", "9999:00:00", "∞"])
    def test_a_duration_that_cannot_be_is_told(self, duration: str, tmp_path: Path) -> None:
        data = release(f"<tracklist>{track('1', duration=duration)}</tracklist>")

        found = read(Discogs([put(tmp_path, "r.xml", data)]))

        assert found.codes == {"value-absurd": 1}
        assert "duration_ms" not in found.claims[0].says["tracks"][0]

    def test_an_isrc_whose_track_is_named(self, tmp_path: Path) -> None:
        identifiers = (
            '<identifiers><identifier type="ISRC" description="Track A2" value="GB-AHS-14-00099"/>'
            '<identifier type="ISRC" value="GBAHS1400100"/></identifiers>'
        )

        said = said_of(tmp_path, f"<tracklist>{track('A1')}{track('A2')}</tracklist>{identifiers}")

        assert [t.get("isrc") for t in said["tracks"]] == [None, ["GBAHS1400099"]]  # type: ignore[attr-defined]


class TestDates:
    @pytest.mark.parametrize(
        ("released", "said"),
        [
            ("1999-03-00", {"date": "1999-03", "year": 1999}),
            ("1997-00-00", {"date": "1997", "year": 1997}),
            ("1999-07-13", {"date": "1999-07-13", "year": 1999}),
            ("1999", {"date": "1999", "year": 1999}),
            ("0000-00-00", {}),
            ("0000", {}),
            ("", {}),
        ],
    )
    def test_a_date_is_said_as_far_as_it_is_known(
        self, released: str, said: dict[str, object], tmp_path: Path
    ) -> None:
        found = read(Discogs([put(tmp_path, "r.xml", release(f"<released>{released}</released>"))]))

        assert found.claims[0].says == said
        assert not found.findings

    @pytest.mark.parametrize("released", ["1999-13-01", "1999-02-30", "199?", "soon", "0001", "9999"])
    def test_a_date_that_cannot_be_is_told(self, released: str, tmp_path: Path) -> None:
        found = read(Discogs([put(tmp_path, "r.xml", release(f"<released>{released}</released>"))]))

        assert found.codes == {"value-absurd": 1}


class TestBroken:
    @pytest.mark.parametrize(
        "broken",
        [
            b"<artist><id>2</id><name>A & B</name></artist>",
            b"<artist><id>2</id><name>A</artist>",
            b"<artist><id>2</id><name>A</name>",
            b"<artist><id>x</id><name>A</name></artist>",
            b"<artist><name>A</name></artist>",
            b"<artist><id>2</id><name>&nbsp;</name></artist>",
            b"<artsit><id>2</id><name>A</name></artsit>",
            b"rubbish between the records",
        ],
    )
    def test_a_malformed_record_costs_no_other(self, broken: bytes, tmp_path: Path) -> None:
        found = read(Discogs([put(tmp_path, "a.xml", artists(artist(1), broken, artist(3)))]))

        assert found.keys == ["1", "3"]
        assert found.sums == (3, 2, 1)
        assert found.codes == {"record-malformed": 1}
        assert found.findings[0].where.startswith("a.xml record 2 at byte ")

    def test_what_is_broken_in_a_part_that_is_not_read_costs_nothing(self, tmp_path: Path) -> None:
        data = release("<title>T</title><videos><video>A & B</video></videos><country>US</country>")

        (claim,) = read(Discogs([put(tmp_path, "r.xml", data)])).claims

        assert claim.says == {"title": "T", "country": "US"}
        assert "<video>A & B</video>" in claim.body["xml"]

    @pytest.mark.parametrize(
        "name",
        [b"a&#x0;b", b"a&#0;b", b"a&#x1F;b", b"a\x01b", b"a\0b", b"a\xffb", b"a\xed\xa0\x80b", b"a&#xD800;b"],
    )
    def test_characters_that_xml_does_not_have(self, name: bytes, tmp_path: Path) -> None:
        record = artist(1).replace(b"Name", name)

        found = read(Discogs([put(tmp_path, "a.xml", artists(record, artist(2)))]))

        assert found.codes == {"text-broken": 1}
        assert found.sums == (2, 2, 0)
        assert "\ufffd" in found.says["1"]["name"]
        assert found.claims[0].body["xml"].encode("utf-8", "surrogateescape") == record
        json.dumps(found.claims[0].body)

    def test_records_are_cut_the_same_wherever_reading_stops(self, tmp_path: Path) -> None:
        data = artists(*(artist(n, "x" * (n * 7919 % 300_000)) for n in range(1, 40)))

        found = read(Discogs([put(tmp_path, "a.xml", data)]))

        assert found.keys == [str(n) for n in range(1, 40)]
        for claim in found.claims:
            assert claim.body["xml"].encode() in data

    def test_a_record_longer_than_any_is_refused(self, tmp_path: Path) -> None:
        data = artists(artist(1), artist(2, "x" * RECORD_BYTES_MAX), artist(3))

        found = read(Discogs([put(tmp_path, "a.xml", data)]))

        assert found.keys == ["1", "3"]
        assert found.sums == (3, 2, 1)
        assert found.findings[0].where == f"a.xml record 2 at byte {data.index(b'<artist><id>2')}"

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_a_cut_dump_keeps_what_came_before(self, suffix: str, tmp_path: Path) -> None:
        data = artists(*(artist(n) for n in range(1, 2000)))
        published = gzip.compress(data) if suffix else data

        found = read(Discogs([put(tmp_path, f"a.xml{suffix}", published[: len(published) * 3 // 4])]))

        _, kept, refused = found.sums
        assert found.codes["archive-truncated"] == 1
        assert found.source.counts[0].broken
        assert kept > 1000
        assert refused <= 1
        assert found.keys == [str(n) for n in range(1, kept + 1)]

    @given(st.integers(0, 400))
    def test_wherever_it_is_cut_it_says_so(self, tmp_path_factory: pytest.TempPathFactory, at: int) -> None:
        data = artists(*(artist(n) for n in range(1, 9)))
        cut = data[: min(at, len(data) - 13)]

        found = read(Discogs([put(tmp_path_factory.mktemp("cut"), "a.xml", cut)]))

        assert found.codes["archive-truncated"] + found.codes["schema-unknown"] == 1
        assert found.sums[1] == cut.count(b"</artist>")

    def test_another_root_is_told(self, tmp_path: Path) -> None:
        found = read(Discogs([put(tmp_path, "a.xml", b"<html><body>Not found</body></html>")]))

        assert found.codes == {"schema-unknown": 1}

    def test_entities_are_not_expanded(self, tmp_path: Path) -> None:
        head = b'<!DOCTYPE artists [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        record = artist(1).replace(b"Name", b"&b;")

        found = read(Discogs([put(tmp_path, "a.xml", head + artists(record, artist(2)))]))

        assert found.keys == ["2"]

    def test_whitespace_and_a_declaration_and_comments_are_no_records(self, tmp_path: Path) -> None:
        head = b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<!-- made today -->\n'
        data = head + artists(b"", artist(1).replace(b"><id", b">\n  <id"), b"<!-- half -->", artist(2))

        found = read(Discogs([put(tmp_path, "a.xml", data)]))

        assert found.keys == ["1", "2"]
        assert not found.findings


class TestHarvests:
    def test_only_what_changed_is_parsed_and_claimed_again(self, tmp_path: Path) -> None:
        known = Remembering()
        for batch in Discogs([put(tmp_path, "a.xml", artists(artist(1), artist(2)))]).batches(None, known):
            known.take(batch)

        found = read(Discogs([put(tmp_path, "a.xml", artists(artist(1), artist(2, "New")))]), known=known)

        assert found.keys == ["2"]
        assert found.unchanged == ["artist\x001"]

    def test_an_id_that_comes_twice_and_differs_is_told_and_the_later_counts(self, tmp_path: Path) -> None:
        path = put(tmp_path, "a.xml", artists(artist(1), artist(1, "New"), artist(1, "New")))

        found = read(Discogs([path]))

        assert found.codes["record-repeated"] >= 1
        assert [claim.says["name"] for claim in found.claims] == ["Name", "New"]
        assert found.sums == (3, 3, 0)
