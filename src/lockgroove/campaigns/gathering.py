"""Gather from a source found by its entry point.

The catalogue is not built here: whoever reads it next brings it up to date. So a gather costs what changed.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import entry_points
from typing import Any

from lockgroove import keys
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue.claims import Harvest
from lockgroove.errors import Refused, UsageError
from lockgroove.gather import (
    Checkpoint,
    Checkpoints,
    Gathered,
    Mark,
    Run,
    Stamps,
    Tally,
    gather,
    identity_of,
    rehearse,
)
from lockgroove.journal import now
from lockgroove.model import Source, Terms
from lockgroove.report import Report

GROUP = "lockgroove.sources"
LISTENBRAINZ = "listenbrainz"


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


def dump(
    rooms: Rooms, name: str, paths: Sequence[str], report: Report, full: bool | None = None,
    dry_run: bool = False,
) -> Gathered:  # fmt: skip
    """Take in what a public source publishes as files; what was cut goes on where it was."""
    loaded = source_class(name)
    real = [os.fsencode(_existing(path)) for path in paths]
    with rooms.scratch("gather") as scratch:
        more = (keys.listener_group(f"{rooms.root}/keys"), scratch) if name == LISTENBRAINZ else ()
        source = loaded(real, *more)
        identity = identity_of(real, name, getattr(source, "reader", ""), repr(full))
        return run(rooms, source, loaded.public_name, report, dry_run, full, identity)


def mapped(
    rooms: Rooms, paths: Sequence[str], mapping: str, report: Report, full: bool | None = None,
    dry_run: bool = False,
) -> list[Gathered]:  # fmt: skip
    """Take in tables of one's own by a mapping; each file is a private source of its own, as a shelf is."""
    with open(_existing(mapping), "rb") as file:
        text = file.read()
    loaded = source_class("mapped")
    choices = ("mapped", loaded.reader, repr(full), hashlib.sha256(text).hexdigest())
    done = []
    for path in map(_existing, paths):
        name = source_name(rooms, path, "shelf-", dry_run)
        source = loaded(os.fsencode(path), name, text, mapping)
        done.append(
            run(rooms, source, name, report, dry_run, full, identity_of([os.fsencode(path)], *choices))
        )
    return done


def _existing(path: str) -> str:
    real = os.path.realpath(path)
    if not os.path.exists(real):
        raise UsageError("There is no such file", path)
    return real


@contextlib.contextmanager
def _seldom_collected() -> Iterator[None]:
    """Claims go in no circles: looking for circles among them often costs a third of the time."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def run(
    rooms: Rooms, source: Source, name: str, report: Report, dry_run: bool = False,
    full: bool | None = None, identity: str | None = None,
) -> Gathered:  # fmt: skip
    """One harvest of a source, under the lock of the claims; a dry run stores nothing.

    With an `identity` of what is read, a harvest that was cut goes on behind its last checkpoint.
    """
    reader = getattr(source, "reader", f"{source.name}/0")
    with rooms.lock("claims"), rooms.scratch("listens") as scratch, _seldom_collected():
        before = _begun(rooms, name, identity) if not dry_run else None
        stamps = Stamps(rooms.store, name, before.mark if before else None, dry_run)
        if before is None or not stamps.can_go_on:
            harvest = Harvest(name, reader, f"h-{now()}")
            doing = Run(source, harvest, rooms.store, stamps, rooms.journal, report, scratch, full)
        else:
            harvest = Harvest(name, reader, before.harvest, before.at)
            doing = Run(
                source, harvest, rooms.store, stamps, rooms.journal, report, scratch, full,
                before.cursor, Tally.remembered(before.tally),
            )  # fmt: skip
        if dry_run:
            return rehearse(doing)
        if identity is not None:
            doing = replace(doing, remember=_remembering(rooms, harvest, identity))
        done = gather(doing)
        Checkpoints(rooms.state).forget(name)
        return done


def _begun(rooms: Rooms, name: str, identity: str | None) -> Checkpoint | None:
    """The harvest of the same files to go on with."""
    found = Checkpoints(rooms.state).load(name, identity) if identity is not None else None
    if found is None or found.listens_parts != _listens_parts(rooms, found.harvest):
        return None
    return found


def _listens_parts(rooms: Rooms, harvest: str) -> int:
    return sum(part.is_listens and part.harvest == harvest for part in rooms.store.parts())


def _remembering(rooms: Rooms, harvest: Harvest, identity: str) -> Callable[[str, Mark, Tally], None]:
    checkpoints = Checkpoints(rooms.state)

    def remember(cursor: str, mark: Mark, tally: Tally) -> None:
        parts = _listens_parts(rooms, harvest.id)
        checkpoint = Checkpoint(identity, harvest.id, harvest.at, cursor, mark, parts, asdict(tally))
        checkpoints.store(harvest.source, checkpoint)

    return remember


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
