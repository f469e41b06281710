"""A harvest: acknowledged batch by batch, counted so that it adds up, gone on with where it was cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import publishing
import pytest
from publishing import song

import worlds
from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.campaigns import gathering
from lockgroove.errors import Refused, UsageError
from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, Known, ListenCount, Terms
from lockgroove.report import Silence

FREE = Terms(None, None, "client", None)


class Scripted:
    """A source that gives the batches that it is told to, and may fail in between."""

    name = "scripted"
    terms = FREE

    def __init__(self, *batches: Batch | BaseException) -> None:
        self._batches = batches

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        for batch in self._batches:
            if isinstance(batch, BaseException):
                raise batch
            yield batch


def claim(key: str, stamp: str = "1") -> Claim:
    return Claim("file", "shelf-1", key, stamp, {}, {"role": "sound", "deposit": ".", "size_bytes": 1})


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Archive]:
    with archive.init(str(tmp_path / "a")) as opened:
        yield opened


def withdrawn(home: Archive) -> list[str]:
    records = [r for part in home.store.parts() for r in home.store.read(part)]
    return [r["key"].partition("\0")[2] for r in records if r["kind"] == "withdrawn"]


def test_what_was_acknowledged_before_a_cut_stays_and_nothing_is_withdrawn(home: Archive) -> None:
    whole = Scripted(Batch([claim("a"), claim("b")]))
    gathering.run(home.rooms, whole, "shelf-1", Silence())

    with pytest.raises(KeyboardInterrupt):
        gathering.run(home.rooms, Scripted(Batch([claim("c")]), KeyboardInterrupt()), "shelf-1", Silence())

    assert withdrawn(home) == []
    keys = {r["key"] for part in home.store.parts() for r in home.store.read(part)}
    assert keys == {"a", "b", "c"}


def test_after_a_full_harvest_what_was_not_seen_is_withdrawn_once(home: Archive) -> None:
    gathering.run(home.rooms, Scripted(Batch([claim("a"), claim("b")])), "shelf-1", Silence())

    second = gathering.run(home.rooms, Scripted(Batch(unchanged=["file\0a"])), "shelf-1", Silence())
    third = gathering.run(home.rooms, Scripted(Batch(unchanged=["file\0a"])), "shelf-1", Silence())

    assert (second.unchanged, second.withdrawn, third.withdrawn) == (1, 1, 0)
    assert withdrawn(home) == ["b"]


@pytest.mark.parametrize("code", ["unreadable", "changed-while-read"])
def test_a_shelf_that_could_not_be_read_whole_withdraws_nothing(home: Archive, code: str) -> None:
    gathering.run(home.rooms, Scripted(Batch([claim("a"), claim("b")])), "shelf-1", Silence())

    done = gathering.run(home.rooms, Scripted(Batch(findings=[Finding(code, "b")])), "shelf-1", Silence())

    assert (done.withdrawn, withdrawn(home)) == (0, [])


def test_stamps_come_back_from_claims(home: Archive, tmp_path: Path) -> None:
    gathering.run(home.rooms, Scripted(Batch([claim("a"), claim("b")])), "shelf-1", Silence())
    gathering.run(home.rooms, Scripted(Batch([claim("a", "2")])), "shelf-1", Silence())
    home.close()
    for name in ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"):
        (tmp_path / "a" / name).unlink(missing_ok=True)

    with Archive(str(tmp_path / "a")) as again:
        done = gathering.run(again.rooms, Scripted(Batch(unchanged=["file\0a"])), "shelf-1", Silence())

    assert (done.withdrawn, done.claims) == (0, 0)


def test_a_newer_file_of_listens_replaces_the_older(tmp_path: Path, home: Archive) -> None:
    plays = tmp_path / "plays.csv"
    for text in ("artist,title,plays\nA,Song,7\nA,Gone,2\n", "artist,title,plays\nA,Song,5\n"):
        plays.write_text(text)
        home.gather_listens(str(plays), Silence())

    reader = home.reader(Silence())
    heard = {row["title"]: row["listens"] for row in reader.select("SELECT * FROM recordings")}
    reader.close()
    assert heard["Song"] == 5
    assert heard.get("Gone", 0) == 0


def test_listens_that_come_in_several_batches_are_all_counted(home: Archive) -> None:
    def heard(key: str) -> Batch:
        said = Claim("listened", "listens-1", key, "1", {}, {"title": key, "artist": "A"})
        return Batch([said], listens=[ListenCount(key, "2026-01", 3, 2, 2, 1)])

    gathering.run(home.rooms, Scripted(heard("one"), heard("two")), "listens-1", Silence())

    reader = home.reader(Silence())
    assert [row["listens"] for row in reader.select("SELECT * FROM recordings")] == [2, 2]
    reader.close()


def test_a_second_gather_opens_only_what_has_changed(home: Archive, tmp_path: Path) -> None:
    folder = publishing.open_shelf(tmp_path / "shelf", 2)
    first = home.gather_folder(folder, None, False, Silence())
    before = worlds.tree_below(tmp_path / "a", "claims")

    second = home.gather_folder(folder, None, False, Silence())

    assert (second.claims, second.withdrawn, second.unchanged) == (0, 0, first.claims)
    assert worlds.tree_below(tmp_path / "a", "claims") == before
    Path(folder, "Album 0", "01 song.flac").write_bytes(song(title="Anew"))
    assert home.gather_folder(folder, None, False, Silence()).claims == 1


def test_a_source_without_terms_cannot_be_enabled_and_an_unknown_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Point:
        name = "odd"

        @staticmethod
        def load() -> type:
            return type("Odd", (), {"name": "odd"})

    monkeypatch.setattr(gathering, "entry_points", lambda group: [Point])

    with pytest.raises(Refused, match="no terms"):
        gathering.source_class("odd")
    with pytest.raises(UsageError, match="There are: odd"):
        gathering.source_class("folder")


@pytest.mark.parametrize("where", [".", "inner", ".."])
def test_a_shelf_and_the_archive_may_not_lie_in_each_other(home: Archive, where: str) -> None:
    path = os.path.join(home.root, where)
    os.makedirs(path, exist_ok=True)

    with pytest.raises(UsageError, match="lie in each other"):
        home.gather_folder(path, None, False, Silence())


def test_a_shelf_keeps_its_name_and_another_path_gets_another(home: Archive, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        publishing.shelf(folder, {"A/01.flac": song(title="A")})

    names = [
        home.gather_folder(str(p), None, False, Silence()).source
        for p in (one, two, one, tmp_path / "x/../one")
    ]

    assert names[0] == names[2] == names[3] != names[1]
