"""Whom a credit names, as words in no order: "A & B" is "B feat. A", "Simon, Paul" is "Paul Simon".

Words, and not names, since what stands between names stands within them too: Simon & Garfunkel; Tyler, The
Creator.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from lockgroove.catalogue.names.folding import fold_words, latin
from lockgroove.catalogue.names.words import JOINTS, LETTER_JOINTS, NO_ARTISTS

_DISCOGS_NUMBER = re.compile(r"\s\(\d{1,3}\)")
_BETWEEN = re.compile(
    r"\s+w/\s*|\s*[&,;/+×]\s*|\s*['’]n['’]\s*"
    rf"|(?<=\S)[\s(]{{1,3}}(?:(?:feat|ft)\.\s*|(?:{'|'.join(JOINTS)})\.?\s+)(?=\S)"
    rf"|(?<=\w\w)\s+['’]?[{LETTER_JOINTS}]['’]?\s+(?=\S\S)",
    re.IGNORECASE,
)
_LETTER_SIGNS = re.compile(r"(?<=[^\W\d_])\$|\$(?=[^\W\d_])")
_I_SIGNS = re.compile(r"(?<=[^\W\d_])!(?=[^\W\d_])")


def credit_words(credit: str) -> list[str]:
    """The words of all names in a credit, in Latin letters, sorted; none if it names nobody.

    A word that stands twice in one name (Duran Duran) stands twice; a name given twice counts once.
    """
    text = " ".join(credit.split())
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    text = letters_for_signs(_DISCOGS_NUMBER.sub("", text) if "(" in text else text)
    text = _I_SIGNS.sub("i", text) if "!" in text else text
    names = [_name(part) for part in _BETWEEN.split(text)]
    own = (Counter(names[0]) if len(names) == 1 else together(*names)) or Counter(fold_words(text))
    if "".join(fold_words(text)) in NO_ARTISTS:
        return []
    return sorted(map(latin, own.elements())) if own else signs(credit)


def together(*names: list[str]) -> Counter[str]:
    """The words of several names, each as often as the name that has it most often."""
    made: Counter[str] = Counter()
    for name in names:
        made |= Counter(name)
    return made


def _name(text: str) -> list[str]:
    """The words of one name without "the", initials as one word: R.E.M., A R Rahman."""
    words: list[str] = []
    initials = False
    for word in fold_words(text):
        if len(word) == 1 and word.isalpha() and initials:
            words[-1] += word
        elif word != "the":
            words.append(word)
        initials = len(word) == 1 and word.isalpha()
    return words


def letters_for_signs(text: str) -> str:
    """The text with $ as a letter where it stands beside letters: Ke$ha, A$AP."""
    return _LETTER_SIGNS.sub("s", text) if "$" in text else text


def signs(text: str) -> list[str]:
    """A name that is all signs, such as !!! or ★, as one word; none where the signs say "unknown"."""
    made = "".join(unicodedata.normalize("NFKC", text).split())
    return [made] if made.isprintable() and made.strip("?-_./…*") else []
