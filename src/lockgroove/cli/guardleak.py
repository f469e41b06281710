"""`lockgroove guard leak`: how much of the catalogue went to whom."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from lockgroove.cli.door import Door, many, verb

if TYPE_CHECKING:
    from lockgroove.guard.leaks import Leak

_SHOWN = 20
_DAYS = 30.0


@verb
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="Of the last so many.  [default: 30]"
)
@click.option(
    "--sketches",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Of whole logs instead, from sketches that guard replay wrote; several add up.",
)
def leak(door: Door, days: float | None, sketches: tuple[str, ...]) -> None:
    """How much of the catalogue went to whom: in all, to those who had most, and to groups.

    Beside what one account had stands what is usual: what others without a case had that fetched half to
    twice as often, and beside a group as many such accounts together. Sketches tell it to about 2 in 100.

    Exit codes: 0 told; 2 a file has no sketches, or they were made with several keys.
    """
    if sketches:
        if days is not None:
            raise click.UsageError("Sketches are of whole logs: --days cannot be asked of them.")
        _of_sketches(door, sketches)
        return
    days = days or _DAYS
    with door.open() as archive, archive.desk() as desk:
        told, names = desk.leak(days), desk.names()
    given = f"{many(told.tracks, 'distinct track')} in {told.plays:,} fetches"
    whom = f"{many(told.accounts, 'account')}, networks of visitors among them"
    door.say(f"In {days:g} days {given} went to {whom}.")
    if told.accounts:
        door.say(f"Added up they had {told.added:,}; {told.tracks:,} are different.")
    _say_most(door, told, names)
    for group in told.groups:
        text = (
            f"  {group.group:12} {many(group.members, 'account')} had {many(group.tracks, 'track')} together"
        )
        door.item(vars(group), f"{text}; usual {_number(group.usual)}, at the most {group.bound:,}.")
    door.close(
        accounts=told.accounts, tracks=told.tracks, added=told.added, plays=told.plays, bytes=told.bytes,
        curve=told.curve, bound=told.bound,
    )  # fmt: skip


def _say_most(door: Door, told: Leak, names: dict[int, str]) -> None:
    from lockgroove.campaigns.watching import called

    for one in told.most:
        name = called(one.account, names)
        had = f"{many(one.tracks, 'track'):>14} of {one.plays:,} fetches, usual {_number(one.usual)}"
        door.item({**vars(one), "account": name}, f"  {name:40} {had}; {one.bytes / 1e6:,.1f} MB")


def _number(usual: int | None) -> str:
    return "unknown" if usual is None else f"{usual:,}"


def _of_sketches(door: Door, paths: tuple[str, ...]) -> None:
    from lockgroove.campaigns.watching import called
    from lockgroove.errors import NoArchive
    from lockgroove.guard.batch import leak_in
    from lockgroove.guard.casefile import groups_in

    groups: dict[str, set[int]] = {}
    names: dict[int, str] = {}
    with contextlib.suppress(NoArchive), door.open() as archive, archive.desk() as desk:
        groups, names = groups_in(desk.cases.all("open")), desk.names()
    told = leak_in(paths, groups, _SHOWN)
    whom = ", ".join(many(told.counts[by], by) for by in sorted(told.counts))
    door.say(f"About {round(told.tracks):,} distinct tracks went to {whom or 'nobody'}.")
    for by, most in told.most.items():
        for key, tracks in most:
            name = called(key % (1 << 64), names) if by == "account" else f"{by} {key:016x}"
            item = {"by": by, "key": f"{key % (1 << 64):016x}", "name": name, "tracks": round(tracks)}
            door.item(item, f"  {name:40} about {many(round(tracks), 'track')}")
    for group, (members, tracks) in told.groups.items():
        item = {"by": "group", "name": group, "members": members, "tracks": round(tracks)}
        text = f"  {many(members, 'account')} had about {many(round(tracks), 'track')} together"
        door.item(item, f"{text} (group {group})")
    door.close(tracks=round(told.tracks), counts=dict(told.counts))
