"""What people, tags and sites write about rights, and what we understand by it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.rights import read_statement, statement_key
from lockgroove.rights.statements import TEXT_CHARS_KEPT

CC = "https://creativecommons.org/licenses"

CLEAR = [
    # Creative Commons by address
    ("http://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
    ("https://www.creativecommons.org/licenses/by/4.0/deed.de", "CC-BY-4.0"),
    ("http://creativecommons.org/licenses/by-sa/3.0/legalcode", "CC-BY-SA-3.0"),
    ("http://creativecommons.org/licenses/by-nc-sa/3.0/us/", "CC-BY-NC-SA-3.0-US"),
    ("http://creativecommons.org/licenses/by-nc-nd/2.0/uk/", "CC-BY-NC-ND-2.0-UK"),
    ("http://creativecommons.org/licenses/by-sa/2.0/de/deed.en", "CC-BY-SA-2.0-DE"),
    ("http://creativecommons.org/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
    ("http://i.creativecommons.org/l/by-nc-sa/3.0/us/88x31.png", "CC-BY-NC-SA-3.0-US"),
    ("creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
    ("HTTP://CREATIVECOMMONS.ORG/LICENSES/BY/4.0/", "CC-BY-4.0"),
    ("http://creativecommons.org/licenses/by/3.0/ please credit me", "CC-BY-3.0"),
    ("licensed under a CC license, http://creativecommons.org/licenses/by/2.5/.", "CC-BY-2.5"),
    ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
    ("http://creativecommons.org/publicdomain/mark/1.0/", "PDM-1.0"),
    ("http://creativecommons.org/licenses/publicdomain/", "CC-PDDC"),
    ('<a rel="license" href="http://creativecommons.org/licenses/by/3.0/">CC BY 3.0</a>', "CC-BY-3.0"),
    # Creative Commons by name
    ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
    ("cc-by 3.0", "CC-BY-3.0"),
    ("CC_BY_4.0", "CC-BY-4.0"),
    ("CC BY 4", "CC-BY-4.0"),
    ("CC BY 4.0 International", "CC-BY-4.0"),
    ("CC BY 3.0 US", "CC-BY-3.0-US"),
    ("CC BY 3.0 in 2010", "CC-BY-3.0"),
    ("by-nc-sa 3.0", "CC-BY-NC-SA-3.0"),
    ("Creative Commons Attribution-NonCommercial-ShareAlike 3.0 United States", "CC-BY-NC-SA-3.0-US"),
    ("Attribution-Noncommercial-Share Alike 3.0 International", "CC-BY-NC-SA-3.0"),
    ("Attribution-NonCommercial-NoDerivatives (aka Music Sharing) 3.0 International", "CC-BY-NC-ND-3.0"),
    ("Attribution-Noncommercial-No Derivative Works 2.0 UK: England ", "CC-BY-NC-ND-2.0-UK"),
    ("Attribution (3.0)", "CC-BY-3.0"),
    ("Attribution Noncommercial  (3.0)", "CC-BY-NC-3.0"),
    ("Attribution http://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
    ("CC-BY https://creativecommons.org/licenses/by/3.0/", "CC-BY-3.0"),
    ("CC0", "CC0-1.0"),
    ("Public Domain Dedication (CC0)", "CC0-1.0"),
    ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "CC0-1.0"),
    ("Creative Commons Zero v1.0 Universal", "CC0-1.0"),
    ("Public Domain Mark 1.0", "PDM-1.0"),
    ("“Hop” by A. B. is licensed under a Creative Commons Attribution 3.0 License.", "CC-BY-3.0"),
    ("© 2004 A. B., CC BY 4.0", "CC-BY-4.0"),
    # SPDX, old spellings, expressions
    ("CC-BY-4.0", "CC-BY-4.0"),
    ("SPDX-License-Identifier: MIT", "MIT"),
    ("Licensed under BSD-3-Clause.", "BSD-3-Clause"),
    ("gpl-2.0-or-later", "GPL-2.0-or-later"),
    ("GPL-2+", "GPL-2.0-or-later"),
    ("GPL-2.0+", "GPL-2.0-or-later"),
    ("GPLv3", "GPL-3.0-only"),
    ("LGPL-2.1+", "LGPL-2.1-or-later"),
    ("GNU General Public License, version 2 or (at your option) any later version", "GPL-2.0-or-later"),
    ("GPL-2.0-or-later OR CC-BY-SA-4.0", "CC-BY-SA-4.0 OR GPL-2.0-or-later"),
    ("CC-PDM-1.0", "PDM-1.0"),
    ("https://spdx.org/licenses/MIT.html", "MIT"),
    # others
    ("Free Art License 1.3", "LAL-1.3"),
    ("Licence Art Libre 1.3 (LAL 1.3)", "LAL-1.3"),
    ("http://artlibre.org/licence/lal/en/", "LAL-1.3"),
    ("OGL-UK-3.0", "OGL-UK-3.0"),
    ("Open Government Licence v3.0", "OGL-UK-3.0"),
    ("Apache License, Version 2.0", "Apache-2.0"),
    ("http://rightsstatements.org/vocab/InC-EDU/1.0/", "InC-EDU"),
    ("https://rightsstatements.org/page/NoC-US/1.0/?language=en", "NoC-US"),
    ("NKC", "NKC"),
    ("No Known Copyright", "NKC"),
    ("In Copyright - EU Orphan Work", "InC-OW-EU"),
    ("All rights reserved", "InC"),
    ("(c) 2004 A. B. Alle Rechte vorbehalten.", "InC"),
    ("FMA-Limited: Download Only", "InC"),
    ("http://freemusicarchive.org/FMA_License", "InC"),
]

UNDECIDED = [
    ("", "says nothing"),
    ("GPL", "without saying which version"),
    ("GPL 3 songs", "without saying which version"),
    ("http://www.gnu.org/licenses/gpl-2.0.html", "does not say whether later versions"),
    ("CC BY", "without its version"),
    ("Attribution", "without its version"),
    ("http://creativecommons.org/licenses/by/", "without its version"),
    ("Creative Commons", "does not say which"),
    ("Some Rights Reserved", "does not say which"),
    ("CC BY-ND-SA 3.0", "never published"),
    ("CC BY-NC 4.0 Germany", "never published"),
    ("http://creativecommons.org/licenses/by/4.0/us/", "never published"),
    ("Sampling Plus (1.0)", "retired"),
    ("http://creativecommons.org/licenses/sampling+/1.0/", "retired"),
    ("public domain", "who says so"),
    ("no copyright", "not why"),
    ("royalty free", "royalty"),
    ("free", "not yet free to pass on"),
    ("free software", "no licence"),
    ("OGL", "several licences"),
    ("BSD", "several BSD"),
    ("Licence Art Libre", "which version"),
    ("Aleksi Aubry-Carlson (C)2004", "not a permission"),
    ("© 2004 X", "not a permission"),
    ("unlicensed", "no licence that we know"),
    ("http://example.org/creativecommons.org/licenses/by/4.0/", "no licence that we know"),
    ("http://notcreativecommons.org/licenses/by/4.0/", "no licence that we know"),
    # only for some, only in some way, or not at all
    ("The music is CC BY 4.0, the images CC BY-SA 4.0", "not which holds for what"),
    ("CC BY 4.0 or GPL-3.0-or-later, as you like", "not which holds for what"),
    ("CC BY 4.0, all rights reserved", "not which holds for what"),
    ("CC BY 4.0 https://creativecommons.org/licenses/by-sa/4.0/", "not which holds for what"),
    ("CC BY-SA https://creativecommons.org/licenses/by/4.0/", "something else too"),
    ("Music CC BY 4.0; artwork by X", "artwork"),
    ("CC BY 4.0 except track 3", "except"),
    ("CC BY 4.0, non-commercial", "non-commercial"),
    ("CC BY 4.0 / MIT", "CC-BY-4.0 and MIT"),
    ("CC BY 4.0 or BSD-3-Clause, as you like", "not which holds for what"),
    ("CC BY 4.0 ND", "ND"),
    ("before: CC BY 4.0", "before"),
    ("CC BY 4.0 for now", "for now"),
    ("not CC BY 4.0", "not"),
    ("Is this CC BY 4.0?", "?"),
    ("People like CC BY 4.0", "does not say that it holds here"),
]


@pytest.mark.parametrize(("text", "licence"), CLEAR)
def test_a_clear_statement_is_named_in_the_one_vocabulary(text: str, licence: str) -> None:
    statement = read_statement(text, "tag:LICENSE")

    assert (statement.licence, statement.status) == (licence, "clear")


@pytest.mark.parametrize(("text", "why"), UNDECIDED)
def test_a_muddled_statement_is_undecided_and_says_why(text: str, why: str) -> None:
    statement = read_statement(text, "tag:LICENSE")

    assert (statement.licence, statement.uri, statement.status) == (None, None, "undecided")
    assert why in statement.why


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("CC BY 4.0", f"{CC}/by/4.0/"),
        ("Attribution-ShareAlike 3.0 Germany", f"{CC}/by-sa/3.0/de/"),
        ("CC0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("InC", "http://rightsstatements.org/vocab/InC/1.0/"),
        ("GPL-2+", "https://spdx.org/licenses/GPL-2.0-or-later.html"),
        ("MIT OR CC-BY-4.0", None),
    ],
)
def test_a_licence_has_one_address(text: str, uri: str | None) -> None:
    assert read_statement(text, "tag:LICENSE").uri == uri


@pytest.mark.parametrize(("text", "licence"), CLEAR)
def test_a_canonical_name_and_address_read_back_as_themselves(text: str, licence: str) -> None:
    statement = read_statement(text, "tag:LICENSE")

    assert read_statement(licence, "operator").licence == licence
    assert statement.uri is None or read_statement(statement.uri, "operator").licence == licence


@settings(deadline=None)  # the first reading loads the SPDX list
@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    statement = read_statement(text, "tag:LICENSE")

    assert statement.text == text
    assert (statement.licence is None) == (statement.status == "undecided")
    assert statement.why


PIECES = ["CC BY 4.0", "Attribution", "GPL", "-", "\n", "http://creativecommons.org/", "licenses/by/3.0/"]
PIECES += ["(", "version ", "\x01", "<a ", "\ud800", "public domain", " not ", "©", "or later", "MIT AND "]


@settings(deadline=None)  # the first reading loads the SPDX list
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_heap_of_licence_words_is_too_odd(text: str) -> None:
    assert read_statement(text, "tag:LICENSE").why


@pytest.mark.parametrize(
    "piece", ["attribution-", "cc by ", "(c) 2004\n", "GPL v", "CC0 1.0 Universal ", '" ']
)
def test_a_long_text_is_read_within_seconds(piece: str) -> None:
    """A second is ample for 200,000 characters; what is not linear would take minutes."""
    assert read_statement(piece * (200_000 // len(piece)), "file:LICENSE").status == "undecided"


def test_what_no_licence_is_as_long_as_is_not_read() -> None:
    assert "longer than any licence" in read_statement("CC0" * 100_000, "file:LICENSE").why


def test_long_texts_that_begin_alike_stay_apart() -> None:
    one, other = (read_statement("x" * 5_000 + end, "file:LICENSE") for end in "ab")

    assert len(one.text) == TEXT_CHARS_KEPT
    assert statement_key([one]) != statement_key([other])


@settings(deadline=None)  # the first reading loads the SPDX list
@given(st.lists(st.text(), min_size=1), st.randoms())
def test_a_group_has_one_key_whatever_the_order_and_count(texts: list[str], chance: Random) -> None:
    group = [read_statement(text, f"tag:{n}") for n, text in enumerate(texts)]
    again = group + group[:1]
    chance.shuffle(again)

    assert statement_key(again) == statement_key(group)


def test_a_key_tells_texts_and_kinds_of_place_apart() -> None:
    groups = [[read_statement(t, w)] for t, w in [("a", "tag:L"), ("b", "tag:L"), ("a", "file:L")]]

    assert len({statement_key(g) for g in groups}) == 3
    assert statement_key([read_statement("GPL", "tag:LICENSE")]) == "s-d968c4d47f12"


def test_the_deed_of_cc0_limits_nothing_by_speaking_of_commerce() -> None:
    text = (
        "Sampler, 2026\n\nCC0 1.0 Universal (CC0 1.0) Public Domain Dedication\n\n"
        "The compositions are in the public domain. You can copy, modify, distribute and perform the work,\n"
        "even for commercial purposes, all without asking permission.\n\n"
        "https://creativecommons.org/publicdomain/zero/1.0/\n"
    )

    assert read_statement(text, "file:LICENSE").licence == "CC0-1.0"
