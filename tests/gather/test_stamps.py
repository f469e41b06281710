"""Stamps: what is held is told from digests, whatever was lost, merged or gone on with in between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.catalogue.claims import Harvest
from lockgroove.gather import Stamps, stampfiles, stamps
from lockgroove.gather.digests import GONE, key_digests, of_kinds, stamp_digests
from lockgroove.gather.stampfiles import merge, newest, pairs
from lockgroove.model import Claim

KINDS = ("artist", "deposit", "file", "label", "listened", "recording", "release", "release-group", "shelf")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Archive]:
    with archive.init(str(tmp_path / "a")) as opened:
        yield opened


class Book:
    """Harvests of one source, one after the other; each takes in its claims as gather does."""

    def __init__(self, home: Archive) -> None:
        self.home = home
        self.number = 0

    def opened(self) -> Stamps:
        return Stamps(self.home.store, "s")

    def harvest(self, held: Mapping[str, str], gone: tuple[str, ...] = ()) -> None:
        self.number += 1
        harvest = Harvest("s", "s/1", f"h-{self.number:06}", "now")
        here = self.opened()
        claims = [Claim("recording", "s", key, stamp, {}, {}) for key, stamp in held.items()]
        claims += [Claim("withdrawn", "s", f"recording\0{key}", "", {}, {}) for key in gone]
        here.saw([c for c in claims if c.kind != "withdrawn"], ())
        here.forget([f"recording\0{key}" for key in gone])
        self.home.store.add(harvest, claims)
        here.took(self.home.store.parts()[-1] if claims else None)
        here.mark()

    def held(self, asked: Mapping[str, str]) -> set[str]:
        """Which of the keys have just these stamps."""
        found = self.opened().stamps([f"recording\0{key}" for key in asked])
        return {key for key, stamp in asked.items() if found.get(f"recording\0{key}") == stamp}


@pytest.fixture
def book(home: Archive) -> Book:
    return Book(home)


def lose(home: Archive, what: str) -> None:
    folder = Path(home.root, stamps.FOLDER)
    match what:
        case "all":
            shutil.rmtree(folder)
        case "head":
            next(folder.glob("*/head.json")).write_text("{")
        case "log":
            next(folder.glob("*/g*/log")).write_bytes(b"short")
        case "keys":
            next(folder.glob("*/g*/keys")).write_bytes(b"")
        case "more":
            with next(folder.glob("*/g*/log")).open("ab") as file:
                file.write(b"torn")


@pytest.mark.parametrize("merging", [False, True])
@pytest.mark.parametrize("lost", ["nothing", "all", "head", "log", "more", "keys"])
def test_what_is_held_comes_back_whatever_is_lost(
    book: Book, home: Archive, lost: str, merging: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if merging:
        monkeypatch.setattr(stamps, "LOG_PAIRS_MAX", 2)
    elif lost == "keys":
        pytest.skip("without a merge there are none")
    book.harvest({"a": "1", "b": "1", "c": "1"})
    book.harvest({"b": "2", "d": "1"}, gone=("a",))
    book.opened().mark()
    book.harvest({"e": "1"})

    lose(home, lost)

    assert book.held({"a": "1", "b": "2", "c": "1", "d": "1", "e": "1"}) == {"b", "c", "d", "e"}
    assert book.held({"b": "1", "x": "1"}) == set()


def test_a_withdrawn_key_may_come_back(book: Book) -> None:
    book.harvest({"a": "1"})
    book.harvest({}, gone=("a",))
    assert book.held({"a": "1"}) == set()

    book.harvest({"a": "1"})

    assert book.held({"a": "1"}) == {"a"}


def test_what_was_not_met_is_named_once_and_only_of_the_kinds_asked_for(book: Book, home: Archive) -> None:
    book.harvest({"a": "1", "b": "1", "c": "1"})
    book.harvest({"a": "2"})
    home.store.add(Harvest("s", "s/1", "h-5"), [Claim("artist", "s", "z", "1", {}, {})])
    here = book.opened()

    here.saw([], ["recording\0b"])

    recordings, artists = here.unseen(["recording"]), here.unseen(["artist"])
    assert [n for names in here.names(recordings, ["recording"], "h-9") for n in names] == [
        "recording\0a", "recording\0c",
    ]  # fmt: skip
    assert [n for names in here.names(artists, ["artist"], "h-9") for n in names] == ["artist\0z"]
    assert (here.held_of(["recording"]), here.held_of(["artist"]), here.held_of(None)) == (3, 1, 4)
    assert len(here.unseen(None)) == 3


def test_a_rehearsal_leaves_no_trace(book: Book, home: Archive) -> None:
    book.harvest({"a": "1", "b": "1"})
    before = {p: p.read_bytes() for p in Path(home.root, stamps.FOLDER).rglob("*") if p.is_file()}
    here = Stamps(home.store, "s", rehearsal=True)

    here.saw([Claim("recording", "s", "a", "2", {}, {})], [])
    here.took(None)

    assert len(here.unseen(None)) == 1
    assert {p: p.read_bytes() for p in Path(home.root, stamps.FOLDER).rglob("*") if p.is_file()} == before


def test_a_stamp_equals_the_text_that_it_was_made_of_and_nothing_else() -> None:
    stamp = stamps.Stamp(int(stamp_digests(["1-2"])[0]))

    assert stamp == "1-2"
    assert "1-2" == stamp  # noqa: SIM300
    assert stamp != "1-3"
    assert stamp != 12
    with pytest.raises(TypeError):
        hash(stamp)


def test_kinds_are_told_apart_by_their_digests() -> None:
    for kind in KINDS:
        digests = key_digests([f"{other}\0k" for other in KINDS])
        assert [KINDS[n] for n in np.flatnonzero(of_kinds(digests, [kind]))] == [kind]


def test_a_stamp_is_never_taken_for_gone() -> None:
    assert (stamp_digests([f"{n}" for n in range(1000)]) != GONE).all()


words = st.lists(st.tuples(st.integers(0, 2**64 - 1) | st.integers(0, 5), st.integers(0, 3)), max_size=60)


@settings(max_examples=60)
@given(words, words)
def test_a_merge_keeps_of_every_key_what_was_learned_last(
    tmp_path_factory: pytest.TempPathFactory, old: list[tuple[int, int]], log: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    held = (
        newest(*(np.array(column, dtype="<u8") for column in zip(*old, strict=True)))
        if old
        else newest(np.zeros(0, "<u8"), np.zeros(0, "<u8"))
    )
    (folder / "log").write_bytes(np.array(log, dtype="<u8").tobytes())

    count = merge(held, str(folder / "log"), len(log), str(folder / "new"))

    merged = stampfiles.mapped(str(folder / "new"), count)
    expected = {key: stamp for key, stamp in sorted((dict(old) | dict(log)).items()) if stamp != GONE}
    assert dict(zip(merged.keys.tolist(), merged.stamps.tolist(), strict=True)) == expected
    assert merged.keys.tolist() == list(expected)
    assert sorted(p.name for p in (folder / "new").iterdir()) == ["keys", "stamps"]
    assert merged.find(np.array([k for k, _ in log] + [77], dtype="<u8")).tolist()[-1] in (-1, *range(count))


def test_pairs_are_read_from_anywhere(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(np.arange(20, dtype="<u8").tobytes())

    keys, marks = pairs(str(log), 3, 5)

    assert (keys.tolist(), marks.tolist()) == ([6, 8], [7, 9])
