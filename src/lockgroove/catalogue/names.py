"""Names as they are compared and searched: folded, in their own script and in Latin letters.

Folding follows Unicode's own tables (NFKD, case folding); Latin letters for every script come from anyascii.
"""

from __future__ import annotations

import functools
import unicodedata

from anyascii import anyascii

# Signs of combining class 0, 7 to 9 and 84 to 132 are letters' parts in their scripts (voicing of kana,
# vowels of Indian scripts and Thai); all others are accents, points and vowels that people leave out.
_SIGN_CLASSES = frozenset({0, 7, 8, 9, *range(84, 133)})
_SELECTORS = frozenset("\u034f\u180b\u180c\u180d\u180f") | {chr(c) for c in range(0xFE00, 0xFE10)}


@functools.lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """One form for all spellings that differ in case, width, accents, punctuation or spacing alone."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", " ".join("".join(map(_folded, decomposed)).split()))


def _folded(c: str) -> str:
    if c.isalnum():
        return c
    category = unicodedata.category(c)
    if category in ("Mn", "Mc", "Me"):
        return c if category == "Mc" or _is_sign(c) else ""
    return "" if category == "Cf" or c in "'’`" else " "


def _is_sign(c: str) -> bool:
    return (
        unicodedata.category(c) == "Mn"
        and unicodedata.combining(c) in _SIGN_CLASSES
        and c not in _SELECTORS
        and not 0xE0100 <= ord(c) <= 0xE01EF
    )


@functools.lru_cache(maxsize=65_536)
def romanised(text: str) -> str:
    """The folded form in Latin letters, whatever the script."""
    return fold(anyascii(text))


def search_text(*names: str | None) -> str:
    """All that a search should find an item by: each name folded, and romanised where that differs."""
    words: dict[str, None] = {}
    for name in names:
        if not name:
            continue
        for form in (
            fold(name),
            romanised(name),
            romanised(name).replace(" ", "") if not name.isascii() else "",
        ):
            words.update(dict.fromkeys(form.split()))
    return " ".join(words)


@functools.lru_cache(maxsize=65_536)
def artist_fold(text: str) -> str:
    """An artist's name folded, a leading or trailing "The" left out."""
    words = fold(text).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    elif len(words) > 1 and words[-1] == "the":
        words = words[:-1]
    return " ".join(words)


_VERSION_WORDS = frozenset(
    "live remix mix remixed edit edited acoustic remaster remastered karaoke instrumental demo version take"
    " alternate alternative extended radio unplugged dub mono stereo reprise feat ft featuring part pt no"
    " session sessions cover rehearsal bonus outtake".split()
)


@functools.lru_cache(maxsize=65_536)
def version_words(title: str) -> str:
    """The words that tell versions apart, and the numbers of a title, sorted. Equal before any merge."""
    words = fold(title).split()
    return " ".join(sorted({w for w in words if w in _VERSION_WORDS or w.isdigit()}))
