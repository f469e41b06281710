"""The event log: whole blocks, cut ends, sealed segments, forgetting."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lockgroove.guard.eventlog import EventLog, Position, in_lots
from lockgroove.guard.events import empty


def some(first: int, count: int, account: int = 5) -> np.ndarray:
    rows = empty(count)
    rows["ts_ms"] = 1_700_000_000_000 + first + np.arange(count)
    rows["track"] = first + np.arange(count) + 1
    rows["account"] = account
    return rows


def tracks(log: EventLog, start: Position = Position()) -> list[int]:  # noqa: B008  it is frozen
    return [int(track) for rows, _ in log.since(start) for track in rows["track"]]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"{tmp_path}/events"


def test_what_was_appended_is_read_again_from_any_position(folder: str) -> None:
    log = EventLog(folder)
    log.append(some(0, 10))
    middle = log.end
    log.append(some(10, 5))

    assert tracks(log) == list(range(1, 16))
    assert tracks(EventLog(folder), middle) == list(range(11, 16))


def test_an_end_cut_at_any_byte_loses_that_block_alone(folder: str, tmp_path: Path) -> None:
    log = EventLog(folder)
    log.append(some(0, 3))
    whole = log.end.offset
    log.append(some(3, 2))
    path = next(Path(folder).iterdir())
    data = path.read_bytes()

    for length in range(whole, len(data), 7):
        path.write_bytes(data[:length])
        again = EventLog(folder)
        assert again.end == Position(1, whole)
        again.append(some(3, 1))
        assert tracks(again) == [1, 2, 3, 4]


def test_a_flipped_bit_costs_its_block_and_is_counted(folder: str) -> None:
    log = EventLog(folder)
    for first in (0, 2, 4):
        log.append(some(first, 2))
    path = next(Path(folder).iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    again = EventLog(folder)

    assert tracks(again) == [1, 2, 5, 6]
    assert again.damaged > 0


def test_sealed_segments_tell_the_same(folder: str) -> None:
    log = EventLog(folder)
    log.append(some(0, 100))
    log.turn()
    log.append(some(100, 10))
    before = np.concatenate([rows for rows, _ in log.since(Position())])

    sealed = log.seal(log.end)

    assert sealed == 1
    assert [path.suffix for path in sorted(Path(folder).iterdir())] == [".parquet", ".events"]
    after = np.concatenate([rows for rows, _ in EventLog(folder).since(Position())])
    assert (before == after).all()


def test_what_is_old_is_removed_and_one_account_can_be_taken_out(folder: str) -> None:
    log = EventLog(folder)
    log.append(some(0, 10))
    log.turn()
    log.append(np.concatenate([some(100, 5), some(200, 5, account=6)]))
    log.turn()
    log.seal(log.end)

    assert log.forget(1_700_000_000_050) == 1
    assert tracks(log) == [*range(101, 106), *range(201, 206)]
    assert log.erase(6) == 5
    assert tracks(log) == [*range(101, 106)]
    assert list(log.of_account(6)) == []


def test_a_write_that_fails_midway_leaves_nothing(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(folder)
    log.append(some(0, 3))
    real = os.write

    def short(descriptor: int, data: bytes) -> int:
        if len(data) > 600:
            return real(descriptor, data[:600])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(OSError, match="No space"):
            log.append(some(3, 5))
    log.append(some(3, 2))

    assert tracks(log) == [1, 2, 3, 4, 5]
    assert tracks(EventLog(folder)) == [1, 2, 3, 4, 5]


def test_many_small_arrays_become_few() -> None:
    lots = list(in_lots((some(first, 3) for first in range(0, 30, 3)), 8))

    assert [len(rows) for rows in lots] == [9, 9, 9, 3]
    assert np.concatenate(lots)["track"].tolist() == list(range(1, 31))
    assert list(in_lots([], 8)) == []
