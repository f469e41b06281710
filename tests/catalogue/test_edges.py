"""Edges: what the rules join, what they never join, and that no order or partition of rows changes it."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_rows import (
    BYTES,
    EARLIER,
    ISRC,
    MBID,
    NAMES,
    REFERENCE,
    Edge,
    Row,
    arrow,
    edges_of,
    groups_of,
    within,
    worlds,
)

from lockgroove.catalogue.identity.edges import recording_edges
from lockgroove.catalogue.identity.keyed import spread_out
from lockgroove.catalogue.identity.rules import NAMES_PER_IDENTIFIER_MAX, RULES
from lockgroove.engines import DuckDBEngine, Engine

FEW = settings(max_examples=15)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = DuckDBEngine.opened(str(tmp_path_factory.mktemp("engine")), 1 << 30)
    yield opened
    opened.close()


def groups(engine: Engine, rows: list[Row], titles: dict[int, str] | None = None) -> set[frozenset[int]]:
    return groups_of(edges_of(engine, rows, titles=titles), {row.nid for row in rows})


def group(*nodes: int) -> frozenset[int]:
    return frozenset(nodes)


def test_a_chain_of_durations_is_cut_where_the_span_exceeds_the_tolerance(engine: Engine) -> None:
    """Each lies within 4 s of the next; the first and the last do not."""
    rows = [Row(NAMES, 7, nid, ms, 7) for nid, ms in enumerate((200_000, 203_000, 206_000, 209_000))]

    assert groups(engine, rows) == {group(0, 1), group(2, 3)}


def test_sounds_that_agree_over_their_whole_span_are_not_cut(engine: Engine) -> None:
    """The tolerance is that of the longest: 190 and 200 s are within 5 % of 200 s, not of 190 s."""
    rows = [Row(ISRC, 7, nid, ms, 7, -7) for nid, ms in enumerate((190_000, 195_000, 200_000))]

    assert groups(engine, rows) == {group(0, 1, 2)}


@pytest.mark.parametrize("rule", [REFERENCE, BYTES])
def test_what_a_source_says_itself_asks_for_no_durations(engine: Engine, rule: int) -> None:
    rows = [Row(rule, 7, 0, 100_000), Row(rule, 7, 1, 300_000), Row(rule, 7, 2), Row(rule, 8, 3)]

    assert edges_of(engine, rows) == [Edge(1, 0, rule), Edge(2, 0, rule)]


def test_each_rule_that_joins_a_pair_says_so(engine: Engine) -> None:
    rows = [
        Row(rule, 7, nid, 100_000, 7, -7 if rule == ISRC else None)
        for rule in (ISRC, NAMES)
        for nid in (0, 1)
    ]

    assert edges_of(engine, rows) == [Edge(1, 0, ISRC), Edge(1, 0, NAMES)]


@pytest.mark.parametrize("rule", [ISRC, MBID])
def test_a_placeholder_joins_only_what_has_the_same_name(engine: Engine, rule: int) -> None:
    """A label gave one code to all its tracks; the last two are the same track twice."""
    count = NAMES_PER_IDENTIFIER_MAX + 1
    rows = [
        Row(rule, 7, nid, 180_000 + nid, name=1 + min(nid, count - 1), bare=-7) for nid in range(count + 1)
    ]

    assert groups(engine, rows) == {group(count - 1, count)}


def test_an_identifier_with_few_names_joins_them_all(engine: Engine) -> None:
    rows = [Row(ISRC, 7, nid, 180_000, name=1 + nid, bare=-7) for nid in range(NAMES_PER_IDENTIFIER_MAX)]

    assert len(groups(engine, rows)) == 1


def test_titles_that_contradict_each_other_part_an_identifier(engine: Engine) -> None:
    """The commonest name is the measure; part of a title, or half of its letters, agree."""
    titles = {0: "moonlight", 1: "yellow river", 2: "yellow river", 3: "yelow rivr", 4: "river", 5: ""}
    rows = [Row(ISRC, 7, nid, 180_000, name=9 if nid in (1, 2) else nid + 1, bare=-7) for nid in titles]

    assert groups(engine, rows, titles) == {group(1, 2, 3, 4, 5)}


def test_sounds_of_unknown_name_are_not_the_measure_of_others(engine: Engine) -> None:
    """However many they are: through them, titles that contradict each other would be joined."""
    names = [0, 0, 0, 1, 2]
    rows = [Row(ISRC, 7, nid, 180_000, name, -7) for nid, name in enumerate(names)]

    assert groups(engine, rows, {3: "moonlight", 4: "river"}) == {group(0, 1, 2, 3)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("abcd", "abxy", True),
        ("abcd", "axyz", False),
        ("abcdef", "abcxyzw", False),
        ("river", "yellow river", True),
        ("yellow river", "river", True),
        ("", "river", True),
    ],
)
def test_half_of_the_letters_agree_or_one_lies_within_the_other(
    engine: Engine, one: str, other: str, same: bool
) -> None:
    rows = [Row(ISRC, 7, nid, 180_000, name=nid + 1, bare=-7) for nid in (0, 1)]

    assert bool(edges_of(engine, rows, titles={0: one, 1: other})) is same


def test_a_name_whose_title_contradicts_joins_no_sound(engine: Engine) -> None:
    """The next best rule seats it."""
    rows = [
        Row(ISRC, 7, 0, 180_000, 1, -7), Row(ISRC, 7, 2, None, 2, -7),
        Row(NAMES, 8, 1, 200_000, 2), Row(NAMES, 8, 2, None, 2),
    ]  # fmt: skip

    assert edges_of(engine, rows) == [Edge(2, 0, ISRC)]
    assert edges_of(engine, rows, titles={0: "moonlight", 2: "river"}) == [Edge(2, 1, NAMES)]


def test_a_node_without_a_duration_joins_the_shortest_sound(engine: Engine) -> None:
    rows = [Row(NAMES, 7, nid, ms, 7) for nid, ms in enumerate((300_000, 100_000, None))]

    assert edges_of(engine, rows) == [Edge(2, 1, NAMES)]


def test_under_an_identifier_it_joins_the_sound_of_its_name(engine: Engine) -> None:
    rows = [Row(ISRC, 7, 0, 100_000, 1, -7), Row(ISRC, 7, 1, 300_000, 2, -7), Row(ISRC, 7, 2, None, 2, -7)]

    assert edges_of(engine, rows) == [Edge(2, 1, ISRC)]


def test_the_lower_rule_seats_it(engine: Engine) -> None:
    rows = [
        Row(ISRC, 7, 0, 100_000, 1, -7), Row(ISRC, 7, 2, None, 1, -7),
        Row(NAMES, 8, 1, 300_000, 1), Row(NAMES, 8, 2, None, 1),
    ]  # fmt: skip

    assert edges_of(engine, rows) == [Edge(2, 0, ISRC)]


def test_a_nameless_node_joins_whatever_version_has_its_identifier(engine: Engine) -> None:
    rows = [Row(MBID, 71, 0, 100_000, 5, -7), Row(MBID, 70, 1, None, 0, -7, nameless=True)]
    named = [rows[0], Row(MBID, 70, 1, None, 6, -7)]

    assert edges_of(engine, rows) == [Edge(1, 0, MBID)]
    assert edges_of(engine, named) == []


def test_a_placeholder_seats_no_nameless_node(engine: Engine) -> None:
    count = NAMES_PER_IDENTIFIER_MAX + 1
    rows = [Row(ISRC, 7, nid, 180_000, name=1 + nid, bare=-7) for nid in range(count)]

    assert edges_of(engine, [*rows, Row(ISRC, 7, count, None, 0, -7, nameless=True)]) == []


def test_names_alone_are_joined_first_to_one_that_has_its_sound(engine: Engine) -> None:
    rows = [
        Row(NAMES, 7, 1, None, 1), Row(NAMES, 7, 2, None, 1), Row(NAMES, 7, 3, None, 1),
        Row(MBID, 9, 3, None, 1, -9), Row(MBID, 9, 0, 100_000, 1, -9),
    ]  # fmt: skip

    assert edges_of(engine, rows) == [Edge(1, 3, NAMES), Edge(2, 3, NAMES), Edge(3, 0, MBID)]


def test_names_that_no_sound_has_are_joined_to_the_lowest(engine: Engine) -> None:
    rows = [Row(NAMES, 7, nid, None, 1) for nid in (3, 1, 2)]

    assert edges_of(engine, rows) == [Edge(2, 1, NAMES), Edge(3, 1, NAMES)]


def test_whose_kin_has_further_kin_seeks_no_sound(engine: Engine) -> None:
    """Another source says that the member is a sound of 100 s; a name must not lead to one of 300 s."""
    rows = [
        Row(REFERENCE, 7, 0, None, 1), Row(REFERENCE, 7, 1, None, 1),
        Row(BYTES, 8, 1, None, 1), Row(BYTES, 8, 2, 100_000, 1),
        Row(NAMES, 9, 0, None, 1), Row(NAMES, 9, 3, 300_000, 1),
    ]  # fmt: skip

    assert edges_of(engine, rows) == [Edge(1, 0, REFERENCE), Edge(2, 1, BYTES)]


def test_a_recording_without_a_duration_does_not_join_two_sounds(engine: Engine) -> None:
    """Its own source leads it to one sound; its name, to another, must not."""
    rows = [
        Row(REFERENCE, 7, 0, None, 1), Row(REFERENCE, 7, 1, 100_000, 1),
        Row(ISRC, 8, 0, None, 1, -8), Row(ISRC, 8, 2, 300_000, 1, -8),
    ]  # fmt: skip

    assert edges_of(engine, rows) == [Edge(1, 0, REFERENCE)]


def test_kin_without_any_sound_seek_it_once(engine: Engine) -> None:
    rows = [
        Row(REFERENCE, 7, 0, None, 1), Row(REFERENCE, 7, 1, None, 1),
        Row(NAMES, 8, 0, None, 1), Row(NAMES, 8, 2, 300_000, 1),
        Row(ISRC, 9, 1, None, 1, -9), Row(ISRC, 9, 3, 100_000, 1, -9),
    ]  # fmt: skip

    assert edges_of(engine, rows) == [Edge(0, 2, NAMES), Edge(1, 0, REFERENCE)]


def test_an_edge_carries_the_confidence_of_its_rule(engine: Engine) -> None:
    rows = [Row(rule, 7, nid, 100_000, 7) for rule in range(6) for nid in (0, 1)]

    found = recording_edges(engine, [engine.take("keyed", arrow(rows))])

    scores = {row["rule"]: row["score"] for batch in engine.batches(found) for row in batch.to_pylist()}
    assert scores == {number: RULES[number].score for number in range(6)}


def test_nothing_is_joined_where_there_is_nothing(engine: Engine) -> None:
    assert edges_of(engine, []) == []
    assert edges_of(engine, [Row(NAMES, 7, 0, 100_000, 7)]) == []


@FEW
@given(worlds(), st.integers(2, 5), st.randoms(use_true_random=False))
def test_neither_order_nor_partition_of_rows_changes_an_edge(
    engine: Engine, rows: list[Row], parts: int, shuffle: random.Random
) -> None:
    assert edges_of(engine, rows) == edges_of(engine, shuffle.sample(rows, len(rows)), parts)


@FEW
@given(worlds())
def test_an_edge_joins_nodes_with_a_key_in_common(engine: Engine, rows: list[Row]) -> None:
    keys: dict[tuple[int, int], set[tuple[int, ...]]] = defaultdict(set)
    for row in rows:
        keys[row.rule, row.nid] |= {(0, row.k)} | ({(1, row.bare)} if row.bare is not None else set())

    for edge in edges_of(engine, rows):
        assert edge.nid != edge.hub
        assert keys[edge.rule, edge.nid] & keys[edge.rule, edge.hub]


@FEW
@given(worlds())
def test_sounds_that_a_key_joins_agree_within_the_tolerance(engine: Engine, rows: list[Row]) -> None:
    """All with all, not only each with the next. Each node has one key here, so that no other joins them."""
    heard = [row._replace(nid=nid) for nid, row in enumerate(rows) if row.ms is not None]

    for together in groups(engine, heard):
        members = [row for row in heard if row.nid in together]
        times = [row.ms or 0 for row in members]
        assert len({(row.rule, row.k) for row in members}) == 1
        assert within(members[0].rule, min(times), max(times))


@FEW
@given(worlds())
def test_sounds_of_one_name_and_length_are_joined(engine: Engine, rows: list[Row]) -> None:
    seats: dict[tuple[int, int, int, int | None], set[int]] = defaultdict(set)
    for row in rows:
        if row.ms is not None:
            seats[row.rule, row.k, row.name if row.name else -row.nid, row.ms].add(row.nid)

    found = groups(engine, rows)

    for nodes in seats.values():
        assert len(nodes) < 2 or any(nodes <= group for group in found)


@FEW
@given(worlds())
def test_a_node_without_a_duration_joins_no_two_sounds(engine: Engine, rows: list[Row]) -> None:
    """Take them away, with what only they joined: the sounds of a group are still one group.

    What a source says of itself (rules 0 and 1) asks for no durations, and so may lead over such a node.
    """
    ms = {row.nid: row.ms for row in rows}
    edges = edges_of(engine, rows)
    own = [e for e in edges if RULES[e.rule].tolerance is None]
    without = [e for e in edges if ms[e.nid] is not None and ms[e.hub] is not None]

    with_them = groups_of(edges, ms)
    alone = groups_of(own + without, ms)

    sounds = {n for n, at in ms.items() if at is not None}
    for together in with_them:
        heard = together & sounds
        assert len(heard) < 2 or any(heard <= group for group in alone)


@FEW
@given(worlds())
def test_a_node_without_a_duration_has_one_edge_of_the_rules_that_ask(
    engine: Engine, rows: list[Row]
) -> None:
    silent = {row.nid for row in rows if row.ms is None}
    edges = [e for e in edges_of(engine, rows) if RULES[e.rule].tolerance is not None and e.nid in silent]

    assert len({e.nid for e in edges}) == len(edges)


@settings(max_examples=5)
@given(worlds(), st.integers(1, 4))
def test_rows_may_be_spread_out_on_disk(engine: Engine, rows: list[Row], parts: int) -> None:
    keyed = engine.take("keyed", arrow(rows))

    with tempfile.TemporaryDirectory() as folder:
        found = recording_edges(engine, spread_out(engine, keyed, parts, f"{folder}/parts"))
        spread = sorted((r["nid"], r["hub"], r["rule"]) for b in engine.batches(found) for r in b.to_pylist())
    engine.drop("keyed", "edges")

    assert spread == edges_of(engine, rows)


def test_an_earlier_version_of_a_file_is_joined_within_7_s(engine: Engine) -> None:
    rows = [
        Row(EARLIER, 7, 0, 100_000),
        Row(EARLIER, 7, 1, 107_000),
        Row(EARLIER, 8, 2, 100_000),
        Row(EARLIER, 8, 3, 107_001),
    ]

    assert edges_of(engine, rows) == [Edge(1, 0, EARLIER)]
