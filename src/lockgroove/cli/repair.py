"""`lockgroove repair`."""

import click

from lockgroove.cli.door import Door, many, verb


@verb
@click.option("--dry-run", is_flag=True, help="Audit, and say what would be mended; change nothing.")
def command(door: Door, dry_run: bool) -> None:
    """Audit, then mend each damaged file from a place that still has it good, or the other way round.

    Damaged bytes stay in quarantine/ until what replaces them was verified.

    Exit codes: 0 nothing is damaged any more; 3 a place did not answer; 4 something cannot be mended.
    """
    with door.open() as archive:
        care = archive.audit(door.report) if dry_run else archive.repair(door.report)
    for path in care.mended:
        door.say(f"mended  {path}")
    damage = sum(f.severity == "damage" for f in care.findings)
    left = damage - len(care.mended)
    done = f"{many(damage, 'file')} would be mended where a good copy is." if dry_run else ""
    done = done or f"{many(len(care.mended), 'file')} mended, {left:,} not."
    door.say(done if damage else "Nothing to mend.")
    absent = any(f.code == "place-absent" for f in care.findings)
    door.close(4 if left else 3 if absent else 0, **care.as_json())
