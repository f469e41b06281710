"""Names as they are compared and searched: folded, in their own script and in Latin letters.

Folding follows Unicode's own tables (NFKD, case folding); Latin letters for every script come from anyascii.
"""

from __future__ import annotations

import functools
import unicodedata

from anyascii import anyascii

# Hiragana and katakana voicing marks and the like are letters' parts there, not accents to be dropped.
_KEPT_MARKS = {"\u3099", "\u309a"}


@functools.lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """One form for all spellings that differ in case, width, accents, punctuation or spacing alone."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = (
        c
        if c.isalnum() or c in _KEPT_MARKS
        else ""
        if unicodedata.category(c) in ("Mn", "Me") or c in "'’`"
        else " "
        for c in decomposed
    )
    return unicodedata.normalize("NFC", " ".join("".join(letters).split()))


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
