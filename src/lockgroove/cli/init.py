"""`lockgroove init`."""

import click

from lockgroove.cli.door import Door, many, verb


@verb
@click.argument("directory", metavar="DIR")
@click.option("--name", help="What people call the archive.")
@click.option("--from", "place", metavar="PLACE", help="Bring an archive back from this place.")
def command(door: Door, directory: str, name: str | None, place: str | None) -> None:
    """Make an archive in DIR, a new or empty folder; or, with --from, bring one back from a place.

    Exit codes: 0 made; 2 the folder is not empty, or PLACE is not a place; 4 the place is damaged.
    """
    from lockgroove import archive as archives

    if place is None:
        with archives.init(directory, name) as made:
            door.say(f"Made an archive in {directory}; it is called {made.config.name}.")
            door.say(f"Its signing key is in {directory}/keys: keep a copy where nobody else reads it.")
            door.say(f"Next: export LOCKGROOVE_ARCHIVE={made.root}; lockgroove gather folder ~/Music")
            door.close(archive=made.config.archive_id, path=made.root)
        return
    with archives.restore(directory, place, door.report) as made:
        objects, files, size = made.index.totals()
        door.say(
            f"Brought back {many(files, 'file')} in {many(objects, 'object')} ({size:,} bytes) from {place}."
        )
        door.say("It has a new signing key. If you have the old one, put it into keys/signing.key.")
        door.close(archive=made.config.archive_id, path=made.root, objects=objects, files=files, bytes=size)
