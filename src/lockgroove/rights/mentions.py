"""A mention: the place in a text where a licence is named, exactly or loosely.

Readers take mentions out of a text one kind after another, from the surest to the vaguest, and leave
`MARK` in their place, so that no words are read twice and what remains can be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

MARK = "\x01"


@dataclass(frozen=True)
class Mention:
    """A licence of the vocabulary, or None and why the words do not name one.

    `fits` is a pattern of the licences for which the words may be a looser name: "CC BY" beside
    CC-BY-4.0 adds nothing, beside MIT it contradicts.
    """

    licence: str | None
    why: str
    fits: str = ""

    def agrees_with(self, licence: str) -> bool:
        """Whether these words may mean that licence."""
        return self.licence == licence or bool(self.fits and re.match(self.fits, licence))


Read = Callable[[re.Match[str]], Mention | None]
Reader = tuple[re.Pattern[str], Read]


def take(text: str, readers: Iterable[Reader]) -> tuple[str, list[Mention]]:
    """The text with `MARK` for every mention that a reader finds, and the mentions."""
    found: list[Mention] = []
    for pattern, read in readers:
        text = pattern.sub(partial(_marked, read=read, found=found), text)
    return text, found


def _marked(match: re.Match[str], read: Read, found: list[Mention]) -> str:
    mention = read(match)
    if mention is None:
        return match.group()
    found.append(mention)
    return MARK


def exact(licence: str) -> Mention:
    """The words name this licence and no other."""
    return Mention(licence, f"it names {licence}")


def loose(why: str, fits: str = "") -> Mention:
    """The words name no one licence."""
    return Mention(None, why, fits)


def words(pattern: str, mention: Mention) -> Reader:
    """A reader for words that always mean the same; spaces in the pattern match any white space."""
    spaced = pattern.replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")
    return re.compile(rf"(?<!\w)(?:{spaced})(?!\w)", re.IGNORECASE), lambda _: mention
