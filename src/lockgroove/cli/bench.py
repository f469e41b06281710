"""`lockgroove bench`."""

from __future__ import annotations

import os

import click

from lockgroove.cli.door import Door, size_text, verb


@click.group(name="bench")
def command() -> None:
    """Measure this machine on generated data."""


@verb
@click.option("--tracks", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed is another catalogue.")
@click.option(
    "--questions", type=click.IntRange(min=10), default=1000, show_default=True, help="Of each kind."
)
def catalogue(door: Door, tracks: int, seed: int, questions: int) -> None:
    """Fill a new archive (--archive DIR) with a generated catalogue, build it, ask it, and judge its matches.

    The folder must be empty, or one that this verb began: a run that was cut goes on where it was. It takes
    about 200 bytes of disk a track. Nothing in it is real music.

    Exit codes: 0 measured; 2 the folder has another archive in it; 11 another run is at work there.
    """
    from lockgroove.archive import init

    if not os.path.exists(door.path) or not os.listdir(door.path):
        init(door.path, "generated").close()
    with door.open() as archive:
        archive.trial(tracks, seed, questions, door.report, lambda line: door.item(line, _text(line)))
    door.close(0, tracks=tracks, seed=seed)


def _text(line: dict[str, object]) -> str:
    value, unit = line["value"], line["unit"]
    shown = size_text(int(str(value))) if unit == "bytes" else f"{value:,} {unit}"
    reach = f"   (reach: {line['reach']})" if line.get("reach") else ""
    return f"{line['name']:44} {shown:>18}{reach}"


command.add_command(catalogue)
