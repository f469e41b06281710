"""`lockgroove gather`: one subcommand a source."""

from typing import Any

import click

from lockgroove.cli.door import Door, verb

_PARTIAL = ("unreadable", "vanished", "changed-while-read")


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


command.add_command(folder)
command.add_command(listens)
