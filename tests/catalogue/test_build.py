"""Tables from claims: the same bytes each time, row numbers that hold, and every key found."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import claimbook
import pytest
from claimbook import (
    LISTENS,
    OTHER_SHELF,
    SHELF,
    build,
    companion,
    count,
    held_row,
    listened,
    record,
    rows,
    sound,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.keyindex import KeyIndex, barcode_key, isrc_key
from lockgroove.catalogue.reader import Reader
from lockgroove.catalogue.search import build_index
from lockgroove.model import entity_id, id_text

WITHIN = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
LATER = "2026-02-01T00:00:00.000000Z"
SCHEMES = {
    "artists": ("A", "artist_id"),
    "releases": ("E", "release_id"),
    "recordings": ("R", "recording_id"),
    "tracks": ("T", "track_id"),
}


def random_records(chance: random.Random) -> list[claimbook.Record]:
    records = []
    for n in range(chance.randrange(1, 25)):
        said: dict[str, Any] = {
            "album": chance.choice([None, "Album", "Альбом", "Zweites"]),
            "album_artist": chance.choice([None, "Various", "A"]),
            "track_number": chance.choice([None, 1, 2, 3]),
            "medium_number": chance.choice([None, 1, 2]),
            "isrc": chance.choice(
                [None, [f"DEA12345678{chance.randrange(10)}"], ["FRZ039800212", "DEA123456781"]]
            ),
            "recording_mbid": chance.choice(
                [None, f"0f6e5b1e-1f4d-4b7c-9d3e-01234567890{chance.randrange(5)}"]
            ),
            "release_mbid": chance.choice([None, None, "11111111-1f4d-4b7c-9d3e-012345678900"]),
            "barcode": chance.choice([None, "4006381333931", "036000291452"]),
            "year": chance.choice([None, 1999, 2020]),
        }
        records.append(
            sound(
                f"{n:03}.flac",
                chance.choice(["Song", "Lied", "Песня", "曲"]),
                chance.choice(["A", "B", "The A"]),
                source=chance.choice([SHELF, OTHER_SHELF]),
                deposit=chance.choice(["D1", "D2"]),
                ms=chance.choice([None, 100_000, 200_000]),
                licences=chance.choice([(), claimbook.OPEN]),
                **said,
            )
        )
    records += [companion(f"c{n}", deposit="D1") for n in range(chance.randrange(3))]
    records += [listened(f"n{n}", "Song", chance.choice("ABC"), isrc=["DEA123456781"]) for n in range(3)]
    return records


@WITHIN
@given(st.randoms(use_true_random=False), st.booleans())
def test_row_numbers_lead_to_rows_and_every_key_is_found(
    tmp_path: Path, chance: random.Random, public: bool
) -> None:
    records = random_records(chance)
    held = [held_row(r) for r in records if r["kind"] == "file" and chance.random() < 0.5]
    heard = [count(f"n{n}", n) for n in range(3)]

    tables = build(tmp_path, records, held=held, listens=heard, public=public)

    every_row_leads_somewhere(tables)
    every_key_is_found(tables)
    every_recording_has_an_id_of_its_own(tables)
    assert claimbook.tables_of(build(tmp_path, records, held=held[::-1], listens=heard, public=public)) == (
        claimbook.tables_of(tables)
    )


def every_row_leads_somewhere(tables: Path) -> None:
    counts = {name: len(rows(tables, name)) for name in claimbook_tables()}
    for name in claimbook_tables():
        for row in rows(tables, name):
            for column, value in row.items():
                if column.endswith("_row") and value is not None:
                    assert 0 <= value < counts[f"{column.removesuffix('_row')}s".replace("rightss", "rights")]


def claimbook_tables() -> list[str]:
    from lockgroove.catalogue.schemas import SPECS

    return list(SPECS)


def every_key_is_found(tables: Path) -> None:
    keys = KeyIndex(f"{tables}/keys.bin")
    for name, (scheme, column) in SCHEMES.items():
        found = rows(tables, name)
        for number, row in enumerate(found):
            assert number in keys.rows(scheme, row[column]), (name, row)
    for number, row in enumerate(rows(tables, "recordings")):
        assert row["isrc"] is None or number in keys.rows("I", isrc_key(row["isrc"]))
        assert row["mbid"] is None or number in keys.rows(
            "R", entity_id("recording", "musicbrainz", row["mbid"])
        )
    for number, row in enumerate(rows(tables, "releases")):
        assert row["barcode"] is None or number in keys.rows("B", barcode_key(row["barcode"]))
        assert row["mbid"] is None or number in keys.rows(
            "E", entity_id("release", "musicbrainz", row["mbid"])
        )
    for match in rows(tables, "matches"):  # the ids of all members lead to the group
        assert match["recording_row"] in keys.rows("R", match["claim_id"])
    assert keys.rows("R", b"\0" * 12) == keys.rows("Z", b"\xff" * 12) == []
    keys.close()


def every_recording_has_an_id_of_its_own(tables: Path) -> None:
    ids = [r["recording_id"] for r in rows(tables, "recordings")]
    assert len(set(ids)) == len(ids)


def test_recordings_stand_by_artist_release_medium_and_position(tmp_path: Path) -> None:
    def on(key: str, artist: str, album: str, medium: int | None, position: int) -> claimbook.Record:
        place = {"album": album, "medium_number": medium, "track_number": position}
        return sound(key, f"Title {key}", artist, ms=int(key) * 1000, **place)

    records = [
        on("1", "The Zebras", "Stripes", None, 1),
        on("2", "Ärzte", "Planet", 2, 1),
        on("3", "Ärzte", "Planet", 1, 2),
        on("4", "Ärzte", "Planet", 1, 1),
        on("5", "Ärzte", "Bestie", None, 9),
    ]

    tables = build(tmp_path, records)

    assert [r["title"][-1] for r in rows(tables, "recordings")] == ["5", "4", "3", "2", "1"]


def test_a_version_that_is_held_stays_however_many_come_after(tmp_path: Path) -> None:
    versions = [
        sound("a", f"Take {n}", "A", stamp=f"{n}", at=f"2026-0{n}-01T00:00:00.000000Z") for n in (1, 2, 3)
    ]

    files = rows(build(tmp_path, versions, held=[held_row(versions[0])]), "files")

    assert [
        (f["stamp"], bool(f["sha512"]), f["withdrawn"]) for f in sorted(files, key=lambda f: str(f["stamp"]))
    ] == [
        ("1", True, True),
        ("3", False, False),
    ]


def test_a_withdrawn_file_is_marked_and_one_that_came_back_is_not(tmp_path: Path) -> None:
    gone = record("withdrawn", SHELF, "file\0a", {}, at=LATER, stamp="")
    again = sound("a", "Song", "A", at="2026-03-01T00:00:00.000000Z")

    assert [f["withdrawn"] for f in rows(build(tmp_path, [sound("a", "Song", "A"), gone]), "files")] == [True]
    assert [
        f["withdrawn"] for f in rows(build(tmp_path, [sound("a", "Song", "A"), gone, again]), "files")
    ] == [False]


def test_public_tables_are_of_open_files_alone(tmp_path: Path) -> None:
    records = [sound("open", "Open", "A", licences=claimbook.OPEN), sound("dark", "Dark", "B", deposit="E")]

    tables = build(tmp_path, records, held=[held_row(r) for r in records], public=True)

    assert [r["title"] for r in rows(tables, "recordings")] == ["Open"]
    assert [f["key"] for f in rows(tables, "files")] == ["open"]
    assert b"Dark" not in b"".join(claimbook.tables_of(tables).values())


def test_listens_are_summed_over_the_names_of_a_recording(tmp_path: Path) -> None:
    names = [listened("n1", "Song", "A"), listened("n2", "SONG", "The A")]

    tables = build(
        tmp_path,
        [sound("a", "Song", "A"), *names],
        listens=[count("n1", 3), count("n2", 4), count("nobody", 9)],
    )

    assert [(r["title"], r["listens"], r["claims"]) for r in rows(tables, "recordings")] == [("Song", 7, 3)]
    assert [(r["source"], r["listens"]) for r in rows(tables, "listens")] == [(LISTENS, 7)]


def test_nothing_makes_empty_tables(tmp_path: Path) -> None:
    tables = build(tmp_path, [])

    assert {name: rows(tables, name) for name in claimbook_tables()} == {
        name: [] for name in claimbook_tables()
    }
    index = KeyIndex(f"{tables}/keys.bin")
    assert index.rows("R", b"\0" * 12) == []
    index.close()


@pytest.fixture
def reader(tmp_path: Path) -> Any:
    more = {
        "isrc": ["DEA123456789", "FRZ039800212"],
        "recording_mbid": "0f6e5b1e-1f4d-4b7c-9d3e-0123456789ab",
        "release_mbid": "11111111-1f4d-4b7c-9d3e-012345678900",
        "barcode": "4006381333931",
        "album": "Album",
    }
    tables = build(tmp_path, [sound("a.flac", "Song", "A", **more), listened("n", "Song", "A")])
    (tables / "ledger.parquet").write_bytes((tables / "rights.parquet").read_bytes())
    build_index(f"{tables}/search", [])
    opened = Reader(str(tables), f"{tables}/search")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("DEA123456789", "recordings"),
        ("fr-z03-98-00212", "recordings"),
        (" DE-A12-34-56789 ", "recordings"),
        ("0F6E5B1E-1f4d-4b7c-9d3e-0123456789ab", "recordings"),
        ("11111111-1f4d-4b7c-9d3e-012345678900", "releases"),
        ("4006381333931", "releases"),
        (id_text("recording", entity_id("recording", SHELF, "a.flac")), "recordings"),
        (id_text("recording", entity_id("recording", LISTENS, "n")), "recordings"),
        (id_text("track", entity_id("track", SHELF, "a.flac")), "tracks"),
        (id_text("release", entity_id("release", SHELF, "D\0Album")).upper(), "releases"),
        (id_text("artist", entity_id("artist", SHELF, "A")), "artists"),
    ],
)
def test_every_kind_of_identifier_leads_to_its_row(reader: Reader, text: str, table: str) -> None:
    assert reader.find(text) == (table, 0)


@pytest.mark.parametrize(
    "text",
    [
        "DEA123456789",
        "4006381333931",
        "11111111-1f4d-4b7c-9d3e-012345678900",
        id_text("artist", entity_id("artist", SHELF, "A")),
        id_text("track", entity_id("track", SHELF, "a.flac")),
    ],
)
def test_an_identifier_of_whatever_kind_finds_recordings(reader: Reader, text: str) -> None:
    rows, count, is_exact = reader.search(text)

    assert [row["title"] for row in rows] == ["Song"]
    assert (count, is_exact) == (1, True)


def test_all_recordings_that_share_an_isrc_are_found(tmp_path: Path) -> None:
    tables = build(
        tmp_path,
        [sound(f"{n}", f"Piece of {n}", "A", ms=n * 60_000, isrc=["DEA123456789"]) for n in (1, 2, 3)],
    )
    (tables / "ledger.parquet").write_bytes((tables / "rights.parquet").read_bytes())
    build_index(f"{tables}/search", [])
    opened = Reader(str(tables), f"{tables}/search")

    rows, count, _ = opened.search("de-a12-34-56789", limit=2)

    assert (len(rows), count) == (2, 3)
    assert len(opened.search("DEA123456789", offset=2)[0]) == 1
    opened.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "DEA123456780",
        "r-00000000000000000000",
        "r-",
        "g-00000000000000000000",
        "zzz",
        "12345678",
        "²" * 8,
        "\0",
        "\ud800",
        "DEA12345678９",
        "ﬀ" * 20,
        "r-" + "z" * 21,
        "x" * 100_000,
    ],
)
def test_what_is_unknown_leads_nowhere(reader: Reader, text: str) -> None:
    assert reader.find(text) is None


def test_many_files_are_built_in_the_memory_that_the_engine_allows_itself(tmp_path: Path) -> None:
    """Thirty thousand, with listens, versions and holdings among them."""
    chance = random.Random(1)
    number = 30_000
    records = []
    for n in range(number):
        said = {"isrc": [f"DEA12{chance.randrange(10**7):07}"], "ms": chance.randrange(10**5, 3 * 10**5)}
        licences = claimbook.OPEN if n % 2 else ()
        title, artist = f"Title {chance.randrange(number)}", f"Artist {n % 2000}"
        records.append(sound(f"{n}", title, artist, deposit=f"D{n // 10}", licences=licences, **said))
    records += [listened(f"n{n}", f"Title {n}", f"Artist {n % 2000}") for n in range(number // 2)]
    records += [sound(f"{n}", f"Retagged {n}", "A", stamp="2-2", at=LATER) for n in range(2000)]
    heard = [count(f"n{n}", n % 100) for n in range(number // 2)]

    tables = build(tmp_path, records, held=[held_row(r) for r in records[: number // 2]], listens=heard)

    assert len(rows(tables, "files")) == number + 2000
