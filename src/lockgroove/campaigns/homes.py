"""The places of an archive: named, filled, told of what happened, forgotten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from lockgroove import config, vault
from lockgroove.campaigns.keeping import catch_up_places
from lockgroove.campaigns.rooms import Rooms
from lockgroove.config import PlaceConfig
from lockgroove.errors import DamageFound, Locked, StorageFailed, Unavailable, UsageError
from lockgroove.report import Report, Silence
from lockgroove.storage import LocalStorage
from lockgroove.vault import places
from lockgroove.vault.places import CaughtUp


def check_place(rooms: Rooms, location: str, name: str | None) -> PlaceConfig:
    """Whether a folder can be a place, and what it is called. Raises UsageError."""
    path = os.path.abspath(location)
    if f"{path}/".startswith(f"{rooms.root}/") or f"{rooms.root}/".startswith(f"{path}/"):
        raise UsageError("A place and the archive may not lie in each other", location)
    name = name or os.path.basename(path)
    if name in rooms.places() or name == "here":
        raise UsageError(f"There is a place called {name} already", location, "Give it another --name.")
    return PlaceConfig(name, path)


def add_place(rooms: Rooms, location: str, name: str | None, report: Report) -> CaughtUp:
    """Name another home for the truth, and fill it."""
    chosen = check_place(rooms, location, name)
    os.makedirs(chosen.location, exist_ok=True)
    place = LocalStorage(chosen.location, chosen.name)
    with rooms.lock("vault"):
        places.found(place, rooms.config.archive_id)
        rooms.config = config.add_place(rooms.root, chosen)
        rooms.journal.append("place-added", {"place": chosen.name, "location": chosen.location})
        rooms.index.catch_up()
        return vault.catch_up(rooms.storage, rooms.journal, place, report)


def remove_place(rooms: Rooms, name: str, dry_run: bool) -> str:
    """Forget a place; where its files stay. Raises UsageError."""
    if name not in rooms.places():
        raise UsageError(f"There is no place called {name}", advice="See: lockgroove place list")
    location = rooms.places()[name].root
    if not dry_run:
        rooms.config = config.remove_place(rooms.root, name)
    return location


def tell_places(rooms: Rooms) -> None:
    """Bring the places up to date after a small change; a busy vault or an absent place waits for `keep`."""
    with (
        contextlib.suppress(Locked, Unavailable, DamageFound, StorageFailed),
        rooms.lock("vault"),
    ):
        catch_up_places(rooms, Silence())


def place_states(rooms: Rooms) -> Iterator[dict[str, Any]]:
    """Each place, where it is, and whether it answers and holds everything."""
    truth = rooms.index.truth()[0]
    for name, place in rooms.places().items():
        state = "does not answer"
        if place.available():
            there = places.positions(place)
            behind = any(writer not in there or there[writer].n < n for writer, n in truth.items())
            state = "behind; run: lockgroove keep" if behind else "up to date"
        yield {"name": name, "location": place.root, "state": state}
