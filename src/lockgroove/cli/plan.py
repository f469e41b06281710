"""`lockgroove plan`."""

import click

from lockgroove.cli.door import Bytes, Door, many, size_text, verb


@verb
@click.option(
    "--budget", type=Bytes(), help="Bytes the vault may hold in all, such as 20GB; else everything."
)
@click.option("--dry-run", is_flag=True, help="Say what the plan would be; change nothing.")
def command(door: Door, budget: int | None, dry_run: bool) -> None:
    """Choose what to keep first: the most listens for the bytes, over recordings, not files.

    What is held already counts against the budget. Each recording left out has its reason in the ledger:
    lockgroove show ID.

    Exit codes: 0 planned; 2 the budget is no size.
    """
    with door.open() as archive:
        result = archive.plan(budget, door.report, dry_run)
    if result.by == "bytes":
        door.say(
            "No listens are known, so the smallest come first. Gather some: lockgroove gather listens FILE"
        )
    held = result.bytes_held + result.bytes_planned
    door.say(
        f"To keep: {many(result.files_planned, 'file')}, {size_text(result.bytes_planned)}, "
        f"beside {size_text(result.bytes_held)} held."
    )
    have = result.recordings_held + result.recordings_planned
    door.say(f"Then held: {have:,} of {many(result.recordings, 'recording')} in {size_text(held)}.")
    if result.listens:
        share = (result.listens_held + result.listens_planned) / result.listens
        door.say(
            f"That is {share:.2%} of the {result.listens:,} listens counted (the same that made the plan)."
        )
    door.close(**{k: v for k, v in result.as_json().items() if k != "curve"}, dry_run=dry_run)
