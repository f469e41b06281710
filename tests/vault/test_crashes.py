"""Whatever moment keeping is cut, the next run ends in the same vault, and nothing acknowledged is lost."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import crash
import pytest
from crash import POINTS, draft

import worlds
from lockgroove import archive, durable
from lockgroove.errors import StorageFailed
from lockgroove.findings import Finding
from lockgroove.keep import keep
from lockgroove.report import Silence
from lockgroove.vault import Committer, ObjectDraft, commit

RANDOM_KILLS = 10
RANDOM_KILLS_CAMPAIGN = 120
SEED = int(os.environ.get("LOCKGROOVE_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module")
def undisturbed(empty_once: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The vault when nothing went wrong."""
    world = worlds.copied(empty_once, tmp_path_factory.mktemp("undisturbed"))
    assert crash.in_child(crash.keeping(world)) == 0
    crash.require_done(world, world.tree())
    return world.tree()


def test_a_run_killed_at_many_steps_goes_on_to_the_same_vault(empty_once, undisturbed, tmp_path) -> None:
    """SIGKILL before and after renames, flushes and writes, each in its own copy; then a second run."""
    cases = kill_everywhere(empty_once, undisturbed, tmp_path, calls_max=4, second_kill=False)

    assert cases > 60


@pytest.mark.campaign
def test_a_run_killed_at_every_step_goes_on_to_the_same_vault(empty_once, undisturbed, tmp_path) -> None:
    cases = kill_everywhere(empty_once, undisturbed, tmp_path, calls_max=1000, second_kill=False)

    assert cases > 200


@pytest.mark.campaign
def test_a_run_killed_at_many_steps_and_again_while_it_recovers(empty_once, undisturbed, tmp_path) -> None:
    cases = kill_everywhere(empty_once, undisturbed, tmp_path, calls_max=6, second_kill=True)

    assert cases > 500


def kill_everywhere(
    once: worlds.World, vault: dict[str, bytes], folder: Path, calls_max: int, second_kill: bool
) -> int:
    counting = worlds.copied(once, make(folder / "counting"))
    counts = crash.counted(crash.keeping(counting), folder)
    cases = 0
    for point, number, when in steps(counts, calls_max):
        world = worlds.copied(once, make(folder / "killed"))
        killed = crash.killed_at(point, number, when, crash.keeping(world))
        crash.require_sound(world.home)
        cases += killed_again(world, vault, folder) if second_kill else killed
        assert crash.in_child(crash.keeping(world)) == 0
        crash.require_done(world, vault)
        shutil.rmtree(folder / "killed")
    return cases


def killed_again(world: worlds.World, vault: dict[str, bytes], folder: Path) -> int:
    cases = 0
    for point in POINTS:
        for number in range(1, 4):
            again = worlds.copied(world, make(folder / "again"))
            if crash.killed_at(point, number, "after", crash.keeping(again)):
                cases += 1
                crash.require_sound(again.home)
                assert crash.in_child(crash.keeping(again)) == 0
                crash.require_done(again, vault)
            shutil.rmtree(folder / "again")
    return cases


def steps(counts: dict[str, int], calls_max: int) -> Iterator[tuple[crash.Point, int, str]]:
    """Every call of every point, or so many of them at random, the first and the last always."""
    chance = random.Random(SEED)
    for point in POINTS:
        count = counts.get(f"{point[0].__name__}.{point[1]}", 0)
        numbers = (
            {1, count} | set(chance.sample(range(1, count + 1), min(count, calls_max))) if count else set()
        )
        for number in sorted(numbers):
            for when in ("before", "after"):
                yield point, number, when


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "a bad sector"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()]
)
@pytest.mark.parametrize(
    "name", ["rename_new", "sync_tree", "append_durably", "replace_file", "write_all", "sync_file"]
)
def test_a_call_that_fails_loses_nothing_and_the_next_run_ends_well(
    empty_once, undisturbed, tmp_path, monkeypatch, name, error
) -> None:
    """Each call in turn raises, in this process: what keep does about it must not make it worse."""
    monkeypatch.setattr(commit, "BATCH_OBJECTS_MAX", 2)
    for number in range(1, 100):
        world = worlds.copied(empty_once, make(tmp_path / f"{number}"))
        calls: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(durable, name, raising(getattr(durable, name), number, error, calls))
            outcome = caught(crash.keeping(world))
        crash.require_sound(world.home)

        crash.keep_all(str(world.home))

        crash.require_done(world, undisturbed)
        if len(calls) < number:
            break
        assert isinstance(outcome, StorageFailed | KeyboardInterrupt), outcome
    assert 1 < number < 99


