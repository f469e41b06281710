"""What listens count for, and that nobody's name goes further."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listens_harness import ISRC, MBID, Gather, Gathered, Held, csv_of, gathering, source_of, written

from lockgroove.model import Batch, ListenCount


@pytest.fixture
def gather(tmp_path: Path) -> Iterator[Gather]:
    yield from gathering(tmp_path)


# what a record is


def test_the_surest_name_is_the_key(gather: Gather) -> None:
    text = (
        "mbid,isrc,artist,title,listens\n"
        f"{MBID.upper()},{ISRC},The Stranglers,Golden Brown,1\n"
        f"not an mbid,gb-aye-81-00053,The Stranglers,Golden Brown,2\n"
        f",, The Stranglers ,Golden\tBrown,4\n"
    )

    found = gather(text)

    assert found.totals() == {
        f"mbid:{MBID}": 1,
        f"isrc:{ISRC}": 2,
        "name:The Stranglers\0Golden Brown": 4,
    }


def test_a_claim_keeps_the_names_as_first_given_and_says_them_in_our_words(gather: Gather) -> None:
    text = f"ISRC;Artist;Track\ngb-aye-81-00053;;\ngb-aye-81-00053; Stranglers ;Golden Brown\n{ISRC};X;Y\n"

    (claim,) = gather(text).claims

    assert (claim.kind, claim.source, claim.key, claim.stamp) == (
        "listened",
        "listens-test",
        f"isrc:{ISRC}",
        "",
    )
    assert claim.body == {"isrc": "gb-aye-81-00053", "artist": " Stranglers ", "title": "Golden Brown"}
    assert claim.says == {"isrc": [ISRC], "artist": "Stranglers", "title": "Golden Brown"}


@pytest.mark.parametrize("plays", ["listens", "Plays", "COUNT", "play_count", "playcount", "Streams"])
@pytest.mark.parametrize("artist", ["artist", "Artist Name", "artist_credit"])
@pytest.mark.parametrize("title", ["title", "Track", "track_name", "NAME", "recording"])
def test_columns_have_many_names_and_any_order(gather: Gather, plays: str, artist: str, title: str) -> None:
    found = gather(f"{title},other,{plays},{artist}\nFade,x,7,Kanye West\n")

    assert found.totals() == {"name:Kanye West\0Fade": 7}


@pytest.mark.parametrize(
    ("plays", "code"),
    [
        ("", "listen-malformed"),
        ("many", "listen-malformed"),
        ("1.5", "listen-malformed"),
        ("1.234", "listen-malformed"),
        ("1e3", "listen-malformed"),
        ("٣", "listen-malformed"),
        ("inf", "listen-malformed"),
        ("1000000000001", "listen-malformed"),
        ("9" * 5000, "listen-malformed"),
        ("-1", "listen-negative"),
        ("-0.5", "listen-negative"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_number_of_listens_is_not_counted(gather: Gather, plays: str, code: str) -> None:
    found = gather(csv_of(f"{ISRC},x,2", f"{ISRC},x,{plays}", f"{ISRC},x,3.0"))

    assert found.totals() == {f"isrc:{ISRC}": 5}
    assert [(f.code, f.where) for f in found.findings] == [(code, "plays:line 3")]
    assert found.rows == (3, 1)


@pytest.mark.parametrize(
    ("when", "month"),
    [
        ("2024-02", "2024-02"),
        ("2024-02-29", "2024-02"),
        ("20240229", "2024-02"),
        ("2024-03-01T01:00:00+02:00", "2024-02"),
        ("2024-02-29T23:00:00-0500", "2024-03"),
        ("2024-02-29 23:59:59 UTC", "2024-02"),
        ("1709251199", "2024-02"),
        ("1709251199999", "2024-02"),
        ("1709251199.5", "2024-02"),
        ("1900-01", "1900-01"),
        ("", ""),
        ("0", ""),
    ],
)
def test_a_date_gives_its_month_in_utc(gather: Gather, when: str, month: str) -> None:
    (count,) = gather(csv_of(f"{ISRC},{when}", header="isrc,date")).listens

    assert count.month == month


@pytest.mark.parametrize(
    "when",
    ["1899-12", "9999-12", "2024-13", "yesterday", "100", "1486449409000000000", "0001-01-01T00:00:00+10:00"],
)
def test_a_date_that_cannot_be_is_refused(gather: Gather, when: str) -> None:
    found = gather(csv_of(f"{ISRC},{when}", header="isrc,date"))

    assert (found.listens, found.claims, found.rows) == ([], [], (1, 1))
    assert found.codes == {"listen-malformed": 1}


def test_next_month_is_believed_and_the_one_after_is_not(gather: Gather) -> None:
    today = datetime.now(UTC).replace(day=1)
    following = (today + timedelta(days=31)).replace(day=1)
    late = following + timedelta(days=31)

    found = gather(csv_of(f"{ISRC},{following:%Y-%m}", f"{ISRC},{late:%Y-%m}", header="isrc,month"))

    assert [c.month for c in found.listens] == [f"{following:%Y-%m}"]


# counting


def test_a_listener_counts_at_most_a_thousand_times_a_month(gather: Gather) -> None:
    rows = ["ann,2024-01,900", "ann,2024-01,600", "ann,2024-02,600", "bob,2024-01,5", ",2024-01,5000"]

    found = gather(csv_of(*(f"{ISRC},{row}" for row in rows), header="isrc,user,month,plays"))

    assert found.listens == [
        ListenCount(f"isrc:{ISRC}", "2024-01", -1, 5000, 5000, 0),
        ListenCount(f"isrc:{ISRC}", "2024-01", 3, 1505, 1005, 2),
        ListenCount(f"isrc:{ISRC}", "2024-02", 3, 600, 600, 1),
    ]


def test_an_unchanged_file_is_not_read_again(gather: Gather, tmp_path: Path) -> None:
    stamp = gather(csv_of(f"{ISRC},x,1")).file.stamp

    again = gather(tmp_path / "plays", {"file\0.": stamp})

    assert again.batches == [Batch(unchanged=["file\0."], as_before=True)]


def test_the_file_is_told_last(gather: Gather) -> None:
    text = csv_of(f"{ISRC},x,1", f"{ISRC},x,?")

    file = gather(text).file

    assert (file.kind, file.key) == ("file", ".")
    assert file.body == {"name": "plays", "rows": 2, "refused": 1}
    assert file.says == {"role": "listens", "size_bytes": len(text)}


def test_counts_follow_their_claims_in_order_and_in_small_batches(gather: Gather) -> None:
    rows = [f"A,T{n % 1500},2024-{m:02}" for n in range(1500) for m in (1, 2)]

    found = gather(csv_of(*rows, header="artist,title,month"))

    given: set[str] = set()
    for batch in found.batches:
        assert len(batch.claims) + len(batch.listens) <= 2000
        given.update(claim.key for claim in batch.claims)
        assert {count.subject for count in batch.listens} <= given
    keys = [(c.subject, c.month, c.group) for c in found.listens]
    assert keys == sorted(keys)
    assert len(keys) == 3000


def test_nothing_is_left_when_the_reader_stops_halfway(tmp_path: Path) -> None:
    (tmp_path / "plays").write_text(csv_of(f"{ISRC},x,1"))
    batches = source_of(tmp_path / "plays", tmp_path / "scratch").batches(None, Held({}))

    next(iter(batches))
    batches.close()  # type: ignore[attr-defined]  # a generator, as gather gets it

    assert os.listdir(tmp_path / "scratch") == []


LISTENERS = [f"Xavér-{n}-Quuxley" for n in range(6)]
PLAY = st.tuples(
    st.sampled_from(["A", "Ä\0", "B,", ' "C"']),
    st.sampled_from(["s", "t\n", "t"]),
    st.sampled_from(["2023-12-31", "2024-01", "", "1704067200", "never"]),
    st.sampled_from([*LISTENERS, ""]),
    st.one_of(st.integers(-2, 3000).map(str), st.just("x")),
)


def harvest(rows: Sequence[Sequence[str]]) -> tuple[Gathered, bytes]:
    """A harvest, and all that stood in the scratch folder while it went on."""
    with tempfile.TemporaryDirectory() as folder:
        path, scratch = Path(folder, "plays"), Path(folder, "scratch")
        header = ["artist", "title", "date", "listener", "plays"]
        path.write_text(written([header, *rows]), encoding="utf-8")
        batches, seen = [], b""
        for batch in source_of(path, scratch).batches(None, Held({})):
            batches.append(batch)
            seen += b"".join(p.read_bytes() for p in scratch.rglob("*") if p.is_file())
        return Gathered(batches), seen


@settings(max_examples=25, deadline=None)
@given(st.lists(PLAY, max_size=40), st.randoms(use_true_random=False))
def test_listens_are_preserved_in_any_order_and_name_nobody(
    rows: list[tuple[str, str, str, str, str]], random: Any
) -> None:
    """What is not refused is counted, whatever the order of rows, and no listener is in any of it."""
    found, seen = harvest(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)

    again, _ = harvest(shuffled)

    good = [r for r in rows if r[4] != "x" and int(r[4]) >= 0 and r[2] != "never" and "\0" not in r[0]]
    assert sum(count.listens for count in found.listens) == sum(int(row[4]) for row in good)
    assert found.rows == (len(rows), len(rows) - len(good))
    assert found.listens == again.listens
    assert [claim.key for claim in found.claims] == [claim.key for claim in again.claims]
    assert all(0 <= count.capped_listens <= count.listens for count in found.listens)
    told = repr(found.batches).encode() + seen
    assert not [name for name in LISTENERS if name.encode() in told or name[-12:].encode() in told]
    assert seen


def test_the_scratch_folder_shows_recordings_and_no_listener() -> None:
    """That no name is found there means something, for what is not packed away is found."""
    _, seen = harvest([("Zyzzyva", "Quagmire", "2024-01", "Xavier-Quuxley", "3")])

    assert b"Zyzzyva" in seen
    assert b"Xavier" not in seen


def test_a_file_that_grows_meanwhile_is_told_and_read_again_next_time(tmp_path: Path) -> None:
    path = tmp_path / "plays"
    path.write_text(csv_of(*[f"{ISRC},x,-1"] * 500_000))
    batches = source_of(path, tmp_path / "scratch").batches(None, Held({}))

    first = next(iter(batches))
    with path.open("a") as file:
        file.write(f"{ISRC},x,1\n")
    found = Gathered([first, *batches])

    assert found.codes["changed-while-read"] == 1
    assert not found.file.stamp.startswith(f"{path.stat().st_size}-")


def test_the_same_file_gives_the_same_batches() -> None:
    rows = [(f"A{n % 977}", "T", "2024-01", f"listener {n % 31}", str(n)) for n in range(5000)]

    assert harvest(rows)[0].batches[:-1] == harvest(rows)[0].batches[:-1]
