"""Names as they are compared: under which text two claims may be one recording, and which version each tells.

Claims are the same by names when both parts of `Compared` are the same and their durations agree; no version
is merged in silence. Keys are digests of the parts, so that an engine compares numbers. Anyone can compute
them: unkeyed BLAKE2b with 8 bytes of output, over the part in UTF-8, as a signed big-endian number; 0 for an
empty part.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lockgroove.catalogue.names.credits import credit_words, signs, together
from lockgroove.catalogue.names.folding import (
    as_list,
    fold_words,
    latin,
)
from lockgroove.catalogue.names.titles import TELLING, read_title
from lockgroove.catalogue.names.words import NO_TITLES


class Compared(NamedTuple):
    """What is compared of a title and a credit.

    `name` is "" where there is nothing to compare: one is absent or says nothing ("Track 1", "Unknown").
    `version` is canonical words and numbers, sorted, "" for a song as such; it is there without a name too.
    """

    name: str
    version: str


def compared(title: str | None, artist: str | None) -> Compared:
    """How a title by an artist is compared. Guests count among the artists, wherever they are named."""
    return _compared(title or "", _credit(artist or ""))


def compared_all(
    titles: Iterable[str | None], artists: Iterable[str | None]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The name keys and version keys of `compared` for equally long lists or columns of strings.

    An artist who comes again is read once: hand over tens of thousands of rows, whole albums together. Holds
    about what it is given once more, until it returns.
    """
    known: dict[str | None, Credit] = {}
    versions: dict[str, bytes] = {"": bytes(8)}
    names, told = [], []
    for title, artist in zip(as_list(titles), as_list(artists), strict=True):
        credit = known.get(artist)
        if credit is None:
            credit = known[artist] = _credit(artist or "")
        name, version = _compared(title or "", credit)
        names.append(_digest(name) if name else _NONE)
        if version not in versions:
            versions[version] = _digest(version)
        told.append(versions[version])
    return _numbers(names), _numbers(told)


def name_key(name: str) -> int:
    """The signed 64-bit key of a `Compared.name`; 0 for ""."""
    return int.from_bytes(_digest(name), "big", signed=True) if name else 0


version_key = name_key


@functools.lru_cache(maxsize=65_536)
def version_words(title: str) -> str:
    """The words that tell versions apart, and the numbers of a title, sorted. Equal before any merge."""
    return _compared(title, _credit("")).version


class Credit(NamedTuple):
    """A credit read: its words, and these as one text; "" where it names nobody."""

    words: list[str]
    text: str


def _credit(artist: str) -> Credit:
    words = credit_words(artist)
    return Credit(words, "".join(words))


def _compared(title: str, credit: Credit) -> Compared:
    folded = fold_words(title)
    if _is_plain(title, folded):
        own, version, text = folded, "", credit.text
        if len(own) > 1 and (own[0] == "the" or own[-1] == "the"):
            own = own[1:] if own[0] == "the" else own[:-1]
    else:
        own, version, guests = read_title(title, credit.words)
        text = "".join(sorted(together(credit.words, guests).elements())) if guests else credit.text
    joined = "".join(own or signs(title))
    if not joined or not text or _names_nothing(joined, folded):
        return Compared("", version)
    return Compared(f"{text}/{latin(joined)}", version)


def _names_nothing(joined: str, folded: list[str]) -> bool:
    """Whether a title is only its place: "Track 7", "Intro", "03"."""
    if joined.rstrip("0123456789") in NO_TITLES:
        return True
    return len(folded) == 1 and folded[0].startswith("0") and folded[0].isdigit()


def _is_plain(title: str, folded: list[str]) -> bool:
    """Whether a title is its own words and nothing else, which most are and which is quick to see."""
    return (
        title.isascii()
        and " -" not in title
        and ". " not in title
        and "$" not in title
        and "&" not in title
        and TELLING.isdisjoint(folded)
        and "".join(folded).isalpha()
    )


_NONE = bytes(8)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _numbers(digests: list[bytes]) -> npt.NDArray[np.int64]:
    return np.frombuffer(b"".join(digests), dtype=">i8").astype(np.int64)
