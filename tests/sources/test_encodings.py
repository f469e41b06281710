"""Undeclared text is guessed only on strong evidence; accents stay accents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.sources.encodings import guess, guess_together


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Abbey Road", "ascii"),
        ("Café", "utf-8"),
        ("Группа крови", "utf-8"),
        ("Группа крови", "cp1251"),
        ("Кино", "cp1251"),
        ("ПЕСНЯ ГОДА", "cp1251"),
        ("В. Цой - Мама, мы все сошли с ума", "cp1251"),
        ("Группа крови на рукаве", "koi8-r"),
        ("Μίκης Θεοδωράκης", "cp1253"),
        ("ירושלים של זהב", "cp1255"),
        ("أم كلثوم", "cp1256"),
        ("さくら", "shift_jis"),
        ("宇多田ヒカル", "shift_jis"),
        ("さくら さくら", "euc_jp"),
        ("月亮代表我的心", "gb18030"),
        ("月亮代表我的心", "big5"),
        ("서태지와 아이들", "euc_kr"),
        ("さくら", "iso2022_jp"),
        ("Žižkov", "utf-16"),
    ],
)
def test_a_text_in_its_encoding_is_read_back(text, encoding):
    found, name = guess(text.encode(encoding))

    assert (found, name) == (text, encoding)


@pytest.mark.parametrize(
    "text",
    [
        "Ágætis byrjun", "Motörhead", "Sigur Rós", "été", "Þú", "Ñandú", "São João, ações",
        "À l'été, créée à Noël", "Ääniä yössä",
        "ÆØÅ æøå", "ÄÖÜ äöü ß", "ÉÈÊË", "áéíóú", "¡Olé! ¿Qué?", "Bébé © 2001",
    ],
)  # fmt: skip
def test_accents_stay_latin(text):
    assert guess(text.encode("latin-1")) == (text, "latin-1")


def test_curly_quotes_are_windows_latin():
    assert guess("Don’t “stop”".encode("cp1252")) == ("Don’t “stop”", "cp1252")


def test_a_last_character_that_was_cut_is_left_out():
    raw = "Группа крови на рукаве".encode()[:-1]

    assert guess(raw) == ("Группа крови на рукав", "utf-8")


def test_a_short_text_leans_on_the_others():
    texts = ["邓丽君", "月亮代表我的心", "甜蜜蜜", "1977"]

    found = guess_together([text.encode("gb18030") for text in texts])

    assert [text for text, _ in found] == texts


def test_utf_8_beside_another_encoding_is_told_apart():
    found = guess_together(["Café".encode(), "Группа крови".encode("cp1251")])

    assert found == [("Café", "utf-8"), ("Группа крови", "cp1251")]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(raw):
    text, name = guess(raw)

    assert isinstance(text, str)
    assert raw.decode(name, "ignore") is not None


@given(st.text(max_size=100))
def test_utf_8_is_read_as_it_is(text):
    assert guess(("é" + text).encode("utf-8", "ignore"))[0] == ("é" + text).encode("utf-8", "ignore").decode()
