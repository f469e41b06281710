"""An index of several shards answers as one: nothing twice, nothing left out, what is heard most first."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.search import Doc, Filters, SearchIndex, build_delta, build_index, build_shards
from lockgroove.catalogue.search import build as search_build
from lockgroove.catalogue.search import layout as search_layout
from lockgroove.catalogue.search.layout import Layout
from lockgroove.errors import FormatUnknown

WORDS = "amber brook cinder dune kestrel fjord grove harbor islet jetty".split()


@dataclass(frozen=True)
class Given:
    """Documents as a table would give them, a few a batch."""

    docs: Sequence[Doc]
    size: int = 97

    def batches(self, columns: Sequence[str]) -> Iterable[pa.RecordBatch]:
        for start in range(0, len(self.docs), self.size):
            part = self.docs[start : start + self.size]
            rows = [
                {
                    "row": d.row, "listens": d.listens, "title": d.names[0], "artist": d.names[1],
                    "year": d.year, "duration_ms": d.duration_ms, "held": d.held,
                    "sources": "\n".join(d.sources), "licences": "\n".join(d.licences),
                }
                for d in part
            ]  # fmt: skip
            schema = pa.schema(
                [f for f in search_build.DOC_SCHEMA if f.name in rows[0] and f.name in columns]
            )
            yield pa.RecordBatch.from_pylist(rows, schema=schema)


def some_docs(count: int, seed: int = 1) -> list[Doc]:
    chance = random.Random(seed)
    return [
        Doc(
            row,
            int(chance.lognormvariate(3, 3)),
            (" ".join(chance.choices(WORDS, k=chance.randint(1, 4))), f"Artist {chance.randint(1, 30)}"),
            year=chance.choice([None, 1899, 1960, 1969, 1970, 1999, 2000, 2024]),
            duration_ms=chance.choice([None, 0, 59_999, 60_000, 180_500, 255_000, 256_000, 90_000_000]),
            held=chance.random() < 0.3,
            sources=tuple(chance.sample(["musicbrainz", "discogs", "shelf-é 1"], chance.randint(0, 2))),
            licences=("CC0-1.0",) if row % 250 == 0 else ("CC-BY-4.0",) if row % 3 == 0 else (),
        )
        for row in range(count)
    ]


DOCS = some_docs(2500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    build_shards(str(folder), Given(DOCS), processes=1, first_shard=100)
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> SearchIndex:
    return SearchIndex(str(folder))


def having(docs: Iterable[Doc], *words: str) -> set[int]:
    return {
        d.row for d in docs if all(w in " ".join(n or "" for n in d.names).lower().split() for w in words)
    }


def all_pages(index: SearchIndex, text: str, size: int, filters: Filters = Filters()) -> list[int]:  # noqa: B008
    found: list[int] = []
    while rows := index.ask(text, size, len(found), filters).rows:
        assert len(rows) <= size
        found += rows
    return found


def test_there_are_several_shards_and_every_recording_is_in_one(folder: Path) -> None:
    layout = search_layout.load(str(folder))

    assert len(layout.thresholds) >= 2
    assert all(layout.documents)
    assert sum(layout.documents) == len(DOCS)


@pytest.mark.parametrize("words", [["amber"], ["amber", "brook"], ["artist", "7"], ["7", "dune", "kestrel"]])
@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_pages_over_shards_join_to_all_that_was_written_for(
    index: SearchIndex, words: list[str], size: int
) -> None:
    joined = all_pages(index, " ".join(words) + " ", size)
    wanted = having(DOCS, *words)

    written = joined[: len(wanted)]
    assert set(written) == wanted
    assert len(set(joined)) == len(joined)
    assert joined == all_pages(index, " ".join(words), 83)


def test_a_page_tells_that_there_is_more_until_there_is_none(index: SearchIndex) -> None:
    total = len(having(DOCS, "amber"))

    for offset in range(0, total + 50, 50):
        answer = index.ask("amber", 50, offset)
        assert answer.count <= total
        assert (answer.count > offset + len(answer.rows)) == (offset + 50 < total)
        assert not answer.is_exact or answer.count == total
    assert index.ask("amber", 50, total).is_exact
    assert not index.ask("amber", 1).is_exact


def test_what_is_heard_most_comes_from_the_first_shard(index: SearchIndex, folder: Path) -> None:
    least = search_layout.load(str(folder)).thresholds[0]
    heard = {d.row for d in DOCS if d.listens >= least}

    answered = all_pages(index, "amber", 20)

    first = having(DOCS, "amber") & heard
    assert set(answered[: len(first)]) == first


def test_what_is_written_comes_before_what_may_have_been_meant(tmp_path: Path) -> None:
    docs = [Doc(n, 10**6 - n, ("kalinka", "a")) for n in range(300)] + [Doc(300, 0, ("kalanka", "b"))]
    build_shards(str(tmp_path), Given(docs), processes=1, first_shard=50)

    answer = SearchIndex(str(tmp_path)).ask("kalanka")

    assert answer.rows[0] == 300
    assert set(answer.rows[1:]) <= set(range(300))
    assert len(answer.rows) == 20


def test_two_processes_write_the_same_answers_as_one(
    index: SearchIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_build, "FIRST_SHARD", 100)

    build_shards(str(tmp_path), Given(DOCS), processes=2, first_shard=100)

    for text in ("amber", "artist 7", "dune em", "ambor"):
        assert all_pages(SearchIndex(str(tmp_path)), text, 40) == all_pages(index, text, 40)


@given(
    st.lists(st.integers(0, 10**12) | st.integers(0, 3), max_size=400),
    st.integers(1, 50),
)
def test_levels_hold_what_their_thresholds_say(listens: list[int], first: int) -> None:
    heard = np.array(listens, np.int64)
    rows = np.arange(len(heard))

    layout, sizes = search_build.plan([(rows, heard)], first)

    shards = layout.shards_of(rows, heard)
    assert list(layout.thresholds) == sorted(set(layout.thresholds), reverse=True)
    assert sizes == [int((shards == n).sum()) for n in range(layout.shards)]
    for level, threshold in enumerate(layout.thresholds):
        assert ((shards <= level) == (heard >= threshold)).all()
        assert sizes[level] > 0


def test_each_level_is_four_times_the_one_before() -> None:
    heard = np.arange(100_000)

    _, sizes = search_build.plan([(heard, heard)], 1000)

    assert sizes == pytest.approx([1000, 4000, 16_000, 79_000], rel=0.35)


def test_ties_are_not_torn_apart() -> None:
    layout, sizes = search_build.plan([(np.arange(1000), np.zeros(1000, np.int64))], 10)

    assert layout.thresholds == ()
    assert sizes == [1000]


@given(st.integers(1, 10**6), st.integers(1, 9))
def test_parts_of_the_tail_follow_the_rows(rows: int, parts: int) -> None:
    layout = Layout((), parts, rows)
    some = np.unique(np.linspace(0, rows - 1, 50).astype(np.int64))

    shards = layout.shards_of(some, np.zeros(len(some), np.int64))

    assert (np.diff(shards) >= 0).all()
    assert shards.min() >= 0
    assert shards.max() < parts


FILTERS = [
    Filters(source="musicbrainz"),
    Filters(source="shelf-é 1", held=True),
    Filters(licence="CC0-1.0"),
    Filters(held=False),
    Filters(year_min=1960, year_max=1969),
    Filters(year_min=1970),
    Filters(year_max=1969, licence="CC-BY-4.0"),
    Filters(duration_min_ms=60_000, duration_max_ms=255_000),
    Filters(duration_min_ms=256_000),
    Filters(source="nobody"),
    Filters(year_min=2001, year_max=2000),
    Filters(source="discogs", licence="CC-BY-4.0", held=True, year_min=1900, duration_max_ms=300_000),
]


def passes(d: Doc, f: Filters) -> bool:
    def within(value: int | None, low: int | None, high: int | None) -> bool:
        if low is None and high is None:
            return True
        return value is not None and (low is None or low <= value) and (high is None or value <= high)

    seconds = None if d.duration_ms is None else d.duration_ms // 1000
    return (
        (f.source is None or f.source in d.sources)
        and (f.licence is None or f.licence in d.licences)
        and (f.held is None or f.held == d.held)
        and within(d.year, f.year_min, f.year_max)
        and within(
            seconds,
            None if f.duration_min_ms is None else f.duration_min_ms // 1000,
            None if f.duration_max_ms is None else f.duration_max_ms // 1000,
        )
    )


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_leave_what_passes_them(index: SearchIndex, filters: Filters) -> None:
    wanted = having((d for d in DOCS if passes(d, filters)), "amber")

    answered = all_pages(index, "amber ", 30, filters)

    assert set(answered) == wanted
    assert len(answered) == len(wanted)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_without_words_a_filter_lists_all_that_passes_it(index: SearchIndex, filters: Filters) -> None:
    answered = all_pages(index, "", 200, filters)

    assert sorted(answered) == [d.row for d in DOCS if passes(d, filters)]


def test_filters_do_not_change_the_order(index: SearchIndex) -> None:
    kept = {d.row for d in DOCS if passes(d, Filters(held=True))}

    assert all_pages(index, "amber", 50, Filters(held=True)) == [
        row for row in all_pages(index, "amber", 50) if row in kept
    ]


def test_a_delta_leaves_the_base_as_it_is_and_replaces_rows_in_the_answers(
    folder: Path, tmp_path: Path
) -> None:
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    changed = [Doc(d.row, d.listens, ("Obsidian", "Artist 7")) for d in DOCS[::100]]
    new = [Doc(2500 + n, 10**7, ("Amber obsidian", "New")) for n in range(10)]
    build_delta(str(tmp_path), str(folder), Given([*changed, *new]), superseded=[1, 2, 3])

    index = SearchIndex(str(folder), [str(tmp_path)])

    gone = {1, 2, 3, *range(0, 2500, 100)}
    now = [d for d in DOCS if d.row not in gone] + changed + new
    for words in (["amber"], ["obsidian"], ["artist", "7"], ["amber", "obsidian"], ["dune", "kestrel"]):
        joined = all_pages(index, " ".join(words) + " ", 30)
        wanted = having(now, *words)
        assert set(joined[: len(wanted)]) == wanted
        assert len(joined) == len(set(joined))
    assert sorted(index.ask("amber obsidian", 10).rows) == [2500 + n for n in range(10)]
    assert index.ask("amber", 1).rows[0] >= 2500
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


@given(st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_base_and_deltas_answer_as_an_index_of_what_is_left(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    doc = st.builds(
        lambda row, listens, words: Doc(row, listens, (" ".join(words), "x")),
        st.integers(0, 60),
        st.integers(0, 10**6),
        st.lists(st.sampled_from(WORDS[:3]), min_size=1, max_size=2),
    )
    layers = data.draw(st.lists(st.lists(doc, unique_by=lambda d: d.row), min_size=1, max_size=3))
    away = data.draw(st.lists(st.sets(st.integers(0, 70)), min_size=len(layers), max_size=len(layers)))
    base = tmp_path_factory.mktemp("base")
    build_shards(str(base), Given(sorted(layers[0], key=lambda d: d.row)), processes=1, first_shard=5)
    left = {d.row: d for d in layers[0]}
    deltas = []
    for docs, rows in zip(layers[1:], away[1:], strict=True):
        deltas.append(str(tmp_path_factory.mktemp("delta")))
        build_delta(deltas[-1], str(base), Given(sorted(docs, key=lambda d: d.row)), rows)
        left = {row: d for row, d in left.items() if row not in rows} | {d.row: d for d in docs}

    index = SearchIndex(str(base), deltas)

    for words in (["amber"], ["amber", "brook"], ["x"]):
        for size in (1, 4, 100):
            assert set(all_pages(index, " ".join(words) + " ", size)) >= having(left.values(), *words)
        joined = all_pages(index, " ".join(words), 3)
        assert joined == all_pages(index, " ".join(words), 5)
        assert len(joined) == len(set(joined))
        assert set(joined) <= set(left)
        assert index.ask(" ".join(words), 100).is_exact


@pytest.mark.parametrize("breakage", ["layout.json", "shard-00/meta.json"])
def test_an_unfinished_index_says_how_to_make_it_again(tmp_path: Path, breakage: str) -> None:
    build_index(str(tmp_path), DOCS[:10])
    os.unlink(tmp_path / breakage)

    with pytest.raises(FormatUnknown) as raised:
        SearchIndex(str(tmp_path))

    assert "lockgroove rebuild" in raised.value.advice
    build_index(str(tmp_path), DOCS[:10])
    assert SearchIndex(str(tmp_path)).ask("artist").count == 10
