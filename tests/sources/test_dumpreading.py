"""What all readers of dumps share: cursors, stamps, counts, repeated ids and capped findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from dumps_harness import packed_tar, put, read

from lockgroove.errors import UsageError
from lockgroove.sources.dumpreading import BATCH_BYTES_MAX, BATCH_RECORDS_MAX
from lockgroove.sources.musicbrainz import MusicBrainz
from lockgroove.testing.sources import Remembering


def mbid(number: int) -> str:
    return str(UUID(int=number + (1 << 100)))


def recording(number: int, **fields: Any) -> bytes:
    return (
        json.dumps({"id": mbid(number), "title": f"Song {number}", "video": False} | fields).encode() + b"\n"
    )


def test_a_cursor_goes_on_after_exactly_what_was_given(tmp_path: Path) -> None:
    one = put(tmp_path, "recording.1", b"".join(recording(n) for n in range(4500)))
    two = tarred(tmp_path, b"".join(recording(n) for n in range(5000, 7500)))
    whole = read(MusicBrainz([one, two]))

    for number, batch in enumerate(whole.batches):
        rest = read(MusicBrainz([one, two]), batch.cursor)

        before = [claim.key for b in whole.batches[: number + 1] for claim in b.claims]
        assert before + rest.keys == whole.keys


def test_a_cursor_of_other_files_begins_again(tmp_path: Path) -> None:
    one = put(tmp_path, "recording.1", recording(1))
    cursor = read(MusicBrainz([one])).batches[-1].cursor

    put(tmp_path, "recording.1", recording(1) + recording(2))

    assert read(MusicBrainz([one]), cursor).keys == [mbid(1), mbid(2)]


def test_only_what_changed_is_claimed_again(tmp_path: Path) -> None:
    path = put(tmp_path, "recording", b"".join(recording(n) for n in range(10)))
    known = Remembering()
    for batch in MusicBrainz([path]).batches(None, known):
        known.take(batch)
    path_again = put(
        tmp_path,
        "recording",
        b"".join(recording(n, **({"length": 5} if n == 7 else {})) for n in range(10)),
    )

    found = read(MusicBrainz([path_again]), known=known)

    assert found.keys == [mbid(7)]
    assert len(found.unchanged) == 9
    assert found.sums == (10, 10, 0)


@pytest.mark.parametrize("apart", [1, 2500])
def test_an_id_that_comes_twice_and_differs_is_told(apart: int, tmp_path: Path) -> None:
    records = [recording(n) for n in range(apart)] + [
        recording(0, length=9),
        recording(apart + 1),
        recording(0),
    ]

    found = read(MusicBrainz([put(tmp_path, "recording", b"".join(records))]))

    assert found.codes == {"record-repeated": 1}
    assert found.findings[0].where.startswith(f"recording record {apart + 1} ")
    assert found.sums == (apart + 3, apart + 3, 0)


def test_an_id_that_comes_twice_and_is_the_same_is_no_finding(tmp_path: Path) -> None:
    found = read(MusicBrainz([put(tmp_path, "recording", recording(1) * 3)]))

    assert not found.findings
    assert found.sums == (3, 3, 0)
    assert found.keys == [mbid(1)]


def tarred(folder: Path, data: bytes) -> bytes:
    return put(folder, "recording.tar.xz", packed_tar({"mbdump/recording": data}))


def test_findings_of_a_code_are_capped_and_counted(tmp_path: Path) -> None:
    found = read(MusicBrainz([put(tmp_path, "recording", b"{}\n" * 1500)]))

    assert found.codes == {"record-malformed": 1001}
    assert found.findings[-1].detail == "and 500 more, 1,500 in all"
    assert sum(finding.times for finding in found.findings) == 1500
    assert found.sums == (1500, 0, 1500)


def test_batches_are_bounded_in_records_and_bytes(tmp_path: Path) -> None:
    many = put(tmp_path, "recording.1", b"".join(recording(n) for n in range(5000)))
    large = put(
        tmp_path, "recording.2", b"".join(recording(n, comment="x" * 1_000_000) for n in range(6000, 6020))
    )

    batches = read(MusicBrainz([many, large])).batches

    for batch in batches:
        assert len(batch.claims) <= BATCH_RECORDS_MAX
        assert sum(len(bytes(claim.body)) for claim in batch.claims) < BATCH_BYTES_MAX + 1_000_100
    assert len(batches) >= 5


def test_counts_add_up_at_every_batch(tmp_path: Path) -> None:
    """A harvest that is cut remembers them with its cursor."""
    data = b"".join(b"{}\n" if n % 3 == 0 else recording(n) for n in range(5000))
    source = MusicBrainz([put(tmp_path, "recording", data)])

    for _ in source.batches(None, Remembering()):
        (count,) = source.counts
        assert count.read == count.kept + count.refused
    assert count.read == 5000


def test_a_file_that_cannot_be_opened_stops_before_anything_is_read(tmp_path: Path) -> None:
    there = put(tmp_path, "recording", recording(1))

    with pytest.raises(UsageError):
        next(iter(MusicBrainz([there, there + b".xz"]).batches(None, Remembering())))


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    source = MusicBrainz([tarred(tmp_path, recording(1)), put(tmp_path, "recording", recording(2))])

    read(source)

    assert source.dumps.bytes_read == source.dumps.bytes_total > 0


def test_a_file_that_goes_while_others_are_read_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    first = put(tmp_path, "recording.1", b"".join(recording(n) for n in range(3000)))
    gone = put(tmp_path, "recording.2", recording(4000))
    last = put(tmp_path, "recording.3", recording(5000))
    source = MusicBrainz([first, gone, last])
    batches = source.batches(None, Remembering())

    next(batches)
    (tmp_path / "recording.2").unlink()
    rest = list(batches)

    assert [f.code for batch in rest for f in batch.findings] == ["archive-damaged"]
    assert [claim.key for batch in rest for claim in batch.claims][-1] == mbid(5000)
    assert [count.broken for count in source.counts] == [False, True, False]
