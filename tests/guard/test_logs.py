"""Logs of other people's servers: what is read, what is not, and that no name leaves the reader."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logbook import MAP, caddy, combined, joined

from lockgroove.errors import UsageError
from lockgroove.guard.digests import Digests, network_of
from lockgroove.guard.events import STAND_IN, Batch, Context, Kind
from lockgroove.guard.logs import Counts, LogMap, read_log, read_log_map
from lockgroove.guard.logs.requests import Unreadable, moment_ms, parse

KEY = b"k" * 32
SHA = "ab" * 64
REAL = Path(__file__).resolve().parents[3] / "shared/data/web-access-logs/apache_combined.log.gz"


def read(path: Path, log_map: LogMap | None = None) -> tuple[Batch, Counts]:
    counts = Counts()
    return joined(read_log(str(path), log_map or LogMap(), Digests(KEY), counts)), counts


def lines(tmp_path: Path, *text: str) -> tuple[Batch, Counts]:
    path = tmp_path / "access.log"
    path.write_text("".join(f"{line}\n" for line in text))
    return read(path)


def test_every_servers_line_of_one_stream_is_the_same_grant(tmp_path: Path) -> None:
    batch, counts = lines(
        tmp_path,
        combined(request=f"GET /stream/{SHA} HTTP/1.1"),
        '{"time_iso8601":"2015-05-17T10:05:03+00:00","remote_addr":"192.0.2.9","remote_user":"ann",'
        f'"request":"GET /stream/{SHA}/x.flac HTTP/2.0","status":"200","body_bytes_sent":"123"}}',
        caddy(f"/stream/{SHA}", "ann"),
    )

    assert counts.unreadable == 0
    assert len(set(batch.rows["track"].tolist())) == len(set(batch.rows["account"].tolist())) == 1
    assert batch.rows["kind"].tolist() == [Kind.STREAM_START] * 3
    assert batch.rows["ts_ms"].tolist() == [1431857103000, 1431857103000, 1431857103250]


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("stream", Kind.STREAM_START),
        ("download.view", Kind.DOWNLOAD),
        ("search3", Kind.SEARCH),
        ("getAlbum", Kind.META),
    ],
)
def test_opensubsonic_calls_name_account_and_track(tmp_path: Path, call: str, kind: Kind) -> None:
    batch, _ = lines(tmp_path, combined(user="-", request=f"GET /rest/{call}?u=ben&id=tr-7&c=DSub HTTP/1.1"))

    assert batch.rows["kind"].tolist() == [kind]
    assert batch.rows["account"].tolist() == [Digests(KEY).of("account", "ben")]
    assert (batch.rows["track"][0] != 0) == (kind in (Kind.STREAM_START, Kind.DOWNLOAD))


@pytest.mark.parametrize("status", [301, 403, 404, 429, 500])
def test_what_was_refused_was_not_granted(tmp_path: Path, status: int) -> None:
    batch, _ = lines(tmp_path, combined(request=f"GET /stream/{SHA} HTTP/1.1", status=status))

    assert batch.rows["kind"].tolist() == [Kind.OTHER]


def test_no_name_address_or_program_is_in_what_comes_out(tmp_path: Path) -> None:
    batch, _ = lines(tmp_path, combined(user="annabel", address="192.0.2.77", agent="Winamp 2.95"))

    raw = batch.rows.tobytes()

    for secret in (b"annabel", b"192.0.2.77", bytes([192, 0, 2, 77]), bytes([77, 2, 0, 192]), b"Winamp"):
        assert secret not in raw


def test_addresses_of_one_network_are_one_and_next_month_another() -> None:
    digests = Digests(KEY)
    may, june = 1_431_857_103_000, 1_433_857_103_000

    assert digests.of_network("192.0.2.7", may) == digests.of_network("192.0.2.250", may)
    assert digests.of_network("192.0.2.7", may) != digests.of_network("192.0.3.7", may)
    assert digests.of_network("192.0.2.7", may) != digests.of_network("192.0.2.7", june)
    assert Digests(b"other" * 6).of_network("192.0.2.7", may) != digests.of_network("192.0.2.7", may)
    assert network_of("2001:db8:1:2::3") == network_of("[2001:db8:1:9::4]") == "2001:db8:1::/48"
    assert network_of("::ffff:192.0.2.7") == "192.0.2.0/24"
    assert network_of("unix:") == ""


BROKEN = {
    "no time": combined(time="99/May/2015:10:05:03 +0000"),
    "half a line": combined()[:40],
    "half of JSON": caddy("/")[:60],
    "JSON of something else": "[1, 2, 3]",
    "JSON without a time": '{"status": 200}',
    "garbage": "\x00\x01\x02 \ufffd",
    "deep": '{"a":' + "[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_line_that_cannot_be_read_is_counted_and_the_next_one_read(tmp_path: Path, name: str) -> None:
    batch, counts = lines(tmp_path, combined(), BROKEN[name], combined())

    assert (counts.read, counts.events, counts.unreadable) == (3, 2, 1)
    assert [number for number, _ in counts.bad] == [2]
    assert len(batch) == 2


def test_lines_of_any_bytes_and_length_are_read_or_counted(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    monster = combined(agent="x" * (3 << 20)).encode()
    latin = combined(user="b\u00e9a").encode("latin-1")
    path.write_bytes(b"\n".join([monster, b"\xff\xfe\x00", b"", latin, combined().encode()]))

    batch, counts = read(path)

    assert counts.read == counts.events + counts.unreadable == 4
    assert [number for number, _ in counts.bad] == [2]
    assert len(batch) == 3  # the long line tells all but its program, which is where it was cut


@given(st.text(max_size=200))
def test_whatever_a_line_is_it_is_a_request_or_unreadable(text: str) -> None:
    try:
        request = parse(text)
    except Unreadable:
        return
    assert request.status >= 0


@pytest.mark.parametrize("end", [10, 200, 1000])
def test_a_cut_archive_counts_as_far_as_it_goes(tmp_path: Path, end: int) -> None:
    path = tmp_path / "access.log.gz"
    whole = gzip.compress("".join(f"{combined(size=n)}\n" for n in range(2000)).encode())
    path.write_bytes(whole[:end])

    batch, counts = read(path)

    assert counts.events == len(batch)
    assert counts.unreadable >= 1
    assert counts.read == counts.events + counts.unreadable


@pytest.mark.parametrize(
    "value",
    ["1431857103", 1431857103.0, 1431857103000, "1431857103000000", 1431857103 * 10**9,
     "2015-05-17T10:05:03Z", "2015-05-17 10:05:03", "2015-05-17T12:05:03+02:00",
     "17/May/2015:10:05:03 +0000"],
)  # fmt: skip
def test_a_moment_is_understood_in_all_its_spellings(value: object) -> None:
    assert moment_ms(value) == 1431857103000


@pytest.mark.parametrize(
    "value", ["", None, "yesterday", -1, float("nan"), float("inf"), True, [], "0000-00-00"]
)
def test_what_is_no_moment_is_none(value: object) -> None:
    with pytest.raises(Unreadable):
        moment_ms(value)


def test_a_table_is_read_by_its_mapping_and_bad_rows_are_named(tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    path.write_text(
        "user,song,at,played,length,context,origin,place,album\n"
        "ann,a,2024-05-17T10:00:00Z,12.5,200,album,user,7,1\n"
        "ann,b,never,12,200,album,user,8,1\n"
        ",c,2024-05-17T10:00:00Z,12,200,album,user,9,1\n"
        "ben,a,1715940000,-5,nan,heaven,system,x,\n"
    )

    batch, counts = read(path, read_log_map(MAP.encode(), "map.toml"))

    assert (counts.read, counts.events, counts.unreadable) == (4, 2, 2)
    assert [number for number, _ in counts.bad] == [2, 3]
    assert batch.rows["context"].tolist() == [Context.ALBUM, Context.UNKNOWN]
    assert batch.rows["seconds_played"].tolist() == [12.5, 0.0]
    assert batch.rows["seconds_possible"].tolist() == [200.0, 0.0]
    assert len(set(batch.rows["track"].tolist())) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fields]\naccount = 'u'\n", "ts_ms"),
        ("[fields]\nacount = 'u'\n", "acount"),
        ("[fields]\naccount = 'u'\nts_ms = 't'\nkind = { always = 'steam' }\n", "steam"),
        ("[fields]\naccount = 'u'\nts_ms = { column = 't', always = 3 }\n", "one of the two"),
        ("[fields]\naccount = 'u'\nts_ms = { column = 't', times = 0 }\n", "above 0"),
        ("[[paths]]\npattern = '('\nkind = 'meta'\n", "pattern"),
        ("[[paths]]\npattern = '(?P<song>x)'\nkind = 'meta'\n", "song"),
        ("[log]\nformat = 'xml'\n", "xml"),
        ("[lgo]\n", "lgo"),
        ("not toml", "understood"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_log_map(text.encode(), "map.toml")


def test_a_mapping_that_names_no_column_says_which_there_are(tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    path.write_text("who,song,at\nann,a,1715940000\n")

    with pytest.raises(UsageError, match="no column user"):
        read(path, read_log_map(MAP.encode(), "map.toml"))
    with pytest.raises(UsageError, match="needs a mapping"):
        read(path)


def test_a_pattern_of_a_mapping_finds_the_tracks_of_another_service(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(
        combined(request="GET /listen/77?x=1 HTTP/1.1") + "\n" + combined(request="GET /other HTTP/1.1")
    )
    told = "[[paths]]\npattern = '/listen/(?P<track>[0-9]+)'\nkind = 'stream_start'\ncontext = 'radio'\n"

    batch, _ = read(path, read_log_map(told.encode(), "map.toml"))

    assert batch.rows["kind"].tolist() == [Kind.STREAM_START, Kind.META]


@pytest.mark.skipif(not REAL.exists(), reason="the real log is not beside the repository")
def test_a_real_log_is_read_to_its_last_line() -> None:
    batch, counts = read(REAL)

    assert (counts.read, counts.events, counts.unreadable) == (5450, 5450, 0)
    assert len(np.unique(batch.rows["network"])) > 500
    assert (batch.rows["account"] & STAND_IN != 0).all()
