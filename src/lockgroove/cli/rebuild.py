"""`lockgroove rebuild`."""

from lockgroove.cli.door import Door, verb


@verb
def command(door: Door) -> None:
    """Make catalogue/ and state.sqlite again, from claims, vault and journal alone.

    Delete both first if you like: the tables come back the same to the byte.

    Exit codes: 0 rebuilt; 4 claims or journal are damaged; 11 another process is building.
    """
    with door.open() as archive:
        generation = archive.rebuild(door.report)
    door.say(f"Rebuilt. Catalogue digest: {generation.digest}")
    door.close(digest=generation.digest, as_of=generation.as_of)
