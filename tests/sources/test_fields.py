"""What tags say is told in the catalogue's words: identifiers, years and licences out of free text."""

from __future__ import annotations

import pytest

from lockgroove.sources.fields import fields, isrcs, mbids, year

UUIDS = [f"{n:08x}-0000-4000-8000-00000000000{n}" for n in range(1, 3)]


@pytest.mark.parametrize(
    "text",
    [
        "GBAYE6800001", "gbaye6800001", "GB-AYE-68-00001", "isrc GBAYE6800001", "ISRC: GB-AYE-68-00001",
        "gbaye6800001;", " GBAYE 68 00001 ", "GB.AYE.68.00001", "ISRCGBAYE6800001",
        "ＧＢＡＹＥ６８００００１", "GB/AYE/68/00001", "urn:isrc:GBAYE6800001",
    ],
)  # fmt: skip
def test_an_isrc_is_recognised_however_it_is_spelled(text):
    assert isrcs([text]) == ("GBAYE6800001",)


@pytest.mark.parametrize("text", ["", "0", "GBAYE680000", "GBAYE68000012", "12AYE6800001", "XGBAYE6800001"])
def test_what_is_no_isrc_is_left_out(text):
    assert isrcs([text]) == ()


def test_two_isrcs_in_one_text_are_two():
    assert isrcs(["GBAYE6800001;USRC17607839", "GBAYE6800001"]) == ("GBAYE6800001", "USRC17607839")


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("1969", 1969), ("1969-09-26", 1969), ("26.09.1969", 1969), ("19690926", 1969), ("0000", None),
        ("69", None), ("196?", None), ("3000", None), ("c. 1888 or later", 1888), ("19690926T10", 1969),
    ],
)  # fmt: skip
def test_the_year_of_a_date(date, expected):
    assert year(date) == expected


def test_only_uuids_are_mbids():
    found = mbids([f"{UUIDS[0].upper()}/{UUIDS[1]}", "[unknown]", "", "00000000-0000-0000-0000-000000000000"])

    assert found == (UUIDS[0], UUIDS[1])


@pytest.mark.parametrize(
    ("key", "text", "is_licence"),
    [
        ("LICENSE", "anything at all", True),
        ("licence", "CC BY 4.0", True),
        ("WCOP", "http://example.org/terms", True),
        ("TXXX:LICENSE", "https://creativecommons.org/licenses/by/4.0/", True),
        ("----:com.apple.iTunes:LICENSE", "CC0", True),
        ("WXXX:License", "http://example.org/terms", True),
        ("COPYRIGHT", "© 1999 EMI", False),
        ("COPYRIGHT", "1999 EMI. All rights reserved.", True),
        ("TCOP", "2010 A. Verify at http://creativecommons.org/licenses/by-nc-sa/3.0/", True),
        ("cprt", "Public Domain", True),
        ("Copyright", "http://rightsstatements.org/vocab/InC/1.0/", True),
        ("COMM::eng", "see https://creativecommons.org/publicdomain/zero/1.0/", True),
        ("COMM::eng", "all rights reserved", False),
        ("CONTACT", "http://www.creativecommons.org", True),
        ("TITLE", "https://creativecommons.org", False),
        ("ALBUM", "Public Domain", False),
    ],
)
def test_statements_of_rights_are_found_where_they_are_made(key, text, is_licence):
    said = fields({key: [text]}, "flac")

    assert said.licences == (({"text": text, "where": f"tag:{key}"},) if is_licence else ())
