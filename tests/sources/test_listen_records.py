"""Files of listens as people have them, good and broken."""

from __future__ import annotations

import gzip
import json
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from listens_harness import DATA, ISRC, MBID, Gather, csv_of, gathering, written

from lockgroove.errors import UsageError
from lockgroove.findings import CODES


@pytest.fixture
def gather(tmp_path: Path) -> Iterator[Gather]:
    yield from gathering(tmp_path)


# how it is written

ROWS = [
    ["artist", "title", "plays"],
    ["Beyoncé", "Halo, “live”", "3"],
    ["Motörhead", 'The "Ace"\nof Spades', "4"],
]
TOTALS = {"name:Beyoncé\0Halo, “live”": 3, 'name:Motörhead\0The "Ace" of Spades': 4}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_read_however_it_is_written(gather: Gather, delimiter: str, end: str, encoding: str) -> None:
    found = gather(written(ROWS, delimiter, end).encode(encoding))

    assert found.totals() == TOTALS
    assert found.codes == ({"text-guessed": 1} if encoding == "cp1252" else {})


def test_old_macs_lines_are_lines(gather: Gather) -> None:
    assert gather("artist,title\rA,B\rA,B\r").totals() == {"name:A\0B": 2}


def test_latin_1_is_guessed_also_far_behind_the_first_block(gather: Gather) -> None:
    found = gather(b"artist,title\n" + b"A,B\n" * 600_000 + "Motörhead,Überkill\n".encode("latin-1"))

    assert found.totals() == {"name:A\0B": 600_000, "name:Motörhead\0Überkill": 1}


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, lambda b: pa.compress(b, codec="zstd", asbytes=True)]
)
def test_what_is_packed_is_known_by_its_bytes(gather: Gather, pack: Callable[[bytes], bytes]) -> None:
    assert gather(pack(written(ROWS).encode())).totals() == TOTALS


def test_parquet_has_the_same_columns(gather: Gather, tmp_path: Path) -> None:
    table = pa.table(
        {
            "Recording_MBID": [MBID, None, None],
            "isrc": [None, [ISRC], []],
            "artist": pa.array([b"A", b"B\xff", None]),
            "title": ["T", "U", "V"],
            "plays": [2.0, 3.0, 0.5],
            "played_at": pa.array(
                [datetime(2020, 2, 29, 23, 30, tzinfo=UTC)] * 3, pa.timestamp("ms", tz="America/New_York")
            ),
        }
    )
    pq.write_table(table, tmp_path / "plays")

    found = gather(tmp_path / "plays")

    assert [(c.subject, c.month, c.listens) for c in found.listens] == [
        (f"isrc:{ISRC}", "2020-02", 3),
        (f"mbid:{MBID}", "2020-02", 2),
    ]
    assert [(f.code, f.where) for f in found.findings] == [("listen-malformed", "plays:row 3")]
    assert found.rows == (3, 1)


# ListenBrainz


def test_a_listenbrainz_dump_is_counted(gather: Gather) -> None:
    found = gather(DATA / "listenbrainz-dump.parquet")

    rows = pq.read_table(DATA / "listenbrainz-dump.parquet").to_pylist()
    wanted = Counter(f"mbid:{r['recording_mbid']}" for r in rows if r["recording_mbid"])
    assert {k: v for k, v in found.totals().items() if k.startswith("mbid:")} == wanted
    assert found.rows == (18, 0)
    assert {c.month for c in found.listens} == {f"{r['listened_at']:%Y-%m}" for r in rows}
    assert {c.group for c in found.listens} == {1}


def test_a_listenbrainz_export_is_counted(gather: Gather) -> None:
    found = gather(DATA / "listenbrainz.jsonl")

    assert found.totals()[f"mbid:{MBID}"] == 1
    claim = next(c for c in found.claims if c.key == f"mbid:{MBID}")
    assert claim.says == {
        "title": "Golden Brown", "artist": "The Stranglers", "isrc": [ISRC], "recording_mbid": MBID,
    }  # fmt: skip
    assert found.rows[1] == 0


def test_a_payload_over_many_lines_is_counted(gather: Gather) -> None:
    assert gather(DATA / "payload.json").totals() == {"name:Kanye West\0Fade": 3}


def test_lines_before_the_header_are_passed_over(gather: Gather) -> None:
    found = gather(DATA / "librefm.csv")

    assert found.totals()["name:Vega Trails\0Old Friend; The Sea"] == 1
    assert found.rows == (3, 0)


def listen(**changed: Any) -> dict[str, Any]:
    track = {"artist_name": "Led Zeppelin", "track_name": "Immigrant Song"}
    return {"listened_at": 1400000500, "user_name": "rob", "track_metadata": track} | changed


TRACK = listen()["track_metadata"]


