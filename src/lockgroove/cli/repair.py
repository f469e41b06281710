"""`lockgroove repair`."""

from lockgroove.cli.door import Door, verb


@verb
def command(door: Door) -> None:
    """Audit, then mend each damaged file from a place that still has it good, or the other way round.

    Damaged bytes stay in quarantine/ until what replaces them was verified.

    Exit codes: 0 nothing is damaged any more; 3 a place did not answer; 4 something cannot be mended.
    """
    with door.open() as archive:
        care = archive.repair(door.report)
    for path in care.mended:
        door.say(f"mended  {path}")
    damage = sum(f.severity == "damage" for f in care.findings)
    left = damage - len(care.mended)
    door.say(f"{len(care.mended):,} files mended, {left:,} not." if damage else "Nothing to mend.")
    absent = any(f.code == "place-absent" for f in care.findings)
    door.close(4 if left else 3 if absent else 0, **care.as_json())
