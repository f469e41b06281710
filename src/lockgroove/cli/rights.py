"""`lockgroove rights`."""

import getpass

import click

from lockgroove.cli.door import Door, many, verb


@click.group(name="rights")
def command() -> None:
    """What is undecided and so dark, and your decisions on it."""


@verb
@click.option("--all", "everything", is_flag=True, help="Every set of statements, decided ones too.")
def undecided(door: Door, everything: bool) -> None:
    """List what is undecided: muddled or contradicting statements, and files without any.

    One line for each set of statements, however many files stand under it.

    Exit codes: 0 nothing is undecided; 3 something is.
    """
    with door.open() as archive:
        rows = archive.statements(door.report, everything)
    for row in rows:
        files = f"{many(row['files'], 'file')} {row['status']}, from {', '.join(row['sources'])}"
        door.item(row, f"{row['statement']}  {files}\n    {row['why']}")
    dark = [row for row in rows if row["status"] in ("undecided", "none")]
    if not rows:
        door.say("Nothing is undecided.")
    if dark:
        door.say(
            '\nDecide with: lockgroove rights decide s-… --licence CC-BY-4.0 --because "…" --source shelf-…'
        )
    door.close(3 if dark else 0, undecided=len(dark))


@verb
@click.argument("statement")
@click.option("--licence", "--license", required=True, help="SPDX id, licence address, InC, or dark.")
@click.option("--because", required=True, help="Your reason; it is kept and published.")
@click.option("--by", default=getpass.getuser, show_default="your log-in name", help="Who decides.")
@click.option("--source", help="Only the files of this source (shelf-…).")
@click.option("--everywhere", is_flag=True, help="Also where nobody said anything: now and in future.")
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
def decide(
    door: Door,
    statement: str,
    licence: str,
    because: str,
    by: str,
    source: str | None,
    everywhere: bool,
    dry_run: bool,
) -> None:
    """Decide what a set of statements (s-…) means, with a reason. The last decision wins.

    Exit codes: 0 decided; 2 no such statement, or the licence decides nothing; 5 a takedown forbids it.
    """
    with door.open() as archive:
        files = archive.decide_rights(
            statement, source, licence, because, by, door.report, dry_run, everywhere
        )
    word = "would stand" if dry_run else "now stand"
    door.say(f"{many(files, 'file')} {word} under {licence}.")
    door.close(files=files, licence=licence, dry_run=dry_run)


command.add_command(undecided)
command.add_command(decide)
