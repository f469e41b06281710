"""Names folded and in Latin letters: what `names` compares and what search finds.

Folding follows Unicode's own tables (NFKD, case folding, decimal digits) and, for Latin letters with a
stroke, which have no decomposition, its collation table (DUCET). Latin letters for every script come from
anyascii. Folding what is folded changes nothing.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable

from anyascii import anyascii

# Signs of combining class 0, 7 to 9 and 84 to 132 are letters' parts in their scripts (voicing of kana,
# vowels of Indian scripts and Thai); all others are accents, points and vowels that people leave out.
_SIGN_CLASSES = frozenset({0, 7, 8, 9, *range(84, 133)})
_SELECTORS = frozenset("\u034f\u180b\u180c\u180d\u180f") | {chr(c) for c in range(0xFE00, 0xFE10)}
_APOSTROPHES = frozenset("'’`ʹʺʻʼʽʾʿˈˊˋ´\u0640")  # the last, tatweel, only stretches an Arabic word
# One letter written in several ways: Latin ones with a stroke; Arabic ones as typed in Persian and Urdu.
_LETTERS = dict(zip("øđðłħıŧʜ", "oddlhith", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th", "ĸ": "k"}
_LETTERS |= dict(zip("ٱىیۍېےکڪہۂھۀةە", "ايييييككهههههه", strict=True))


class _Chars(dict[int, str]):
    """What a function makes of each character, for `str.translate`; each is worked out once.

    There are about 300,000 characters, so that this never holds more.
    """

    def __init__(self, made: Callable[[str], str]) -> None:
        super().__init__()
        self._made = made

    def __missing__(self, point: int) -> str:
        found = self[point] = self._made(chr(point))
        return found


def _folded(c: str) -> str:
    if c in _APOSTROPHES:
        return ""
    if c.isalnum():
        digit = unicodedata.decimal(c, None)
        return str(digit) if digit is not None else _LETTERS.get(c, c)
    category = unicodedata.category(c)
    if category in ("Mn", "Mc", "Me"):
        return c if category == "Mc" or _is_sign(c) else ""
    return "" if category == "Cf" else " "


def _is_sign(c: str) -> bool:
    return (
        unicodedata.category(c) == "Mn"
        and unicodedata.combining(c) in _SIGN_CLASSES
        and c not in _SELECTORS
        and not 0xE0100 <= ord(c) <= 0xE01EF
    )


_FOLDED = _Chars(_folded)
# One call of translate that also lowers: ASCII is most of what a catalogue holds.
_ASCII = {c: _folded(chr(c).lower()) for c in range(128)}


def fold_words(text: str) -> list[str]:
    """The words of the folded form, which is these with a space between."""
    if text.isascii():
        return text.translate(_ASCII).split()
    return _fold_other(text).split()


def fold(text: str) -> str:
    """One form for all spellings that differ in case, width, accents, punctuation or spacing alone."""
    return " ".join(text.translate(_ASCII).split()) if text.isascii() else _fold_other(text)


@functools.lru_cache(maxsize=65_536)
def _fold_other(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    decomposed = decomposed.replace("и\u0306", "й")  # a letter with a key of its own, which nobody leaves out
    return unicodedata.normalize("NFC", " ".join(decomposed.translate(_FOLDED).split()))


def fold_all(values: Iterable[str | None]) -> list[str]:
    """`fold` of each; "" where there is none. Takes a list or a column of strings."""
    return [fold(value) if value else "" for value in as_list(values)]


def as_list(values: Iterable[str | None]) -> list[str | None]:
    """A list of a column's strings: one call where it is a column of Arrow, which is ten times as fast."""
    made: list[str | None] = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    return made


_SEMITIC = re.compile("[\u05d0-\u05ea\u0620-\u06d3]")
_ARABIC_VOWELS = re.compile("(?<=[\u0621-\u064a])[وي](?!ا)")
_HEBREW_VOWELS = re.compile("(?<=[\u05d0-\u05ea])(?:[וי]|ה(?![\u05d0-\u05ea]))")
_SOUNDS = str.maketrans({"ا": "a", "ى": "a", "א": "a", "ש": "sh", "צ": "ts", "ץ": "ts", "ח": "ch"})
_LONG = {"و": "u", "ي": "i", "ו": "o", "י": "i", "ה": "a"}


@functools.lru_cache(maxsize=65_536)
def romanised(text: str) -> str:
    """The folded form in Latin letters, whatever the script.

    Arabic and Hebrew do not write short vowels, and none are made up here. A letter that stands for a long
    vowel becomes one, so that what people type is a letter or two away and not four.
    """
    if _SEMITIC.search(text):
        text = _HEBREW_VOWELS.sub(_long, _ARABIC_VOWELS.sub(_long, fold(text))).translate(_SOUNDS)
    return fold(anyascii(text))


def _long(found: re.Match[str]) -> str:
    return _LONG[found[0]]


def _latin(c: str) -> str:
    made = fold(anyascii(c.translate(_SOUNDS))).replace(" ", "")
    return made or ("" if c in "ьъ" else c)


_LATIN = _Chars(_latin)


def latin(folded: str) -> str:
    """A folded text letter by letter in Latin ones, nothing lost: what has none, such as ع, stays."""
    return folded if folded.isascii() else folded.translate(_LATIN)


def search_text(*names: str | None) -> str:
    """All that a search should find an item by: each name folded, and romanised where that differs."""
    words: dict[str, None] = {}
    for name in filter(None, names):
        words.update(dict.fromkeys(fold_words(name)))
        if not name.isascii():
            other = romanised(name)
            words.update(dict.fromkeys([*other.split(), *other.replace(" ", "").split()]))
    return " ".join(words)


@functools.lru_cache(maxsize=65_536)
def artist_fold(text: str) -> str:
    """An artist's name folded, a leading or trailing "The" left out."""
    return " ".join(without_the(fold_words(text)))


def without_the(words: list[str]) -> list[str]:
    """The words without a "the" in front or behind, unless it is all there is."""
    if len(words) > 1 and words[0] == "the":
        return words[1:]
    return words[:-1] if len(words) > 1 and words[-1] == "the" else words
