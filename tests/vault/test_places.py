"""Places are full copies that trail the journal: never ahead, never damaged by us, never of two histories."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import crash
import pytest
from judge import faults

import worlds
from lockgroove import archive, durable, journal
from lockgroove.archive import Archive
from lockgroove.errors import DamageFound, LockgrooveError, StorageFailed, Unavailable, UsageError
from lockgroove.journal import Journal
from lockgroove.report import Silence
from lockgroove.storage import LocalStorage
from lockgroove.vault import catch_up, places, restore

PARTS = ("vault", "claims", "journal")


def truth(root: Path) -> dict[str, bytes]:
    return {path: data for part in PARTS for path, data in worlds.tree_below(root, part).items()}


def brought(world: worlds.World) -> places.CaughtUp:
    """Bring the place up, without the archive's own ways."""
    with world.open() as opened:
        place = LocalStorage(str(world.place), "place")
        return catch_up(opened.storage, opened.journal, place, Silence())


def more(world: worlds.World, number: int = 1) -> None:
    """Gather and keep something new while the place is away."""
    shelf = str(world.root / f"more{number}")
    worlds.fill(shelf, {f"New {number}/{n}.wav".encode(): worlds.wav(100 * number + n) for n in range(3)})
    away(world)
    with world.open() as opened:
        opened.gather_folder(shelf, None, False, Silence())
        opened.keep(Silence())
    back(world)


def away(world: worlds.World) -> None:
    if world.place.exists():
        world.place.rename(world.root / "unplugged")


