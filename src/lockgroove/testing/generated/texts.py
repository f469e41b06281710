"""Texts of tracks: titles, artists' names and credits, release titles, ISRCs, barcodes, dates, keys.

All texts are as they stand between JSON's quotation marks, and never need another escape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgroove.testing.generated.draws import Draws
from lockgroove.testing.generated.further import LOWER, PLAIN, PUNCTUATION, UPPER, has_the
from lockgroove.testing.generated.tracks import (
    COUNTRIES,
    FEATURED,
    IN_TITLE,
    ISRC_NUMBERS,
    ISRC_YEARS,
    JOINT,
    REGISTRANTS,
    SUFFIXES,
    Artists,
    Tracks,
)
from lockgroove.testing.generated.words import ABSENT, FORM_NAMES

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], dtype="S2").view(np.uint8).reshape(256, 2)
JOINERS = ("", " feat. ", " & ", "")


def join(*pieces: Any) -> pa.Array:
    """Texts put together row by row; a piece is a column or one text for all rows."""
    return pc.binary_join_element_wise(*pieces, "")


def chosen(texts: Sequence[str], places: np.ndarray) -> pa.Array:
    """The texts at those places."""
    return pa.array(list(texts), pa.string()).take(pa.array(places))


def where(rows: np.ndarray, then: Any, otherwise: Any = "") -> pa.Array:
    """One text or column where a row is true, another where it is not."""
    return pc.if_else(pa.array(rows), then, otherwise)


def only(rows: np.ndarray, make: Callable[[np.ndarray], pa.Array]) -> pa.Array:
    """What `make` gives for the places where `rows` is true; empty elsewhere."""
    return pc.replace_with_mask(pa.repeat("", len(rows)), pa.array(rows), make(np.flatnonzero(rows)))


def numbers(values: np.ndarray) -> pa.Array:
    """Whole numbers as text."""
    return pa.array(values).cast(pa.string())


def padded(values: np.ndarray, width: int) -> pa.Array:
    """Whole numbers as text of `width` digits."""
    digits = values[:, None] // 10 ** np.arange(width - 1, -1, -1, dtype=np.int64) % 10
    return fixed((digits + ord("0")).astype(np.uint8))


def fixed(characters: np.ndarray) -> pa.Array:
    """Texts of equal length from their ASCII codes, a row a text."""
    count, width = characters.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(characters))
    )


def uuids(draws: Draws, purpose: str, values: np.ndarray) -> pa.Array:
    """Version 4 UUIDs of what the values number."""
    raw = np.stack([draws.bits(f"{purpose}/{half}", values) for half in "ab"], axis=1).astype(">u8")
    raw = raw.view(np.uint8).reshape(len(values), 16)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = np.full((len(values), 36), ord("-"), dtype=np.uint8)
    places = [place for place in range(36) if place not in (8, 13, 18, 23)]
    text[:, places] = _HEX[raw].reshape(len(values), 32)
    return fixed(text)


def isrcs(packed: np.ndarray) -> pa.Array:
    """ISRCs as text; empty where there is none."""
    return only(packed != ABSENT, lambda rows: _isrcs(packed[rows]))


def _isrcs(known: np.ndarray) -> pa.Array:
    code, year = known // ISRC_NUMBERS // ISRC_YEARS, known // ISRC_NUMBERS % ISRC_YEARS
    text = np.empty((len(known), 12), dtype=np.uint8)
    alphabet = np.frombuffer(_DIGITS.encode(), dtype=np.uint8)
    text[:, :2] = np.array([list(c.encode()) for c in COUNTRIES], dtype=np.uint8)[code // REGISTRANTS]
    text[:, 2:5] = alphabet[code[:, None] % REGISTRANTS // np.array([1296, 36, 1]) % 36]
    text[:, 5:7] = year[:, None] // np.array([10, 1]) % 10 + ord("0")
    text[:, 7:] = known[:, None] % ISRC_NUMBERS // 10 ** np.arange(4, -1, -1) % 10 + ord("0")
    return fixed(text)


def barcodes(values: np.ndarray) -> pa.Array:
    """EAN-13 with their check digits, of numbers below 10**10."""
    body = 36 * 10**10 + values
    digits = body[:, None] // 10 ** np.arange(11, -1, -1, dtype=np.int64) % 10
    check = -(digits * np.array([1, 3] * 6)).sum(axis=1) % 10
    return padded(body * 10 + check, 13)


class Texts:
    """Texts of a catalogue's artists and titles."""

    def __init__(self, draws: Draws, artists: Artists) -> None:
        self._draws = draws
        self._artists = artists

    def names(
        self, artists: np.ndarray, forms: np.ndarray | None = None, the: np.ndarray | None = None
    ) -> pa.Array:
        """Artists' names; `forms` are numbers of forms, `the` is as `Truth.the`."""
        words = self._name_words(artists)
        begins = has_the(self._draws, self._artists, artists)
        dj = self._draws.happens("artist/dj", artists, 0.03) & (self._artists.script(artists) == 0) & ~begins
        the = np.zeros(len(artists), dtype=np.int64) if the is None else the
        forms = np.zeros(len(artists), dtype=np.int64) if forms is None else forms
        before = np.where(begins & (the == 0), 1, np.where(dj, 2, 0))
        return join(
            _cased(("", "The ", "DJ "), before, forms),
            self._phrases(words, forms),
            _cased(("", ", The"), np.where(begins & (the == 1), 1, 0), forms),
        )

    def titles(self, tracks: Tracks, forms: np.ndarray, guests: pa.Array) -> pa.Array:
        """Tracks' titles, with the guests' names where the credit stands in the title."""
        moved = tracks.credit == IN_TITLE
        guest = where(moved, join(" (feat. ", guests, ")")) if moved.any() else ""
        suffixes = [text for _, text, _ in SUFFIXES]
        return join(self._phrases(tracks.words, forms), guest, _cased(suffixes, tracks.suffix, forms))

    def phrases(self, words: np.ndarray) -> pa.Array:
        """Words as text, spelt as usual."""
        return self._artists.words.phrase("plain", words)

    def _name_words(self, artists: np.ndarray) -> np.ndarray:
        counts = self._draws.choice("artist/words", artists, (0.12, 0.74, 0.14)) + 1
        script = self._artists.script(artists)
        ranks = [
            self._draws.below(f"artist/word/{n}", artists, int(self._artists.words.sizes[0]))
            for n in range(3)
        ]
        words = np.stack([self._artists.words.of(script, rank) for rank in ranks], axis=1)
        words[np.arange(3)[None, :] >= counts[:, None]] = ABSENT
        return words

    def _phrases(self, words: np.ndarray, forms: np.ndarray) -> pa.Array:
        plain = self.phrases(words)
        for form in np.unique(forms[forms != PLAIN]).tolist():
            rows = forms == form
            plain = pc.replace_with_mask(
                plain, pa.array(rows), self._artists.words.phrase(FORM_NAMES[form], words[rows])
            )
        return plain


def _cased(texts: Sequence[str], places: np.ndarray, forms: np.ndarray) -> pa.Array:
    """Fixed texts in the spelling of forms."""
    spelt = [spelling(text) for spelling in _SPELLINGS for text in texts]
    which = np.zeros(len(FORM_NAMES), dtype=np.int64)
    which[[UPPER, LOWER, PUNCTUATION]] = 1, 2, 3
    return chosen(spelt, places + len(texts) * which[forms])


_SPELLINGS = (str, str.upper, str.lower, lambda text: text.replace("(", "[").replace(")", "]"))


def credits_of(tracks: Tracks, main: pa.Array, guests: pa.Array) -> pa.Array:
    """The credit as shown."""
    return join(
        main, chosen(JOINERS, tracks.credit), where(np.isin(tracks.credit, (FEATURED, JOINT)), guests)
    )