@pytest.mark.parametrize(
    ("shape", "subject", "month"),
    [
        (listen(), "name:Led Zeppelin\0Immigrant Song", "2014-05"),
        (listen(listened_at="1400000500"), "name:Led Zeppelin\0Immigrant Song", "2014-05"),
        (
            listen(listened_at=None, timestamp="2014-05-13T17:01:40Z"),
            "name:Led Zeppelin\0Immigrant Song",
            "2014-05",
        ),
        (
            listen(
                track_metadata=TRACK | {"additional_info": None, "mbid_mapping": {"recording_mbid": MBID}}
            ),
            f"mbid:{MBID}",
            "2014-05",
        ),
        (listen(track_metadata=TRACK | {"additional_info": {"isrc": [ISRC]}}), f"isrc:{ISRC}", "2014-05"),
        (
            listen(
                track_metadata=TRACK
                | {
                    "additional_info": {"recording_mbid": "not valid"},
                    "mbid_mapping": {"recording_mbid": MBID},
                }
            ),
            f"mbid:{MBID}",
            "2014-05",
        ),
        (
            listen(track_metadata=TRACK | {"track_name": "a\ud800b"}),
            "name:Led Zeppelin\0a\ufffdb",
            "2014-05",
        ),
        ({"Artist": "A", "Track": "B", "plays": 1, "month": "2014-05"}, "name:A\0B", "2014-05"),
        ({"payload": {"count": 1, "listens": [listen()]}}, "name:Led Zeppelin\0Immigrant Song", "2014-05"),
    ],
)
def test_every_shape_of_a_listen_is_read(
    gather: Gather, shape: dict[str, Any], subject: str, month: str
) -> None:
    (count,) = gather(json.dumps(shape) + "\n").listens

    assert (count.subject, count.month, count.listens) == (subject, month, 1)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (json.dumps(listen(track_metadata=None)), "listen-malformed"),
        (json.dumps(listen(track_metadata=TRACK | {"track_name": ""})), "listen-unnamed"),
        (json.dumps(listen(track_metadata=TRACK | {"track_name": "a\0b"})), "listen-malformed"),
        (json.dumps({"listened_at": 1486449409, "foobar": TRACK}), "listen-unnamed"),
        (json.dumps({"listen_type": "playing_now", "payload": [listen()]}), "listen-malformed"),
        (json.dumps({"payload": "none"}), "listen-malformed"),
        (json.dumps(listen(listened_at=100)), "listen-malformed"),
        (json.dumps(listen(listened_at=1486449409000000000)), "listen-malformed"),
        (json.dumps(listen()).replace("1400000500", "NaN"), "listen-malformed"),
        (json.dumps(listen())[:-20], "listen-malformed"),
        ("[" * 100_000, "listen-malformed"),
        ('{"a":' * 100_000, "listen-malformed"),
        ('{"isrc": "' + "x" * 10_000_000 + '"}', "listen-malformed"),
        ("\0" * 500, "listen-malformed"),
        ("17", "listen-malformed"),
        (json.dumps({"isrc": ISRC, "plays": None}), "listen-malformed"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", value[:60]),
)
def test_a_broken_line_costs_itself_alone(gather: Gather, line: str, code: str) -> None:
    good = json.dumps(listen())

    found = gather(f"{good}\n{line}\n{good}\n")

    assert found.totals() == {"name:Led Zeppelin\0Immigrant Song": 2}
    assert [(f.code, f.where) for f in found.findings] == [(code, "plays:line 2")]
    assert found.rows == (3, 1)


# broken files


@pytest.mark.parametrize("code", ["listen-malformed", "listen-negative", "listen-unnamed"])
def test_the_example_of_a_code_gives_the_code(gather: Gather, code: str) -> None:
    found = gather(DATA / f"{code}.csv")

    assert set(found.codes) == {code}
    assert sum(found.totals().values()) == 3
    assert found.rows == (1 + found.codes[code], found.codes[code])


def test_an_open_quote_costs_its_own_line_at_most(gather: Gather) -> None:
    rows = [
        '"Heroes,x,1',
        "A,B,2",
        'C,12" mix,3',
        'D,"E ""F"", G",4',
        *["A,B,1"] * 40,
        '"H, I",J,5',
        'K,"L,6',
    ]

    found = gather(csv_of(*rows, header="artist,title,plays"))

    assert found.totals() == {
        'name:"Heroes\0x': 1, "name:A\0B": 42, 'name:C\x0012" mix': 3, 'name:D\0E "F", G': 4,
        "name:H, I\0J": 5, 'name:K\0"L': 6,
    }  # fmt: skip
    assert found.rows == (46, 0)


