"""Samples of a page, run as a reader would type them, and what came out held against what the page says.

A block of language `console` has commands after `$ ` and below each what it answers. `…` stands for anything
on a line, and alone on a line for any lines. What differs from run to run is compared by its form; a name
(an id, a digest, a key) stands for one value throughout a page, also in the commands that follow.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LANGUAGES = {"console", "sh", "python", "toml", "json", "text"}
HOME = "/home/you"  # what pages call the reader's home
_MARK = "--- a command ended with"
_FENCE = re.compile(r"^(`{3,}|~{3,})\s*(\S*)\s*$")


class Unparsable(ValueError):
    """A block that is no sample: it says where and why."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the line of its fence, its lines."""

    language: str
    line: int
    lines: Sequence[str]


@dataclass
class Step:
    """A command, its line in the page, and what it is said to answer."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page. Raises Unparsable for one without a known language, or without an end."""
    fence, language, start, lines = "", "", 0, []
    for number, line in enumerate(page.splitlines(), 1):
        found = _FENCE.match(line)
        if not fence and found:
            fence, language, start, lines = found[1], found[2], number, []
            if language not in LANGUAGES:
                raise Unparsable(f"line {number}: a block of language {language!r}; give one of {LANGUAGES}")
        elif fence and line.strip() == fence:
            yield Block(language, start, lines)
            fence = ""
        elif fence:
            lines.append(line)
        elif line.lstrip().startswith(("```", "~~~")):
            raise Unparsable(f"line {number}: a fence that cannot be read")
    if fence:
        raise Unparsable(f"line {start}: a block without an end")


def steps(block: Block) -> list[Step]:
    """The commands of a console block. Raises Unparsable when it does not begin with one."""
    found: list[Step] = []
    continued = False
    for number, line in enumerate(block.lines, block.line + 1):
        if continued:
            found[-1].command += f"\n{line}"
        elif line.startswith("$ "):
            found.append(Step(number, line[2:]))
        elif not found:
            raise Unparsable(f"line {number}: an answer before any command")
        else:
            found[-1].expected.append(line)
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    if not found or continued:
        raise Unparsable(f"line {block.line}: a console block without a whole command")
    return found


class Shell:
    """A bash in a home of its own; what it exports and where it goes stays for the next command."""

    def __init__(self, home: Path, path: str) -> None:
        self.home = home
        environment = {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "110"}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=home,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command: str) -> tuple[list[str], int]:
        """Type a command; its lines, standard error among them, and its exit code."""
        typed = (
            f"{{ {command}\n}} </dev/null\n_code=$?; printf '\\n%s %s\\n' '{_MARK}' $_code; (exit $_code)\n"
        )
        self._stdin.write(typed)
        self._stdin.flush()
        lines: list[str] = []
        for line in self._stdout:
            if line.startswith(_MARK):
                return lines, int(line.rpartition(" ")[2])
            lines.append(line.rstrip("\n").replace(str(self.home), HOME))
        raise AssertionError(f"the shell ended: {lines}")

    def close(self) -> None:
        """End the shell."""
        self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._bash.wait(5)
        self._stdout.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self._bash.stdin is not None
        return self._bash.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self._bash.stdout is not None
        return self._bash.stdout


# Names are bound: the page's text stands for the run's. The rest is compared by its form.
_NAMES = {
    "object": r"[0-9a-f]{2}/[0-9a-f]{2}/urn%3alockgroove%3a[0-9a-f]{64}",
    "urn": r"urn:lockgroove:[0-9a-f]{64}",
    "id": r"\b[rteagl]-[0-9a-hjkmnp-tv-z]{20}\b",
    "source": r"\b(?:shelf|listens|arc)-[0-9a-f]{16}\b",
    "statement": r"\bs-[0-9a-f]{12}\b",
    "minisign": r"\bRW[A-Za-z0-9+/]{54}(?![A-Za-z0-9+/])",
    "digest": r"\b[0-9a-f]{16,128}\b",
}
_FORMS = {
    "time": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?",
    "date": r"\b\d{4}-\d\d-\d\d\b",
    "size": r"\b\d[\d,]*(?:\.\d+)? (?:B|kB|MB|GB)\b",
    "took": r"\b\d+(?:\.\d+)? m?s\b",
}
_TOKEN = re.compile(
    "|".join(f"(?P<{name}>{form})" for name, form in (_NAMES | _FORMS).items()) + "|(?P<any>…)"
)
_SIZE_SHARE = 0.05
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def match(expected: Sequence[str], actual: Sequence[str], bound: Mapping[str, str]) -> dict[str, str] | None:
    """What the page's names stand for after these lines; None when the lines are not those of the page.

    Blank lines do not count.
    """
    return _match([e for e in expected if e.strip()], [a for a in actual if a.strip()], dict(bound))


def _match(expected: Sequence[str], actual: Sequence[str], bound: dict[str, str]) -> dict[str, str] | None:
    if not expected:
        return bound if not actual else None
    if expected[0].strip() == "…":
        for taken in range(len(actual) + 1):
            rest = _match(expected[1:], actual[taken:], bound)
            if rest is not None:
                return rest
        return None
    here = match_line(expected[0], actual[0], bound) if actual else None
    return None if here is None else _match(expected[1:], actual[1:], here)


def match_line(expected: str, actual: str, bound: Mapping[str, str]) -> dict[str, str] | None:
    """As `match`, for one line."""
    pattern, tokens, at = "", [], 0
    for token in _TOKEN.finditer(expected):
        kind = token.lastgroup or ""
        form = ".*?" if kind == "any" else (_NAMES | _FORMS)[kind]
        pattern += f"{re.escape(expected[at : token.start()])}({form})"
        tokens.append((kind, token[0]))
        at = token.end()
    found = re.fullmatch(pattern + re.escape(expected[at:]), actual.rstrip())
    if found is None:
        return None
    after = dict(bound)
    for (kind, said), is_ in zip(tokens, found.groups(), strict=True):
        if kind in _NAMES and after.setdefault(said, is_) != is_:
            return None
        if kind == "size" and abs(_bytes(said) - _bytes(is_)) > _SIZE_SHARE * _bytes(said):
            return None
    return after


def _bytes(size: str) -> float:
    number, unit = size.replace(",", "").split(" ")
    return float(number) * _UNITS[unit]


def play(page: str, shell: Shell) -> list[str]:
    """Run every console block of a page in order; the first difference, in words."""
    bound: dict[str, str] = {}
    script = [step for block in blocks(page) if block.language == "console" for step in steps(block)]
    for number, step in enumerate(script):
        lines, code = shell.run(_typed(step.command, bound, shell.home))
        if code and [following.command for following in script[number + 1 : number + 2]] != ["echo $?"]:
            return [
                f"line {step.line}: {step.command}\nended with {code}, and the page does not say so:",
                *lines,
            ]
        after = match(step.expected, lines, bound)
        if after is None:
            said = "\n".join(step.expected)
            return [f"line {step.line}: {step.command}\nthe page says:\n{said}\nbut it answered:", *lines]
        bound = after
    return []


def _typed(command: str, bound: Mapping[str, str], home: Path) -> str:
    for said, is_ in bound.items():
        command = command.replace(said, is_)
    return command.replace(HOME, str(home))


def furnish(home: Path, music: Path) -> None:
    """The reader's home: the demo's music in ~/Music, and ~/plays.csv."""
    shutil.copytree(music, home / "Music")
    os.rename(home / "Music" / "plays.csv", home / "plays.csv")
    os.unlink(home / "Music" / "plays.README.txt")
