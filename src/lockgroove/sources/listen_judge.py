"""What a record of listens counts for: its subject, month and group of listeners, or why it is refused.

Invariant: a listener's name does not leave `Judge`; what goes on is the number of a group, and a digest whose
key is forgotten with the run.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from typing import Any, Protocol

import pyarrow as pa

from lockgroove.model import Claim
from lockgroove.sources.fields import isrcs, mbids
from lockgroove.sources.listen_lines import Malformed
from lockgroove.sources.listen_records import Chunk
from lockgroove.sources.listen_tally import NAMED, NAMINGS, PLAYS, Naming, table

NAME_CHARS_MAX = 4096
LISTENER_CHARS_MAX = 512
LISTENS_PER_ROW_MAX = 10**12
MONTH_FIRST = "1900-01"

_AFTER_ALL = 1 << 60
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_UNIX = re.compile(r"([0-9]{9,13})(?:\.[0-9]*)?")
_DAY = 86_400
_MILLISECONDS_MIN = 10**11  # as seconds, the year 5138
_WHOLE = re.compile(r"([0-9]{1,19})(?:\.0)?")  # tables with gaps write whole numbers as 3.0


class Telling(Protocol):
    """Who hears why a record is refused."""

    def tell(self, code: str, unit: str, number: int | None, why: str) -> None:
        """One finding; it quotes nothing."""


class Judge:
    """Says of each record what it counts for, or why it is refused."""

    def __init__(self, group_of: Callable[[str], int], told: Telling) -> None:
        self.counted = 0
        self.refused = 0
        self._group_of = group_of
        self._told = told
        self._ranks = 0
        self._secret = secrets.token_bytes(32)
        self._listener = lru_cache(1 << 16)(self._hidden)
        self._month = _Months(datetime.now(UTC).date()).month

    def judged(self, chunk: Chunk) -> tuple[pa.Table, pa.Table]:
        """A chunk's plays and its distinct namings, without listeners."""
        plays: list[tuple[str, str, int, int | None, int]] = []
        namings: dict[Naming, tuple[str, int]] = {}
        for number, naming, numbers in _records(chunk):
            try:
                # the naming comes last, so that none is kept for which nothing counts
                listens, month = _listens(numbers[0]), self._month(numbers[1])
                group, digest = self._listener(numbers[2])
                subject = (namings.get(naming) or self._named(namings, naming))[0]
                plays.append((subject, month, group, digest, listens))
            except Malformed as error:
                self.refused += 1
                self._told.tell(error.code, chunk.unit, number, str(error))
        self.counted += len(plays)
        named = [(subject, rank, *naming) for naming, (subject, rank) in namings.items()]
        return table(PLAYS, plays), table(NAMINGS, named)

    def _named(self, namings: dict[Naming, tuple[str, int]], naming: Naming) -> tuple[str, int]:
        """The subject and the rank of a naming: of a subject's namings the first whole one is given."""
        self._ranks += 1
        whole = naming[2] and naming[3]
        namings[naming] = _subject(naming), self._ranks if whole else self._ranks + _AFTER_ALL
        return namings[naming]

    def _hidden(self, listener: str | None) -> tuple[int, int | None]:
        """The group of a listener, and a digest that means nothing after this run."""
        name = (listener or "").strip()
        if not name:
            return -1, None
        if len(name) > LISTENER_CHARS_MAX:
            raise Malformed("a listener's name longer than any name")
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), key=self._secret, digest_size=8)
        return self._group_of(name), int.from_bytes(digest.digest(), "big")


def _records(chunk: Chunk) -> Iterator[tuple[int, Naming, tuple[str | None, ...]]]:
    """A chunk row by row: its number, its naming, and listens, month and listener."""
    given = chunk.columns
    named = (given.get(name, repeat(None)) for name in ("mbid", "isrc", "artist", "title"))
    numbers = (
        given.get("plays", repeat("1")),
        given.get("when", repeat(None)),
        given.get("listener", repeat(None)),
    )
    return zip(chunk.numbers, zip(*named, strict=False), zip(*numbers, strict=False), strict=False)


