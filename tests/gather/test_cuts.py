"""A harvest that is killed goes on where it was, and ends with the very claims that it would have had."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cutting
import pyarrow.parquet as pq
import pytest
from cutting import Dump, current, forked, gather, records

from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.errors import LockgrooveError
from lockgroove.gather import harvest, identity_of

OLD = {f"k{n:02}": "1" for n in range(24)}
# of two dozen six are gone, six have changed, and nine are new
NEW = {f"k{n:02}": "2" if n % 4 == 1 else "1" for n in range(24) if n % 4} | {f"n{n}": "1" for n in range(9)}

CUT_EVERY = 60  # calls; the campaign cuts at every single one


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("begun") / "a"
    with archive.init(str(root)) as home:
        gather(home, Dump(OLD))
    return root


@pytest.fixture
def root(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "a")
    return tmp_path / "a"


@pytest.fixture
def home(root: Path) -> Iterator[Archive]:
    with Archive(str(root)) as opened:
        yield opened


def gathered(root: Path, heard: bool = False) -> None:
    with Archive(str(root)) as home:
        gather(home, Dump(NEW, heard))


def calls_of(root: Path, heard: bool = False) -> int:
    calls = forked(lambda: gathered(root, heard))
    assert calls is not None
    return calls


def check(root: Path) -> None:
    with Archive(str(root)) as home:
        assert current(home) == {("recording", key): stamp for key, stamp in NEW.items()}
        brought = records(home)[len(OLD) :]
        assert max(Counter((r["kind"], r["key"], r["stamp"]) for r in brought).values()) == 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "first" in metafunc.fixturenames:
        metafunc.parametrize("first", range(0, CUT_EVERY, 10))


def test_wherever_it_is_killed_the_same_command_ends_as_if_it_had_not_been(
    root: Path, tmp_path: Path, first: int
) -> None:
    """Killed at some call, then again a few calls later, then left alone."""
    shutil.copytree(root, tmp_path / "counted")
    calls = calls_of(tmp_path / "counted")

    for kill_at in range(first, calls, CUT_EVERY):
        shutil.copytree(root, tmp_path / f"cut{kill_at}")
        cut = tmp_path / f"cut{kill_at}"
        assert forked(lambda cut=cut: gathered(cut), kill_at) is None  # type: ignore[misc]
        forked(lambda cut=cut: gathered(cut), 7 + kill_at % 30)  # type: ignore[misc]
        gathered(cut)

        check(cut)


@pytest.mark.campaign
def test_at_every_single_call(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "counted")
    for kill_at in range(calls_of(tmp_path / "counted")):
        cut = tmp_path / "cut"
        shutil.copytree(root, cut)
        assert forked(lambda: gathered(tmp_path / "cut"), kill_at) is None
        gathered(cut)

        check(cut)
        shutil.rmtree(cut)


@pytest.mark.parametrize("kill_at", [5, 60, 130, 200])
def test_listens_of_a_dump_that_was_cut_count_once(root: Path, tmp_path: Path, kill_at: int) -> None:
    assert forked(lambda: gathered(root, heard=True), kill_at) is None

    gathered(root, heard=True)

    with Archive(str(root)) as home:
        parts = home.store.listens()
        counted = [s for p in parts for s in pq.read_table(root / p.path)["subject"].to_pylist()]
    assert sorted(counted) == sorted(NEW)


@pytest.mark.parametrize("kill_at", [40, 150])
def test_without_its_state_it_begins_again_and_ends_alike(root: Path, kill_at: int) -> None:
    assert forked(lambda: gathered(root), kill_at) is None
    for path in root.glob("state.sqlite*"):
        path.unlink()
    if kill_at > 100:
        shutil.rmtree(root / "cache")

    gathered(root)

    check(root)


class Cut(Dump):
    """A dump that fails before its last batches."""

    def batches(self, since, known):  # type: ignore[no-untyped-def]
        for number, batch in enumerate(super().batches(since, known)):
            if number == 4:
                raise KeyboardInterrupt
            yield batch


def cut(home: Archive, monkeypatch: pytest.MonkeyPatch, identity: str = "one") -> None:
    monkeypatch.setattr(harvest, "PART_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        gather(home, Cut(NEW), identity=identity)


def test_it_goes_on_under_the_same_name_and_counts_everything_once(
    home: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(home, monkeypatch)
    dump = Dump(NEW)

    done = gather(home, dump)

    assert dump.began_at == ["12"]
    assert (done.went_on, done.read, done.claims, done.unchanged, done.withdrawn) == (True, 27, 15, 12, 6)
    assert len({r["harvest"] for r in records(home)}) == 2
    assert not gather(home, Dump(NEW)).went_on


def test_other_files_begin_anew(home: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(home, monkeypatch, identity="before")
    dump = Dump(NEW)

    done = gather(home, dump, identity="after")

    assert dump.began_at == [None]
    assert (done.claims + done.unchanged, done.withdrawn) == (27, 6)


def test_what_waited_is_safe_when_the_source_fails(home: Archive) -> None:
    with pytest.raises(KeyboardInterrupt):
        gather(home, Cut(NEW))

    assert len(records(home)) > len(OLD)


def test_a_piece_of_a_dump_withdraws_nothing_unless_it_is_said_to_be_whole(home: Archive) -> None:
    piece = dict(list(OLD.items())[:3])

    spared = gather(home, Dump(piece))
    delta = gather(home, Dump(piece), full=False)
    full = gather(home, Dump(piece), full=True)

    assert (spared.withdrawn, spared.spared) == (0, 21)
    assert (delta.withdrawn, delta.spared) == (0, 0)
    assert (full.withdrawn, full.spared) == (21, 0)
    assert len(current(home)) == 3


def test_a_dump_of_which_records_were_refused_withdraws_nothing(home: Archive) -> None:
    done = gather(home, Dump(NEW, refused=1), full=True)

    assert (done.withdrawn, done.refused, done.read) == (0, 1, 28)


def test_kinds_that_were_not_in_the_dump_stay(home: Archive) -> None:
    class Artists(Dump):
        def batches(self, since, known):  # type: ignore[no-untyped-def]
            for _ in super().batches(since, known):
                self.counts[0].kinds = {"artist"}
                yield cutting.Batch(unchanged=["artist\0a"] * 3)

    assert gather(home, Artists(OLD), full=True).withdrawn == 0


def test_counts_that_do_not_add_up_are_an_error(home: Archive) -> None:
    class Losing(Dump):
        def batches(self, since, known):  # type: ignore[no-untyped-def]
            for batch in super().batches(since, known):
                self.counts[0].read += 1
                yield batch

    with pytest.raises(LockgrooveError, match="Of 36 records 27 were kept and 0 refused"):
        gather(home, Losing(NEW))


def test_a_dry_run_tells_what_would_come(home: Archive, root: Path) -> None:
    before = sorted(home.store.parts(), key=str)

    done = cutting.gathering.run(home.rooms, Dump(NEW), "dump", cutting.Silence(), dry_run=True)

    assert (done.claims, done.unchanged, done.withdrawn) == (15, 12, 6)
    assert sorted(home.store.parts(), key=str) == before
    assert gather(home, Dump(NEW)).withdrawn == 6


def test_a_harvest_is_bound_to_the_files_as_they_were(tmp_path: Path) -> None:
    path, other = tmp_path / "dump", tmp_path / "other"
    path.write_bytes(b"one")
    before = identity_of([bytes(path)], "dump/1")
    assert identity_of([bytes(path)], "dump/1") == before

    os.utime(path, ns=(1, 1))
    touched = identity_of([bytes(path)], "dump/1")
    other.write_bytes(b"one")
    os.utime(other, ns=(1, 1))
    os.replace(other, path)

    assert len({before, touched, identity_of([bytes(path)], "dump/1"), identity_of([bytes(path)], "x")}) == 4
