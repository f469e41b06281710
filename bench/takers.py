"""Who takes from the catalogue in the guard's benchmark, and who only looks like it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from guarded import START_MS, TRACKS, Case, Scene

from lockgroove.guard import hot
from lockgroove.guard.events import Context, Kind, Scope
from lockgroove.guard.trial import (
    Habits,
    Played,
    followed,
    in_order,
    interrupted,
    listen,
    rotated,
    shared,
    shuffled,
    synced,
)

GROUP = 500
SHELF_ALBUMS = 300
_SYNC_DAY = 5


def adversaries(scene: Scene, days: int = 0) -> Iterator[Case]:
    """Who takes from the first day on."""
    days = days or scene.days
    world, rng = scene.world, np.random.default_rng([scene.seed, 4])
    like = Habits.of_people(GROUP, rng).but(radio=0)
    everything = np.arange(world.count)

    def case(name: str, salt: int, own_list: np.ndarray | None = None, **habits: float) -> Case:
        seed = scene.seed * 100 + salt
        return Case(name, GROUP, listen(world, like.but(**habits), days, seed, START_MS, own_list=own_list))

    yield Case("fast, in order, 20,000 a day", 1, in_order(world, 1, 20_000, days, START_MS))
    slow = in_order(world, 50, 60, days, START_MS)
    yield Case("slow, in order, 60 a day", 50, slow)
    yield Case("the same, a new network each time", 50, slow, changed=_new_networks)
    dealt = shuffled(everything, GROUP, 60, days, START_MS, rng)
    yield Case("shuffled partition, 60 a day", GROUP, dealt)
    dealt = shuffled(world.share_ranks(0.336), GROUP, 60, days, START_MS, rng)
    yield Case("the same of the top third", GROUP, dealt)
    yield case("popularity-weighted partition", 1, repeats=0, tail=0, avoids=1)
    yield case("human mimic, partition", 2, avoids=1)
    yield case("digger mimic, partition", 3, avoids=1, tail=0.35)
    yield case("digger mimic, alone", 4, tail=0.35)
    yield case("replay, a fifth replaced", 5, rng.permutation(everything), slice=0.2)
    yield case("mimic that avoids half", 6, avoids=0.5)


def aged(scene: Scene, days: int) -> Iterator[Case]:
    """Who listens as people do for so many days, and then takes."""
    rng = np.random.default_rng([scene.seed, 7, days])
    like, world, then = Habits.of_people(GROUP, rng), scene.world, START_MS + days * hot.DAY_MS
    before = listen(world, like, days, scene.seed * 100 + 20, START_MS)

    def after(salt: int, **habits: float) -> Played:
        return listen(world, like.but(radio=0, avoids=1, **habits), scene.days, scene.seed * 100 + salt, then)

    for name, taken in (
        ("60 a day, shared out", shuffled(np.arange(TRACKS), GROUP, 60, scene.days, then, rng)),
        ("popularity-weighted partition", after(21, repeats=0, tail=0)),
        ("digger mimic, partition", after(22, tail=0.35)),
    ):
        yield Case(f"{name}, after {days} days as a person", GROUP, followed(before, taken), days)


def rotating(scene: Scene, plays: int) -> Case:
    """Nobody's account: a network and a program stand for one, and a new one comes after so many plays."""
    rng = np.random.default_rng([scene.seed, 8])
    taken = rotated(shuffled(np.arange(TRACKS), 50, 600, 1, START_MS, rng), plays)
    name = f"without an account, a new network and program every {plays} plays"
    return Case(name, int(taken.account.max()) + 1, taken)


def traps(scene: Scene) -> Iterator[Case]:
    """Those who only look like it."""
    like = Habits.of_people(GROUP, np.random.default_rng([scene.seed, 5]))
    thorough = {"plays": 150.0, "repeats": 0.1, "albums": 0.92, "tail": 0.1}
    for salt, (name, habits) in enumerate(
        {
            "heavy listeners, 380 a day": {"plays": 380.0},
            "whole albums, 150 a day": thorough,
            "radio day and night": {"plays": 400.0, "radio": 1.0},
            "rare taste, alone": {"tail": 0.35},
        }.items()
    ):
        yield Case(name, GROUP, _listening(scene, like.but(**habits), 50 + salt))
    albums = _listening(scene, like.but(**thorough), 55)
    rng = np.random.default_rng([scene.seed, 9])
    yield Case("whole albums, every third play an earlier track", GROUP, interrupted(albums, 3, rng))
    yield from _households(scene, rng)
    yield from _syncs(scene, like, rng)


def _listening(scene: Scene, habits: Habits, salt: int) -> Played:
    return listen(scene.world, habits, scene.days, scene.seed * 100 + salt, START_MS)


def _households(scene: Scene, rng: np.random.Generator) -> Iterator[Case]:
    """Many behind one address or one account, and those who have just come."""
    people = Habits.of_people(4 * GROUP, rng)
    yield Case("families of four, an account each", GROUP, shared(_listening(scene, people, 60), 4))
    office = _listening(scene, people.part(0, 200), 61)
    yield Case("an office of 200 behind one address", 200, office, changed=_one_network)
    grant = shuffled(np.arange(TRACKS), 20, 5000, scene.days, START_MS, rng)
    yield Case("researchers with a grant, 5,000 a day", 20, grant, changed=_research)
    some = people.part(0, GROUP)
    first = listen(scene.world, some.but(repeats=0), 3, scene.seed * 100 + 62, START_MS)
    later = listen(scene.world, some, scene.days - 3, scene.seed * 100 + 63, START_MS + 3 * hot.DAY_MS)
    yield Case("new accounts, nothing twice for 3 days", GROUP, followed(first, later))


def _syncs(scene: Scene, like: Habits, rng: np.random.Generator) -> Iterator[Case]:
    """Programs that fetch a shelf of 3,000 tracks at once, for people who listen besides."""
    at = START_MS + _SYNC_DAY * hot.DAY_MS + 18 * 3_600_000
    for words, in_order_too, changed in (
        ("albums by name, streamed", False, None),
        ("albums by name, downloaded", False, _downloads),
        ("in catalogue order, streamed", True, None),
        ("in catalogue order, downloaded", True, _downloads),
    ):
        shelf = synced(scene.world, SHELF_ALBUMS, GROUP, at, rng, in_order_too)
        played = followed(_listening(scene, like, 64), shelf)
        yield Case(f"a shelf of 3,000 fetched, {words}", GROUP, played, _SYNC_DAY, changed)


def _downloads(rows: np.ndarray) -> None:
    rows["kind"][rows["context"] == Context.ALBUM] = Kind.DOWNLOAD


def _research(rows: np.ndarray) -> None:
    rows["scope"] = Scope.RESEARCH


def _one_network(rows: np.ndarray) -> None:
    rows["network"] = 7


def _new_networks(rows: np.ndarray) -> None:
    rows["network"] = np.arange(1, len(rows) + 1)
