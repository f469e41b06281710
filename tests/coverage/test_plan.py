"""The plan: the most listens for the bytes, never more bytes than given, a true reason for all the rest."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import claimbook
import duckdb
import pyarrow.parquet as pq
import pytest
from claimbook import build, companion, count, held_row, listened, rows, sound, track
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.spilling import engine
from lockgroove.coverage import PlanResult, prepare_fates, write_keepable, write_ledger, write_plan

WITHIN = settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def planned(tables: Path, budget: int | None) -> Iterator[tuple[PlanResult, duckdb.DuckDBPyConnection]]:
    scratch = tables.parent / "scratch"
    with engine(str(scratch), []) as db:
        result = write_plan(db, str(tables), budget)
        prepare_fates(db, str(tables), planned=True)
        write_ledger(db, str(tables))
        write_keepable(db, str(tables))
        yield result, db


def plan(tables: Path, budget: int | None) -> tuple[PlanResult, set[str]]:
    """What the plan says, and the keys of all files that `keep` will take."""
    with planned(tables, budget) as (result, _):
        return result, {row["key"] for row in rows(tables, "keep")}


def ledger(tables: Path, kind: str = "recording") -> dict[str, dict[str, Any]]:
    """The ledger's rows by title of the recording, or by size for files."""
    recordings = rows(tables, "recordings")
    found = [row for row in rows(tables, "ledger") if row["kind"] == kind]
    assert len({(row["item_id"], row["recording_row"]) for row in found}) == len(found)
    names = [str(r["size_bytes"]) if r["item_id"] else recordings[r["recording_row"]]["title"] for r in found]
    return dict(zip(names, found, strict=True))


def world(
    files: Sequence[tuple[int, int]], **more: Any
) -> tuple[list[claimbook.Record], list[dict[str, Any]]]:
    """Files by size and listens, one deposit each."""
    records = [sound(f"{n}", f"Title {n}", f"Artist {n}", size=size, deposit=f"D{n}", **more)
               for n, (size, _) in enumerate(files)]  # fmt: skip
    records += [listened(f"n{n}", f"Title {n}", f"Artist {n}") for n in range(len(files))]
    return records, [count(f"n{n}", heard) for n, (_, heard) in enumerate(files)]


@WITHIN
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), min_size=1, max_size=9),
    st.integers(0, 250),
)
def test_greedy_is_within_one_item_of_the_optimum(
    tmp_path: Path, files: list[tuple[int, int]], budget: int
) -> None:
    records, heard = world(files)

    result, keys = plan(build(tmp_path, records, listens=heard), budget)

    subsets = itertools.chain.from_iterable(itertools.combinations(files, n) for n in range(len(files) + 1))
    optimum = max(sum(h for _, h in some) for some in subsets if sum(s for s, _ in some) <= budget)
    got = sum(files[int(key)][1] for key in keys)
    left_out = [heard for n, (_, heard) in enumerate(files) if str(n) not in keys]
    assert sum(files[int(key)][0] for key in keys) == result.bytes_planned <= budget
    assert got == result.listens_planned >= optimum - max(left_out, default=0)


FILE = st.fixed_dictionaries({
    "deposit": st.integers(0, 3), "size": st.integers(0, 100), "title": st.integers(0, 5),
    "heard": st.integers(0, 50), "format": st.sampled_from(["flac", "opus"]), "held": st.booleans(),
})  # fmt: skip
EXTRA = st.fixed_dictionaries({
    "deposit": st.integers(0, 4), "size": st.integers(0, 100), "held": st.booleans(),
    "role": st.sampled_from(["companion", "unknown-sound"]),
})  # fmt: skip


