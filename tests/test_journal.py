"""The journal is one chain per writer, whatever is cut, flipped or written at once."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove import journal
from lockgroove.errors import DamageFound, FormatUnknown, StorageFailed
from lockgroove.journal import FIRST_PREV, Journal, Position, canonical, line_digest

TEXT = st.text(max_size=20) | st.binary(max_size=8).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
SUBJECTS = st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT, max_size=3), max_size=3)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Journal]:
    """Journals, each in a folder of its own: hypothesis runs a test many times."""

    def new(writer: str = "w1", events: int = 0) -> Journal:
        made = Journal(str(tmp_path_factory.mktemp("journal")), writer)
        for number in range(events):
            made.append("kept", {"number": number})
        return made

    return new


def folder_of(made: Journal) -> Path:
    return Path(made._folder)


def file_of(made: Journal, number: int = 1) -> Path:
    return folder_of(made) / f"{made.writer}-{number:06}.jsonl"


@given(st.lists(SUBJECTS, min_size=1, max_size=8))
def test_what_was_appended_is_read_back_as_one_numbered_chain(make, subjects) -> None:
    made = make()

    for one in subjects:
        made.append("kept", one, {"outcome": one})

    events = [event for event, _ in made.events()]
    assert [event.subjects for event in events] == subjects
    assert [event.n for event in events] == list(range(1, len(subjects) + 1))
    digests = [FIRST_PREV, *(line_digest(event.line()) for event in events)]
    assert [event.prev for event in events] == digests[:-1]
    assert made.check() == []


@given(TEXT)
def test_every_line_is_utf_8_and_ends_with_the_only_lf(make, text) -> None:
    made = make()

    made.append("shelf-named", {"path": text})

    raw = file_of(made).read_bytes()
    assert raw.decode("utf-8").count("\n") == 1
    assert made.head().subjects == {"path": text}


def test_canonical_json_does_not_escape_what_utf_8_can_hold() -> None:
    assert canonical({"b": 1, "a": "さくら \U0001f3b5"}) == '{"a":"さくら \U0001f3b5","b":1}'.encode()


@given(st.lists(st.integers(-5000, 5000), min_size=2, max_size=10))
def test_time_never_goes_backwards_though_the_clock_does(make, steps) -> None:
    made = make()
    moments = iter([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s) for s in steps])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "now", lambda: next(moments).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        for _ in steps:
            made.append("kept", {})

    times = [event.at for event, _ in made.events()]
    assert times == sorted(times)
    assert made.check() == []


@given(st.data())
def test_a_torn_last_line_was_never_acknowledged(make, data) -> None:
    """Cut anywhere in the last line: it is gone, the rest stands, and the next line follows the rest."""
    made = make(events=3)
    whole = file_of(made).read_bytes()
    start = whole[:-1].rfind(b"\n") + 1
    file_of(made).write_bytes(whole[: data.draw(st.integers(start, len(whole) - 1))])

    read = [event.n for event, _ in made.events()]
    made.append("kept", {"after": "the cut"})

    assert read == [1, 2]
    assert [event.n for event, _ in made.events()] == [1, 2, 3]
    assert made.head().subjects == {"after": "the cut"}
    assert made.check() == []


def test_a_torn_first_line_leaves_an_empty_journal(make) -> None:
    made = make()
    file_of(made).write_bytes(b'{"agent":"op')

    event = made.append("kept", {})

    assert (event.n, event.prev) == (1, FIRST_PREV)
    assert made.check() == []


def test_asking_for_the_head_cuts_nothing(make) -> None:
    """The line may be another process's, half written: cutting it would take an acknowledged event away."""
    made = make(events=2)
    with file_of(made).open("ab") as file:
        file.write(b'{"agent":"another pro')
    before = file_of(made).read_bytes()

    head = made.head()

    assert head.n == 2
    assert file_of(made).read_bytes() == before


def test_a_torn_line_is_told_as_a_note(make) -> None:
    made = make(events=2)
    with file_of(made).open("ab") as file:
        file.write(b"{torn")

    findings = made.check()

    assert [(f.code, f.severity) for f in findings] == [("journal-torn", "note")]


@given(st.data())
def test_a_flipped_bit_in_any_line_is_found_by_who_read_it_before(make, data) -> None:
    """The last line included: no line follows it, but a reader remembers where it ended."""
    made = make(events=4)
    known = {"w1": [position for _, position in made.events()][-1]}
    path = file_of(made)
    raw = bytearray(path.read_bytes())
    at, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    raw[at] ^= 1 << bit
    path.write_bytes(bytes(raw))

    findings = made.check(known)

    assert [f.code for f in findings if f.severity == "damage"] == ["journal-damaged"]
    assert {f.where for f in findings} == {"journal/w1-000001.jsonl"}


def test_every_bit_of_a_journal_is_watched(make) -> None:
    """Each of them, in a journal of three lines: none may rot unseen."""
    made = make(events=3)
    known = {"w1": [position for _, position in made.events()][-1]}
    path = file_of(made)
    whole = path.read_bytes()

    for place in range(len(whole) * 8):
        raw = bytearray(whole)
        raw[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(raw))
        assert any(f.code == "journal-damaged" for f in made.check(known)), place


