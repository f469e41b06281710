"""A vocabulary in several scripts, made of syllables, and the spellings that one word may have.

A word is a number; words of one script stand together, the commonest first. `phrase` makes texts of whole
columns of word numbers. No word has a character that JSON would escape.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from anyascii import anyascii

from lockgroove.testing.generated.draws import Draws

ABSENT = -1
LATIN = 0
GENERIC_WORDS = ("Intro", "Outro", "Interlude", "Untitled")


@dataclass(frozen=True)
class Script:
    """A script: share of the vocabulary, what stands between words, and syllables as lists of their parts."""

    name: str
    share: float
    space: str
    syllables: Sequence[Sequence[str]]
    lengths: Sequence[float]


def _letters(first: int, last: int, step: int = 1) -> list[str]:
    return [chr(code) for code in range(first, last + 1, step)]


_NONE = ["", "", "", "", ""]
SCRIPTS = (
    Script(
        "Latin",
        0.80,
        " ",
        (
            "b b c d d f g h j k k l l m m n n p r r s s t t v w z br ch dr gr pl pr sh st str th tr".split()
            * 3
            + ["", "", "", "", "ñ", "ç", "ł"],
            "a a a e e e i i i o o o u u y ai ea ee oo".split() * 6 + "é è á ä ö ü ø å í ó ú ã ő".split(),
            [*_NONE, *_NONE, *"n n r r l s t m x".split(), "nd", "ck", "st", "ng"] * 4 + ["'s"],
        ),
        (0.28, 0.55, 0.15, 0.02),
    ),
    Script(
        "Cyrillic",
        0.05,
        " ",
        (
            "б в г д ж з к л м н п р с т ф х ц ч ш пр ст гр кр".split(),
            "а а о о е е и у я ё ы ю".split(),
            [*_NONE, "н", "й", "л", "р", "м", "ть"],
        ),
        (0.15, 0.55, 0.3),
    ),
    Script(
        "Kana",
        0.03,
        "",
        (_letters(0x304B, 0x306D, 2) + _letters(0x30AB, 0x30CD, 2), ["", "ん", "い", "う"]),
        (0.1, 0.6, 0.3),
    ),
    Script("Han", 0.03, "", (_letters(0x4E00, 0x4E00 + 2399),), (0.3, 0.6, 0.1)),
    Script("Hangul", 0.03, " ", (_letters(0xAC00, 0xD7A0, 29),), (0.2, 0.6, 0.2)),
    Script(
        "Arabic",
        0.03,
        " ",
        (
            "ب ت ج ح د ر ز س ش ص ط ع ف ق ك ل م ن ه".split(),
            ["", "", "ا", "و", "ي", "\u064e"],
            ["", "", "", "ر", "م"],
        ),
        (0.1, 0.5, 0.4),
    ),
    Script(
        "Greek",
        0.0075,
        " ",
        ("β γ δ ζ θ κ λ μ ν π ρ σ τ φ χ ψ".split(), "α ε η ι ο υ ω ά έ ή ό ού".split(), [*_NONE, "ς", "ν"]),
        (0.1, 0.5, 0.4),
    ),
    Script(
        "Hebrew",
        0.0075,
        " ",
        (_letters(0x05D0, 0x05D9), _letters(0x05DB, 0x05EA), ["", "ו", "י"]),
        (0.3, 0.7),
    ),
    Script(
        "Devanagari",
        0.0075,
        " ",
        (_letters(0x0915, 0x0928), ["", "ा", "ि", "ी", "ु", "े", "ो"], ["", "", "ं"]),
        (0.1, 0.5, 0.4),
    ),
    Script(
        "Thai",
        0.0075,
        "",
        (_letters(0x0E01, 0x0E2B), ["", "า", "ิ", "ี", "ุ", "ู"], ["", "", "น", "ง", "่"]),
        (0.2, 0.5, 0.3),
    ),
)

_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


class Words:
    """The vocabulary for a seed: about `size` words, the same for the same seed and size."""

    def __init__(self, seed: int, size: int) -> None:
        self._draws = Draws(seed)
        self.sizes = np.array([max(20, int(size * script.share)) for script in SCRIPTS], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)
        self.generic = int(self.starts[-1])
        self._spaces = [s.space for s, n in zip(SCRIPTS, self.sizes, strict=True) for _ in range(n)]
        self._spaces += [" "] * len(GENERIC_WORDS)

    @property
    def size(self) -> int:
        """How many words there are."""
        return self.generic + len(GENERIC_WORDS)

    def of(self, scripts: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """The words of those scripts whose ranks are as far down as `ranks` are among Latin words."""
        return np.asarray(self.starts[scripts] + ranks * self.sizes[scripts] // self.sizes[LATIN])

    def phrase(self, form: str, words: np.ndarray) -> pa.Array:
        """Texts of a column (n, k) of words, ABSENT where there is none, spelt in a form of FORMS."""
        first, following = self._spelt(form)
        chosen = np.where(words < 0, self.size, words).astype(np.int32)
        pieces = [
            (first if place == 0 else following).take(pa.array(chosen[:, place]))
            for place in range(words.shape[1])
            if place == 0 or (words[:, place] >= 0).any()
        ]
        return pc.binary_join_element_wise(*pieces, "")

    @functools.cache  # noqa: B019 - a vocabulary lives as long as its process
    def _spelt(self, form: str) -> tuple[pa.Array, pa.Array]:
        """Every word in a form, and again with what stands before it inside a text; the last is empty."""
        respell, space = FORMS[form]
        words = respell(self._plain)
        spaces = [s if space is None or (s == "" and form != "roman") else space for s in self._spaces]
        later = self._plain if form == "typo" else words  # one slip in a text, not one in each word
        empty = pa.array([""])
        following = pc.binary_join_element_wise(pa.array(spaces), later, "")
        return pa.concat_arrays([words, empty]), pa.concat_arrays([following, empty])

    @functools.cached_property
    def _plain(self) -> pa.Array:
        made = [self._of_script(number) for number in range(len(SCRIPTS))]
        return pa.concat_arrays([*made, pa.array(GENERIC_WORDS)])

    def _of_script(self, number: int) -> pa.Array:
        script = SCRIPTS[number]
        ids = np.arange(self.starts[number], self.starts[number + 1])
        drawn = self._draws.choice("word/length", ids, script.lengths) + 1
        depth = (ids - self.starts[number]) / self.sizes[number]
        counts = np.minimum(drawn, np.where(depth < 0.01, 1, np.where(depth < 0.1, 2, len(script.lengths))))
        pieces = []
        for place in range(len(script.lengths)):
            for kind, parts in enumerate(script.syllables):
                chosen = self._draws.below(f"word/{place}/{kind}", ids, len(parts))
                absent = (counts <= place) | (
                    np.array([p.startswith("'") for p in parts])[chosen] & (counts > place + 1)
                )
                pieces.append(pa.array([*parts, ""]).take(pa.array(np.where(absent, len(parts), chosen))))
        return pc.utf8_capitalize(pc.binary_join_element_wise(*pieces, ""))


def _each(respell: Callable[[str], str]) -> Callable[[pa.Array], pa.Array]:
    return lambda words: pa.array([respell(word) for word in words.to_pylist()])


def _bare(word: str) -> str:
    return unicodedata.normalize(
        "NFC", "".join(c for c in unicodedata.normalize("NFD", word) if not _is_accent(c))
    )


def _is_accent(c: str) -> bool:
    return 0x0300 <= ord(c) <= 0x036F or c == "\u064e"


def _typo(word: str) -> str:
    """Another word by one slip: two letters swapped, one left out or one doubled."""
    if len(word) < 4:
        return word + word[-1]
    at = 1 + sum(map(ord, word)) % (len(word) - 2)
    slips = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
    )
    return next(slip for slip in slips[len(word) % 3 :] if slip != word)


# What a form does to each word, and what it puts between words; None: what the script has.
FORMS: dict[str, tuple[Callable[[pa.Array], pa.Array], str | None]] = {
    "plain": (lambda words: words, None),
    "upper": (pc.utf8_upper, None),
    "lower": (pc.utf8_lower, None),
    "width": (_each(lambda word: word.translate(_FULL_WIDTH)), None),
    "nfd": (lambda words: pc.utf8_normalize(words, form="NFD"), None),
    "bare": (_each(_bare), None),
    "punctuation": (lambda words: pc.replace_substring(words, "'", "’"), "-"),
    "roman": (_each(anyascii), " "),
    "typo": (_each(_typo), None),
}
FORM_NAMES = tuple(FORMS)
