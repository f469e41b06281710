"""Which claims are one recording: what the rules make of claims, through the whole build."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import claimbook
import pytest
from claimbook import LISTENS, OTHER_SHELF, build, count, groups, held_row, listened, rows, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WITHIN = settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
ISRC = "DEA123456789"
MBID = "0f6e5b1e-1f4d-4b7c-9d3e-0123456789ab"


def together(tmp_path: Path, *records: dict[str, Any], **more: Any) -> bool:
    """Whether all claims are one recording; all apart is the other lawful answer."""
    found = groups(build(tmp_path, records, **more))
    assert len(found) in (1, len(records))
    return len(found) == 1


# the greater of 7 s and 5 % of the longer
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (60_000, 67_000, True),
        (60_000, 67_001, False),
        (190_000, 200_000, True),
        (189_999, 200_000, False),
        (950_000, 1_000_000, True),
        (949_999, 1_000_000, False),
    ],
)
@pytest.mark.parametrize("name", ["isrc", "recording_mbid"])
def test_an_identifier_joins_only_within_7_s_or_5_percent(
    tmp_path: Path, name: str, one: int, other: int, same: bool
) -> None:
    said: dict[str, Any] = {"isrc": [ISRC]} if name == "isrc" else {"recording_mbid": MBID}

    first, second = sound("a", "One", "A", ms=one, **said), sound("b", "One", "B", ms=other, **said)

    assert together(tmp_path, first, second) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (60_000, 62_000, True),
        (60_000, 62_001, False),
        (980_000, 1_000_000, True),
        (979_999, 1_000_000, False),
    ],
)
def test_names_join_only_within_2_s_or_2_percent(tmp_path: Path, one: int, other: int, same: bool) -> None:
    first, second = sound("a", "Ode", "The Choir", ms=one), sound("b", "ODÉ", "Choir", ms=other)

    assert together(tmp_path, first, second) is same


@pytest.mark.parametrize(
    "said", [{}, {"isrc": [ISRC]}, {"recording_mbid": MBID}], ids=["names", "isrc", "mbid"]
)
@pytest.mark.parametrize(
    "version", ["Song (Live)", "Song - Remix", "Song [Acoustic]", "Song 2", "Song (Part 2)"]
)
def test_another_version_is_never_the_same_recording(
    tmp_path: Path, said: dict[str, Any], version: str
) -> None:
    records = [sound("a", "Song", "A", **said), sound("b", version, "A", **said)]

    assert not together(tmp_path, *records)


def test_a_guest_tells_names_apart_but_not_one_identifier(tmp_path: Path) -> None:
    """Guests belong to the artists; who leaves one out has still the same recording under the same ISRC."""
    names = [sound("a", "Song", "A"), sound("b", "Song (feat. X)", "A")]
    under_isrc = [sound("a", "Song", "A", isrc=[ISRC]), sound("b", "Song (feat. X)", "A", isrc=[ISRC])]

    assert not together(tmp_path, *names)
    assert together(tmp_path, *under_isrc)


def test_titles_that_contradict_each_other_part_what_has_one_isrc(tmp_path: Path) -> None:
    """An ISRC that was mistyped; alike titles, and those of other languages, do not contradict."""
    records = [
        sound("a", "Moonlight Sonata", "A", isrc=[ISRC]),
        sound("b", "Yellow River", "B", isrc=[ISRC]),
        sound("c", "Yelow Rivr", "C", isrc=[ISRC]),
    ]

    assert not together(tmp_path, *records[:2])
    assert together(tmp_path, *records[1:])


def test_an_isrc_that_different_sounds_share_does_not_merge_them(tmp_path: Path) -> None:
    records = [sound(f"{n}", f"Piece of {n}", "A", ms=n * 60_000, isrc=[ISRC]) for n in (1, 2, 3)]

    assert not together(tmp_path, *records)


@pytest.mark.parametrize(
    "said", [{"isrc": [ISRC]}, {"recording_mbid": MBID}, {"title": "song", "artist": "the a"}]
)
def test_a_listened_name_joins_its_recording(tmp_path: Path, said: dict[str, Any]) -> None:
    records = [sound("a", "Song", "A", isrc=[ISRC], recording_mbid=MBID), listened("n", **said)]

    assert together(tmp_path, *records)


def test_every_isrc_of_a_file_leads_a_listened_name_to_it(tmp_path: Path) -> None:
    records = [sound("a", "Song", "A", isrc=["DEA123456780", ISRC]), listened("n", isrc=[ISRC])]

    assert together(tmp_path, *records)


def test_a_listened_name_does_not_merge_two_sounds(tmp_path: Path) -> None:
    """It knows no duration, so it may join one of them, never both."""
    one = sound("one", "Song", "A", ms=100_000, isrc=[ISRC])
    two = sound("two", "Other", "B", ms=300_000, recording_mbid=MBID)

    found = groups(build(tmp_path, [one, two, listened("n", "Song", "A", isrc=[ISRC], recording_mbid=MBID)]))

    assert len(found) == 2
    assert not any({"one", "two"} <= group for group in found)


def test_a_chain_of_listened_names_does_not_merge_two_sounds(tmp_path: Path) -> None:
    one = sound("one", "Song", "A", ms=100_000, isrc=[ISRC])
    two = sound("two", "Other", "B", ms=300_000, recording_mbid=MBID)
    names = [listened("n1", "Third", "C", isrc=[ISRC]), listened("n2", "Third", "C", recording_mbid=MBID)]

    found = groups(build(tmp_path, [one, two, *names]))

    assert not any({"one", "two"} <= group for group in found)
    assert {key for group in found for key in group} == {"one", "two", "n1", "n2"}


def test_the_same_bytes_are_the_same_recording(tmp_path: Path) -> None:
    records = [sound("a", "Song", "A", ms=None), sound("b", "Otherwise", "B", ms=None, source=OTHER_SHELF)]

    assert together(tmp_path, *records, held=[held_row(records[0], "d1"), held_row(records[1], "d1")])
    assert not together(tmp_path, *records, held=[held_row(records[0], "d1"), held_row(records[1], "d2")])


def test_a_retagged_file_that_is_held_stays_one_recording(tmp_path: Path) -> None:
    old = sound("a", "Sogn", "A", stamp="1-1")
    new = sound("a", "Song", "A", stamp="1-2", at="2026-02-01T00:00:00.000000Z")

    tables = build(tmp_path, [old, new], held=[held_row(old)])

    assert [r["title"] for r in rows(tables, "recordings")] == ["Song"]
    assert [(f["stamp"], f["withdrawn"]) for f in rows(tables, "files")] == [("1-1", True), ("1-2", False)]


def test_another_sound_under_an_old_name_is_another_recording_with_an_id_of_its_own(tmp_path: Path) -> None:
    old = sound("a", "First", "A", ms=100_000, stamp="1-1")
    new = sound("a", "Second", "A", ms=300_000, stamp="1-2", at="2026-02-01T00:00:00.000000Z")
    alone = rows(build(tmp_path, [new]), "recordings")[0]["recording_id"]

    recordings = rows(build(tmp_path, [old, new], held=[held_row(old)]), "recordings")

    ids = {r["title"]: r["recording_id"] for r in recordings}
    assert set(ids) == {"First", "Second"}
    assert ids["Second"] == alone != ids["First"]


TITLES = st.sampled_from(["Song", "Song (Live)", "Other"])
FILES = st.builds(
    lambda title, artist, ms, isrc, mbid: {
        "title": title, "artist": artist, "ms": ms,
        "isrc": [isrc] if isrc else None, "recording_mbid": mbid,
    },
    TITLES,
    st.sampled_from(["A", "B"]),
    st.sampled_from([None, 100_000, 101_000, 105_000, 300_000]),
    st.sampled_from([None, ISRC, "FRZ039800212"]),
    st.sampled_from([None, MBID]),
)  # fmt: skip


@WITHIN
@given(st.lists(FILES, min_size=1, max_size=8), st.integers(1, 3), st.randoms(use_true_random=False))
def test_the_order_of_claims_changes_no_table(
    tmp_path: Path, files: list[dict[str, Any]], parts: int, shuffle: random.Random
) -> None:
    records = [sound(f"{n:02}", **said) for n, said in enumerate(files)]
    records += [
        listened(f"n{n}", **{k: v for k, v in said.items() if k != "ms"}) for n, said in enumerate(files)
    ]
    heard = [count(f"n{n}", n + 1) for n in range(len(files))]
    shuffled = shuffle.sample(records, len(records))

    one = build(tmp_path, records, listens=heard)
    other = build(tmp_path, shuffled, listens=heard[::-1], parts=parts)

    assert claimbook.tables_of(one) == claimbook.tables_of(other)


@WITHIN
@given(st.lists(FILES, min_size=2, max_size=8))
def test_sounds_in_one_group_are_linked_by_durations_that_agree(
    tmp_path: Path, files: list[dict[str, Any]]
) -> None:
    """Whatever the claims: between 105 s and 300 s no chain of rules may lead."""
    records = [sound(f"{n:02}", **said) for n, said in enumerate(files)]
    records += [
        listened(f"n{n}", **{k: v for k, v in said.items() if k != "ms"}) for n, said in enumerate(files)
    ]
    long = {f"{n:02}" for n, said in enumerate(files) if said["ms"] == 300_000}
    short = {f"{n:02}" for n, said in enumerate(files) if said["ms"] and said["ms"] < 300_000}

    found = groups(build(tmp_path, records))

    assert not any(group & long and group & short for group in found)
    assert sorted(itertools.chain(*found)) == sorted(r["key"] for r in records)


def test_an_id_is_that_of_the_best_source_and_every_members_id_stays(tmp_path: Path) -> None:
    mine = sound("a", "Song", "A", isrc=[ISRC])
    known = listened("n", "Song", "A")

    tables = build(tmp_path, [mine, known], listens=[count("n", 3)])

    (only,) = rows(tables, "recordings")
    of_source = {m["source"]: m["claim_id"] for m in rows(tables, "matches")}
    assert only["recording_id"] == of_source[claimbook.SHELF]
    assert set(of_source) == {claimbook.SHELF, LISTENS}
    assert only["listens"] == 3