def test_a_journal_that_lost_its_end_is_found_by_who_read_it(make) -> None:
    made = make(events=3)
    known = {"w1": [position for _, position in made.events()][-1]}
    whole = file_of(made).read_bytes()
    file_of(made).write_bytes(whole[: whole[:-1].rfind(b"\n") + 1])

    assert [f.code for f in made.check(known)] == ["journal-damaged"]
    assert made.check() == []  # the chain alone cannot tell


def test_a_journal_that_is_gone_is_found_by_who_read_it(make) -> None:
    made = make(events=3)
    known = {"w1": [position for _, position in made.events()][-1]}
    file_of(made).unlink()

    assert [f.code for f in made.check(known)] == ["journal-damaged"]


def test_a_line_taken_out_or_put_twice_breaks_the_chain(make) -> None:
    made = make(events=4)
    lines = file_of(made).read_bytes().splitlines(keepends=True)

    for broken in (lines[:1] + lines[2:], lines[:2] + lines[1:], [lines[1], lines[0], *lines[2:]]):
        file_of(made).write_bytes(b"".join(broken))
        assert [f.code for f in made.check()] == ["journal-damaged"]


def test_nothing_is_appended_behind_a_line_that_cannot_be_read(make) -> None:
    made = make(events=2)
    raw = file_of(made).read_bytes()
    file_of(made).write_bytes(raw[:-20] + b"\x00" + raw[-19:])

    with pytest.raises(DamageFound):
        made.append("kept", {})


def test_segments_roll_over_and_stay_one_chain(make, monkeypatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES_MAX", 600)
    made = make(events=20)

    segments = made.segments()

    assert len(segments) > 3
    assert segments == [f"w1-{n:06}.jsonl" for n in range(1, len(segments) + 1)]
    assert [event.n for event, _ in made.events()] == list(range(1, 21))
    assert made.check() == []
    assert all(file_of(made, n).stat().st_size >= 600 for n in range(1, len(segments)))


def test_a_segment_that_was_cut_at_its_beginning_goes_on(make, monkeypatch) -> None:
    """Killed between making the new file and its first line."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES_MAX", 1)
    made = make(events=2)
    file_of(made, 3).write_bytes(b"")

    event = made.append("kept", {})

    assert event.n == 3
    assert made.check() == []


def test_a_segment_that_is_missing_is_found(make, monkeypatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES_MAX", 1)
    made = make(events=4)
    file_of(made, 2).unlink()

    assert [f.code for f in made.check()] == ["journal-damaged"]


@given(st.data())
def test_events_after_a_position_are_the_rest(make, data) -> None:
    """From any position, over segments and writers, in the order of time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "SEGMENT_BYTES_MAX", data.draw(st.sampled_from([1, 500, 1 << 20])))
        first = make("w1")
        writers = [first, Journal(first._folder, "w2"), Journal(first._folder, "w3")]
        for number in data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=12)):
            writers[number].append("kept", {})
    whole = list(first.events())
    cut = data.draw(st.integers(0, len(whole)))
    positions = {event.writer: position for event, position in whole[:cut]}

    rest = list(first.events(positions))

    assert rest == whole[cut:]
    assert [(e.at, e.writer, e.n) for e, _ in whole] == sorted((e.at, e.writer, e.n) for e, _ in whole)


def test_a_position_is_where_the_line_ends(make) -> None:
    made = make(events=3)
    lines = file_of(made).read_bytes().splitlines(keepends=True)

    positions = [position for _, position in made.events()]

    expected = [
        Position("w1-000001.jsonl", sum(map(len, lines[:n])), n, line_digest(lines[n - 1])) for n in (1, 2, 3)
    ]
    assert positions == expected


@pytest.mark.parametrize("extra", [b"", b',"more":"of it"'])
def test_a_newer_version_is_refused_and_not_called_damage(make, extra) -> None:
    """Also when it has fields that this version does not know."""
    made = make(events=1)
    raw = file_of(made).read_bytes()
    file_of(made).write_bytes(re.sub(rb'"v":1', b'"v":2' + extra, raw))

    with pytest.raises(FormatUnknown):
        list(made.events())


def test_a_disk_that_refuses_is_told_as_our_error(make) -> None:
    """/dev/full takes nothing."""
    made = make()
    file_of(made).symlink_to("/dev/full")

    with pytest.raises(StorageFailed) as failed:
        made.append("kept", {})

    assert "Free some space" in failed.value.advice


def append_many(folder: str, writer: str, count: int) -> None:
    made = Journal(folder, writer)
    for number in range(count):
        made.append("kept", {"number": number, "process": os.getpid()})


@pytest.mark.parametrize("names", [("w1", "w1"), ("w1", "w2")])
def test_two_processes_at_once_keep_one_chain_a_writer(tmp_path, names) -> None:
    context = multiprocessing.get_context("forkserver")
    processes = [context.Process(target=append_many, args=(str(tmp_path), name, 40)) for name in names]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    made = Journal(str(tmp_path), "w1")
    assert [process.exitcode for process in processes] == [0, 0]
    assert made.check() == []
    assert len(list(made.events())) == 80
