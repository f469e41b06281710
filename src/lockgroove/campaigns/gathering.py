"""Gather from a source found by its entry point.

The catalogue is not built here: whoever reads it next brings it up to date. So a gather costs what changed.
"""

from __future__ import annotations

import os
import secrets
from importlib.metadata import entry_points
from typing import Any

from lockgroove import keys
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.claims import Harvest
from lockgroove.errors import Refused, UsageError
from lockgroove.gather import Gathered, Stamps, gather, rehearse
from lockgroove.journal import now
from lockgroove.model import Source, Terms
from lockgroove.report import Report

GROUP = "lockgroove.sources"


def source_class(name: str) -> Any:
    """The class behind an entry point. Raises UsageError when unknown, Refused when without terms."""
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        known = ", ".join(sorted({point.name for point in entry_points(group=GROUP)}))
        raise UsageError(f"There is no source called {name}", advice=f"There are: {known}.")
    loaded = found[0].load()
    if not isinstance(getattr(loaded, "terms", None), Terms):
        raise Refused(
            f"The source {name} declares no terms, and so cannot be enabled",
            advice="Give its class `terms = Terms(…)`: see lockgroove.model.Terms.",
        )
    return loaded


def folder(
    rooms: Rooms, path: str, licence: str | None, sound_only: bool, report: Report, dry_run: bool = False
) -> Gathered:
    """Take in a shelf, read-only."""
    real = os.path.realpath(path)
    if not os.path.isdir(real):
        raise UsageError("There is no such folder", path)
    if f"{rooms.root}/".startswith(f"{real}/") or f"{real}/".startswith(f"{rooms.root}/"):
        raise UsageError("A shelf and the archive may not lie in each other", path)
    shelf = source_name(rooms, real, "shelf-", dry_run)
    source = source_class("folder")(os.fsencode(real), shelf, licence, sound_only)
    return run(rooms, source, shelf, report, dry_run)


def listens(rooms: Rooms, path: str, report: Report, dry_run: bool = False) -> Gathered:
    """Take in counts of listens."""
    real = os.path.realpath(path)
    if not os.path.isfile(real):
        raise UsageError("There is no such file", path)
    name = source_name(rooms, real, "listens-", dry_run)
    group = keys.listener_group(f"{rooms.root}/keys")
    with rooms.scratch("listens") as scratch:
        source = source_class("listens")(os.fsencode(real), name, group, scratch)
        return run(rooms, source, name, report, dry_run)


def other(rooms: Rooms, name: str, location: str, report: Report, dry_run: bool = False) -> Gathered:
    """Take in a plugged-in source: its class is called with the location and the source's name."""
    loaded = source_class(name)
    called = getattr(loaded, "public_name", None) or source_name(rooms, location, "shelf-", dry_run)
    return run(rooms, loaded(location, called), called, report, dry_run)


def run(rooms: Rooms, source: Source, name: str, report: Report, dry_run: bool = False) -> Gathered:
    """One harvest of a source, under the lock of the claims; a dry run stores nothing."""
    with rooms.lock("claims"):
        stamps = Stamps(rooms.state, rooms.store, name)
        if dry_run:
            return rehearse(source, stamps, name, report)
        reader = getattr(source, "reader", f"{source.name}/0")
        harvest = Harvest(name, reader, f"h-{now()}")
        return gather(source, harvest, rooms.store, stamps, rooms.journal, report)


def source_name(rooms: Rooms, path: str, prefix: str, dry_run: bool = False) -> str:
    """The random name of a private source, given at its first gather: it tells nothing of the disk."""
    for name, where in rooms.sources(prefix).items():
        if where == path:
            return name
    if dry_run:
        return f"{prefix}unnamed"
    name = f"{prefix}{secrets.token_hex(8)}"
    raw = os.fsencode(path)
    subjects = {"source": name, "path": raw.decode("utf-8", "replace")}
    if subjects["path"].encode() != raw:
        subjects["path_bytes"] = raw.hex()  # a path need not be UTF-8, and the journal must be
    rooms.journal.append("shelf-named", subjects)
    rooms.index.catch_up()
    return name
