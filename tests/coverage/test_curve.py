"""The coverage curve: exact at every rank, whatever the order of the recordings."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.coverage.curve import Coverage, CurvePoint, measure_coverage
from lockgroove.engines import DuckDBEngine, Engine

SCHEMA = pa.schema([("listens", pa.int64()), ("held", pa.bool_())])
RECORDINGS = st.lists(st.tuples(st.sampled_from([0, 1, 2, 5, 1000, 1 << 40]), st.booleans()), max_size=40)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = DuckDBEngine.opened(str(tmp_path_factory.mktemp("engine")), 1 << 30)
    yield opened
    opened.close()


def measured(engine: Engine, recordings: list[tuple[int, bool]], points: int) -> Coverage:
    rows = [{"listens": listens, "held": held} for listens, held in recordings]
    table = engine.take("recordings", pa.Table.from_pylist(rows, SCHEMA))
    found = measure_coverage(engine, table, points)
    engine.drop("recordings")
    return found


@settings(max_examples=30)
@given(RECORDINGS, st.integers(2, 60))
def test_each_point_counts_the_most_heard_recordings(
    engine: Engine, recordings: list[tuple[int, bool]], points: int
) -> None:
    most_first = sorted((listens for listens, _ in recordings), reverse=True)

    found = measured(engine, recordings, points)

    assert found.curve[0] == CurvePoint(0, 0)
    assert found.curve[-1] == CurvePoint(len(recordings), sum(most_first))
    assert len(found.curve) == min(points, len(recordings) + 1)
    for point in found.curve:
        assert point.listens == sum(most_first[: point.recordings])


@settings(max_examples=15)
@given(RECORDINGS)
def test_what_is_held_is_counted_once(engine: Engine, recordings: list[tuple[int, bool]]) -> None:
    found = measured(engine, recordings, 5)

    assert found.recordings_held == sum(held for _, held in recordings)
    assert found.listens_held == sum(listens for listens, held in recordings if held)
    assert 0 <= found.share_held <= 1


def test_nothing_covers_nothing(engine: Engine) -> None:
    assert measured(engine, [], 10) == Coverage(0, 0, 0, 0, [CurvePoint(0, 0)])
    assert measured(engine, [(0, True)], 10).share_held == 0
