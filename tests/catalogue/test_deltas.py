"""What a delta tells is what a whole build of the same claims tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from claimbook import OPEN, SHELF, Record, count, held_row, listened, record, sound, track
from deltabook import Book, Pair, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.deltas import TooMuchChanged, change
from lockgroove.catalogue.layers import OWN_IDS, rows_now
from lockgroove.catalogue.merging import table_now
from lockgroove.engines import DuckDBEngine
from lockgroove.model import entity_id

EARLY, LATE = "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"
MBIDS = [f"{n}0000000-0000-4000-8000-000000000000" for n in range(1, 4)]
ISRCS = ["USRC17607839", "GBAYE6800011", "FRZ039800212"]
TITLES = ["Kalinka", "Kalinka (Live)", "Катюша", "Sakura", "Summer", "Intro"]
ARTISTS = ["Choir", "The Choir", "Ensemble", "Хор"]
SOURCES = ["musicbrainz", "discogs", "plain"]


def recording(key: str, title: str | None, artist: str | None, source: str = "plain", **more: Any) -> Record:
    at = more.pop("at", EARLY)
    return record("recording", source, key, track(title, artist, **more), at=at)


def same(before: Book, after: Book, public: bool = False) -> None:
    changed, anew = told(after.delta(before, public)), told(after.whole(public))
    for name in anew:
        assert changed[name] == anew[name], name


at_times = st.sampled_from([EARLY, LATE])
maybe_ms = st.sampled_from([None, 200_000, 201_000, 204_000, 320_000])
some_isrcs = st.lists(st.sampled_from(ISRCS), max_size=2, unique=True)
maybe_mbid = st.sampled_from([None, None, *MBIDS])
some_artists = st.sampled_from([None, *ARTISTS])


@st.composite
def recordings(draw: st.DrawFn) -> Record:
    source = draw(st.sampled_from(SOURCES))
    more: dict[str, Any] = {"duration_ms": draw(maybe_ms), "year": draw(st.sampled_from([None, 1968, 1999]))}
    more["isrc"] = draw(some_isrcs) or None
    key = draw(st.sampled_from(MBIDS)) if source == "musicbrainz" else f"r{draw(st.integers(1, 6))}"
    more["recording_mbid"] = draw(maybe_mbid) if source != "musicbrainz" else None
    artist = draw(some_artists)
    if artist and draw(st.booleans()):
        named = {"name": artist, "key": draw(st.sampled_from([None, "a1", "a2"])), "mbid": draw(maybe_mbid)}
        more["artists"] = [{name: value for name, value in named.items() if value}]
    if draw(st.booleans()):
        release = {
            "title": draw(st.sampled_from(["Songs", "More"])),
            "mbid": draw(maybe_mbid),
            "key": draw(st.sampled_from([None, "e1"])),
        }
        more["release"] = {name: value for name, value in release.items() if value}
        more["track_number"] = draw(st.integers(1, 3))
    return recording(key, draw(st.sampled_from(TITLES)), artist, source, at=draw(at_times), **more)


@st.composite
def releases(draw: st.DrawFn) -> Record:
    tracks = []
    for number in range(draw(st.integers(1, 3))):
        says = track(
            draw(st.sampled_from(TITLES)),
            draw(some_artists),
            duration_ms=draw(maybe_ms),
            isrc=draw(some_isrcs) or None,
            recording_mbid=draw(maybe_mbid),
            key=draw(st.sampled_from([None, f"t{draw(st.integers(1, 5))}"])),
        )
        says["track_number"] = number + 1
        recording_key = draw(st.sampled_from([None, "r1", "r2"]))
        tracks.append(says | ({"recording_key": recording_key} if recording_key else {}))
    says = {
        "title": draw(st.sampled_from(["Songs", "More"])),
        "artist": draw(some_artists),
        "tracks": tracks,
        "year": draw(st.sampled_from([None, 1968])),
        "barcode": draw(st.sampled_from([None, "724352190003", "4006381333931"])),
        "release_mbid": draw(maybe_mbid),
        "release_group": draw(st.sampled_from([None, "g1"])),
    }
    return record(
        "release",
        draw(st.sampled_from(["discogs", "plain"])),
        f"e{draw(st.integers(1, 3))}",
        {k: v for k, v in says.items() if v is not None},
        at=draw(at_times),
    )


@st.composite
def files(draw: st.DrawFn) -> Record:
    return sound(
        f"D/{draw(st.integers(1, 4))}.flac",
        draw(st.sampled_from(TITLES)),
        draw(some_artists),
        ms=draw(maybe_ms),
        licences=draw(st.sampled_from([(), OPEN])),
        stamp=draw(st.sampled_from(["1-1", "2-2"])),
        at=draw(at_times),
        isrc=draw(some_isrcs) or None,
        album=draw(st.sampled_from([None, "Songs"])),
    )


@st.composite
def others(draw: st.DrawFn) -> Record:
    at, source = draw(at_times), draw(st.sampled_from(["discogs", "plain"]))
    kind = draw(st.sampled_from(["artist", "label", "release-group", "withdrawn", "listened"]))
    if kind == "artist":
        says = {"name": draw(st.sampled_from(ARTISTS)), "artist_mbid": draw(maybe_mbid)}
        return record(
            kind, source, f"a{draw(st.integers(1, 2))}", {k: v for k, v in says.items() if v}, at=at
        )
    if kind == "label":
        says = {
            "name": draw(st.sampled_from(["Melodiya", "Melodija"])),
            "country": draw(st.sampled_from([None, "SU"])),
        }
        return record(kind, source, "l1", {k: v for k, v in says.items() if v}, at=at)
    if kind == "release-group":
        says = {
            "title": draw(st.sampled_from(["Songs", "More"])),
            "artist": draw(some_artists),
            "type": "album",
        }
        return record(kind, source, "g1", {k: v for k, v in says.items() if v}, at=at)
    if kind == "withdrawn":
        of, key = draw(st.sampled_from([("recording", "r1"), ("release", "e1"), ("file", "D/1.flac")]))
        return record(kind, SHELF if of == "file" else source, f"{of}\0{key}", {}, at=at)
    return listened(
        f"h{draw(st.integers(1, 3))}",
        draw(st.sampled_from([None, *TITLES])),
        draw(some_artists),
        at=at,
        isrc=draw(some_isrcs) or None,
    )


claims = st.lists(st.one_of(recordings(), releases(), files(), others()), max_size=12)
subjects = st.sampled_from(["h1", "h2", "h3"])
counts = st.lists(st.builds(count, subjects, st.integers(1, 9)), max_size=3)
ids = st.sampled_from([entity_id("recording", "plain", f"r{n}") for n in range(1, 5)])
hands = st.lists(st.tuples(ids, ids, st.booleans()).filter(lambda pair: pair[0] != pair[1]), max_size=2)


@given(claims, claims, counts, counts, hands, hands, st.booleans(), st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=12,
    deadline=None,
)
def test_a_delta_tells_what_a_whole_build_tells(
    tmp_path: Path, old: list[Record], new: list[Record], heard: list[Any], more: list[Any],
    said: list[Pair], later: list[Pair], public: bool, data: st.DataObject,
) -> None:  # fmt: skip
    offered = [claim for claim in old + new if claim["kind"] == "file"]
    held_before, held_now = (
        [
            held_row(claim, data.draw(st.sampled_from([None, "same"])))
            for claim in some
            if data.draw(st.booleans())
        ]
        for some in ([c for c in offered if c in old], offered)
    )
    before = Book(tmp_path, [old], listens=[heard], held=_once(held_before), by_hand=said)
    after = Book(tmp_path, [old, new], listens=[heard, more], held=_once(held_now), by_hand=[*said, *later])

    same(before, after, public)


def _once(held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(row["source"], row["key"], row["stamp"]): row for row in held}.values())


def test_a_claim_that_is_new_stands_beside_the_others(tmp_path: Path) -> None:
    old = [recording("1", "Kalinka", "Choir"), recording("2", "Moscow Nights", "Choir")]

    same(Book(tmp_path, [old]), Book(tmp_path, [old, [recording("3", "Katyusha", "Choir")]]))


def test_artists_that_turn_out_to_be_one_are_one_wherever_they_were_named(tmp_path: Path) -> None:
    """Recordings that no claim speaks of any more point at the one that is left."""
    old = [
        recording(f"{source}{n}", f"Song {n} of {name}", name, source, artists=[{"name": name, "key": "a1"}])
        for source, name in (("plain", "Choir"), ("discogs", "Ensemble"))
        for n in range(5)
    ]
    new = [
        record("artist", source, "a1", {"name": name, "artist_mbid": MBIDS[0]}, at=LATE)
        for source, name in (("plain", "Choir"), ("discogs", "Ensemble"))
    ]
    before, after = Book(tmp_path, [old]), Book(tmp_path, [old, new])

    same(before, after)
    assert len(told(before.whole())["artists"]) == 2
    assert len(told(after.whole())["artists"]) == 1


def test_artists_that_turn_out_to_be_several_are_parted_wherever_they_were_named(tmp_path: Path) -> None:
    """A second artist of a name leaves no name that stands for both."""
    old = [
        recording("1", "Song 1", "Choir", "plain"),
        recording(
            "2", "Song 2", "Choir", "discogs", artists=[{"name": "Choir", "key": "a1", "mbid": MBIDS[0]}]
        ),
    ]
    new = [
        recording(
            "3", "Song 3", "Choir", "discogs", artists=[{"name": "Choir", "key": "a2", "mbid": MBIDS[1]}]
        )
    ]
    before, after = Book(tmp_path, [old]), Book(tmp_path, [old, new])

    same(before, after)
    assert len(told(before.whole())["artists"]) == 1
    assert len(told(after.whole())["artists"]) == 3


def test_releases_that_turn_out_to_be_one_carry_the_tracks_of_both(tmp_path: Path) -> None:
    old = [
        record(
            "release",
            source,
            "e1",
            {"title": "Songs", "artist": "Choir", "tracks": [track(f"Song {source}", track_number=1)]},
        )
        for source in ("plain", "discogs")
    ]
    new = [
        record(
            "release", source, "e1", {"title": "Songs", "artist": "Choir", "release_mbid": MBIDS[0]}, at=LATE
        )
        for source in ("plain", "discogs")
    ]

    same(Book(tmp_path, [old]), Book(tmp_path, [old, new]))


def test_an_isrc_that_is_taken_back_leads_nowhere(tmp_path: Path) -> None:
    old = [
        recording("1", "Kalinka", "Choir", isrc=[ISRCS[0]]),
        recording("2", "Katyusha", "Choir", isrc=[ISRCS[1]]),
    ]
    new = [recording("1", "Kalinka", "Choir", at=LATE)]
    before, after = Book(tmp_path, [old]), Book(tmp_path, [old, new])

    same(before, after)
    assert ("I", ISRCS[0].encode()) not in told(after.delta(before))["keys"]


def test_one_that_joins_two_others_leaves_one_row_and_every_id_leads_to_it(tmp_path: Path) -> None:
    old = [
        recording("1", "Kalinka", "Choir", isrc=[ISRCS[0]], duration_ms=200_000),
        recording("2", "Калинка", "Хор", isrc=[ISRCS[1]], duration_ms=201_000),
    ]
    new = [recording("3", "Kalinka", "Choir", isrc=ISRCS[:2], duration_ms=200_000)]
    before, after = Book(tmp_path, [old]), Book(tmp_path, [old, new])

    same(before, after)
    keys = told(after.delta(before))["keys"]
    assert len({tuple(keys["R", entity_id("recording", "plain", key)]) for key in "123"}) == 1


@pytest.mark.parametrize("public", [False, True])
def test_an_earlier_version_of_a_file_comes_in_when_its_bytes_do(tmp_path: Path, public: bool) -> None:
    """What was offered before, and is offered no more, was not told of until it was held."""
    first = sound("D/1.flac", "Kalinka", licences=OPEN, stamp="1-1", at=EARLY)
    second = sound("D/1.flac", "Катюша", licences=OPEN, stamp="2-2", at=LATE, ms=320_000)
    claims_told = [[first, second]]
    before, after = Book(tmp_path, claims_told), Book(tmp_path, claims_told, held=[held_row(first)])

    same(before, after, public)
    assert len(told(after.whole(public))["files"]) == 2


def test_a_delta_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    old = [recording(str(n), f"Song {n}", "Choir") for n in range(50)]
    before, after = (
        Book(tmp_path, [old]),
        Book(tmp_path, [old, [recording("7", "Song 7", "Choir", year=1968, at=LATE)]]),
    )
    base = before.whole()

    target = after.delta(before)

    for path in base.iterdir():
        assert (target / path.name).stat().st_ino == path.stat().st_ino
    changed = pq.read_table(target / "delta" / "recordings.parquet").to_pylist()
    assert [(row["title"], row["year"]) for row in changed] == [("Song 7", 1968)]


def test_any_engine_reads_a_table_after_what_changed(tmp_path: Path) -> None:
    old = [recording(str(n), f"Song {n}", "Choir", isrc=[ISRCS[n % 2]]) for n in range(4)]
    new = [recording("1", "Song 0", "Choir", at=LATE), recording("9", "Song 9", "Choir")]
    target = Book(tmp_path, [old, new]).delta(Book(tmp_path, [old]))
    engine = DuckDBEngine.opened(str(tmp_path), 1 << 30)

    for name in OWN_IDS:
        batches = engine.batches(table_now(engine, str(target), name))
        told_there = sorted(repr(sorted(row.items())) for batch in batches for row in batch.to_pylist())
        rows = engine.connection.execute(f"SELECT * EXCLUDE (row) FROM {rows_now(str(target), name)}")
        columns = [column[0] for column in rows.description]
        told_here = [repr(sorted(zip(columns, row, strict=True))) for row in rows.fetchall()]
        assert told_there == sorted(told_here)
    engine.close()


def test_what_concerns_too_much_is_left_to_a_whole_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "_CLAIMS_MIN", 0)
    old = [recording(str(n), "One song", "Choir") for n in range(20)]

    with pytest.raises(TooMuchChanged):
        Book(tmp_path, [old, [recording("x", "One song", "Choir")]]).delta(Book(tmp_path, [old]))


def test_an_earlier_version_that_is_held_no_more_leaves_no_key(tmp_path: Path) -> None:
    """Its id has its stamp in it, which the newer claim does not tell."""
    old = [sound("D/2.flac", "Kalinka"), sound("D/2.flac", "Kalinka", stamp="2-2", at=LATE)]
    before = Book(tmp_path, [old], held=[held_row(old[0])])
    after = Book(tmp_path, [old, []])

    same(before, after)
