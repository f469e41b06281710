"""Audit and repair when more is broken than bytes: the index, the repair itself, the journal, the place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from caring import (
    HARMS,
    append,
    audited,
    every_file,
    flip_one_bit,
    make,
    more,
    named,
    quarantine,
    repaired,
    require_mended,
    truth,
)

import worlds
from lockgroove import archive, durable, journal
from lockgroove.campaigns.care import CareResult, repair_everywhere
from lockgroove.errors import StorageFailed
from lockgroove.report import Silence
from lockgroove.storage import LocalStorage
from lockgroove.vault import HeldIndex
from lockgroove.vault.audit import Expected, Stretch
from lockgroove.vault.repair import repair

# the index is lost too


def test_damage_is_named_alone_also_when_the_index_was_lost(kept_once, tmp_path) -> None:
    """deposit.json damaged and state.sqlite gone: its object's inventory still tells what it holds."""
    files = [p for p in kept_once.files() if p.endswith(("deposit.json", "inventory.json"))]
    for number, path in enumerate(files):
        world = worlds.copied(kept_once, make(tmp_path / f"{number}"))
        before = truth(world.home)
        worlds.flip(world.home / path)
        for state in world.home.glob("state.sqlite*"):
            state.unlink()

        care = audited(world)
        held_after = repaired_and_held(world)

        assert [f.where for f in care.findings] == [path]
        assert held_after == repaired_and_held(worlds.copied(kept_once, make(tmp_path / f"{number}-sound")))
        require_mended(world, before)


def repaired_and_held(world: worlds.World) -> set[tuple[str, str]]:
    repaired(world)
    with world.open() as opened:
        return {(h.key, h.sha512) for batch in opened.index.held_batches() for h in batch}


def test_a_deposit_mended_by_a_later_run_is_read_then(kept) -> None:
    """The process that met the damage may not be the one that mends it."""
    (path, *_) = [p for p in kept.files() if p.endswith("deposit.json")]
    with kept.open() as opened:
        held = opened.index.totals(), len([h for b in opened.index.held_batches() for h in b])
    good = (kept.home / path).read_bytes()
    worlds.flip(kept.home / path)
    for state in kept.home.glob("state.sqlite*"):
        state.unlink()
    kept.open().close()
    (kept.home / path).write_bytes(good)

    with kept.open() as opened:
        opened.index.catch_up()
        assert (opened.index.totals(), len([h for b in opened.index.held_batches() for h in b])) == held


# a repair that is cut

STEPS = ("rename_new", "sync_tree", "replace_file", "append_durably")


@pytest.mark.parametrize("at", ["here", "place"])
@pytest.mark.parametrize("step", STEPS)
def test_a_repair_that_fails_at_any_step_is_ended_by_the_next(
    kept_once, tmp_path, monkeypatch, step, at
) -> None:
    for number in range(1, 30):
        world = worlds.copied(kept_once, make(tmp_path / f"{number}"))
        before = truth(world.home)
        root = world.home if at == "here" else world.place
        for path in world.files()[3:6]:
            flip_one_bit(root / path)
        calls: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(durable, step, failing(getattr(durable, step), number, calls))
            failed = raises(lambda w=world: repaired(w))
        mended = repaired(world)

        assert mended.unmended == []
        require_mended(world, before)
        if len(calls) < number:
            break
        assert failed
    assert 1 < number < 29


