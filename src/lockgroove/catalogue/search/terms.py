"""Names as the terms of the search index, the same for what is indexed and what is asked.

A name stands in it folded and in Latin letters; scripts that do not part words, also by two neighbouring
letters; scripts that leave vowels out or spell sounds otherwise, also by their consonants, behind a mark.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator

from lockgroove.catalogue.names import fold, romanised

WORD_CHARS_MAX = 60
_UNSPACED_LETTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uaa60-\uaa7f"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul, whose compounds are long
    "\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\uff66-\uffdc"  # Han and kana
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{_UNSPACED_LETTERS}]")
_PIECES = re.compile(f"[{_UNSPACED_LETTERS}]+|[^{_UNSPACED_LETTERS}]+")
# Scripts whose romanisation has no vowels, or whose words are spelt in many ways by those who write Latin.
_SPARSE = re.compile("[\u0400-\u052f\u0590-\u07bf\u0860-\u08ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7a3]")
_SPARSE_MARK, _HANGUL_MARK = "~", "^"  # no folded word holds either
_ARABIC_ARTICLE = "ال"
_BREATHED = re.compile("tch|(?<=[bcdfgjklmnpqrstvwxz])h")
_ALIKE = str.maketrans("qcx", "kks", "aeiouvwy")
_ALIKE_HANGUL = str.maketrans("lgdbz", "rktps")


def _ascii_table() -> dict[int, str]:
    """What folding makes of each ASCII character, asked of `fold` itself: it works letter by letter there."""
    return {c: fold(f"x{chr(c)}x")[1:-1] for c in range(128)}


_ASCII = _ascii_table()


def folded_words(text: str) -> list[str]:
    """The words of a text as they are indexed and asked: folded, none longer than `WORD_CHARS_MAX`."""
    folded = text.translate(_ASCII) if text.isascii() else fold(text)
    return [word[:WORD_CHARS_MAX] for word in folded.split()]


@functools.lru_cache(maxsize=65_536)
def name_terms(name: str) -> str:
    """All terms that a name is found by, with a blank between them."""
    words = folded_words(name)
    if not name.isascii():
        words = list(dict.fromkeys(_terms_in_any_script(name, words)))
    return " ".join(words)


def _terms_in_any_script(name: str, words: list[str]) -> Iterator[str]:
    unspaced = False
    for word in words:
        for piece in pieces(word):
            yield from asked_terms(piece)
            if is_unspaced(piece):
                unspaced = True
                yield piece[-1]  # so that each letter begins some term
        yield from _indexed_skeletons(word)
    latin = folded_words(romanised(name))
    yield from latin
    if unspaced and len(latin) > 1:
        yield "".join(latin)[:WORD_CHARS_MAX]


def pieces(word: str) -> list[str]:
    """A word parted where a script that parts words meets one that does not."""
    return [word] if word.isascii() else _PIECES.findall(word)


def is_unspaced(piece: str) -> bool:
    """Whether a piece is of a script that does not part words."""
    return not piece.isascii() and _UNSPACED.match(piece) is not None


def asked_terms(piece: str) -> list[str]:
    """The terms that a whole piece is found by, all of them needed: itself, or each two neighbours in it."""
    if len(piece) < 2 or not is_unspaced(piece):
        return [piece]
    return list(dict.fromkeys(piece[i : i + 2] for i in range(len(piece) - 1)))


def romanised_words(word: str) -> list[str]:
    """A folded word in Latin letters."""
    return folded_words(romanised(word))


def one_typo_away(word: str) -> set[str]:
    """What a folded word may be if one letter is missing, too many, another, or has changed places.

    Letters are those of the word's own block of Unicode. Asking for each of some hundreds is a tenth of the
    work of walking a large vocabulary for what is near.
    """
    letters = _alphabet(ord(word[0]) >> 7)
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    missing = {a + letter + b for a, b in cuts for letter in letters}
    changed = {a + letter + b[1:] for a, b in cuts if b for letter in ("", *letters)}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    return (missing | changed | swapped) - {word}


@functools.lru_cache(maxsize=256)
def _alphabet(block: int) -> tuple[str, ...]:
    letters = (chr((block << 7) + i) for i in range(128))
    return tuple(c for c in letters if c != " " and folded_words(c) == [c])


def _indexed_skeletons(word: str) -> Iterator[str]:
    """The consonants of a word as terms, for the scripts that need it; an Arabic article may be left out."""
    if _HANGUL.search(word):
        yield from _marked(_HANGUL_MARK, _skeleton(romanised(word)).translate(_ALIKE_HANGUL))
    elif _SPARSE.search(word):
        yield from _marked(_SPARSE_MARK, _skeleton(romanised(word)))
        if word.startswith(_ARABIC_ARTICLE):
            yield from _marked(_SPARSE_MARK, _skeleton(romanised(word[2:])))


def asked_skeletons(word: str) -> list[str]:
    """The skeleton terms that a word typed in Latin letters may mean; none where too little is left of it."""
    if not word.isascii() or not word.isalpha():
        return []
    bare = _skeleton(word)
    return [
        *_marked(_SPARSE_MARK, bare),
        *_marked(_HANGUL_MARK, bare.translate(_ALIKE_HANGUL)),
    ]


def _skeleton(latin: str) -> str:
    """Consonants in order, those that spellings exchange made one (kh and k, q and k, ch and k)."""
    return _BREATHED.sub(_unbreathed, latin.replace(" ", "")).translate(_ALIKE)


def _unbreathed(found: re.Match[str]) -> str:
    return "k" if found[0] == "tch" else ""


def _marked(mark: str, skeleton: str) -> Iterator[str]:
    single = "".join(c for c, _ in itertools.groupby(skeleton))
    if len(single) >= 2:
        yield mark + single[:WORD_CHARS_MAX]
