"""What a title says: the song's own words, the words that tell its version, and the guests it names.

"Song (Live) [feat. B]", "Song feat. B - live" and "SONG ft. B — Live" say the same. What is understood is
moved; what is not stays a word of the song, so that it keeps titles apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lockgroove.catalogue.names.credits import credit_words, letters_for_signs, together
from lockgroove.catalogue.names.folding import fold_words, without_the
from lockgroove.catalogue.names.words import (
    AND,
    BEFORE_ROMAN,
    NOTHING_SAID,
    NOTHING_SAID_LAST,
    NUMBER_SIGNS,
    PARTS,
    ROMANS,
    SPELLED,
    VERSIONS,
)


class Title(NamedTuple):
    """A title understood: words of the song in order, version words sorted, words of the guests' names."""

    words: list[str]
    version: str
    guests: list[str]


_BRACKETS = str.maketrans(
    dict.fromkeys("[{<【「『〔〈《", "(")
    | dict.fromkeys("]}>】」』〕〉》", ")")
    | dict.fromkeys("–—―‐‑−〜", "-")
    | {"&": " and "}
)
_CUTS = re.compile(r"([()]|\s[-|~]+\s|\s-(?=\w))")
_GUESTS = re.compile(
    r"(?<!\w)(?:feat|ft|featuring|при уч|при участии|con la participación de)(?:\.\s*|\s+|:\s*)(?=\S)",
    re.IGNORECASE,
)
_PLACE_ON_DISC = re.compile(r"\s*(?:0\d\s*[-.]\s*(?=\D)|\d\d\s+-\s+)")
_NUMBERED = re.compile(r"([a-z]++)?([0-9]++)(?:st|nd|rd|th)?")
_FIRST_ROMAN = re.compile(r"(^|[:/(-])\s*([ivx])\.\s+(?=[^\W\d_])", re.IGNORECASE)
_PHRASES = frozenset(word.partition(" ")[0] for word in VERSIONS if " " in word)
_MEANINGS = frozenset(VERSIONS.values())

# Scripts without spaces: words that tell versions, unless within another (ドライブ, drive, holds ライブ).
_KANA = "|".join(sorted((w for w in VERSIONS if re.fullmatch("[ァ-ヿ]+", w)), key=len, reverse=True))
_HAN = "|".join(w for w in VERSIONS if re.fullmatch("[一-鿿]{2,}", w))
_GLUED = re.compile(rf"(?<![ァ-ヿ])(?:{_KANA})+(?![ァ-ヿ])|(?:{_HAN})(?=版|\s|$)|(?<=[A-Za-z])版")
_EDITION = re.compile(r"版(?=\s|$)")  # in a bracket alone, since 出版 is a word too
_EACH_GLUED = re.compile(f"{_KANA}|{_HAN}|版")

# A folded title without any of these, and without a figure, is its own words and nothing else. Of a phrase
# the last word is enough. A Roman figure of one letter counts only behind a word that is here.
TELLING = (
    frozenset(word.rpartition(" ")[2] for word in VERSIONS)
    | AND
    | frozenset(PARTS)
    | frozenset(roman for roman in ROMANS if len(roman) > 1)
    | BEFORE_ROMAN
    | frozenset("feat ft featuring with prod produced".split())
    | NOTHING_SAID_LAST
)


def read_title(title: str, artist: Sequence[str] = ()) -> Title:
    """Understand a title; `artist` is the words of its credit, which may stand again in front of a dash.

    A title of version words alone keeps them as its own. A version word in the song's own name and the same
    one behind it are two: "All My Ex's Live in Texas" is not its own live version.
    """
    text = _without_artist(_plain(title), artist)
    place = _PLACE_ON_DISC.match(text)
    if place and not _says_nothing(fold_words(text[place.end() :]) or [""], artist):
        behind = _read(text[place.end() :], artist)
        if behind.words:
            return behind
    found = _read(text, artist)
    return found if found.words else found._replace(words=fold_words(text))


def _plain(title: str) -> str:
    """One kind of brackets, dashes and spaces, and letters for signs."""
    text = " ".join(title.split())
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("n°", "no ").replace("N°", "No ")
    return letters_for_signs(text).translate(_BRACKETS)


