"""`lockgroove demo`: the operator's verbs as an operator types them, on music that comes with the package."""

from __future__ import annotations

import importlib.resources
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import click

from lockgroove.cli.door import Door, verb
from lockgroove.errors import LockgrooveError

_OK = (0, 3)


@verb
@click.option(
    "--dir", "folder", metavar="DIR", help="Where to work; else a new folder below the temp folder."
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--no-serve", is_flag=True, help="End when everything has been told.")
def command(door: Door, folder: str | None, port: int, no_serve: bool) -> None:
    """Every verb on the demo's own music, told step by step, then the archive in a browser.

    The music is public-domain pieces performed for Lockgroove (CC0); the listens are simulated.

    Exit codes: 0 told to the end; 1 a step did not do what it promises.
    """
    work = os.path.abspath(folder or tempfile.mkdtemp(prefix="lockgroove-demo-"))
    os.makedirs(work, exist_ok=True)
    story = _Story(door, work)
    with importlib.resources.as_file(importlib.resources.files("lockgroove.cli") / "demo_music") as music:
        shutil.copytree(music, f"{work}/Music", dirs_exist_ok=True, ignore=shutil.ignore_patterns("plays*"))
        shutil.copy(music / "plays.csv", f"{work}/plays.csv")
    _tell(story)
    if no_serve:
        door.say(f"\nEverything is in {work}. To see it: lockgroove -C {work}/archive serve")
        door.close(folder=work, steps=story.steps)
        return
    door.say(f"\nNow open http://127.0.0.1:{port} (Ctrl-C ends it; everything is in {work}).")
    story.run("serve", "--port", str(port), fails=(0, 130))
    door.close(folder=work, steps=story.steps)


class _Story:
    """Says what comes, types it, shows what it answered."""

    def __init__(self, door: Door, work: str) -> None:
        self._door = door
        self._work = work
        self.steps = 0

    @property
    def archive(self) -> str:
        """The archive's folder."""
        return f"{self._work}/archive"

    def say(self, text: str) -> None:
        """A sentence before a step."""
        self._door.say(f"\n\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else f"\n{text}")

    def run(self, *words: str, fails: tuple[int, ...] = _OK) -> None:
        """Type one command. Raises LockgrooveError when it ends as it must not."""
        shown = [word.replace(f"{self._work}/", "") for word in words]
        self._door.say(f"$ lockgroove {' '.join(shlex.quote(word) for word in shown)}")
        environment = os.environ | {"LOCKGROOVE_ARCHIVE": self.archive}
        done = subprocess.run(
            [sys.executable, "-m", "lockgroove", *words],
            env=environment,
            cwd=self._work,
            check=False,
            stdout=sys.stderr if self._door.as_json else None,
        )
        self.steps += 1
        if done.returncode not in fails:
            raise LockgrooveError(f"`lockgroove {words[0]}` ended with {done.returncode}", self._work)


def _tell(story: _Story) -> None:
    work = os.path.dirname(story.archive)
    story.say("An archive is a folder.")
    story.run("init", story.archive)
    story.say("Gather: what a shelf of music says of itself. Nothing is changed there.")
    story.run("gather", "folder", f"{work}/Music")
    story.say("Listens tell what people would miss. These are simulated; their listeners' names are dropped.")
    story.run("gather", "listens", f"{work}/plays.csv")
    story.say("Plan: with 3 MB, what is worth keeping first?")
    story.run("plan", "--budget", "3MB")
    story.say("There is room for all of it.")
    story.run("plan")
    story.say("Keep: into the vault, durably.")
    story.run("keep")
    story.say("A second home for everything.")
    story.run("place", "add", f"{work}/second")
    story.say("Audit: every byte read again, in both.")
    story.run("audit")
    story.say("Now one bit rots …")
    _rot(story)
    story.run("audit", fails=(4,))
    story.say("… and is mended from the other home.")
    story.run("repair")
    story.say("Publish: a signed dump of what may be published.")
    story.run("dump")
    story.say("A stranger mirrors it, verifies it, and has an archive of their own.")
    story.run("mirror", story.archive, f"{work}/mirror")
    story.say("The catalogue can always be made again.")
    story.run("rebuild")
    story.say("Search, in any script.")
    story.run("search", "sakura")
    story.run("search", "korobeiniki")
    story.run("status")


def _rot(story: _Story) -> None:
    """Flip one bit of the first sound file in the vault."""
    found = sorted(
        f"{folder}/{name}"
        for folder, _, names in os.walk(f"{story.archive}/vault")
        for name in names
        if name.endswith((".opus", ".ogg", ".flac", ".mp3"))
    )
    with open(found[0], "r+b") as file:
        file.seek(os.path.getsize(found[0]) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