def raising(real: Callable, number: int, error: BaseException, calls: list[int]) -> Callable:
    def call(*args, **options):
        calls.append(1)
        if len(calls) == number:
            raise error
        return real(*args, **options)

    return call


def caught(work: Callable[[], None]) -> BaseException | None:
    try:
        work()
    except BaseException as error:
        return error
    return None


@pytest.fixture(scope="module")
def keeper() -> Iterator[Callable[[worlds.World, float | None], float | None]]:
    """Runs keep and kills it when it takes longer: the seconds it took, or None."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("keeper.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def run(world: worlds.World, seconds_max: float | None = None) -> float | None:
            process.stdin.write(f"{world.home}\0{seconds_max or 300}\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
            return None if answer == "killed" else float(answer)

        yield run
        process.stdin.close()


def random_kills(keeper: Callable, once: worlds.World, folder: Path, count: int) -> None:
    """The whole verb, catalogue and all, killed some times and then let go on to its end."""
    chance = random.Random(SEED)
    undisturbed = worlds.copied(once, make(folder / "undisturbed"))
    seconds = keeper(undisturbed)
    kills = 0
    while kills < count:
        world = worlds.copied(once, make(folder / f"{kills}"))
        before = kills
        while kills < min(count, before + 4) and keeper(world, chance.uniform(0, seconds)) is None:
            kills += 1
            crash.require_sound(world.home)
        assert keeper(world) is not None
        assert world.tree() == undisturbed.tree(), f"seed {SEED}"
        with world.open() as opened:
            assert opened.audit(Silence()).findings == [], f"seed {SEED}"
        shutil.rmtree(world.root)


def test_keep_killed_at_random_moments_ends_in_the_same_vault(keeper, gathered_once, tmp_path) -> None:
    random_kills(keeper, gathered_once, tmp_path, RANDOM_KILLS)


@pytest.mark.campaign
def test_keep_killed_at_many_random_moments_ends_in_the_same_vault(keeper, gathered_once, tmp_path) -> None:
    random_kills(keeper, gathered_once, tmp_path, RANDOM_KILLS_CAMPAIGN)


def test_a_full_disk_leaves_what_is_acknowledged_and_an_archive_that_goes_on(small_disk: Path) -> None:
    """A real disk of 2 MB: keep until it refuses, look, free some space, keep on."""
    world = worlds.World(small_disk)
    archive.init(str(world.home)).close()
    (small_disk / "ballast").write_bytes(bytes(600_000))
    noise = random.Random(1).randbytes
    files = {f"{n}": noise(40_000) for n in range(30)}
    drafts = [draft(f"D{name}", {b"sound": data}) for name, data in files.items()]

    with pytest.raises(StorageFailed) as failed:
        kept_singly(world, drafts)
    acknowledged = crash.require_sound(world.home)
    audited = caught(lambda: audit_findings(world))
    (small_disk / "ballast").unlink()
    lost = caught(lambda: kept_singly(world, drafts[: acknowledged + 2]))

    assert "Free some space" in failed.value.advice
    assert 5 < acknowledged < 30
    assert audited is None or isinstance(audited, StorageFailed)
    assert lost is None
    assert crash.require_sound(world.home) >= acknowledged + 2
    assert audit_findings(world) == []


def kept_singly(world: worlds.World, drafts: list[ObjectDraft]) -> None:
    """Each object in a batch of its own."""
    with world.open() as opened:
        committer = Committer(opened.storage, opened.journal, opened.index, Silence())
        rest = (
            d for d in drafts if opened.index.version("shelf-1", d.files[0].key, d.files[0].stamp) is None
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(commit, "BATCH_OBJECTS_MAX", 1)
            keep(rest, committer, committer.recover(), 0, Silence())


def audit_findings(world: worlds.World) -> list[Finding]:
    with world.open() as opened:
        return opened.audit(Silence()).findings
