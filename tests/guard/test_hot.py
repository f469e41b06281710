"""What each event adds to what is remembered of its account: the same compiled and not, whatever comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logbook import START_MS, add_scrapers, town

from lockgroove.guard import calibration, hot, records, seen
from lockgroove.guard.events import FIELDS, Batch, Context, Kind, Origin, Scope, empty
from lockgroove.guard.records import RECORD, Index
from lockgroove.guard.seen import Seen
from lockgroove.guard.watch import Rules, Watch

DAY_MS = 86_400_000


def plays(*told: tuple[int, int], gap_ms: int = 60_000, **fields: int) -> np.ndarray:
    """So many plays of (account, track), a minute apart."""
    rows = empty(len(told))
    rows["ts_ms"] = START_MS + np.arange(len(told)) * gap_ms
    rows["account"], rows["track"] = np.array(told, np.uint64).reshape(-1, 2).T
    rows["kind"], rows["origin"] = Kind.STREAM_START, Origin.USER
    for name, value in fields.items():
        rows[name] = value
    return rows


def watch(rules: Rules | None = None) -> Watch:
    return Watch(rules or Rules.none(), Seen(1 << 20))


def weighing(threshold: float = 1e9) -> Rules:
    """Each new play weighs 1, each repeat takes 1 away."""
    ratios = np.ones((records.TAKERS, hot.PLAY_KINDS), np.float32)
    ratios[:, hot.REPEATED] = -1
    thresholds = np.full((records.TAKERS, *hot.STRATA), threshold, np.float32)
    return Rules(np.zeros(256, np.uint8), ratios, thresholds)


def test_what_an_account_had_before_is_a_repeat_and_another_accounts_is_new() -> None:
    noticed = watch().observe(Batch(plays((1, 5), (1, 5), (2, 5), (1, 6)), FIELDS))

    assert noticed.what.tolist() == [hot.NEW, hot.REPEAT, hot.NEW, hot.NEW]


def test_a_repeat_is_known_in_the_next_batch_too() -> None:
    one = watch()
    one.observe(Batch(plays((1, 5)), FIELDS))

    assert one.observe(Batch(plays((1, 5)), FIELDS)).what.tolist() == [hot.REPEAT]


def test_what_the_system_chose_weighs_nothing() -> None:
    rows = plays(*((1, track) for track in range(1, 50)), origin=Origin.SYSTEM)
    one = watch(weighing())

    noticed = one.observe(Batch(rows, FIELDS))

    assert set(noticed.what.tolist()) == {hot.OF_SYSTEM}
    assert one.records["plays"][0] == one.records["fresh"][0] == one.records["w"][0].max() == 0


def test_a_file_that_is_streamed_in_pieces_is_one_play() -> None:
    rows = plays((1, 5), (1, 5), (1, 6), (1, 6), (1, 5))
    rows["range"] = [1, 1, 1, 1, 1]

    noticed = watch().observe(Batch(rows, FIELDS))

    assert noticed.what.tolist() == [hot.NEW, hot.PART_OF, hot.NEW, hot.PART_OF, hot.REPEAT]


@pytest.mark.parametrize(
    ("fetched", "told"),
    [
        ([(5, 10), (5, 990)], "new part"),  # a first look at a file, and then the file
        ([(5, 1), (6, 1), (5, 1000), (6, 1000)], "new new part part"),
        ([(5, 1), (6, 1), (5, 1000), (5, 1), (6, 1), (5, 1000)], "new new part part part repeat"),
        ([(5, 400), (5, 400), (6, 1000), (5, 400), (5, 400)], "new part new part repeat"),
        ([(5, 1000), (5, 1), (6, 1), (5, 1), (6, 1), (5, 499)], "new part new part part part"),
        ([(5, 600), (6, 600), (5, 600), (6, 600)], "new new repeat repeat"),
    ],
)
def test_a_repeat_is_the_second_time_that_half_of_a_file_came(
    fetched: list[tuple[int, int]], told: str
) -> None:
    rows = plays(*((1, track) for track, _ in fetched))
    rows["range"], rows["bytes_full"] = 1, 1000
    rows["bytes_sent"] = [sent for _, sent in fetched]

    noticed = watch().observe(Batch(rows, FIELDS))

    words = {"new": hot.NEW, "part": hot.PART_OF, "repeat": hot.REPEAT}
    assert noticed.what.tolist() == [words[word] for word in told.split()]


@pytest.mark.parametrize("scope", [Scope.RESEARCH, Scope.MIRROR])
def test_whoever_has_a_grant_is_not_judged(scope: Scope) -> None:
    one = watch(weighing(threshold=1))

    noticed = one.observe(Batch(plays(*((1, t) for t in range(1, 9)), scope=scope), FIELDS))

    assert set(noticed.what.tolist()) == {hot.EXEMPT}
    assert (len(noticed.alarms), one.records["plays"][0]) == (0, 0)


def test_who_signed_up_together_is_remembered() -> None:
    one = watch()

    one.observe(Batch(plays((1, 1), (1, 2), cohort=7), FIELDS))

    assert one.records["cohort"][0] == 7


def test_evidence_adds_up_never_falls_below_nothing_and_fades_overnight() -> None:
    one = watch(replace(weighing(), keep=0.5))

    one.observe(Batch(plays((1, 1), (1, 1), (1, 1), (1, 2), (1, 3), (1, 4)), FIELDS))
    evening = one.records["w"][0].tolist()
    one.observe(Batch(plays((1, 9), ts_ms=START_MS + 2 * DAY_MS), FIELDS))

    assert evening == [3.0, 3.0]
    assert one.records["w"][0].tolist() == [3 / 4 + 1] * 2


def test_the_alarm_names_the_event_that_passed_the_threshold_once_a_day() -> None:
    one = watch(weighing(threshold=4.5))

    noticed = one.observe(Batch(plays(*((1, track) for track in range(1, 12))), FIELDS))
    again = one.observe(Batch(plays(*((1, t) for t in range(20, 30)), ts_ms=START_MS + DAY_MS), FIELDS))

    assert noticed.alarms["event"].tolist() == [4]
    assert noticed.alarms["w"].tolist() == [5.0]
    assert len(again.alarms) == 1


def test_evidence_stops_at_twice_the_threshold() -> None:
    one = watch(weighing(threshold=4.5))

    one.observe(Batch(plays(*((1, track) for track in range(1, 3000)), gap_ms=3000), FIELDS))

    assert one.records["w"][0].tolist() == [9.0, 9.0]


def test_what_follows_on_its_album_is_told_from_what_begins_the_next() -> None:
    rows = plays(*((1, track) for track in range(1, 7)))
    rows["place"], rows["album"] = [10, 11, 12, 13, 20, 21], [1, 1, 2, 2, 3, 3]
    one = watch()

    one.observe(Batch(rows, FIELDS))

    assert one.records["border_today"][0] == 1
    assert one.records["along_today"][0] == 3


def test_a_day_is_told_when_it_is_over() -> None:
    one = watch()
    rows = plays((1, 1), (1, 1), (1, 2), context=Context.DIRECT_ID, seconds_possible=100, seconds_played=40)

    one.observe(Batch(rows, FIELDS))
    noticed = one.observe(Batch(plays((1, 3), ts_ms=START_MS + DAY_MS), FIELDS))
    days, _ = one.end_of_day(1 << 30)

    told = noticed.days[0]
    assert (told["plays"], told["fresh"], told["direct"], told["fetched_s"]) == (3, 2, 3, 300)
    assert days["plays"].tolist() == [1]
    assert len(one.end_of_day(1 << 30)[0]) == 0


HOSTILE = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, 6), st.integers(-(10**6), 3 * DAY_MS), st.integers(0, 9),
        st.integers(0, 12), st.integers(0, 255), st.integers(-5, 10**9), st.floats(0, 1e9, width=32),
    ),
    max_size=60,
)  # fmt: skip


@settings(max_examples=50)
@given(HOSTILE, st.integers(1, 60))
def test_whatever_comes_in_whatever_order_is_counted_and_breaks_nothing(told: list[tuple], size: int) -> None:
    rows = empty(len(told))
    for n, (account, track, at, kind, context, origin, place, seconds) in enumerate(told):
        rows["account"][n], rows["track"][n], rows["ts_ms"][n] = account, track, START_MS + at
        rows["kind"][n], rows["context"][n], rows["origin"][n], rows["place"][n] = (
            kind,
            context,
            origin,
            place,
        )
        rows["seconds_possible"][n] = seconds
    one = watch(weighing(threshold=3))

    for first in range(0, len(rows), size):
        one.observe(Batch(rows[first : first + size], FIELDS))

    assert sum(one.counts[name] for name in ("plays", "other", "no_time", "told_twice")) == len(rows)
    assert one.records["plays"].sum() <= one.counts["plays"]
    assert np.isfinite(one.records["w"]).all()


def test_an_event_that_is_told_twice_counts_once() -> None:
    rows = plays((1, 1), (1, 2), (1, 3))
    rows["event_id"] = [7, 8, 7]
    one = watch()

    one.observe(Batch(rows, FIELDS))
    one.observe(Batch(rows[:2], FIELDS))

    assert (one.counts["plays"], one.counts["told_twice"]) == (2, 3)


def test_an_event_from_a_time_that_cannot_be_is_counted_and_left_out() -> None:
    rows = plays((1, 1), (1, 2), (0, 3))
    rows["ts_ms"][1] = 10**15
    one = watch()

    one.observe(Batch(rows, FIELDS))

    assert (one.counts["plays"], one.counts["no_time"]) == (1, 2)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops as they stand, uncompiled."""
    compiled = [
        (module, name)
        for module in (hot, seen, records)
        for name, value in vars(module).items()
        if hasattr(value, "py_func")
    ]
    for module, name in compiled:
        monkeypatch.setattr(module, name, getattr(module, name).py_func)
    monkeypatch.setattr(hot, "meet", seen.meet)


