"""`lockgroove audit`."""

from lockgroove.cli.door import Door, many, size_text, verb


@verb
def command(door: Door) -> None:
    """Read every byte of vault, claims and journal again, here and at every place.

    Each file that is not as it was kept is named. Nothing is changed.

    Exit codes: 0 all is well; 3 a place did not answer, or something foreign lies there; 4 damage found.
    """
    with door.open() as archive:
        care = archive.audit(door.report)
    counts = care.as_json()
    where = ", ".join(care.results)
    door.say(f"Read {many(counts['files'], 'file')}, {size_text(counts['bytes'])} ({where}).")
    door.say("Damage found. Run: lockgroove repair" if care.damaged else "No damage.")
    door.close(4 if care.damaged else 3 if care.findings else 0, **counts)
