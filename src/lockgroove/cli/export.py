"""`lockgroove export`."""

import click

from lockgroove.cli.door import Door, many, size_text, verb


@verb
@click.argument("items", metavar="ID… DIR", nargs=-1, required=True)
@click.option(
    "--where",
    metavar="SQL",
    help="Instead of ids: a condition, such as \"artist = 'Satie' AND year < 1900\".",
)
@click.option("--as-received", is_flag=True, help="Under the names and folders they came in, companions too.")
@click.option("--dry-run", is_flag=True, help="List the files; copy nothing.")
def command(door: Door, items: tuple[str, ...], where: str | None, as_received: bool, dry_run: bool) -> None:
    """Get music out again: recordings, releases, artists or files by id, into DIR.

    Each file is checked against its digest as it is copied. Nothing is overwritten. With --where the
    columns are artist, title, release, year, format, duration_ms, listens, licence, status, source, key
    and deposit.

    Exit codes: 0 all copied; 2 no such item, or the condition is not understood; 3 something asked for is
    not held; 4 a file is damaged.
    """
    *ids, folder = items
    with door.open() as archive:
        result = archive.export(ids, where, folder, as_received, door.report, dry_run)
    word = "Would copy" if dry_run else "Copied"
    door.say(f"{word} {many(result.files, 'file')} ({size_text(result.bytes)}) to {folder}.")
    if result.present:
        door.say(f"{result.present:,} were there already.")
    if result.missing:
        door.say(f"Asked for, and not held: {many(result.missing, 'recording')}.")
    damaged = result.damaged > 0
    door.close(4 if damaged else 3 if result.missing else 0, dry_run=dry_run, **result.__dict__)
