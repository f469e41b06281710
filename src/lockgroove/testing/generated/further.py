"""Further claims of recordings: as the first claim, but spelt, timed or identified a little differently."""

from __future__ import annotations

import numpy as np

from lockgroove.testing.generated.draws import Draws
from lockgroove.testing.generated.layout import FURTHER, Layout
from lockgroove.testing.generated.place import Place
from lockgroove.testing.generated.tracks import FEATURED, IN_TITLE, JOINT, Artists, Tracks
from lockgroove.testing.generated.truth import NUMBER, RARE, SAME, Truth
from lockgroove.testing.generated.words import ABSENT, FORM_NAMES, LATIN

PLAIN, UPPER, LOWER, WIDTH, NFD, BARE, PUNCTUATION, ROMAN, TYPO = range(len(FORM_NAMES))
_FORMS = {
    "width": WIDTH,
    "nfd": NFD,
    "diacritics": BARE,
    "punctuation": PUNCTUATION,
    "transliteration": ROMAN,
}


def make_further(
    place: Place, layout: Layout, tracks: Tracks, truth: Truth, rows: np.ndarray, models: Tracks
) -> None:
    """Make the tracks at those of `rows` that are further claims of the recordings of `models`."""
    further = np.flatnonzero(layout.role[layout.release[rows]] == FURTHER)
    mine, own_isrc = rows[further], tracks.isrc[rows[further]]
    slots = tracks.slot[mine]
    tracks.put(mine, models.at(further))
    tracks.slot[mine] = slots
    truth.recording[mine] = models.slot[further]
    kinds = _kinds(place, slots, tracks, mine)
    _respell(place.draws, truth, tracks, mine, slots, kinds)
    _retime(place.draws, tracks, mine, slots, kinds)
    _reidentify(tracks, mine, kinds, own_isrc)
    truth.difference[mine] = np.array([NUMBER[name] for name in SAME])[kinds]


def _kinds(place: Place, slots: np.ndarray, tracks: Tracks, mine: np.ndarray) -> np.ndarray:
    """Each row's difference: its place in SAME."""
    names, shares = list(SAME), list(SAME.values())
    kinds = place.draws.choice("further/kind", slots, shares[:-RARE])
    credit = tracks.credit[mine]
    allowed = {
        "credit-order": credit == JOINT,
        "the": has_the(place.draws, place.artists, tracks.artist[mine]) & (credit != JOINT),
        "feat-moved": (credit == FEATURED) | (credit == IN_TITLE),
        "transliteration": place.artists.script(tracks.artist[mine]) != LATIN,
    }
    for name, mask in allowed.items():
        kinds[mask & place.draws.happens(f"further/{name}", slots, SAME[name])] = names.index(name)
    return kinds


def has_the(draws: Draws, artists: Artists, numbers: np.ndarray) -> np.ndarray:
    """Whether a name begins with "The": some in Latin letters."""
    drawn = draws.below("artist/the", numbers, 100) < 14
    return np.asarray(drawn & (artists.script(numbers) == LATIN))


def _respell(
    draws: Draws, truth: Truth, tracks: Tracks, mine: np.ndarray, slots: np.ndarray, kinds: np.ndarray
) -> None:
    names = list(SAME)
    case = np.where(draws.happens("further/upper", slots, 0.5), UPPER, LOWER)
    for name, form in _FORMS.items():
        truth.title_form[mine[kinds == names.index(name)]] = form
    cased = np.isin(kinds, [names.index("case"), names.index("several")])
    truth.title_form[mine[cased]] = case[cased]
    truth.name_form[mine] = truth.title_form[mine]
    typo = kinds == names.index("typo")
    in_title = draws.happens("further/typo", slots, 0.7)
    truth.title_form[mine[typo & in_title]] = TYPO
    truth.name_form[mine[typo & ~in_title]] = TYPO
    turned = mine[kinds == names.index("credit-order")]
    tracks.artist[turned], tracks.second[turned] = tracks.second[turned], tracks.artist[turned]
    the = kinds == names.index("the")
    truth.the[mine[the]] = 1 + draws.below("further/the/how", slots[the], 2)
    moved = mine[kinds == names.index("feat-moved")]
    tracks.credit[moved] = np.where(tracks.credit[moved] == FEATURED, IN_TITLE, FEATURED)


def _retime(draws: Draws, tracks: Tracks, mine: np.ndarray, slots: np.ndarray, kinds: np.ndarray) -> None:
    """Sources differ by up to 0.4 s in durations unless exact, and by more where that is the difference."""
    names = list(SAME)
    low, high = np.zeros(len(mine), dtype=np.int64), np.full(len(mine), 400)
    high[kinds == names.index("exact")] = 0
    for name, bounds in {
        "duration-2s": (500, 1_400),
        "duration-7s": (2_600, 6_400),
        "several": (500, 1_400),
    }.items():
        low[kinds == names.index(name)], high[kinds == names.index(name)] = bounds
    drawn = low + draws.below("further/jitter", slots, 1 << 20) * (high - low) // (1 << 20)
    sign = np.where(draws.happens("further/sooner", slots, 0.5), -1, 1)
    tracks.duration_ms[mine] = np.maximum(tracks.duration_ms[mine] + sign * drawn, 5_000)
    tracks.duration_ms[mine[kinds == names.index("duration-missing")]] = ABSENT


def _reidentify(tracks: Tracks, mine: np.ndarray, kinds: np.ndarray, own_isrc: np.ndarray) -> None:
    names = list(SAME)
    tracks.isrc[mine[(kinds == names.index("isrc-missing")) | (kinds == names.index("several"))]] = ABSENT
    other = kinds == names.index("isrc-other")
    tracks.isrc[mine[other]] = own_isrc[other]
