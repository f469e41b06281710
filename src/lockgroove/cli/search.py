"""`lockgroove search`."""

import contextlib

import click

from lockgroove.cli.door import Door, verb


@verb
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--offset", default=0, type=click.IntRange(0, 100_000), help="Leave out the first so many.")
def command(door: Door, words: tuple[str, ...], limit: int, offset: int) -> None:
    """Find recordings by words in any order and script, one typo each; or by ISRC, MBID or id.

    Exit codes: 0 found; 3 nothing found.
    """
    with door.open() as archive, contextlib.closing(archive.reader(door.report)) as reader:
        rows, count = reader.search(" ".join(words), limit, offset)
        for row in rows:
            length = (
                f"{row['duration_ms'] // 60000}:{row['duration_ms'] // 1000 % 60:02}"
                if row["duration_ms"]
                else ""
            )
            door.item(row, f"{row['recording_id']}  {row['artist'] or '?'} – {row['title']}  {length}")
    if count > len(rows) or not count:
        door.say(f"{count:,} found in all." if count else "Nothing found.")
    door.close(0 if count else 3, found=count)
