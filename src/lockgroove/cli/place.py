"""`lockgroove place`."""

import click

from lockgroove.cli.door import Door, many, size_text, verb


@click.group(name="place")
def command() -> None:
    """Other homes of the truth (claims, vault, journal), dark items too. Keep and audit know them."""


@verb
@click.argument("directory", metavar="DIR")
@click.option("--name", help="What to call it; else the folder's name.")
@click.option("--dry-run", is_flag=True, help="Say what would be copied; change nothing.")
def add(door: Door, directory: str, name: str | None, dry_run: bool) -> None:
    """Add a place and fill it with everything that is held.

    Exit codes: 0 filled; 2 the folder is not empty, or another archive's; 4 something here is damaged.
    """
    with door.open() as archive:
        if dry_run:
            objects, _, size = archive.index.totals()
            archive.check_place(directory, name)
            door.say(f"Would copy {many(objects, 'object')}, {size_text(size)}, to {directory}.")
            door.close(objects=objects, bytes=size, dry_run=True)
            return
        caught = archive.add_place(directory, name, door.report)
    door.say(
        f"{directory} now holds everything: {many(caught.objects, 'object')}, {size_text(caught.bytes)}."
    )
    door.close(objects=caught.objects, bytes=caught.bytes)


@verb
def list_(door: Door) -> None:
    """List the places, and how far each has come.

    Exit codes: 0 all answer and hold everything; 3 one does not.
    """
    behind = 0
    with door.open() as archive:
        for line in archive.place_states():
            behind += line["state"] != "up to date"
            door.item(line, f"{line['name']:20} {line['location']}  {line['state']}")
    door.close(3 if behind else 0, behind=behind)


@verb
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would be forgotten; change nothing.")
def remove(door: Door, name: str, dry_run: bool) -> None:
    """Forget a place. What it holds stays there.

    Exit codes: 0 forgotten; 2 there is no such place.
    """
    with door.open() as archive:
        location = archive.remove_place(name, dry_run)
    word = "would no longer be" if dry_run else "is no longer"
    door.say(f"{name} {word} a place of this archive. Its files stay in {location}.")
    door.close(location=location, dry_run=dry_run)


command.add_command(add)
command.add_command(list_, "list")
command.add_command(remove)
