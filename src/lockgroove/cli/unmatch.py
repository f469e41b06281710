"""`lockgroove unmatch`."""

from __future__ import annotations

import click

from lockgroove.cli.door import Door, verb
from lockgroove.cli.match import say_match


@verb
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@click.option("--because", required=True, help="Why, in your words; it stands in the journal.")
@click.option("--dry-run", is_flag=True, help="Look both up; say nothing to the journal.")
def command(door: Door, one: str, other: str, because: str, dry_run: bool) -> None:
    """Say that two claims are not of the same recording; your word wins over every rule.

    Give the ids of two claims of one recording: `lockgroove show ID --evidence` lists them. What joins them
    by other claims between is cut where it is weakest.

    Exit codes: 0 said; 2 one is not there, or they are apart already; 11 the journal is being written.
    """
    say_match(door, one, other, because, False, dry_run)
