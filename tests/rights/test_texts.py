"""Whole licence texts, as LICENSE and COPYING files hold them."""

from __future__ import annotations

from pathlib import Path

import license_expression
import pytest

from lockgroove.rights import read_statement

COMMON = Path("/usr/share/common-licenses")
CC_BY_4 = Path(license_expression.__file__).parent / "data" / "cc-by-4.0.LICENSE"
GPL_3 = Path(__file__).parents[2] / "LICENSE"
MIT = """Copyright (c) 2012 A. B.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction, [...]
The above copyright notice and this permission notice shall be included in all copies. [...] OR OTHER
DEALINGS IN THE SOFTWARE."""
CC_3 = """Creative Commons Legal Code

{title}

THE WORK (AS DEFINED BELOW) IS PROVIDED UNDER THE TERMS OF THIS CREATIVE COMMONS PUBLIC LICENSE
("CCPL" OR "LICENSE"). You may not use the Work in any manner that is {bar}. [...]
Creative Commons may be contacted at http://creativecommons.org/."""
BAR = "primarily intended for or directed toward commercial advantage"
LAL = """Free Art License 1.3 (FAL 1.3)

With the Free Art License, the principle of copyleft is not to be defeated. [...] This license is
subject to French law."""
NOTICE = """Copyright 2009 A. B.
This program is free software; you can redistribute it and/or modify it under the terms of the GNU
General Public License as published by the Free Software Foundation; either version {version} of the
License, or (at your option) any later version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even
the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.

You should have received a copy of the GNU General Public License along with this program; if not, see
<http://www.gnu.org/licenses/>.

"""


def common(name: str) -> str:
    if not (COMMON / name).exists():
        pytest.skip(f"{COMMON / name} is not on this system")
    return (COMMON / name).read_text("utf-8")


def licence_of(text: str) -> str | None:
    return read_statement(text, "file:LICENSE").licence


@pytest.mark.parametrize("name", ["CC0-1.0", "Apache-2.0"])
def test_a_common_text_is_recognised(name: str) -> None:
    assert licence_of(common(name)) == name


@pytest.mark.parametrize("kind", ["", "-ShareAlike", "-NonCommercial", "-NonCommercial-NoDerivatives"])
def test_a_text_of_creative_commons_4_is_known_by_its_title_and_its_body(kind: str) -> None:
    text = CC_BY_4.read_text("utf-8").replace("Attribution 4.0", f"Attribution{kind} 4.0")
    short = kind.replace("ShareAlike", "SA").replace("NonCommercial", "NC").replace("NoDerivatives", "ND")

    assert licence_of(text) == f"CC-BY{short}-4.0"


def test_a_title_on_another_body_is_undecided() -> None:
    text = CC_BY_4.read_text("utf-8").replace("Attribution 4.0", "Attribution-ShareAlike 4.0", 1)

    assert "of different licences" in read_statement(text, "file:LICENSE").why


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (CC_3.format(title="Attribution-ShareAlike 3.0 Unported", bar="bad"), "CC-BY-SA-3.0"),
        (CC_3.format(title="Attribution-NonCommercial 3.0 United States", bar=BAR), "CC-BY-NC-3.0-US"),
        (CC_3.format(title="Attribution-NonCommercial 3.0 Unported", bar="bad"), None),
        (CC_3.format(title="Attribution 3.0 Unported", bar=BAR), None),
        (MIT, "MIT"),
        (LAL, "LAL-1.3"),
    ],
)
def test_an_abridged_text_is_recognised_by_its_ends(text: str, licence: str | None) -> None:
    assert licence_of(text) == licence


def test_the_text_of_the_gpl_alone_is_undecided() -> None:
    """COPYING says "version 3" and not whether later ones may be used: a notice must."""
    statement = read_statement(GPL_3.read_text("utf-8"), "file:COPYING")

    assert statement.status == "undecided"
    assert "a notice must" in statement.why


def test_a_notice_settles_the_text_of_the_gpl() -> None:
    text = NOTICE.format(version=3) + GPL_3.read_text("utf-8")

    assert licence_of(text) == "GPL-3.0-or-later"
    assert licence_of(NOTICE.format(version=2)) == "GPL-2.0-or-later"


def test_a_notice_of_another_version_does_not() -> None:
    assert licence_of(NOTICE.format(version=2) + GPL_3.read_text("utf-8")) is None


def test_two_texts_are_undecided() -> None:
    assert licence_of(f"{MIT}\n\n{CC_BY_4.read_text('utf-8')}") is None


def test_a_text_that_was_cut_short_is_undecided() -> None:
    text = CC_BY_4.read_text("utf-8")

    assert [licence_of(text[: len(text) * share // 10]) for share in range(1, 9)] == [None] * 8


@pytest.mark.parametrize(
    ("before", "after"),
    [("For the images only:\n", ""), ("", "\nTrack 3 is excluded."), ("", "\nCC BY-SA 4.0")],
)
def test_what_stands_around_a_text_can_limit_it(before: str, after: str) -> None:
    assert licence_of(before + CC_BY_4.read_text("utf-8") + after) is None
