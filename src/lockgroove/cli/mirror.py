"""`lockgroove mirror`."""

import os

import click

from lockgroove.cli.door import Door, many, size_text, verb
from lockgroove.errors import UsageError


@verb
@click.argument("location", metavar="PATH-OR-URL")
@click.argument("target", metavar="TARGET")
@click.option("--key", help="The publisher's public key, if you have it from elsewhere.")
@click.option("--dry-run", is_flag=True, help="Verify the manifest and say how much it is; fetch nothing.")
def command(door: Door, location: str, target: str, key: str | None, dry_run: bool) -> None:
    """Fetch somebody's dump, verify it, and make TARGET an archive of its own.

    Stop it at any moment; the same command goes on. A later dump of the same archive brings only what is new.

    Exit codes: 0 the publisher's root and signature hold; 1 the mirror does not answer; 2 nothing there;
    4 something is not what was signed; 5 signed with another key than before.
    """
    from lockgroove import archive as archives
    from lockgroove.archive import Archive
    from lockgroove.campaigns.founding import DECLARATION
    from lockgroove.campaigns.mirror import look

    offer = look(location, key)
    size = sum(f.size_bytes for f in offer.manifest.files)
    count = len(offer.manifest.files)
    door.say(
        f"{offer.manifest.name}, as of {offer.manifest.as_of}: {many(count, 'file')}, {size_text(size)}."
    )
    door.say(f"Signed by {offer.key.text()}" + ("" if key else " (the key that it shows; compare it)"))
    if dry_run:
        door.close(root=offer.manifest.root, bytes=size, dry_run=True)
        return
    if os.path.isdir(target) and os.listdir(target) and not os.path.exists(f"{target}/{DECLARATION}"):
        raise UsageError("The target is neither empty nor an archive", target, "Name a new folder.")
    if not os.path.isdir(target) or not os.listdir(target):
        archives.init(target, f"Mirror of {offer.manifest.name}").close()
    with Archive(target) as archive:
        done = archive.mirror(offer, door.report)
    door.say(
        f"Taken in: {many(done.objects, 'object')}, {many(done.files, 'file')}, {size_text(done.bytes)}."
    )
    same, other = len(done.tables_equal), len(done.tables_different)
    door.say(f"The tables built here are those that were signed: {same} of {same + other}.")
    door.say(f"Root digest, verified: {done.root}")
    door.close(**done.as_json())