@WITHIN
@given(st.lists(FILE, max_size=9), st.lists(EXTRA, max_size=6), st.one_of(st.none(), st.integers(0, 600)))
def test_whatever_is_planned_fits_counts_and_is_said_truly(
    tmp_path: Path, files: list[dict[str, Any]], extras: list[dict[str, Any]], budget: int | None
) -> None:
    """Over random shelves: bytes within the budget, numbers that add up, one true reason for each item."""
    records = [sound(f"s{n}", f"Title {f['title']}", "A", size=f["size"], deposit=f"D{f['deposit']}",
                     format=f["format"]) for n, f in enumerate(files)]  # fmt: skip
    records += [companion(f"c{n}", size=f["size"], deposit=f"D{f['deposit']}", role=f["role"])
                for n, f in enumerate(extras)]  # fmt: skip
    names = [listened(f"n{t}", f"Title {t}", "A") for t in range(6)]
    heard = [count(f"n{f['title']}", f["heard"]) for f in files]
    held = [held_row(r) for r, f in zip(records, [*files, *extras], strict=True) if f["held"]]
    tables = build(tmp_path, [*records, *names], held=held, listens=heard)

    result, keys = plan(tables, budget)

    size = {r["key"]: r["says"]["size_bytes"] for r in records}
    kept = {h["key"] for h in held}
    assert sum(size[key] for key in keys) == result.bytes_planned
    assert result.bytes_held == sum(size[key] for key in kept)
    if budget is not None:
        assert result.bytes_planned <= max(0, budget - result.bytes_held)
    _the_ledger_is_true(tables, result, keys, kept, records)
    _keeping_makes_it_stable(tmp_path, [*records, *names], heard, [*held, *_rows_of(records, keys)], budget)


def _rows_of(records: Sequence[claimbook.Record], keys: set[str]) -> list[dict[str, Any]]:
    return [held_row(r) for r in records if r["key"] in keys]


def _the_ledger_is_true(
    tables: Path, result: PlanResult, keys: set[str], kept: set[str], records: Sequence[claimbook.Record]
) -> None:
    recordings = rows(tables, "recordings")
    copies: dict[int, set[str]] = {}
    files = rows(tables, "files")
    for copy in rows(tables, "copies"):
        copies.setdefault(copy["recording_row"], set()).add(files[copy["file_row"]]["key"])
    said = ledger(tables)
    assert set(said) == {r["title"] for r in recordings}
    for row, recording in enumerate(recordings):
        of, reason = copies.get(row, set()), said[recording["title"]]["reason"]
        if of & kept:
            assert reason == "held"
        elif of & keys:
            assert reason == "planned"
        else:
            assert reason == ("budget" if of else "no-file")
    reasons = Counter(row["reason"] for row in said.values())
    assert (result.recordings_held, result.recordings_planned) == (reasons["held"], reasons["planned"])
    listens = {r["title"]: r["listens"] for r in rows(tables, "recordings")}
    planned_listens = sum(listens[title] for title, row in said.items() if row["reason"] == "planned")
    assert planned_listens == result.listens_planned
    of_files = Counter(row["reason"] for row in rows(tables, "ledger") if row["kind"] == "file")
    assert of_files["held"] == len(kept)
    assert of_files["planned"] == len(keys)
    assert sum(of_files.values()) == len(records)


def _keeping_makes_it_stable(
    tmp_path: Path, records: Sequence[claimbook.Record], heard: Sequence[Mapping[str, Any]],
    held: Sequence[Mapping[str, Any]], budget: int | None,
) -> None:  # fmt: skip
    result, keys = plan(build(tmp_path, records, held=held, listens=heard), budget)

    assert keys == set()
    assert result.recordings_planned == result.bytes_planned == 0


def test_without_listens_the_smallest_come_first(tmp_path: Path) -> None:
    records = [
        sound(f"{n}", f"Title {n}", "A", size=size, deposit=f"{n}") for n, size in enumerate([50, 10, 30])
    ]

    result, keys = plan(build(tmp_path, records), 45)

    assert result.by == "bytes"
    assert keys == {"1", "2"}


def test_companions_are_paid_once_for_a_deposit(tmp_path: Path) -> None:
    records = [sound(f"{n}", f"Title {n}", "A", size=10) for n in range(3)]
    tables = build(tmp_path, [*records, companion("booklet.pdf", size=25)])

    assert plan(tables, 55)[0].bytes_planned == 55
    assert plan(tables, 54)[1] == {"0", "1", "booklet.pdf"}
    assert plan(tables, 34)[1] == set()