def failing(real: Callable, number: int, calls: list[int]) -> Callable:
    def call(*args: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return real(*args, **options)

    return call


def raises(work: Callable[[], object]) -> bool:
    try:
        work()
    except KeyboardInterrupt:
        return True
    return False


def test_a_cut_repair_does_not_stand_in_the_way_of_keep(kept, monkeypatch) -> None:
    worlds.flip(kept.home / kept.files()[5])
    with monkeypatch.context() as patch:
        patch.setattr(durable, "rename_new", failing(durable.rename_new, 2, []))
        assert raises(lambda: repaired(kept))

    with kept.open() as opened:
        opened.gather_folder(more(kept), None, False, Silence())
        opened.keep(Silence())

    assert audited(kept).findings == []


class Flaky(LocalStorage):
    """A donor whose disk gives other bytes at the second reading."""

    readings = 0

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        for chunk in super().read(path, offset, length):
            yield chunk if self.readings == 0 else bytes(len(chunk))
        type(self).readings += 1


def test_what_a_donor_gives_is_verified_before_it_replaces_anything(tmp_path) -> None:
    home, donor = LocalStorage(f"{tmp_path}/home", "home"), Flaky(f"{tmp_path}/donor", "donor")
    home.append("vault/a", 0, [b"rotten"])
    donor.append("vault/a", 0, [b"sound!"])
    os.mkdir(f"{tmp_path}/journal")
    digest = hashlib.sha256(b"sound!").hexdigest()
    expected = Expected("vault/a", "file-damaged", (Stretch(0, 6, "sha256", digest),))

    with pytest.raises(StorageFailed, match="reads wrong"):
        repair(home, "", [expected], [donor], journal.Journal(f"{tmp_path}/journal", "w1"), Silence())

    assert b"".join(home.read("vault/a")) == b"rotten"


# journals


def test_a_damaged_journal_is_mended_from_a_place(kept) -> None:
    """And the events that the place has not seen yet are kept."""
    audited(kept)
    (path,) = kept.files("journal")
    before = (kept.home / path).read_bytes()
    worlds.flip(kept.home / path, 300)

    care = audited(kept)
    again = repaired(kept)

    assert named(care) == [path]
    assert again.mended == [path]
    assert (kept.home / path).read_bytes().startswith(before)
    assert quarantine(kept) == []
    assert audited(kept).findings == []


def repaired_by_hand(world: worlds.World) -> CareResult:
    """Without opening the archive, which asks for the journal's last line."""
    here, place = LocalStorage(str(world.home), "here"), LocalStorage(str(world.place), "place")
    made = journal.Journal(f"{world.home}/journal", archive.config.load(str(world.home)).writer)
    with contextlib.closing(sqlite3.connect(world.home / "state.sqlite")) as state:
        index = HeldIndex(state, made, lambda path: b"".join(here.read(path)))
        return repair_everywhere(here, {"place": place}, index, made, Silence())


def test_every_line_of_a_journal_can_be_mended(kept_once, tmp_path) -> None:
    (path,) = kept_once.files("journal")
    copy = (kept_once.place / path).read_bytes()
    starts = [0, *(n + 1 for n, byte in enumerate(copy[:-1]) if byte == 10)]
    for number, start in enumerate(starts):
        for root in ("home", "place"):
            world = worlds.copied(kept_once, make(tmp_path / f"{number}{root}"))
            target = getattr(world, root) / path
            before = target.read_bytes()
            worlds.flip(target, start + 20)

            care = repaired_by_hand(world)

            assert len(care.mended) == 1
            assert not care.damaged
            assert target.read_bytes().startswith(before)
            assert audited(world).findings == []


def test_nothing_is_acknowledged_behind_a_damaged_line(kept) -> None:
    """Not even that the damage was found: the next line's digest would vouch for the flipped one."""
    (path,) = kept.files("journal")
    raw = (kept.home / path).read_bytes()
    last = raw[:-1].rfind(b"\n") + 1
    (kept.home / path).write_bytes(raw[: last + 30] + bytes([raw[last + 30] ^ 1]) + raw[last + 31 :])
    with kept.open() as opened:
        opened.remove_place("place")
    hurt = (kept.home / path).read_bytes()

    care, again = audited(kept), repaired(kept)

    assert named(care) == named(again) == [path]
    assert [f.code for f in again.unmended] == ["unrepairable"]
    assert (kept.home / path).read_bytes() == hurt


def test_a_journal_that_lost_lines_gets_them_back(kept) -> None:
    (path,) = kept.files("journal")
    lines = (kept.home / path).read_bytes().splitlines(keepends=True)
    (kept.home / path).write_bytes(b"".join(lines[:-2]))

    care = repaired(kept)

    assert named(care) == [path, f"place:{path}"] or named(care)[0] == path
    assert (kept.home / path).read_bytes().startswith((kept.place / path).read_bytes())
    assert audited(kept).findings == []


def test_two_histories_are_never_made_one(kept, tmp_path) -> None:
    """The archive was rolled back and went on; the place has what happened before: both must stay."""
    old = worlds.copied(kept, make(tmp_path / "old"))
    with kept.open() as opened:
        opened.gather_folder(more(kept), None, False, Silence())
        opened.keep(Silence())
    shutil.rmtree(old.place)
    shutil.copytree(kept.place, old.place, symlinks=True)
    with old.open() as opened:
        opened.plan(12345, Silence())
        opened.plan(23456, Silence())
        opened.plan(34567, Silence())
    (path,) = old.files("journal")
    both = [(root / path).read_bytes() for root in (old.home, old.place)]

    care = repaired(old)

    assert f"place:{path}" in named(care)
    assert [f.where for f in care.unmended][:1] == [f"place:{path}"]
    assert (old.place / path).read_bytes() == both[1]
    assert (old.home / path).read_bytes().startswith(both[0])


# places that do not answer, or are behind


def test_an_absent_place_is_a_warning(kept) -> None:
    shutil.move(kept.place, kept.root / "unplugged")

    care = audited(kept)

    assert [(f.code, f.where) for f in care.findings] == [("place-absent", "place")]
    assert not care.damaged


def test_an_empty_mount_point_is_an_absent_place_and_is_not_filled(kept) -> None:
    shutil.move(kept.place, kept.root / "unplugged")
    kept.place.mkdir()

    care = repaired(kept)

    assert [f.code for f in care.findings] == ["place-absent"]
    assert list(kept.place.iterdir()) == []


def test_a_place_that_is_behind_is_not_called_damaged(kept) -> None:
    """What it was not brought yet is not missing there; what it has is still checked."""
    with kept.open() as opened:
        opened.remove_place("place")
        opened.gather_folder(more(kept), None, False, Silence())
        opened.keep(Silence())
        archive.config.add_place(str(kept.home), archive.config.PlaceConfig("place", str(kept.place)))
    path = next(p for p in worlds.files_below(kept.place, "vault") if p.endswith("01 One.wav"))

    with kept.open() as opened:
        behind = opened.audit(Silence())
        opened.index.catch_up()
        newest = list(opened.index.objects())[-1]
        read_at = [row[0] for row in opened.index.last_checked(newest.id)]
        worlds.flip(kept.place / path)
        hurt = opened.audit(Silence())

    assert [(f.code, f.where) for f in behind.findings] == [("place-behind", "place")]
    assert not behind.damaged
    assert read_at == ["here"]
    assert named(hurt) == [f"place:{path}"]


def test_audits_alone_do_not_put_a_place_behind(kept) -> None:
    for _ in range(3):
        assert audited(kept).findings == []


def test_an_object_that_was_read_is_known_to_have_been(kept) -> None:
    audited(kept)

    with kept.open() as opened:
        for held in opened.index.objects():
            assert [(place, findings) for place, _, findings in opened.index.last_checked(held.id)] == [
                ("here", 0), ("place", 0),
            ]  # fmt: skip


# many at once


def harmed_at_random(world: worlds.World, chance: random.Random) -> None:
    """A few harms anywhere, but never the same file on both sides."""
    for path in chance.sample(every_file(world), chance.randint(1, 8)):
        harm = chance.choice([h for h in HARMS if h is not append or not path.startswith("claims/")])
        harm(chance.choice([world.home, world.place]) / path)


def mended_at_random(once: worlds.World, folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = worlds.copied(once, make(folder / f"{seed}"))
    before = truth(world.home)
    harmed_at_random(world, chance)
    found = named(audited(world))

    care = repaired(world)

    assert care.unmended == [], f"seed {seed}"
    assert set(care.mended) >= set(found), f"seed {seed}"
    require_mended(world, before)
    shutil.rmtree(world.root)


def test_random_harms_on_both_sides_are_mended(kept_once, tmp_path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    for number in range(15):
        mended_at_random(kept_once, tmp_path, seed + number)


@pytest.mark.campaign
def test_many_random_harms_on_both_sides_are_mended(kept_once, tmp_path) -> None:
    for seed in range(500):
        mended_at_random(kept_once, tmp_path, seed)


@pytest.mark.campaign
def test_every_bit_of_a_small_vault_is_watched(kept_once, tmp_path) -> None:
    """A bit in every 37th byte of every file of vault and claims."""
    world = worlds.copied(kept_once, tmp_path)
    cases = 0
    for path in every_file(world):
        whole = (world.home / path).read_bytes()
        for offset in range(0, len(whole), 37):
            worlds.flip(world.home / path, offset, offset % 8)
            assert named(audited(world)) == [path], (path, offset)
            (world.home / path).write_bytes(whole)
            cases += 1
    assert cases > 400
