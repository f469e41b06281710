"""Claims in packs: canonical lines whatever was given, parts of many batches, one record by its number."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.catalogue.claims import Harvest, Waiting, frameindex
from lockgroove.catalogue.claims.lines import encoded, liner, mark_of, record_of, verbatim
from lockgroove.catalogue.claims.listenparts import Spool
from lockgroove.catalogue.claims.packs import (
    FRAME_BYTES_MAX,
    Packing,
    frame_lengths,
    frame_lines,
    lines_of,
    pack_of,
)
from lockgroove.errors import DamageFound
from lockgroove.journal import canonical
from lockgroove.model import Claim, ListenCount

HARVEST = Harvest("musicbrainz", "musicbrainz/1", "h-1", "2026-01-01T00:00:00.000000Z")

text = st.text(st.characters(exclude_categories=()), max_size=12)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Archive]:
    with archive.init(str(tmp_path / "a")) as opened:
        yield opened


def claim(number: int, body: Any = None) -> Claim:
    return Claim("recording", "musicbrainz", f"k{number}", f"s{number}", body or {}, {"title": f"T {number}"})


@given(values)
def test_the_fast_encoder_says_it_in_the_very_words_of_canonical_json(value: Any) -> None:
    assert encoded(value) == canonical(value)


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, [1, float("-inf")]])
def test_what_is_no_number_is_refused_as_ever(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encoded(value)


@given(st.dictionaries(text, values, max_size=4), text, text, text)
def test_a_line_is_the_canonical_record(says: dict[str, Any], key: str, stamp: str, body: str) -> None:
    line = liner(HARVEST.id, HARVEST.at, HARVEST.reader)(
        Claim("recording", "musicbrainz", key, stamp, {"given": body}, says)
    )

    record = {
        "v": 1, "kind": "recording", "source": "musicbrainz", "key": key, "stamp": stamp, "harvest": "h-1",
        "at": HARVEST.at, "reader": HARVEST.reader, "body": {"given": body}, "says": says,
    }  # fmt: skip
    assert line == canonical(record) + b"\n"
    assert (mark_of(line).key, mark_of(line).stamp) == (key, stamp)


@pytest.mark.parametrize(
    "given_text",
    [
        b'{"b": 1.50,  "a":[1e400, -0, 0.0000001, 123456789012345678901234567890]}',
        b'{"half":"\\udc80","whole":"\\ud83d\\ude00","a":1,"a":2}',
        '"さくら"'.encode(),
        b"[" * 300 + b"]" * 300,
        b'{"body":{"key":"not the key"},"kind":"withdrawn"}',
    ],
)
def test_a_body_stands_to_the_byte_as_it_was_given(given_text: bytes) -> None:
    line = liner("h", "at", "r")(claim(1, msgspec.Raw(given_text)))

    assert b'"body":' + given_text + b',"harvest":' in line
    assert record_of(line)["key"] == mark_of(line).key == "k1"
    assert record_of(line)["body"] == json.loads(given_text)


def test_a_body_of_several_lines_stands_on_one() -> None:
    assert verbatim(b'{\r\n  "a": "x\\ny"\n}\n') == b'{    "a": "x\\ny" }'


@pytest.mark.parametrize(
    "broken", [b'{"a":', b'{"a":"\xff"}', b"NaN", b'{"a":"line\nbreak"}', b"[" * 100_000, b"1}{"]
)
def test_a_body_that_is_no_json_is_kept_as_text_and_breaks_no_line(broken: bytes) -> None:
    line = liner("h", "at", "r")(claim(1, msgspec.Raw(broken)))

    assert line.count(b"\n") == 1
    assert record_of(line)["body"]["text"].encode("utf-8", "surrogateescape") == broken
    assert mark_of(line).key == "k1"


@given(st.lists(st.integers(1, 3 * FRAME_BYTES_MAX // 2) | st.integers(1, 2000), min_size=1, max_size=8))
def test_frames_are_walked_without_unpacking_and_hold_whole_lines(sizes: list[int]) -> None:
    lines = [bytes([65 + number % 26]) * size + b"\n" for number, size in enumerate(sizes)]
    pack = pack_of(lines)

    lengths = frame_lengths(pack)

    assert sum(lengths) == len(pack)
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    frames = [frame_lines(pack[a : a + b]) for a, b in zip(starts, lengths, strict=True)]
    assert [line for frame in frames for line in frame] == lines == list(lines_of(pack))
    assert all(sum(map(len, frame)) <= FRAME_BYTES_MAX or len(frame) == 1 for frame in frames)


@pytest.mark.parametrize("cut", [1, 5, 17, 100])
def test_a_cut_frame_is_not_walked_over(cut: int) -> None:
    pack = pack_of([b"some text\n" * 30])

    with pytest.raises(ValueError, match=r"cut|no frame"):
        frame_lengths(pack[: min(cut, len(pack) - 1)])


def test_many_batches_become_one_part_and_one_event(home: Archive) -> None:
    waiting = Waiting(home.store, HARVEST)
    for number in range(50):
        waiting.add([claim(2 * number), claim(2 * number + 1)])

    part = waiting.acknowledge()

    assert part is not None
    assert [p for p in home.store.parts() if not p.is_listens] == [part]
    assert [record["key"] for record in home.store.read(part)] == [f"k{n}" for n in range(100)]
    assert waiting.acknowledge() is None
    assert [e.subjects["records"] for e, _ in home.journal.events() if e.type == "claims-added"] == [100]


def test_what_was_packed_elsewhere_comes_behind_what_waited(home: Archive) -> None:
    elsewhere = Packing()
    elsewhere.add(b'{"n":%d}\n' % n for n in range(3))
    elsewhere.finish()
    packing = Packing()
    packing.add([b'{"n":"first"}\n'])

    packing.extend(elsewhere)
    part = home.store.add_packing(Harvest("s", "r/1", "h"), packing)

    assert [record["n"] for record in home.store.read(part)] == ["first", 0, 1, 2]
    assert home.store.record(part, 2) == {"n": 1}
    assert packing.text_bytes == len(b"".join(home.store.lines(part)))
    assert list(home.journal.events())[-1][0].subjects["records"] == 4


@pytest.mark.parametrize("has_index", [True, False])
def test_one_record_is_read_by_its_number(home: Archive, has_index: bool) -> None:
    body = {"x": "some text that takes room " * 400}
    home.store.add(HARVEST, [claim(number, body) for number in range(500)])
    home.store.add(HARVEST, [claim(number) for number in range(500, 510)])
    first, second = home.store.parts()
    if not has_index:
        for index in Path(home.root, frameindex.FOLDER).iterdir():
            index.unlink()

    assert [home.store.record(first, n)["key"] for n in (0, 104, 105, 499)] == ["k0", "k104", "k105", "k499"]
    assert home.store.record(second, 9)["key"] == "k509"
    assert len(list(Path(home.root, frameindex.FOLDER).iterdir())) == 2
    for number in (-1, 500):
        with pytest.raises(IndexError):
            home.store.record(first, number)


def test_a_record_whose_frame_rotted_is_damage(home: Archive) -> None:
    home.store.add(HARVEST, [claim(1)])
    part = home.store.parts()[0]
    path = Path(home.root, part.path)
    rotten = bytearray(path.read_bytes())
    rotten[-6] ^= 1
    path.write_bytes(rotten)

    with pytest.raises(DamageFound):
        home.store.record(part, 0)
    with pytest.raises(DamageFound):
        list(home.store.lines(part))


def heard(home: Archive) -> int:
    return sum(
        sum(pq.read_table(Path(home.root, part.path))["listens"].to_pylist()) for part in home.store.listens()
    )


def test_listens_of_later_deltas_add_to_the_newest_that_replaced(home: Archive) -> None:
    """Before, between and behind: only what came after the newest full harvest, or with it, counts."""

    def listen(harvest: str, listens: int, adds: bool) -> None:
        count = ListenCount("k", "2026-01", 1, listens, listens, 1)
        home.store.add_listens(Harvest("lb", "lb/1", harvest), [count], "add" if adds else "replace")

    listen("h-0", 1, adds=True)
    assert heard(home) == 1
    listen("h-1", 10, adds=False)
    listen("h-2", 100, adds=True)
    assert heard(home) == 110
    listen("h-3", 1000, adds=False)
    listen("h-3", 10_000, adds=True)
    listen("h-4", 100_000, adds=True)

    assert heard(home) == 111_000
    modes = [e.subjects["mode"] for e, _ in home.journal.events() if e.type == "listens-added"]
    assert modes == ["add", "replace", "add", "replace", "add", "add"]


def test_counts_spool_into_files_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockgroove.catalogue.claims.listenparts.ROWS_AT_ONCE", 10)
    monkeypatch.setattr("lockgroove.catalogue.claims.listenparts.FILE_BYTES_MAX", 2000)
    spool = Spool(str(tmp_path / "spool"), "lb")
    for number in range(100):
        spool.add([ListenCount(f"k{number:03}", "", group, 2, 2, 1) for group in range(5)])
    assert len(spool) == 500

    files = [(pq.read_table(path), rows) for path, rows in spool.finished()]

    assert len(files) > 2
    assert sum(table.num_rows for table, _ in files) == sum(rows for _, rows in files) == 500
    assert [s for table, _ in files for s in table["subject"].to_pylist()] == [
        f"k{number:03}" for number in range(100) for _ in range(5)
    ]
    assert (len(spool), list((tmp_path / "spool").iterdir())) == (0, [])


def test_any_zstd_tool_reads_a_pack(home: Archive) -> None:
    home.store.add(HARVEST, [claim(1)])
    home.store.add(HARVEST, [claim(2)])

    data = Path(home.root, home.store.parts()[0].path).read_bytes()

    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    assert [json.loads(line)["key"] for line in reader.read().splitlines()] == ["k1", "k2"]


def test_a_part_is_full_by_its_bytes_or_by_its_text(home: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that packs well fills memory all the same."""
    monkeypatch.setattr("lockgroove.catalogue.claims.store.PART_TEXT_BYTES", 100_000)
    waiting = Waiting(home.store, HARVEST)

    waiting.add([claim(1, {"x": "a" * 50_000})])
    half_full = waiting.is_full
    waiting.add([claim(2, {"x": "a" * 60_000})])

    assert (half_full, waiting.is_full) == (False, True)
