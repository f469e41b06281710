"""`lockgroove gather`: one subcommand a source."""

import click

from lockgroove.cli.door import Door, verb

_PARTIAL = ("unreadable", "vanished", "changed-while-read")


@click.group(name="gather")
def command() -> None:
    """Take in what a source says; nothing is ever written there."""


@verb
@click.argument("path", metavar="DIR")
@click.option("--licence", "--license", help="Your statement for the whole shelf, such as CC-BY-4.0.")
@click.option("--sound-only", is_flag=True, help="Leave booklets, cue sheets and logs out.")
def folder(door: Door, path: str, licence: str | None, sound_only: bool) -> None:
    """Gather a folder of music: sound is found by content, tags are read, nothing is changed.

    Without a licence, in the tags, in a LICENSE file beside the music or by --licence, items stay dark:
    kept, never published. A second run opens only what has changed.

    Exit codes: 0 all was read; 2 no such folder; 3 some files could not be read; 11 another gather runs.
    """
    with door.open() as archive:
        done = archive.gather_folder(path, licence, sound_only, door.report)
    roles = ", ".join(f"{count:,} {role}" for role, count in sorted(done.roles.items()))
    door.say(
        f"{done.source}: {roles or 'nothing new'}; {done.unchanged:,} unchanged, {done.withdrawn:,} gone."
    )
    partial = any(done.findings[code] for code in _PARTIAL)
    door.close(3 if partial else 0, **done.as_json())


@verb
@click.argument("path", metavar="FILE")
def listens(door: Door, path: str) -> None:
    """Gather counts of listens: CSV or Parquet by ISRC, MBID, or artist and title; ListenBrainz's JSON.

    Listeners' names are dropped as they are read. A newer version of the same file replaces its counts.

    Exit codes: 0 done; 2 the file or its columns are not understood; 3 some records could not be counted.
    """
    with door.open() as archive:
        done = archive.gather_listens(path, door.report)
    door.say(f"{done.source}: {done.listens:,} listens of {max(0, done.claims - 1):,} recordings.")
    malformed = any(code.startswith("listen-") for code in done.findings)
    door.close(3 if malformed else 0, **done.as_json())


command.add_command(folder)
command.add_command(listens)
