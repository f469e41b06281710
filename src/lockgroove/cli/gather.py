"""`lockgroove gather`: one subcommand a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from lockgroove.cli.door import Door, many, verb

if TYPE_CHECKING:
    from lockgroove.gather import Gathered

_PARTIAL = ("unreadable", "vanished", "changed-while-read", "archive-truncated", "archive-damaged")


class _Sources(click.Group):
    """Our own sources, and whatever is plugged in under the entry points `lockgroove.sources`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from importlib.metadata import entry_points

        return sorted({point.name for point in entry_points(group="lockgroove.sources")} | set(self.commands))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands or cmd_name not in self.list_commands(ctx):
            return self.commands.get(cmd_name)
        return _plugged(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Name the sources that there are when one is asked for that there is not."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise click.UsageError(
                f"There is no source called {args[0]!r}. There are: {', '.join(known)}.", ctx
            )
        return super().resolve_command(ctx, args)


@click.group(name="gather", cls=_Sources)
def command() -> None:
    """Take in what a source says; nothing is ever written there."""


def _plugged(name: str) -> click.Command:
    @verb
    @click.argument("location", metavar="LOCATION")
    @click.option("--dry-run", is_flag=True, help="Read and count; store nothing.")
    def plugged(door: Door, location: str, dry_run: bool) -> None:
        """Gather from a source that was plugged in.

        Exit codes: 0 all was read; 2 it does not understand LOCATION; 3 some of it could not be read;
        5 it declares no terms; 11 another gather runs.
        """
        with door.open() as archive:
            done = archive.gather_other(name, location, door.report, dry_run)
        door.say(
            f"{done.source}: {done.claims:,} claims, {done.unchanged:,} unchanged, {done.withdrawn:,} gone."
        )
        door.close(
            3 if any(done.findings[code] for code in _PARTIAL) else 0, dry_run=dry_run, **done.as_json()
        )

    return plugged


def _warn_of_muddle(door: Door, licence: str) -> None:
    """Better told now than found dark later."""
    from lockgroove.rights import read_statement

    statement = read_statement(licence, "operator")
    if statement.licence is None:
        door.say(f"Mind: “{licence}” is undecided, and so dark: {statement.why}.")


@verb
@click.argument("path", metavar="DIR")
@click.option("--licence", "--license", help="Your statement for the whole shelf, such as CC-BY-4.0.")
@click.option("--sound-only", is_flag=True, help="Leave booklets, cue sheets and logs out.")
@click.option("--dry-run", is_flag=True, help="Read and count; store nothing.")
def folder(door: Door, path: str, licence: str | None, sound_only: bool, dry_run: bool) -> None:
    """Gather a folder of music: sound is found by content, tags are read, nothing is changed.

    Without a licence, in the tags, in a LICENSE file beside the music or by --licence, items stay dark:
    kept, never published. A second run opens only what has changed.

    Exit codes: 0 all was read; 2 no such folder; 3 some files could not be read; 11 another gather runs.
    """
    if licence is not None:
        _warn_of_muddle(door, licence)
    with door.open() as archive:
        done = archive.gather_folder(path, licence, sound_only, door.report, dry_run)
    roles = ", ".join(f"{count:,} {role}" for role, count in sorted(done.roles.items()))
    door.say(
        f"{done.source}: {roles or 'nothing new'}; {done.unchanged:,} unchanged, {done.withdrawn:,} gone."
    )
    partial = any(done.findings[code] for code in _PARTIAL)
    door.close(3 if partial else 0, dry_run=dry_run, **done.as_json())