def test_a_row_cut_short_is_refused_and_blank_ones_are_none(gather: Gather) -> None:
    found = gather(csv_of(f"{ISRC},x,1,,", "", ",,,,", f"{ISRC},x,1,y", f"{ISRC},x", "   "))

    assert found.totals() == {f"isrc:{ISRC}": 1}
    assert [f.where for f in found.findings] == ["plays:line 5", "plays:line 6"]
    assert found.rows == (3, 2)


@pytest.mark.parametrize("form", ["gz", "xz", "zst"])
def test_what_is_cut_while_packed_counts_as_far_as_it_goes(gather: Gather, form: str) -> None:
    numbers = range(300_000)
    text = csv_of(*(f"{ISRC},{n * 7919 % 1_000_003},1" for n in numbers)).encode()
    pack: dict[str, Any] = {
        "gz": gzip.compress,
        "xz": lzma.compress,
        "zst": lambda b: pa.compress(b, codec="zstd", asbytes=True),
    }
    packed: bytes = pack[form](text)

    found = gather(packed[: len(packed) // 2])

    assert found.codes["truncated"] == 1
    assert found.codes["listen-malformed"] <= 1
    assert 50_000 < sum(found.totals().values()) == found.rows[0] - found.rows[1] < 290_000


def test_a_cut_parquet_file_is_told(gather: Gather) -> None:
    found = gather((DATA / "listenbrainz-dump.parquet").read_bytes()[:5000])

    assert (found.codes, found.rows) == ({"truncated": 1}, (0, 0))


def test_rotten_pages_cost_their_own_row_group(gather: Gather, tmp_path: Path) -> None:
    table = pa.table({"isrc": [ISRC] * 1000, "title": [f"{n}" for n in range(1000)]})
    options: Any = {"row_group_size": 400, "compression": "gzip", "use_dictionary": False}
    pq.write_table(table, tmp_path / "whole", **options)
    raw = bytearray((tmp_path / "whole").read_bytes())
    start = pq.ParquetFile(tmp_path / "whole").metadata.row_group(1).column(0).data_page_offset
    raw[start : start + 60] = bytes(60)

    found = gather(bytes(raw))

    assert found.totals() == {f"isrc:{ISRC}": 600}
    assert found.rows == (1000, 400)
    assert [(f.code, f.where) for f in found.findings] == [("listen-malformed", "plays:row 401")]


@pytest.mark.parametrize("nothing", [b"", b"\n\n", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"])
def test_an_empty_file_is_told(gather: Gather, nothing: bytes) -> None:
    found = gather(nothing)

    assert (found.codes, found.rows, found.listens) == ({"empty-file": 1}, (0, 0), [])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("colour,listens\nred,2\n", "colour, listens"),
        ("artist,plays\nNina Simone,2\n", "artist, plays"),
        ("Never,Gonna,Give,You,Up\n", "Never, Gonna"),
        ("<!DOCTYPE html>\n<html><title>Sign in</title></html>", "web page"),
        (b"PK\3\4" + bytes(range(256)) * 8, "none"),
        ('[\n"' + "x,\n" * 6_000_000 + '"]', "one JSON document"),
    ],
    ids=range(6),
)
def test_what_names_no_recording_is_refused_as_a_whole(gather: Gather, given: str | bytes, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        gather(given)


def test_a_missing_file_is_a_request_gone_wrong(gather: Gather, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="plays"):
        gather(tmp_path / "plays")


def test_nul_bytes_and_endless_lines_cost_their_own_line(gather: Gather) -> None:
    rows = [f"{ISRC},a,1", "\0" * 3_000_000, f"{ISRC}\0,b,1", "x" * 10_000_000, f"{ISRC},{'y' * 200_000},1"]

    found = gather(csv_of(*rows, f"{ISRC},c,1"))

    assert found.totals() == {f"isrc:{ISRC}": 2}
    assert sorted(f.where for f in found.findings) == [f"plays:line {n}" for n in range(3, 7)]
    assert found.rows == (6, 4)


def test_after_a_thousand_findings_of_a_code_the_rest_is_counted(gather: Gather) -> None:
    found = gather(csv_of(*[f"{ISRC},x,-1"] * 2500, f"{ISRC},x,y"))

    assert found.codes == {"listen-negative": 1001, "listen-malformed": 1}
    assert found.findings[-1].detail == "and 1,500 more, 2,500 in all"
    assert max(len(b.claims) + len(b.listens) + len(b.findings) for b in found.batches) <= 2000


def test_every_code_is_in_the_list_of_codes(gather: Gather) -> None:
    found = gather(csv_of(f"{ISRC},Motörhead,-1", ",,1", f"{ISRC},x,y").encode("latin-1"))

    assert {f.severity for f in found.findings} == {"note", "warning"}
    assert set(found.codes) <= set(CODES)