def _without_artist(text: str, artist: Sequence[str]) -> str:
    before, dash, behind = text.partition(" - ")
    return behind if dash and artist and behind.strip() and list(artist) == credit_words(before) else text


def _read(text: str, artist: Sequence[str]) -> Title:
    words: list[str] = []
    guests: list[str] = []
    of_name: set[str] = set()
    of_rest: set[str] = set()
    for segment, named in _segments(_FIRST_ROMAN.sub(_first_roman, text), artist):
        telling = [word for word in fold_words(named) if word in VERSIONS] if named else []
        guests += [word for word in credit_words(named) if word not in VERSIONS] if named else []
        own, version = _sorted_out(segment + telling)
        (of_rest if words else of_name).update(version)
        words += own
    return Title(words, _said(of_name, of_rest), guests)


def _first_roman(found: re.Match[str]) -> str:
    return f"{found[1]} {ROMANS[found[2].lower()]} "


def _segments(text: str, artist: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The words of what stands between brackets and dashes, and whom it names; without what says nothing."""
    first = True
    for piece in _CUTS.split(text)[::2]:
        guests = _GUESTS.search(piece)
        own, named = (piece[: guests.start()], piece[guests.end() :]) if guests else (piece, "")
        words = fold_words(own if own.isascii() else _unglued(own, first))
        if words and first:
            words, first = without_the(words), False
        elif words and _says_nothing(words, artist):
            words = []
        yield words, named


def _says_nothing(words: list[str], artist: Sequence[str]) -> bool:
    if words[0] in ("prod", "produced") or "".join(words) in NOTHING_SAID:
        return True
    return words[0] == "with" and len(words) > 1 and not together(words[1:]) - together(list(artist))


def _unglued(text: str, first: bool) -> str:
    apart = _GLUED.sub(_apart, text)
    return apart if first else _EDITION.sub(" 版", apart)


def _apart(found: re.Match[str]) -> str:
    return f" {' '.join(_EACH_GLUED.findall(found[0]))} "


def _sorted_out(words: list[str]) -> tuple[list[str], set[str]]:
    """The song's own words of a segment, with its figures, and the words and figures that tell versions."""
    if TELLING.isdisjoint(words) and "".join(words).isalpha():
        return words, set()
    own: list[str] = []
    version: set[str] = set()
    before = ""
    rest = iter([*zip(words, [*words[1:], ""], strict=False)])
    for word, after in rest:
        if word in _PHRASES and (meaning := VERSIONS.get(f"{word} {after}")):
            version.add(meaning)
            next(rest)
        elif word in VERSIONS:
            version.add(VERSIONS[word])
        elif figures := _figures(word, before, after):
            own += figures
            version.update(figures)
        elif word not in NUMBER_SIGNS or not _figures(after, word, ""):
            own.append("n" if word in AND and _joins(word, before, after) else word)
        before = word
    return own, version


def _joins(word: str, before: str, after: str) -> bool:
    return len(word) > 1 or (len(before) > 1 and len(after) > 1)


def _figures(word: str, before: str, after: str) -> list[str]:
    """What counts in a word: 2 of 2, 02, II, 2nd; part and 2 of pt2; after "part" also 2 of two and dos.

    The word "part" itself counts in front of a figure.
    """
    if word in ROMANS:
        return [ROMANS[word]] if len(word) > 1 or before in BEFORE_ROMAN else []
    if word in PARTS:
        return [PARTS[word]] if after and _figures(after, word, "") else []
    if before in PARTS and word in SPELLED:
        return [SPELLED[word]]
    found = _NUMBERED.fullmatch(word)
    if not found:
        return []
    sign, figures = found[1], found[2].lstrip("0") or "0"
    if sign in PARTS:
        return [PARTS[sign], figures]
    return [figures] if not sign or sign in NUMBER_SIGNS else []


def _said(of_name: set[str], of_rest: set[str]) -> str:
    """Version words sorted. "Live version" is "live": the word itself says more only where no other does."""
    if not (of_name | of_rest).isdisjoint(_MEANINGS - {"version"}):
        of_name, of_rest = of_name - {"version"}, of_rest - {"version"}
    return " ".join(sorted([*of_name, *of_rest]))
