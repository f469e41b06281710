"""The operator's door: one module per verb, found when it is asked for, so that `--help` is quick.

A verb parses, calls one function and prints. Exit codes: 0 ok, 1 failed, 2 usage, 3 partial, 4 damage found,
5 refused by rights or policy, 10 no archive, 11 locked, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from lockgroove import __version__
from lockgroove.errors import LockgrooveError

# Each verb's line stands here so that the list needs no module; a test holds them equal to the docstrings.
VERBS = {
    "init": "Make an archive, or bring one back from a place.",
    "gather": "Take in what a shelf or a file of listens says; reads, never writes there.",
    "rights": "See what is undecided, and decide it with a reason.",
    "plan": "Choose what to keep first: the most listens for the bytes.",
    "keep": "Copy the plan's files into the vault, durably, here and at every place.",
    "place": "Name other homes of the truth.",
    "audit": "Read every byte again, here and at every place.",
    "repair": "Mend damage from wherever a good copy is.",
    "search": "Find recordings by words, ISRC, MBID or id.",
    "show": "Everything that is known of one item.",
    "match": "Say that two are the same recording; your word wins over every rule.",
    "unmatch": "Say that two claims are not of the same recording; your word wins over every rule.",
    "export": "Get music out again, with its names and companions.",
    "status": "What the archive holds, and how it is.",
    "dump": "Write a signed dump of what may be published.",
    "mirror": "Copy somebody's dump, verify it, and make an archive of it.",
    "rebuild": "Make catalogue and state again from claims, vault and journal.",
    "serve": "Show the archive in a browser, with a player and a JSON API.",
    "account": "Who comes in: accounts, their keys, and grants to take more.",
    "guard": "Who takes more than people do, alone or together, and why.",
    "bench": "Measure this machine on generated data.",
    "demo": "All of the above on the demo's own music, told step by step.",
}


class _Verbs(click.Group):
    """Verbs in the order in which a newcomer meets them, each loaded when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"lockgroove.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderGone from None  # click would end with 1: but whoever closed the pipe has read enough

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(error.message + _meant(args[0]), ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


class _ReaderGone(Exception):
    """Nobody reads our output any more."""


def _meant(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, VERBS, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every verb takes --json (one object a line). Start with: lockgroove demo",
)
@click.version_option(__version__, prog_name="lockgroove")
@click.option(
    "-C",
    "--archive",
    "archive",
    metavar="DIR",
    envvar="LOCKGROOVE_ARCHIVE",
    help="The archive; else $LOCKGROOVE_ARCHIVE, else this folder.",
)
@click.pass_context
def cli(ctx: click.Context, archive: str | None) -> None:
    """Lockgroove, an open preservation archive for music: gather, plan, keep, verify, publish, mirror."""
    ctx.obj = {"archive": archive}


def main() -> NoReturn:
    """Run, and turn every broken promise into a sentence and an exit code."""
    from lockgroove.cli.door import fail

    os.umask(0o022)
    try:
        code = cli.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = fail("Interrupted", "Nothing that was acknowledged is lost. The same command goes on.", 130)
    except click.ClickException as error:
        code = 2 if isinstance(error, click.UsageError) else 1
        if _wants_json():
            fail(error.format_message(), "", code)
        else:
            error.show()
    except LockgrooveError as error:
        code = fail(str(error), "", error.exit_code, kind=error.code, retry=error.retry)
    except OSError as error:
        code = fail(f"The system refused ({error})", "", 1, kind="SystemRefused")
    except _ReaderGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _wants_json() -> bool:
    return "--json" in sys.argv
