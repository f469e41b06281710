"""Whole licence texts, as they stand in LICENSE and COPYING files, known by how they begin and end.

A text is cut out from its title to its last sentence, so that what stands before and after it (a notice,
another licence, an exception) can be read on its own. One that was cut short is not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lockgroove.rights.creativecommons import kind_and_version
from lockgroove.rights.mentions import MARK, Mention, exact, loose
from lockgroove.rights.names import GPL_TEXT


@dataclass(frozen=True)
class _Text:
    """`holds` must stand between begin and end; `size_max` bounds what lies between, in characters."""

    begin: re.Pattern[str]
    holds: re.Pattern[str]
    end: re.Pattern[str]
    size_max: int
    mention: Callable[[re.Match[str], str], Mention | None]


def take_texts(text: str) -> tuple[str, list[Mention]]:
    """The text with `MARK` for every whole licence text in it, and which they are."""
    found: list[Mention] = []
    for known in _TEXTS:
        text = _take(text, known, found)
    return text, found


def _take(text: str, known: _Text, found: list[Mention]) -> str:
    done, rest = "", text
    while begin := known.begin.search(rest):
        end = known.end.search(rest, begin.end())
        if end is None:
            break  # and none further on: without this a file of titles would take quadratic time
        mention = _mention(known, begin, rest[begin.end() : end.start()])
        cut = end.end() if mention else begin.end()
        done += rest[: begin.start()] + MARK if mention else rest[:cut]
        found += [mention] if mention else []
        rest = rest[cut:]
    return done + rest


def _mention(known: _Text, begin: re.Match[str], body: str) -> Mention | None:
    if len(body) > known.size_max or not known.holds.search(body):
        return None
    return known.mention(begin, body)


def _cc4(begin: re.Match[str], body: str) -> Mention | None:
    stated = re.search(
        r"this\s+Creative\s+Commons\s+(Attribution\S{0,40}\s+4\.0\s+International)", body, re.IGNORECASE
    )
    title, inside = kind_and_version(begin[1]), stated and kind_and_version(stated[1])
    return title if title == inside else loose("its title and its text are of different licences")


def _cc3(begin: re.Match[str], body: str) -> Mention | None:
    bars_commerce = re.search(r"toward\s+commercial\s+advantage", body, re.IGNORECASE) is not None
    if bars_commerce != ("noncommercial" in re.sub(r"\W", "", begin[1].lower())):
        return loose("its title and its text are of different licences")
    return kind_and_version(begin[1])


def _gpl(begin: re.Match[str], _: str) -> Mention:
    letter = {"affero": "A", "lesser": "L", "library": "L"}.get((begin["kind"] or "").strip().lower(), "")
    version = begin["version"] if "." in begin["version"] else f"{begin['version']}.0"
    return loose(GPL_TEXT, rf"{letter}GPL-{re.escape(version)}-(?:only|or-later)")


def _always(licence: str) -> Callable[[re.Match[str], str], Mention]:
    return lambda _begin, _body: exact(licence)


def _phrase(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE | re.DOTALL)


_LEGAL_CODE = r"(?:creative commons legal code [=\s]*)?"
_CC_CONTACT = r"creative commons may be contacted at (?:https?://)?(?:www\.)?creativecommons\.org/?\.?"
_TEXTS = (
    _Text(
        begin=_phrase(rf"{_LEGAL_CODE}CC0 1\.0 Universal"),
        holds=_phrase(r"overtly, fully, permanently, irrevocably and unconditionally waives"),
        end=_phrase(r"no duty or obligation with respect to this CC0 or use of the Work\.?"),
        size_max=9_000,
        mention=_always("CC0-1.0"),
    ),
    _Text(
        begin=_phrase(
            r"(?:Creative Commons )?(Attribution[a-z-]{0,40} 4\.0 International)(?: Public License)?"
        ),
        holds=_phrase(r"Section 8 .{1,5} Interpretation"),
        end=_phrase(rf"legal processes of any jurisdiction or authority\.?(?:.{{1,1500}}?{_CC_CONTACT})?"),
        size_max=30_000,
        mention=_cc4,
    ),
    _Text(
        begin=_phrase(
            rf"{_LEGAL_CODE}(Attribution(?:[\s-]{{1,3}}[a-z]{{1,20}}){{0,5}}? 3\.0 "
            r"(?:Unported|United States))"
        ),
        holds=_phrase(r"provided under the terms of this creative commons public license"),
        end=_phrase(_CC_CONTACT),
        size_max=30_000,
        mention=_cc3,
    ),
    _Text(
        begin=_phrase(
            r"GNU (?P<kind>affero |lesser |library )?general public license "
            r"version (?P<version>\d(?:\.\d)?), (?:\d+ )?[a-z]+ \d{4}"
        ),
        holds=_phrase(r"everyone is permitted to copy and distribute verbatim copies"),
        end=_phrase(
            r"END OF TERMS AND CONDITIONS"
            r"(?:.{1,4000}?(?:that's all there is to it!|instead of this License\."
            r"(?:.{1,100}?why-not-lgpl\.html>\.?)?))?"
            r"|permanent authorization for you to choose that version for the library\."
        ),
        size_max=40_000,
        mention=_gpl,
    ),
    _Text(
        begin=_phrase(
            r"Permission is hereby granted, free of charge, to any person obtaining a copy of this "
            r"software and associated documentation files"
        ),
        holds=_phrase(r"without restriction.*shall be included in all"),
        end=_phrase(r"other dealings in the software\.?"),
        size_max=1_500,
        mention=_always("MIT"),
    ),
    _Text(
        begin=_phrase(r"Apache License version 2\.0, January 2004"),
        holds=_phrase(r"terms and conditions for use, reproduction, and distribution"),
        end=_phrase(r"END OF TERMS AND CONDITIONS(?:.{1,3000}?limitations under the License\.)?"),
        size_max=14_000,
        mention=_always("Apache-2.0"),
    ),
    _Text(
        begin=_phrase(r"(?:Free Art Licen[cs]e|Licence Art Libre) 1\.3(?: \([LF]AL 1\.3\))?"),
        holds=_phrase(r"copyleft"),
        end=_phrase(r"(?:subject to|governed by) French law\.?|soumise au droit français\.?"),
        size_max=15_000,
        mention=_always("LAL-1.3"),
    ),
)