@lru_cache(1 << 10)
def _listens(text: str | None) -> int:
    """A number of listens, which must be whole: "1.234" is a thousand to some and one to others."""
    plain = (text or "").strip()
    whole = _WHOLE.fullmatch(plain)
    if whole is None:
        if re.fullmatch(r"-[0-9.,]+", plain):
            raise Malformed("a negative number of listens", "listen-negative")
        raise Malformed("listens that are not a whole number")
    if int(whole[1]) > LISTENS_PER_ROW_MAX:
        raise Malformed("more than a million million listens")
    return int(whole[1])


class _Months:
    """The month of a date, between 1900 and the month after today's.

    A record beyond is refused, not counted under no month: such a date shows a shifted column or another
    unit, so that its other cells deserve no more belief.
    """

    def __init__(self, today: date) -> None:
        self._last = f"{today.replace(day=1) + timedelta(days=31):%Y-%m}"

    def month(self, text: str | None) -> str:
        """The month as YYYY-MM, "" where none is given; players without a clock say 0."""
        plain = (text or "").strip()
        if plain in ("", "0"):
            return ""
        month = plain if _MONTH.fullmatch(plain) else _month_of(plain)
        if not MONTH_FIRST <= month <= self._last:
            raise Malformed("a month before 1900 or after the next one")
        return month


def _month_of(text: str) -> str:
    unix = _UNIX.fullmatch(text)
    if unix:
        number = int(unix[1])
        return _month_of_day(number // (_DAY if number < _MILLISECONDS_MIN else _DAY * 1000))
    try:
        when = datetime.fromisoformat(text.removesuffix(" UTC"))
        when = when.astimezone(UTC) if when.tzinfo else when
    except (ValueError, OverflowError):
        raise Malformed("a date that is neither ISO nor seconds since 1970") from None
    return f"{when.year:04}-{when.month:02}"


@lru_cache(1 << 14)
def _month_of_day(days: int) -> str:
    return f"{date(1970, 1, 1) + timedelta(days):%Y-%m}"


def _subject(naming: Naming) -> str:
    """The key: the surest that is valid. Raises Malformed where nothing is."""
    mbid, isrc, artist, title = naming
    given = [text for text in naming if text]
    if given and max(map(len, given)) > NAME_CHARS_MAX:
        raise Malformed("a name longer than any name")
    if any("\0" in text for text in given):
        raise Malformed("a name with a NUL in it")
    if mbid and (found := mbids([mbid])):
        return f"mbid:{found[0]}"
    if isrc and (found := isrcs([isrc])):
        return f"isrc:{found[0]}"
    if not (_trimmed(artist) and _trimmed(title)):
        raise Malformed("neither a valid MBID or ISRC nor artist and title", "listen-unnamed")
    return f"name:{_trimmed(artist)}\0{_trimmed(title)}"


def _says(naming: Naming) -> Mapping[str, Any]:
    """A naming in the catalogue's words."""
    mbid, isrc, artist, title = naming
    said = {
        "title": _trimmed(title),
        "artist": _trimmed(artist),
        "isrc": list(isrcs([isrc or ""])),
        "recording_mbid": next(iter(mbids([mbid or ""])), None),
    }
    return {name: value for name, value in said.items() if value}


def listened_claim(source: str, subject: str, naming: Naming) -> Claim:
    """The claim of a name to which listens are counted."""
    body = {name: text for name, text in zip(NAMED, naming, strict=True) if text}
    return Claim("listened", source, subject, "", body, _says(naming))


def _trimmed(text: str | None) -> str:
    if text is None or text.isprintable():
        return (text or "").strip()
    return text.translate(_CONTROL).strip()