def test_without_a_compiler_the_same_is_remembered(request: pytest.FixtureRequest) -> None:
    made = town(people=20, days=2, tracks=5_000)
    rules = weighing(threshold=20)
    fast = watch(rules)
    noticed = [fast.observe(batch) for batch in made.batches(500)]
    request.getfixturevalue("slow")
    plain = watch(rules)

    again = [plain.observe(batch) for batch in made.batches(500)]

    for first, second in zip(noticed, again, strict=True):
        assert first.what.tolist() == second.what.tolist()
        assert first.alarms.tolist() == second.alarms.tolist()
        assert first.days.tolist() == second.days.tolist()
    for name in RECORD.names or ():
        np.testing.assert_allclose(
            fast.records[name][:20].astype(float), plain.records[name][:20].astype(float), rtol=1e-4
        )


def test_an_account_takes_at_most_160_bytes() -> None:
    index = Index()
    index.slots(np.random.default_rng(1).integers(1, 2**63, 100_000).astype(np.uint64))

    per_account = (index.keys.nbytes + index._table.nbytes) / index.count

    assert RECORD.itemsize + 8 <= 160 - 4
    assert per_account < 8 * 1.5 + 4 * 4


@given(st.lists(st.integers(1, 300), max_size=200), st.integers(1, 7))
def test_an_index_gives_each_key_one_slot_for_ever(keys: list[int], size: int) -> None:
    index = Index(expected=1)
    given_out: dict[int, int] = {}

    for first in range(0, len(keys), size):
        some = keys[first : first + size]
        for key, slot in zip(some, index.slots(np.array(some, np.uint64)).tolist(), strict=True):
            assert given_out.setdefault(key, slot) == slot

    assert sorted(given_out.values()) == list(range(len(given_out)))
    assert index.known(np.array([301], np.uint64)).tolist() == [-1]