@verb
@click.argument("path", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Read and count; store nothing.")
def listens(door: Door, path: str, dry_run: bool) -> None:
    """Gather counts of listens: CSV or Parquet by ISRC, MBID, or artist and title; ListenBrainz's JSON.

    Listeners' names are dropped as they are read. A newer version of the same file replaces its counts.

    Exit codes: 0 done; 2 the file or its columns are not understood; 3 some records could not be counted.
    """
    with door.open() as archive:
        done = archive.gather_listens(path, door.report, dry_run)
    door.say(f"{done.source}: {done.listens:,} listens of {max(0, done.claims - 1):,} recordings.")
    malformed = any(code.startswith("listen-") for code in done.findings)
    door.close(3 if malformed else 0, dry_run=dry_run, **done.as_json())


def _from_dumps(name: str, told: str) -> click.Command:
    """The verb of a public source whose dumps are read as they are published."""

    def dumps(door: Door, paths: tuple[str, ...], full: bool | None, dry_run: bool) -> None:
        with door.open() as archive:
            done = archive.gather_dump(name, paths, door.report, full, dry_run)
        door.close(_told(door, done), dry_run=dry_run, **done.as_json())

    dumps.__name__ = name
    dumps.__doc__ = f"""Gather {told}

    Files are read as they are published, packed or not. After an interruption the same command goes on where
    it was. Records that cannot be understood are refused, counted and located; the rest is taken in.

    Exit codes: 0 all was read; 2 no such file, or not understood; 3 some of it was refused or is missing; 11
    another gather runs.
    """
    return verb(_reading(click.argument("paths", metavar="PATH...", nargs=-1, required=True)(dumps)))


def _reading(function: Callable[..., None]) -> Callable[..., None]:
    """The choices that all have who read files which may be pieces of a whole."""
    full = click.option(
        "--full/--delta",
        default=None,
        help="Full: what is not in it is gone. Delta: it only adds. By default what the files show.",
    )
    return full(click.option("--dry-run", is_flag=True, help="Read and count; store nothing.")(function))


@verb
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--map", "mapping", metavar="TOML", required=True, help="Which column means what.")
@_reading
def mapped(door: Door, paths: tuple[str, ...], mapping: str, full: bool | None, dry_run: bool) -> None:
    """Gather tables of your own, CSV, JSON lines or Parquet, by a mapping that says what their columns mean.

    Each file is a private source of its own, as a shelf is: a newer version of it replaces what it said
    before, or with --delta adds to it.

    Exit codes: 0 all was read; 2 a file or the mapping is not understood; 3 some rows were refused; 11
    another gather runs.
    """
    with door.open() as archive:
        done = archive.gather_mapped(paths, mapping, door.report, full, dry_run)
    codes = [_told(door, one) for one in done]
    for one in done[1:] and done:
        door.report.item(one.as_json())
    totals = {name: sum(getattr(one, name) for one in done) for name in _TOTALS}
    door.close(max(codes), dry_run=dry_run, **(totals if done[1:] else done[0].as_json()))


_TOTALS = ("read", "claims", "unchanged", "refused", "withdrawn", "spared", "listens")


def _told(door: Door, done: Gathered) -> int:
    """Say what a harvest of files brought; the exit code."""
    if done.kept_are_claims:
        kept = f" = {done.claims:,} new + {done.unchanged:,} unchanged + {done.refused:,} refused"
    else:
        kept = f", {done.refused:,} refused; {done.claims:,} claims, {done.listens:,} listens"
    went_on = " It went on where it was cut." if done.went_on else ""
    door.say(f"{done.source}: {many(done.read, 'record')} read{kept}; {done.withdrawn:,} gone.{went_on}")
    if done.spared:
        door.say(f"{done.spared:,} known before are not in it. Say --full if they are gone, --delta if not.")
    for name in done.broken:
        door.say(f"{name} is not whole: fetch it again. What came before the break is kept.")
    is_partial = done.refused or done.spared or any(done.findings[code] for code in _PARTIAL)
    return 3 if is_partial else 0


command.add_command(folder)
command.add_command(listens)
command.add_command(mapped)
for _name, _what in {
    "musicbrainz": "MusicBrainz's JSON dumps: artist, release-group, release, recording and label.",
    "discogs": "Discogs' monthly XML: artists, labels, masters and releases.",
    "listenbrainz": "ListenBrainz's dumps into counts; who listened is dropped as it is read.",
    "fma": "the tables of the Free Music Archive's data set, with their licences.",
    "internetarchive-dump": "metadata of the Internet Archive's items, as files.",
}.items():
    command.add_command(_from_dumps(_name, _what))
