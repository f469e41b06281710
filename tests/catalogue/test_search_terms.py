"""What a name is found by: the same terms whichever way it is written, and by what people hear."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.catalogue.names import fold
from lockgroove.catalogue.search import Doc, SearchIndex, build_index
from lockgroove.catalogue.search.filters import NUMBER_MAX, Filters, fact_terms, required
from lockgroove.catalogue.search.terms import folded_words, name_terms, one_typo_away

HEARD = [
    ("Sakura", "さくら"),
    ("sakura", "サクラ"),
    ("Kalinka", "Калинка"),
    ("Tchaikovsky", "Чайковский"),
    ("lamma bada", "لما بدا يتثنى"),
    ("habibi ya nour", "حبيبي يا نور العين"),
    ("shalom aleichem", "שלום עליכם"),
    ("arirang", "아리랑"),
    ("kalimka", "Калинка"),
    ("さくら", "サクラ"),
    ("花", "茉莉花"),
    ("калимка", "Калинка"),
]


@pytest.mark.parametrize(("typed", "title"), HEARD)
def test_a_name_is_found_by_how_it_sounds(tmp_path: Path, typed: str, title: str) -> None:
    others = ["Yesterday", "Ода к радости", "سلام", "חלום", "사랑", "夜来香", "Dust Bowl"]
    build_index(str(tmp_path), [Doc(n, 1, (name, "x")) for n, name in enumerate([title, *others])])

    assert SearchIndex(str(tmp_path)).ask(typed).rows[:1] == [0]


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_ascii_is_folded_as_all_text_is(text: str) -> None:
    assert folded_words(text) == [word[:60] for word in fold(text).split()]


@given(st.text(max_size=40))
def test_terms_are_safe_to_write(text: str) -> None:
    terms = name_terms(text)

    assert not set(terms) & set('"\\')
    assert terms.isprintable()
    assert not any(term.startswith("==") for term in terms.split())


@given(st.text("abcdefgh", min_size=4, max_size=12), st.data())
def test_one_typo_away_is_every_single_slip(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcxyz"))
    slips = [word[:at] + word[at + 1 :], word[:at] + letter + word[at + 1 :], word[:at] + letter + word[at:]]
    slips.append(word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :])

    for slip in slips:
        assert slip == word or word in one_typo_away(slip)


@given(st.integers(0, NUMBER_MAX), st.integers(-5, NUMBER_MAX + 5), st.integers(-5, NUMBER_MAX - 1))
def test_a_range_of_years_holds_what_lies_in_it_and_nothing_else(year: int, low: int, high: int) -> None:
    (group,) = required(Filters(year_min=low, year_max=high)).groups

    assert bool(set(group) & set(fact_terms((), (), False, year, None).split())) == (low <= year <= high)
    assert len(group) <= 128
