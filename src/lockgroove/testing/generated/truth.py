"""The known truth of a catalogue: how the claims of one recording differ, and what merely looks the same.

Further claims take everything from the slot that claims the recording first, then one difference is made.
Lookalikes are recordings of their own to which one likeness is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgroove.testing.generated.words import ABSENT

# Differences between claims of one recording, and shares among further claims. The last four go to
# tracks that allow them, which are few; those they find, they take in this share.
SAME = {
    "exact": 0.18,
    "case": 0.08,
    "width": 0.03,
    "nfd": 0.07,
    "diacritics": 0.08,
    "punctuation": 0.08,
    "typo": 0.09,
    "duration-2s": 0.10,
    "duration-7s": 0.07,
    "isrc-missing": 0.09,
    "isrc-other": 0.06,
    "duration-missing": 0.04,
    "several": 0.03,
    "credit-order": 0.5,
    "the": 0.3,
    "feat-moved": 0.5,
    "transliteration": 0.25,
}
RARE = 4
# Likenesses between different recordings, and shares among lookalikes.
NOT_SAME = {
    "not-version": 0.22,
    "not-version-same-isrc": 0.13,
    "not-part": 0.08,
    "not-same-isrc": 0.08,
    "not-same-isrc-duration": 0.07,
    "not-same-names": 0.17,
    "not-same-names-same-isrc": 0.05,
    "not-cover": 0.12,
    "not-placeholder-isrc": 0.08,
}
FIRST_CLAIM = "first"
SPELLINGS = ("case", "width", "nfd", "diacritics", "punctuation", "typo", "transliteration")
# What a later harvest says otherwise of the same claim.
CHANGED = ("changed-title", "changed-duration", "changed-isrc")
DIFFERENCES = (FIRST_CLAIM, *SAME, *NOT_SAME, *CHANGED)
NUMBER = {name: number for number, name in enumerate(DIFFERENCES)}


@dataclass(frozen=True)
class Truth:
    """Columns of the same length, a row a slot.

    `difference` is a place in DIFFERENCES; `recording` the slot that the recording is named for, `like` the
    slot that this one was made like (ABSENT: none), and the two after it whether they share an ISRC or, told
    by one of them, a MusicBrainz id. Then how it is spelt: forms of title and name (places in FORM_NAMES),
    and what becomes of "The" (0 kept, 1 behind, 2 gone).
    """

    difference: np.ndarray
    recording: np.ndarray
    like: np.ndarray
    shares_isrc: np.ndarray
    shares_mbid: np.ndarray
    title_form: np.ndarray
    name_form: np.ndarray
    the: np.ndarray

    @classmethod
    def plain(cls, slots: np.ndarray) -> Truth:
        """Every slot is the first claim of its own recording."""
        zero = np.zeros(len(slots), dtype=np.int64)
        columns = (zero, slots, zero + ABSENT, zero > 0, zero > 0, zero, zero, zero)
        return cls(*(column.copy() for column in columns))