def back(world: worlds.World) -> None:
    if (world.root / "unplugged").exists():
        (world.root / "unplugged").rename(world.place)


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def behind_once(kept_once: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> worlds.World:
    """An archive that went on while its place was away."""
    world = worlds.copied(kept_once, tmp_path_factory.mktemp("behind"))
    more(world, 1)
    away(world)
    with world.open() as opened:
        opened.index.catch_up()
    back(world)
    return world


@pytest.fixture
def behind(behind_once: worlds.World, tmp_path: Path) -> worlds.World:
    return worlds.copied(behind_once, tmp_path)


def test_a_place_holds_what_the_archive_holds(kept) -> None:
    brought(kept)

    assert truth(kept.place) == truth(kept.home)
    assert faults(str(kept.place / "vault")) == []
    assert not any(kept.place.glob("staging/batch-*"))


def test_nothing_secret_is_brought(kept) -> None:
    assert {path.name for path in kept.place.iterdir()} <= {*PARTS, "staging", places.DECLARATION}


def test_a_place_that_was_away_catches_up(behind) -> None:
    before = truth(behind.place)

    done = brought(behind)

    assert done.objects == 1
    assert len(before) < len(truth(behind.place))
    assert truth(behind.place) == truth(behind.home)


def test_catching_up_twice_changes_nothing(behind) -> None:
    brought(behind)
    before = truth(behind.place)

    done = brought(behind)

    assert (done.objects, done.events) == (0, 0)
    assert truth(behind.place) == before


def test_an_absent_place_is_unavailable(behind) -> None:
    away(behind)

    with pytest.raises(Unavailable):
        brought(behind)


def test_keep_goes_on_without_a_place_and_says_so(behind) -> None:
    away(behind)

    with behind.open() as opened:
        _, caught_up = opened.keep(Silence())

    assert caught_up == {"place": None}


# cut


def require_trailing(world: worlds.World) -> None:
    """Every event in the place's journal is one of ours, and all that it speaks of is there and whole."""
    wrong = [fault for fault in faults(str(world.place / "vault")) if not fault.endswith("is empty")]
    assert wrong == []
    ours = [event for event, _ in Journal(f"{world.home}/journal", "").events()]
    theirs = [event for event, _ in Journal(f"{world.place}/journal", "").events()]
    assert theirs == ours[: len(theirs)]
    for event in theirs:
        for subject in event.subjects.get("objects", []) if event.type == "kept" else ():
            raw = (world.place / "vault" / subject["path"] / "inventory.json").read_bytes()
            assert hashlib.sha512(raw).hexdigest() == subject["inventory_sha512"]
        if event.type == "claims-added":
            s = event.subjects
            raw = (world.place / "claims" / s["pack"]).read_bytes()[s["offset"] :][: s["length"]]
            assert hashlib.sha256(raw).hexdigest() == s["sha256"]


def bring(world: worlds.World) -> Callable[[], None]:
    """Two events at a time, so that there are many steps; the archive is not opened."""

    def work() -> None:
        places._EVENTS_AT_ONCE = 2
        here, place = LocalStorage(str(world.home), "here"), LocalStorage(str(world.place), "place")
        catch_up(here, Journal(f"{world.home}/journal", ""), place, Silence())

    return work


def test_catching_up_killed_at_every_step_goes_on(behind_once, tmp_path) -> None:
    """SIGKILL after each rename, flush and write there; what is there is sound, and the rest follows."""
    cases = killed_everywhere(behind_once, tmp_path, fresh=False, whens=("after",))

    assert cases > 20


@pytest.mark.campaign
def test_filling_a_new_place_killed_at_every_step_goes_on(behind_once, tmp_path) -> None:
    cases = killed_everywhere(behind_once, tmp_path, fresh=True, whens=("before", "after"))

    assert cases > 150


def killed_everywhere(once: worlds.World, folder: Path, fresh: bool, whens: tuple[str, ...]) -> int:
    counting = stage(once, folder / "counting", fresh)
    counts = crash.counted(bring(counting), folder)
    cases = 0
    for point in crash.POINTS:
        for number in range(1, counts.get(f"{point[0].__name__}.{point[1]}", 0) + 1):
            for when in whens:
                world = stage(once, folder / "killed", fresh)
                assert crash.killed_at(point, number, when, bring(world))
                require_trailing(world)
                assert crash.in_child(bring(world)) == 0
                assert truth(world.place) == truth(world.home)
                assert os.listdir(world.place / "staging") == []
                shutil.rmtree(world.root)
                cases += 1
    return cases


def stage(once: worlds.World, folder: Path, fresh: bool) -> worlds.World:
    world = worlds.copied(once, make(folder))
    if fresh:
        shutil.rmtree(world.place)
        world.place.mkdir()
        places.found(LocalStorage(str(world.place), "place"), archive.config.load(str(world.home)).archive_id)
    return world


@pytest.mark.parametrize("name", ["rename_new", "sync_tree", "replace_file", "write_all", "sync_file"])
def test_a_place_whose_disk_refuses_is_left_sound(behind_once, tmp_path, monkeypatch, name) -> None:
    for number in range(1, 60):
        world = worlds.copied(behind_once, make(tmp_path / f"{number}"))
        calls: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(durable, name, failing(getattr(durable, name), number, calls))
            failed = refused(bring(world))
        require_trailing(world)

        bring(world)()

        assert truth(world.place) == truth(world.home)
        if len(calls) < number:
            break
        assert failed
    assert 1 < number < 59


def failing(real: Callable, number: int, calls: list[int]) -> Callable:
    def call(*args: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == number:
            raise OSError(5, "refused")
        return real(*args, **options)

    return call


def refused(work: Callable[[], None]) -> bool:
    try:
        work()
    except StorageFailed:
        return True
    return False


def test_a_place_that_was_cut_at_the_start_of_a_segment_goes_on(tmp_path, monkeypatch) -> None:
    """Killed after the new segment was made and before its first line: it is empty, and not the beginning."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES_MAX", 900)
    world = worlds.kept(tmp_path, {b"A/1.wav": worlds.wav(1)})
    brought(world)
    segments = worlds.files_below(world.place, "journal")
    assert len(segments) > 2
    (world.place / segments[-1]).write_bytes(b"")

    brought(world)

    assert truth(world.place) == truth(world.home)


def test_a_torn_line_at_a_place_is_written_anew(behind) -> None:
    (path,) = worlds.files_below(behind.place, "journal")
    with (behind.place / path).open("ab") as file:
        file.write(b'{"agent":"torn')

    brought(behind)

    assert truth(behind.place) == truth(behind.home)


# another history


def unchanged_by(world: worlds.World, work: Callable[[], object]) -> None:
    """It is refused as damage, and the place is as it was."""
    before = truth(world.place)
    with pytest.raises(DamageFound):
        work()
    assert truth(world.place) == before


def test_a_place_of_another_archive_is_not_touched(kept, tmp_path) -> None:
    other = worlds.kept(make(tmp_path / "other"), {b"A/1.wav": worlds.wav(1)})
    shutil.rmtree(kept.place)
    shutil.copytree(other.place, kept.place)

    unchanged_by(kept, lambda: brought(kept))
    with pytest.raises(UsageError, match="another archive"), kept.open() as opened:
        opened.add_place(str(other.place), "second", Silence())


def test_a_place_that_is_ahead_is_not_touched(behind, tmp_path) -> None:
    """The archive was brought back from an older copy: the place knows more than it."""
    brought(behind)
    old = worlds.copied(behind, make(tmp_path / "old"))
    more(behind, 2)
    brought(behind)
    shutil.rmtree(old.place)
    shutil.copytree(behind.place, old.place)

    unchanged_by(old, bring(old))


def test_a_history_that_parted_is_not_joined(behind, tmp_path) -> None:
    """Rolled back, then gone on until it is longer than the place again."""
    old = worlds.copied(behind, make(tmp_path / "old"))
    more(behind, 2)
    brought(behind)
    away(old)
    with old.open() as opened:
        for budget in range(40):
            opened.plan(budget, Silence()) if budget < 1 else opened.journal.append(
                "planned", {"budget_bytes": budget}
            )
    back(old)
    shutil.rmtree(old.place)
    shutil.copytree(behind.place, old.place)

    unchanged_by(old, bring(old))


def test_a_history_that_parted_in_a_long_line_is_told_apart(tmp_path) -> None:
    """Two lines of one length whose last 4 KiB are the same: only their digests tell them apart."""
    subjects = [{"id": f"urn:{n}", "path": f"p/{n}"} for n in range(300)]
    world = worlds.World(tmp_path)
    for root, batch in ((world.home, "batch-0123456789abcdef"), (world.place, "batch-fedcba9876543210")):
        os.makedirs(root / "journal")
        made = Journal(f"{root}/journal", "w1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal, "now", lambda: "2026-01-01T00:00:00.000000Z")
            made.append("audited", {"batch": batch, "objects": subjects})
    (world.place / places.DECLARATION).write_text("arc-1\n")

    unchanged_by(world, bring(world))


def test_a_damaged_last_line_at_a_place_is_refused(behind) -> None:
    (path,) = worlds.files_below(behind.place, "journal")
    raw = (behind.place / path).read_bytes()
    worlds.flip(behind.place / path, len(raw) - 30)

    unchanged_by(behind, lambda: brought(behind))


# damage does not spread


def object_files(world: worlds.World) -> list[str]:
    """The files of the object that the place lacks."""
    return sorted(set(world.files("vault")) - set(worlds.files_below(world.place, "vault")))


@pytest.mark.parametrize("harm", ["flip", "delete", "truncate", "append", "folder"])
def test_damage_here_is_never_copied(behind_once, tmp_path, harm) -> None:
    """Content and deposit.json are refused; what follows from their meaning is written anew, sound."""
    good = truth(behind_once.home)
    for number, path in enumerate(object_files(behind_once)):
        world = worlds.copied(behind_once, make(tmp_path / f"{number}"))
        harmed(world.home / path, harm)
        refusal = caught(bring(world))
        assert (refusal is not None) == ("/v1/content/" in path)
        assert refusal is None or path in refusal.where
        brought_over = worlds.tree_below(world.place, "vault")
        assert all(good[p] == data for p, data in brought_over.items())
        require_trailing(world)


def caught(work: Callable[[], None]) -> DamageFound | None:
    try:
        work()
    except DamageFound as refusal:
        return refusal
    return None


def harmed(path: Path, harm: str) -> None:
    if harm == "flip":
        worlds.flip(path)
    elif harm == "truncate":
        path.write_bytes(path.read_bytes()[:-1])
    elif harm == "append":
        path.write_bytes(path.read_bytes() + b"x")
    else:
        path.unlink()
        if harm == "folder":
            path.mkdir()


def test_when_both_inventories_are_damaged_nothing_is_copied(behind) -> None:
    for path in object_files(behind):
        if path.endswith("inventory.json"):
            worlds.flip(behind.home / path)

    with pytest.raises(DamageFound):
        bring(behind)()

    require_trailing(behind)


def test_foreign_files_in_an_object_are_not_copied(behind) -> None:
    (base,) = {p.partition("/v1/")[0] for p in object_files(behind) if "/v1/" in p}
    (behind.home / base / "v1/content/stray").write_bytes(b"stray")

    bring(behind)()

    assert not (behind.place / base / "v1/content/stray").exists()
    assert faults(str(behind.place / "vault")) == []


@pytest.mark.parametrize("harm", ["flip", "delete", "truncate"])
def test_damaged_claims_are_never_copied(behind, harm) -> None:
    with behind.open() as opened:
        path, offset, *_ = opened.index.claim_parts()[-1]
    worlds.flip(behind.home / path, offset + 10) if harm == "flip" else harmed(behind.home / path, harm)
    before = worlds.tree_below(behind.place, "claims")

    with pytest.raises(DamageFound):
        bring(behind)()

    assert worlds.tree_below(behind.place, "claims") == before
    require_trailing(behind)


# back from a place


def test_restore_brings_back_everything(kept, tmp_path) -> None:
    brought(kept)
    with kept.open() as opened:
        held = [h for batch in opened.index.held_batches() for h in batch]
        identifier = opened.config.archive_id
    before = truth(kept.place)

    restored = worlds.World(tmp_path / "new")
    with archive.restore(str(restored.home), str(kept.place), Silence()) as opened:
        assert [h for batch in opened.index.held_batches() for h in batch] == held
        assert opened.config.archive_id == identifier
        assert opened.audit(Silence()).damaged is False
    for part in ("vault", "claims"):
        assert worlds.tree_below(restored.home, part) == worlds.tree_below(kept.place, part)
    assert {path: data for path, data in truth(restored.home).items() if path in before} == before


def test_a_restored_archive_goes_on_and_its_place_follows(kept, tmp_path) -> None:
    restored = worlds.World(make(tmp_path / "new"))
    archive.restore(str(restored.home), str(kept.place), Silence()).close()

    shelf = str(restored.root / "shelf")
    worlds.fill(shelf, {b"New/1.wav": worlds.wav(77)})
    with Archive(str(restored.home)) as opened:
        opened.gather_folder(shelf, None, False, Silence())
        result, caught_up = opened.keep(Silence())
    with Archive(str(restored.home)) as opened:
        findings = opened.audit(Silence()).findings

    assert result.objects == 1
    assert list(caught_up.values()) != [None]
    assert findings == []
    assert truth(kept.place).keys() >= set(restored.files("vault"))


def test_restore_refuses_what_is_no_place_or_not_empty(kept, tmp_path) -> None:
    with pytest.raises(UsageError):
        archive.restore(str(tmp_path / "new"), str(kept.home), Silence())
    with pytest.raises(UsageError, match="not empty"):
        archive.restore(str(kept.home), str(kept.place), Silence())


def test_one_rotten_file_does_not_stop_a_restore(kept_once, tmp_path) -> None:
    """It may be the last copy of all the rest: everything comes, and the damage is told."""
    for number, path in enumerate(
        p for p in kept_once.files("vault") if "/urn" in p and (kept_once.place / p).stat().st_size
    ):
        place = make(tmp_path / f"{number}") / "place"
        shutil.copytree(kept_once.place, place)
        worlds.flip(place / path)
        target, report = LocalStorage(str(tmp_path / f"{number}" / "new"), "here"), Silence()

        restore(LocalStorage(str(place), "place"), target, report)

        told = [f.where for f in report.findings]
        differing = {p for p, data in truth(Path(target.root)).items() if truth(kept_once.place)[p] != data}
        assert truth(Path(target.root)).keys() == truth(kept_once.place).keys()
        assert differing <= {path}
        assert told == [f"place:{p}" for p in differing]


def test_a_restore_from_a_place_that_lost_files_brings_the_rest(kept, tmp_path) -> None:
    gone = [p for p in worlds.files_below(kept.place, "vault") if p.endswith((" One.wav", "empty.txt"))]
    for path in gone:
        (kept.place / path).unlink()
    target, report = LocalStorage(str(tmp_path / "new"), "here"), Silence()

    restore(LocalStorage(str(kept.place), "place"), target, report)

    assert sorted(f.where for f in report.findings) == sorted(f"place:{path}" for path in gone)
    assert truth(kept.place).keys() == truth(Path(target.root)).keys()


# making a place


def test_a_place_is_made_in_an_empty_folder_alone(kept, tmp_path) -> None:
    full = make(tmp_path / "full")
    (full / "mine").write_bytes(b"mine")

    with kept.open() as opened, pytest.raises(UsageError, match="not empty"):
        opened.add_place(str(full), None, Silence())

    assert os.listdir(full) == ["mine"]


def test_a_place_that_fills_up_says_so_and_goes_on_when_there_is_room(kept, small_disk: Path) -> None:
    (small_disk / "place").mkdir()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((2 << 20) - 60_000))
    place = LocalStorage(str(small_disk / "place"), "small")
    places.found(place, archive.config.load(str(kept.home)).archive_id)
    here, made = LocalStorage(str(kept.home), "here"), Journal(f"{kept.home}/journal", "")

    with pytest.raises(StorageFailed) as failed:
        catch_up(here, made, place, Silence())
    ballast.unlink()
    catch_up(here, made, place, Silence())

    assert "Free some space" in failed.value.advice
    assert truth(Path(place.root)) == truth(kept.home)


def test_our_errors_are_never_the_systems(behind, monkeypatch) -> None:
    """Whatever a source disk refuses while reading, it is told as damage here, not as a full place."""
    real = durable.chunks_of

    def rotten(path: str, *args: object, **options: object):
        if path.endswith("0.wav"):
            raise OSError(5, "Input/output error")
        return real(path, *args, **options)

    monkeypatch.setattr(durable, "chunks_of", rotten)

    with pytest.raises(LockgrooveError) as failed:
        bring(behind)()

    assert isinstance(failed.value, DamageFound)
    assert failed.value.where.endswith("0.wav")