def test_of_new_pairs_few_pass_for_known_and_known_ones_all_do() -> None:
    made = Seen(1 << 20)
    rng = np.random.default_rng(3)
    pairs = rng.integers(1, 2**63, made.pairs_max).astype(np.uint64)
    first = [seen.meet(made.newer, made.older, pair) for pair in pairs]
    fresh = rng.integers(1, 2**63, 5_000).astype(np.uint64)

    assert all(seen.meet(made.newer, made.older, pair) == 1 for pair in pairs[:2_000])
    assert np.count_nonzero(first) / len(first) < 0.01
    assert sum(seen.meet(made.newer.copy(), made.older, pair) == 1 for pair in fresh[:500]) / 500 < 0.04


def test_a_pair_outlives_one_turn_of_the_filters() -> None:
    made = Seen(1 << 10)
    seen.meet(made.newer, made.older, np.uint64(77))
    made.pairs = made.pairs_max
    made.turn()

    assert seen.meet(made.newer, made.older, np.uint64(77)) == 2
    assert seen.meet(made.newer, made.older, np.uint64(77)) == 1


def test_who_takes_from_the_catalogue_outweighs_everybody_who_listens() -> None:
    made = town(people=300, days=4)
    add_scrapers(made)
    counted = watch()
    for batch in made.batches():
        counted.observe(batch)
    bucket_of, shares = calibration.bucket_edges(counted.heard[: counted.tracks.count])
    learning = watch(Rules(bucket_of, Rules.none().ratios, Rules.none().thresholds))
    for batch in made.batches():
        learning.observe(batch)
    ratios = calibration.estimated_ratios(learning.records[: learning.accounts.count], shares)
    judging = watch(Rules(bucket_of, ratios, Rules.none().thresholds))
    for batch in made.batches():
        judging.observe(batch)

    kinds = np.array([made.truth[int(key)] for key in judging.accounts.keys[: judging.accounts.count]])
    evidence = judging.records["w"][: len(kinds)].max(1)

    assert evidence[kinds != "person"].min() > np.quantile(evidence[kinds == "person"], 0.99)