def test_a_new_companion_of_a_held_deposit_counts_against_the_budget(tmp_path: Path) -> None:
    song = sound("a", "Song", "A", size=100)
    tables = build(tmp_path, [song, companion("booklet.pdf", size=50)], held=[held_row(song)])

    assert plan(tables, 149)[1] == set()
    assert ledger(tables, "file")["50"]["reason"] == "budget"
    assert plan(tables, 150)[1] == {"booklet.pdf"}
    assert plan(tables, None)[1] == {"booklet.pdf"}


def test_a_small_copy_stands_in_for_a_best_file_that_is_too_dear(tmp_path: Path) -> None:
    records = [
        sound("big.flac", "Song", "A", size=1000, deposit="1"),
        sound("small.opus", "Song", "A", size=100, deposit="2", format="opus"),
    ]
    tables = build(tmp_path, [*records, listened("n", "Song", "A")], listens=[count("n", 9)])

    result, keys = plan(tables, 500)

    assert keys == {"small.opus"}
    assert (result.recordings_planned, result.listens_planned) == (1, 9)
    assert ledger(tables)["Song"]["reason"] == "planned"
    assert {r["size_bytes"]: r["reason"] for r in ledger(tables, "file").values()} == {
        1000: "copy",
        100: "planned",
    }


def test_a_lone_unknown_sound_is_paid_once(tmp_path: Path) -> None:
    tables = build(tmp_path, [companion("x.mod", size=100, role="unknown-sound")])

    assert plan(tables, 100)[1] == {"x.mod"}
    assert plan(tables, None)[0].bytes_planned == 100
    assert plan(tables, 99)[1] == set()
    assert ledger(tables, "file")["100"]["reason"] == "budget"


def test_a_file_cut_by_a_cue_sheet_carries_all_its_recordings(tmp_path: Path) -> None:
    tracks = [
        track(f"Part {n}", "A", index=n, start_ms=n * 60_000, end_ms=(n + 1) * 60_000) for n in range(1, 4)
    ]
    records = [sound("album.flac", size=100, tracks=tracks, ms=240_000)]
    records += [listened(f"n{n}", f"Part {n}", "A") for n in range(1, 4)]
    tables = build(tmp_path, records, listens=[count(f"n{n}", 10) for n in range(1, 4)])

    result, keys = plan(tables, 100)

    assert keys == {"album.flac"}
    assert (result.recordings, result.recordings_planned, result.listens_planned) == (3, 3, 30)
    assert [(c["start_ms"], c["end_ms"]) for c in rows(tables, "copies")] == [
        (n * 60_000, (n + 1) * 60_000) for n in range(1, 4)
    ]


@pytest.mark.parametrize("budget", [0, 1, 10**15, None])
def test_an_empty_archive_has_an_empty_plan(tmp_path: Path, budget: int | None) -> None:
    result, keys = plan(build(tmp_path, []), budget)

    assert (keys, result.bytes_planned, result.curve) == (set(), 0, [(0, 0, 0)])


def test_the_curve_rises_and_ends_where_the_plan_ends(tmp_path: Path) -> None:
    records, heard = world([(10 + n, 100 - n) for n in range(40)])

    result, _ = plan(build(tmp_path, records, listens=heard), None)

    assert result.curve == sorted(result.curve)
    assert result.curve[-1] == (result.bytes_planned, 40, result.listens)
    shares = [(b[2] - a[2]) / (b[0] - a[0]) for a, b in itertools.pairwise(result.curve)]
    assert shares == sorted(shares, reverse=True)


def test_the_plan_is_in_order_of_worth_companions_last(tmp_path: Path) -> None:
    records, heard = world([(10, 1), (10, 5), (10, 3)])
    tables = build(tmp_path, [*records, companion("c", deposit="D0")], listens=heard)

    plan(tables, None)

    files = rows(tables, "files")
    order = [
        (files[r["file_row"]]["key"], r["reason"]) for r in pq.read_table(tables / "plan.parquet").to_pylist()
    ]
    assert order == [("1", "best"), ("2", "best"), ("0", "best"), ("c", "companion")]
