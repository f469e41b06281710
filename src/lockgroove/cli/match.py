"""`lockgroove match`."""

from __future__ import annotations

import contextlib

import click

from lockgroove.cli.door import Door, verb


@verb
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@click.option("--because", required=True, help="Why, in your words; it stands in the journal.")
@click.option("--dry-run", is_flag=True, help="Look both up; say nothing to the journal.")
def command(door: Door, one: str, other: str, because: str, dry_run: bool) -> None:
    """Say that two are the same recording; your word wins over every rule.

    Each is an id, an ISRC or an MBID. Where it was wrong: lockgroove unmatch.

    Exit codes: 0 said; 2 one of them is not there, or they are one already; 11 the journal is being written.
    """
    say_match(door, one, other, because, True, dry_run)


def say_match(door: Door, one: str, other: str, because: str, same: bool, dry_run: bool) -> None:
    """For both verbs."""
    with door.open() as archive, contextlib.closing(archive.reader(door.report)) as reader:
        made = archive.match(reader, one, other, because, same, dry_run)
    word = "the same recording" if same else "different recordings"
    door.say(f"{made.one} and {made.other} are {word}: {because}.")
    door.close(0, dry_run=dry_run, one=made.one, other=made.other, same=same, because=because)
