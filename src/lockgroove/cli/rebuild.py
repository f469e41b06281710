"""`lockgroove rebuild`."""

from __future__ import annotations

import click

from lockgroove.cli.door import Door, verb


@verb
@click.option("--engine", metavar="URL", help="Compare claims there: spark://HOST:PORT, or spark-local.")
def command(door: Door, engine: str | None) -> None:
    """Make catalogue/ and state.sqlite again, from claims, vault and journal alone.

    Delete both first if you like: the tables come back the same to the byte. So they do with another engine
    (pip install 'lockgroove[spark]', and Java 17), which must see this archive's folder.

    Exit codes: 0 rebuilt; 2 no such engine; 4 claims or journal are damaged; 11 another process is building.
    """
    with door.open() as archive:
        generation = archive.rebuild(door.report, engine)
    door.say(f"Rebuilt. Catalogue digest: {generation.digest}")
    door.close(digest=generation.digest, as_of=generation.as_of)
