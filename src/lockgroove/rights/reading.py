"""What one text says about rights: a licence of the vocabulary, or why it cannot be told.

Invariant: a licence is given only if the text names exactly one, states it rather than mentions it, and
says nothing else that could limit it. All else is undecided, with a reason that a person would write.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockgroove.rights import creativecommons, names
from lockgroove.rights.mentions import MARK, Mention, take
from lockgroove.rights.texts import take_texts
from lockgroove.rights.vocabulary import spdx_licence

TEXT_CHARS_MAX = 200_000
_EXPRESSION_CHARS_MAX = 200
_REST_CHARS_MAX = 2_000

_ADDRESSES = (*creativecommons.ADDRESSES, *names.ADDRESSES)
_NAMES = (*creativecommons.NAMES, *names.NAMES, *names.VAGUE, *creativecommons.VAGUE)
_OTHER_ADDRESS = re.compile(r"(?:https?|ftp)://[^\s<>\"'\x01]+|\bwww\.[^\s<>\"'\x01]+", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-z/!][^<>]*>", re.IGNORECASE)
_LABEL = re.compile(r"\A(?:spdx-)?licen[cs]e(?:[- ]identifier)?\s*[:=]\s*", re.IGNORECASE)
_NOTICE = re.compile(r"©|℗|\([cp]\)|\bcopyright\b", re.IGNORECASE)
_BOILERPLATE = re.compile(
    "|".join(
        re.escape(phrase).replace(r"\ ", r"\s+")
        for phrase in (
            # Creative Commons' own summaries of its licences and dedications
            "even for commercial purposes, all without asking permission",
            "for any purpose, even commercially",
            "the licensor cannot revoke these freedoms as long as you follow the license terms",
            "in no way are the patent or trademark rights of any person affected by CC0",
            "if not, see",
            "this program is free software",
            "legal code",
            "redistribute it and/or modify it",
            "but without any warranty",
            "without any warranty",
            "without even the implied warranty of merchantability or fitness for a particular purpose",
            "you may not use this file except in compliance with the license",
            "unless required by applicable law or agreed to in writing",
            "without warranties or conditions of any kind, either express or implied",
        )
    ),
    re.IGNORECASE,
)
# Words that limit: to some of the files, to some uses, to a time; or that take back.
_LIMIT = re.compile(
    r"""(?<!\w)(?:(?:non-?)?commercial\w*|(?:non-?)?derivatives?|not|no|nor|non|none|without|except\w*|exclud\w+|unless|only|but|however|(?:al)?though
    |some|most|parts|part\sof|part(?:ly|ially)|portions?|others?|another|otherwise|other\sthan
    |former\w*|previous\w*|until|expire[sd]?|either|dual|maybe|may\sbe|perhaps|probably|possibly
    |unknown|unsure|unclear|pending|contact|ask|request|permission|forbidden|prohibited|restrict\w*
    |personal|private|conditions?|for\snow|before|was|were|nc|nd|sa|share-?alike|remixes|sampling
    |images?|artworks?|covers?|photos?|photographs?|pictures?|videos?|lyrics|liner|booklets?|software|code
    |fonts?|samples?|following|respective\w*|different|various|(?:tracks?|songs?|disc|cd|files?)\s\#?\d
    |nicht|keine?|außer|ohne|sauf|pas|excepto|salvo|tranne|eccetto)(?!\w)|n['’]t\b|\?""",
    re.IGNORECASE | re.VERBOSE,
)
_STATED = re.compile(
    rf"""(?:\A|[\n.;:,!()\[*\#>|=/–—-]|\b(?:under|licen[cs](?:ed?|ing)|terms|is|are|lizenz|licencia|licenza|sous|unter)
    |(?:\A|\n)\W{{0,3}}(?:©|℗|\([cp]\)|copyright|\d{{4}})[^\n]{{0,80}}?)
    \s?(?:(?:the|an?|this|terms|of|licen[cs]e|version|[:"'(\[-])\s?){{0,8}}{MARK}""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Reading:
    """A licence, or None and why not."""

    licence: str | None
    why: str


def read(text: str) -> Reading:
    """What the text says; never raises."""
    if len(text) > TEXT_CHARS_MAX:
        return Reading(None, "it is longer than any licence, and was not read")
    plain = _plain(text)
    if not plain:
        return Reading(None, "it says nothing")
    whole = _whole(plain)
    return Reading(whole, f"it names {whole}") if whole else _judge(*_mentions(plain))


def _plain(text: str) -> str:
    """One kind of space, line end and quotation mark, and no `MARK` but ours."""
    text = re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", " ", html.unescape(text))
    text = re.sub(r"[“”„«»]", '"', text.replace("’", "'"))
    text = re.sub(r"[^\S\n]+", " ", text.replace("\r", "\n"))
    return re.sub(r" ?\n[\s]*", "\n", text).strip()


def _whole(plain: str) -> str | None:
    """The whole text as one SPDX expression or rightsstatements.org code."""
    if len(plain) > _EXPRESSION_CHARS_MAX or "\n" in plain:
        return None
    name = _LABEL.sub("", plain)
    return names.rights_code(name) or spdx_licence(name)


def _mentions(plain: str) -> tuple[str, list[Mention]]:
    """What remains of the text, and the licences named in it, the surest first."""
    rest, whole = take_texts(plain)
    rest = _BOILERPLATE.sub(" ", rest)
    rest, addresses = take(rest, _ADDRESSES)
    rest = _MARKUP.sub(lambda tag: MARK * tag.group().count(MARK), _OTHER_ADDRESS.sub(" ", rest))
    rest, named = take(rest.replace("_", "-"), _NAMES)
    return rest, whole + addresses + named


def _judge(rest: str, mentions: Sequence[Mention]) -> Reading:
    exact = sorted({m.licence for m in mentions if m.licence})
    if not exact:
        return Reading(None, _why_none(rest, mentions))
    if len(exact) > 1:
        return Reading(None, f"it names {' and '.join(exact)}, and not which holds for what")
    licence = exact[0]
    doubt = _contradiction(licence, mentions)
    if not doubt and not licence.startswith("InC"):
        doubt = _limit(licence, rest)
    return Reading(None, doubt) if doubt else Reading(licence, next(m.why for m in mentions if m.licence))


def _why_none(rest: str, mentions: Sequence[Mention]) -> str:
    if mentions:
        return mentions[0].why
    if _NOTICE.search(rest):
        return "a copyright notice says whose it is, and is not a permission"
    return "it names no licence that we know"


def _contradiction(licence: str, mentions: Sequence[Mention]) -> str:
    odd = next((m for m in mentions if not m.agrees_with(licence)), None)
    return f"it names {licence}, and something else too: {odd.why}" if odd else ""


def _limit(licence: str, rest: str) -> str:
    if len(rest) > _REST_CHARS_MAX:
        return f"it names {licence} and says much else, which may limit it"
    if limit := _LIMIT.search(rest):
        return f"it names {licence}, and “{limit.group()}” may limit that"
    return "" if _STATED.search(rest) else f"it mentions {licence}, and does not say that it holds here"
