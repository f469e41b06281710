"""Reads one line of music in the notation of this folder: text in, sounds out.

The README beside this file teaches the notation. Invariant: every bar of a line is as long as the metre
says, so that a slip of the pen is an error with its bar, not a wrong note that nobody hears.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

LEVELS = {"ppp": 46, "pp": 54, "p": 62, "mp": 70, "mf": 78, "f": 88, "ff": 100}
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
ALTERED = {"": 0, "#": 1, "b": -1}
DRUMS = {"dum": 64, "tak": 62, "riqq": 54}

_SOUND = re.compile(r"(?P<keys>[^:'^_*]+)(:(?P<length>[0-9./]+))?(?P<marks>['^_]*)(\*(?P<count>\d+))?$")
_PITCH = re.compile(r"([a-g])(#|b)?(\d)?$")


class Misread(ValueError):
    """A line of music that cannot be read: says where and why."""


@dataclass(frozen=True)
class Sound:
    """What begins at one moment in one voice: no keys make it a rest; marks are how it is played."""

    start: Fraction
    length: Fraction
    keys: tuple[int, ...]
    level: float
    marks: str = ""


@dataclass
class _Pen:
    """Where the reader is, and what the next token may leave unsaid."""

    now: Fraction = Fraction(0)
    length: Fraction = Fraction(1)
    octave: int = 4


def read_line(text: str, phrases: Mapping[str, str], bar: Fraction, pickup: Fraction) -> list[Sound]:
    """The sounds of one voice, in units; a pickup is a short bar before the first."""
    pen, sounds = _Pen(), list[Sound]()
    levels: list[tuple[Fraction, str]] = []
    for number, tokens in _bars(_unfold(text, phrases), first=0 if pickup else 1):
        begin = pen.now
        for token in tokens:
            if token.startswith("("):
                levels.append((pen.now, token.strip("()")))
            else:
                sounds = _add(sounds, token, pen)
        due = pickup if number == 0 else bar
        if pen.now - begin != due:
            raise Misread(f"bar {number} is {pen.now - begin} units long, not {due}: {' '.join(tokens)}")
    return [replace(s, level=_level_at(s.start, levels)) for s in sounds]


def key_of(name: str, octave: int) -> tuple[int, int]:
    """The MIDI key of a pitch, and its octave, which the next pitch may leave out."""
    if name in DRUMS:
        return DRUMS[name], octave
    match = _PITCH.match(name)
    if not match:
        raise Misread(f"{name!r} is no pitch")
    letter, altered, said = match.groups()
    octave = int(said) if said else octave
    return 12 * (octave + 1) + STEPS[letter] + ALTERED[altered or ""], octave


def _unfold(text: str, phrases: Mapping[str, str]) -> str:
    """Puts each phrase where its name stands; `$name*3` is the phrase three times, with bar lines between."""

    def phrase(match: re.Match[str]) -> str:
        body = _unfold(phrases[match[1]], phrases).strip().strip("|")
        return " | ".join([body] * int(match[2] or 1))

    return re.sub(r"\$(\w+)(?:\*(\d+))?", phrase, text)


def _bars(text: str, first: int) -> Iterator[tuple[int, list[str]]]:
    for number, bar in enumerate(text.strip().strip("|").split("|"), start=first):
        yield number, bar.split()


def _add(sounds: list[Sound], token: str, pen: _Pen) -> list[Sound]:
    """The line with one more token; `~` makes what sounds last longer."""
    match = _SOUND.match(token)
    if not match:
        raise Misread(f"{token!r} is no sound")
    pen.length = Fraction(match["length"]) if match["length"] else pen.length
    for _ in range(int(match["count"] or 1)):
        if match["keys"] == "~":
            sounds = [*sounds[:-1], replace(sounds[-1], length=sounds[-1].length + pen.length)]
        else:
            sounds = [*sounds, Sound(pen.now, pen.length, _keys(match["keys"], pen), 0, match["marks"])]
        pen.now += pen.length
    return sounds


def _keys(names: str, pen: _Pen) -> tuple[int, ...]:
    keys = []
    for name in [] if names == "r" else names.split("+"):
        key, pen.octave = key_of(name, pen.octave)
        keys.append(key)
    return tuple(keys)


def _level_at(moment: Fraction, levels: list[tuple[Fraction, str]]) -> float:
    """The level in force; between `(...)` and the next level it glides in a straight line."""
    level, glide_from = float(LEVELS["mf"]), None
    for at, name in levels:
        if at > moment:
            if glide_from is not None and name != "...":
                share = float((moment - glide_from) / (at - glide_from))
                level += share * (LEVELS[name] - level)
            break
        glide_from = at if name == "..." else None
        level = level if name == "..." else LEVELS[name]
    return level
