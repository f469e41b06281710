"""What all verbs share: opening the archive, telling of progress, and closing with a summary.

On a terminal people read sentences; with `--json` programs read one object a line: progress, item, finding,
error or summary, each with `v`, `type` and `at`.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import click

from lockgroove.findings import CODES, Finding

if TYPE_CHECKING:
    from lockgroove.archive import Archive

_FINDINGS_SHOWN = 10
_SECONDS_BETWEEN = 0.2


class Door:
    """One run of one verb: where the archive is, and how to speak."""

    def __init__(self, archive: str | None, as_json: bool) -> None:
        self._path = archive
        self.as_json = as_json
        self.report: TerminalReport | JsonReport = JsonReport() if as_json else TerminalReport()
        self.exit = 0

    @property
    def path(self) -> str:
        """Where the archive is, or would be."""
        return os.path.abspath(self._path or ".")

    def open(self) -> Archive:
        """The archive. Raises NoArchive."""
        from lockgroove.archive import Archive

        return Archive(self.path)

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            self.report.pause()
            tell(text)

    def item(self, item: Mapping[str, Any], text: str) -> None:
        """One line of an answer, in either form."""
        if self.as_json:
            emit("item", item)
        else:
            self.say(text)

    def close(self, exit_code: int = 0, **counts: Any) -> None:
        """The closing summary; the process ends with this code."""
        self.report.pause()
        self.exit = exit_code
        if self.as_json:
            emit("summary", {**counts, "findings_by_code": dict(self.report.counts), "exit": exit_code})
        else:
            self.report.close()


class JsonReport:
    """Everything as objects on standard output."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._last = 0.0

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """At most five a second."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN:
            self._last = time.monotonic()
            emit("progress", {"what": what, "done": done, "total": total, "unit": unit})

    def item(self, item: Mapping[str, Any]) -> None:
        """As it comes."""
        emit("item", item)

    def finding(self, finding: Finding) -> None:
        """As it comes."""
        self.counts[finding.code] += finding.times
        emit("finding", finding.as_json())

    def pause(self) -> None:
        """Nothing stands in the way."""

    def close(self) -> None:
        """Nothing to close."""


class TerminalReport:
    """Progress on stderr when it is a terminal; findings as lines, many of one kind told as a number."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._since: dict[str, float] = {}
        self._terminal = sys.stderr.isatty()

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """A bar with speed and time left."""
        if not self._terminal:
            return
        if self._bar is None:
            self._start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, shown="")
            self._since[what] = time.monotonic()
        speed = done / max(0.1, time.monotonic() - self._since[what])
        shown = f"{_amount(done, unit)}  {_amount(int(speed), unit)}/s"
        self._bar.update(self._tasks[what], completed=done, total=total, shown=shown)

    def _start(self) -> None:
        from rich import progress as bars
        from rich.console import Console

        columns = (
            bars.SpinnerColumn(), bars.TextColumn("{task.description}"), bars.BarColumn(),
            bars.TextColumn("{task.fields[shown]}"), bars.TaskProgressColumn(), bars.TimeRemainingColumn(),
        )  # fmt: skip
        self._bar = bars.Progress(
            *columns, console=Console(stderr=True), transient=True, refresh_per_second=8
        )
        self._bar.start()

    def item(self, item: Mapping[str, Any]) -> None:
        """Items are for programs; people get the count."""

    def finding(self, finding: Finding) -> None:
        """The first few of a code as lines."""
        self.counts[finding.code] += finding.times
        if self.counts[finding.code] <= _FINDINGS_SHOWN:
            self.pause()
            tell(f"  {finding}", err=True)

    def pause(self) -> None:
        """Take the bar away before a line is printed."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._tasks = {}

    def close(self) -> None:
        """Say how many findings there were, what they mean and what to do."""
        if self.counts:
            click.echo(f"\n{many(sum(self.counts.values()), 'finding')}:", err=True)
        for code, count in sorted(self.counts.items()):
            meaning = CODES[code]
            click.echo(f"  {count:>5} x {code}: {meaning.meaning}; {meaning.advice}", err=True)


def tell(text: str, err: bool = False) -> None:
    """Print a line. A byte of a name that is not UTF-8 stands as its escape, which JSON understands too."""
    click.echo(text.encode("utf-8", "backslashreplace").decode(), err=err)


def emit(kind: str, fields: Mapping[str, Any]) -> None:
    """One object on standard output."""
    from lockgroove.journal import now

    line = {"v": 1, "type": kind, "at": now(), **fields}
    tell(json.dumps(line, ensure_ascii=False, default=str))


def fail(what: str, advice: str, code: int, kind: str = "error", retry: bool = False) -> int:
    """Tell of a broken promise in the form that was asked for; the exit code."""
    text = f"{what}. {advice}".strip() if advice else what
    if "--json" in sys.argv:
        emit("error", {"error": kind, "message": text, "retry": retry, "exit": code})
        emit("summary", {"exit": code})
    else:
        tell(f"lockgroove: {text}", err=True)
    return code


def verb(function: Callable[..., None]) -> click.Command:
    """A verb: its docstring is its help; it gets a Door and sets the exit code by `close`."""

    @functools.wraps(function)
    def run(as_json: bool, archive: str | None, **options: Any) -> None:
        ctx = click.get_current_context()
        outer = (ctx.find_root().obj or {}).get("archive")
        door = Door(archive or outer, as_json)
        try:
            function(door, **options)
        finally:
            door.report.pause()
        if door.exit:
            ctx.exit(door.exit)

    wrapped: Any = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")(run)
    wrapped = click.option("-C", "--archive", metavar="DIR", hidden=True, help="The archive.")(wrapped)
    return click.command(name=function.__name__.strip("_"), help=function.__doc__)(wrapped)


def many(number: int, noun: str) -> str:
    """A number and its noun: 1 file, 2 files, 1,000 files."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _amount(count: int, unit: str) -> str:
    return _size(count) if unit == "bytes" else f"{count:,} {unit}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


size_text = _size


class Bytes(click.ParamType[int]):
    """A number of bytes: 500MB, 20GB, 1.5TB, or plain."""

    name = "SIZE"
    _UNITS: ClassVar = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15,
              "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}  # fmt: skip

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Raises a usage error that shows how it is written."""
        if isinstance(value, int):
            return value
        text = str(value).replace(" ", "").replace(",", "").upper()
        number = text.rstrip("BKMGTPI")
        try:
            size = int(float(number) * self._UNITS[text[len(number) :]])
        except (ValueError, KeyError, OverflowError):
            size = -1
        if size < 0:
            self.fail(f"{value!r} is no size; write 500MB, 20GB or 1.5TB", param, ctx)
        return size
