"""Names in many scripts: what is the same, what is not, and what Latin letters find."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.catalogue.names import artist_fold, fold, fold_all, romanised, search_text, version_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Für Elise", "FUR ELISE"),
        ("Beyoncé", "Beyonce\u0301"),
        ("Don't Stop", "Don’t stop"),
        ("Weiß", "WEISS"),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ", "full width"),
        ("ガ", "ｶﾞ"),
        ("Σίσυφος", "ΣΙΣΥΦΟΣ"),
        ("Ёлка", "елка"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
        ("No.1", "No 1"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u200fعربي\u200e", "عربي"),
        ("ﬁnale", "finale"),
        ("Trade™", "TRADETM"),
        ("❤️ Love", "love"),
        ("Røyksopp", "Royksopp"),
        ("Słoń", "slon"),
        ("Đặng", "dang"),
        ("Ænima", "aenima"),
        ("Hawaiʻi", "hawai'i"),
        ("ʿAlī", "ali"),
        ("كتـــاب", "كتاب"),
        ("أغنية", "اغنيه"),
        ("شادی", "شادي"),
        ("١٢٣", "123"),
        ("२", "2"),
    ],
)
def test_spellings_of_one_name_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("か", "が"),
        ("мой", "мои"),
        ("はは", "ぱぱ"),
        ("दिल", "दल"),
        ("कुल", "कल"),
        ("मन", "मान"),
        ("মন", "মনে"),
        ("เก", "เก้า"),
        ("มี", "มา"),
        ("மனம்", "மானம்"),
        ("人", "入"),
        ("Song", "Songs"),
    ],
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    "word", ["हिन्दी", "தமிழ்", "বাংলা", "ภาษาไทย", "မြန်မာ", "ខ្មែរ", "తెలుగు", "മലയാളം", "ქართული"]
)
def test_a_word_is_not_cut_in_pieces_by_its_own_signs(word: str) -> None:
    assert len(fold(word).split()) == 1


@given(st.text(max_size=40))
def test_folding_again_changes_nothing(text: str) -> None:
    once = fold(text)

    assert fold(once) == once
    assert fold(text.upper().lower()) == fold(text.lower()) or text.upper().lower() != text.lower()
    assert romanised(text) == fold(romanised(text))


@given(st.text(st.characters(), max_size=40))
def test_no_text_is_too_odd(text: str) -> None:
    for made in (
        fold(text),
        romanised(text),
        search_text(text, None, ""),
        artist_fold(text),
        version_words(text),
    ):
        assert made == made.strip()
        assert "  " not in made


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("さくらさくら", "sakurasakura"),
        ("Коробейники", "korobeyniki"),
        ("Σίσυφος", "sisyfos"),
        ("茉莉花", "moli hua"),
        ("아리랑", "alilang"),
        ("ქართული", "kartuli"),
    ],
)
def test_every_script_has_latin_letters(name: str, latin: str) -> None:
    assert romanised(name).replace(" ", "") == latin.replace(" ", "")


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("لما بدا يتثنى", "lma bda"),
        ("حبيبي", "hbibi"),
        ("نور", "nur"),
        ("שלום", "shlom"),
        ("ירושלים", "yroshlim"),
    ],
)
def test_long_vowels_of_scripts_without_short_ones_become_vowels(name: str, typed: str) -> None:
    """So that "lama bada" and "habibi" are a typo away."""
    assert romanised(name).startswith(typed)


@given(st.lists(st.text(max_size=20) | st.none(), max_size=6))
def test_a_column_folds_as_its_names_do(names: list[str | None]) -> None:
    each = [fold(name) if name else "" for name in names]

    assert fold_all(names) == each
    assert fold_all(pa.array([name and name.replace("\0", "") for name in names], pa.string())) == [
        fold(name.replace("\0", "")) if name else "" for name in names
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [("The Beatles", "Beatles, The"), ("Beatles", "THE BEATLES"), ("Die Ärzte", "die arzte")],
)
def test_an_article_in_front_or_behind_is_no_part_of_an_artist(one: str, other: str) -> None:
    assert artist_fold(one) == artist_fold(other)


def test_a_band_called_the_the_keeps_a_name() -> None:
    assert artist_fold("The The") == "the"
    assert artist_fold("The") == "the"


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Song", ""),
        ("Song (Live)", "live"),
        ("Song - 2009 Remaster", "2009 remaster"),
        ("Olive Delivery", ""),
        ("Symphony No. 5", "5"),
        ("SONG (LIVE) (Remix)", "live remix"),
        ("Song ２", "2"),
    ],
)
def test_the_words_that_tell_versions_apart(title: str, words: str) -> None:
    assert version_words(title) == words
