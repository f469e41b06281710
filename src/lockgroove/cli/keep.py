"""`lockgroove keep`."""

import click

from lockgroove.cli.door import Door, many, size_text, verb


@verb
@click.option("--dry-run", is_flag=True, help="List the files that would be kept; change nothing.")
def command(door: Door, dry_run: bool) -> None:
    """Copy the plan's files into the vault, durably, here and at every place. Without a plan: everything.

    Stop it at any moment; what was acknowledged stays, and the same command goes on.

    Exit codes: 0 all kept; 1 the disk refused; 3 some files were gone or changed, or a place did not answer;
    11 another process is writing the vault.
    """
    with door.open() as archive:
        result, places = archive.keep(door.report, dry_run)
    if dry_run:
        door.say(f"Would keep {many(result.files, 'file')}, {size_text(result.bytes)}.")
        door.close(dry_run=True, **result.as_json())
        return
    door.say(
        f"Kept {many(result.files, 'file')} ({size_text(result.bytes)}) as {many(result.objects, 'object')}."
    )
    if result.elsewhere:
        door.say(f"Bytes held already, and referred to: {many(result.elsewhere, 'file')}.")
    if result.refused:
        door.say(f"Not as gathered: {many(result.refused, 'file')}. Gather again, then keep.")
    for name, caught in places.items():
        if caught is None:
            door.say(f"The place {name} does not answer; it catches up at the next keep.")
        else:
            door.say(f"The place {name} is up to date.")
    absent = [name for name, caught in places.items() if caught is None]
    door.close(3 if absent or result.refused else 0, absent=absent, **result.as_json())
