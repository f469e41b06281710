"""`lockgroove search`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from lockgroove.cli.door import Door, verb

if TYPE_CHECKING:
    from lockgroove.catalogue.search import Filters


class Range(click.ParamType[tuple[int | None, int | None]]):
    """A number, or two with a dash between, of which one may be left out; with colons: minutes, seconds."""

    name = "RANGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises a usage error that shows how it is written."""
        from lockgroove.catalogue.search import range_of

        try:
            bounds = range_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if bounds == (None, None):
            self.fail("a range has one bound at least; write 1990, 1990-1999, 1990- or -1999", param, ctx)
        return bounds


@verb
@click.argument("words", nargs=-1, required=True)
@click.option("--source", metavar="NAME", help="Only what this source speaks of, such as musicbrainz.")
@click.option("--licence", "--license", metavar="ID", help="Only what has a file under this licence.")
@click.option("--held/--not-held", default=None, help="Only what is in the vault, or only what is not.")
@click.option("--year", type=Range(), help="Such as 1990, 1990-1999 or 1990-.")
@click.option("--length", type=Range(), help="Minutes and seconds, such as 3:00-4:30 or -10:00.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--offset", default=0, type=click.IntRange(0, 100_000), help="Leave out the first so many.")
def command(door: Door, words: tuple[str, ...], limit: int, offset: int, **asked: Any) -> None:
    """Find recordings by words in any order and script, one typo each; or by ISRC, MBID or id.

    Exit codes: 0 found; 3 nothing found.
    """
    with door.open() as archive, contextlib.closing(archive.reader(door.report)) as reader:
        rows, count, is_exact = reader.search(" ".join(words), limit, offset, _filters(asked))
        for row in rows:
            door.item(row, f"{row['recording_id']}  {row['artist'] or '?'} – {row['title']}  {_length(row)}")
    if count > len(rows) or not count:
        in_all = f"{count:,} found in all." if is_exact else f"{count:,} found at least."
        door.say(in_all if count else "Nothing found.")
    door.close(0 if count else 3, found=count, found_exactly=is_exact)


def _filters(asked: dict[str, Any]) -> Filters:
    from lockgroove.catalogue.search import Filters

    years = asked["year"] or (None, None)
    seconds = asked["length"] or (None, None)
    lengths = [None if value is None else value * 1000 for value in seconds]
    return Filters(asked["source"], asked["licence"], asked["held"], *years, *lengths)


def _length(row: dict[str, Any]) -> str:
    seconds = (row["duration_ms"] or 0) // 1000
    return f"{seconds // 60}:{seconds % 60:02}" if seconds else ""
