"""`lockgroove dump`."""

import click

from lockgroove.cli.door import Bytes, Door, many, size_text, verb


@verb
@click.option("--volume-size", type=Bytes(), default=10 << 30, show_default="10GiB", help="Size of a volume.")
@click.option("--dry-run", is_flag=True, help="Say what would be published; leave nothing behind.")
def command(door: Door, volume_size: int, dry_run: bool) -> None:
    """Write a signed dump of what may be published under dumps/: tables, volumes, manifest, README.

    The same archive gives the same dump to the byte. Dark items are not in it, but for a line of the ledger
    without a name.

    Exit codes: 0 written; 1 the disk refused; 4 a file to be published is damaged; 11 another dump is being
    written.
    """
    with door.open() as archive:
        result, folder = archive.dump(door.report, volume_size, dry_run)
    word = "Would publish" if dry_run else "Published"
    what = f"{many(result.files, 'file')} in {many(result.objects, 'object')}"
    door.say(f"{word} {what} ({size_text(result.bytes)}).")
    door.say(f"Dark, and not in it: {many(result.withheld, 'object')}.")
    if folder:
        door.say(f"The dump is in {folder}")
        door.say(f"Root digest: {result.root}")
    fields = {k: v for k, v in result.__dict__.items() if k != "published"}
    door.close(folder=folder, dry_run=dry_run, **fields)
