"""Licences and statements other than Creative Commons, by address and name, and words that name none."""

from __future__ import annotations

import re

from lockgroove.rights.mentions import Mention, Reader, exact, loose, words
from lockgroove.rights.vocabulary import RIGHTS_STATEMENTS, spdx_licence

GPL_TEXT = "the text of the GPL does not say whether later versions may be used; a notice must"
_DOWNLOAD_ONLY = Mention(
    "InC", "FMA-Limited lets a listener download for themselves, and nobody else give copies", "InC"
)
_FREE = r"(?!InC)"  # whatever is free may be called free
_PUBLIC_DOMAIN = r"CC0|PDM|CC-PDDC|PDDL|NoC|Unlicense"
_CODE_OF = {code.lower(): code for code in RIGHTS_STATEMENTS}
_HOST = r"(?<![\w.@/-])(?:https?://)?(?:www\.)?"
_END = r"[^\s<>\"'\])}|\x01]*"


def _address(pattern: str) -> re.Pattern[str]:
    return re.compile(_HOST + pattern + _END, re.IGNORECASE)


def _rights_statement(match: re.Match[str]) -> Mention:
    code = _CODE_OF.get(match["code"].lower())
    return exact(code) if code else loose("rightsstatements.org has no such statement")


def _spdx_address(match: re.Match[str]) -> Mention | None:
    licence = spdx_licence(match["id"].removesuffix(".html").removesuffix("."))
    return exact(licence) if licence else None


def _spdx_id(match: re.Match[str]) -> Mention | None:
    licence = spdx_licence(match.group())
    return exact(licence) if licence else None


def _gpl(match: re.Match[str]) -> Mention:
    spelled = match["long"] or match["short"] or ""
    prefix = {"a": "A", "l": "L"}.get(spelled[:1].lower(), "")
    major, later = match["major"] or match["bare"], match["later"]
    minor = match["minor"] or match["point"] or ".0"
    if major is None:
        why = f"it names the {prefix}GPL without saying which version"
        return loose(why, rf"{prefix}GPL-\d")
    # Section 9 of GPL 2 and 14 of GPL 3: a version without "or later" is that version.
    suffix = "or-later" if later and "only" not in later.lower() else "only"
    licence = spdx_licence(f"{prefix}GPL-{major}{minor}-{suffix}")
    return exact(licence) if licence else loose("there is no such version of the GPL")


def _gpl_address(match: re.Match[str]) -> Mention:
    family, version = match["family"].upper(), match["version"]
    return loose(GPL_TEXT, rf"{family}-{re.escape(version)}-" if version else rf"{family}-\d")


_GPL = re.compile(
    r"""(?<!\w)(?:gnu[\s-])?(?:(?P<short>[al])?gpl|(?:(?P<long>affero|lesser|library)[\s-])?
    general[\s]public[\s]licen[cs]e)(?:[\s]*\(?[al]?gpl\)?)?(?:[\s]as[\s]published[\s]by[\s]the[\s]free[\s]software[\s]foundation)?
    (?:(?:[\s,;-]{0,2}(?:either[\s])?(?:version[\s]?|ver\.?[\s]?|v\.?[\s]?)(?P<major>[123])(?P<minor>\.\d)?(?!\d)
    |[\s-]?(?P<bare>[123])(?P<point>\.\d)?(?!\d|(?<!\.\d)\s(?!or\b|only|licen|any)\w))
    (?:[\s]of[\s]the[\s]licen[cs]e)?
    (?P<later>\+|[\s,(-]{1,3}(?:or[\s-])?\(?(?:at[\s]your[\s]option\)?,?[\s])?(?:any[\s])?(?:later|newer|above)(?:[\s]version)?\)?
    |[\s-]only)?)?(?:[\s]licen[cs]e)?(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)

# An id within a text; one without a hyphen only as it is written ("mit" is German for "with").
_SPDX_ID = re.compile(
    r"(?<![\w.-])(?:[A-Za-z0-9]+(?:-[A-Za-z0-9.+]*[A-Za-z0-9+])+|MIT|ISC|Zlib|WTFPL)(?![\w-])"
)

ADDRESSES: tuple[Reader, ...] = (
    (_address(r"rightsstatements\.org/(?:vocab|page)/(?P<code>[a-z-]+)/1\.0"), _rights_statement),
    (_address(r"spdx\.org/licenses/(?P<id>[\w.+-]+)"), _spdx_address),
    (
        _address(
            r"gnu\.org/(?:licen[cs]es|copyleft)/(?:old-licenses/)?(?P<family>[al]?gpl)(?:-(?P<version>\d\.\d))?"
        ),
        _gpl_address,
    ),
    (_address(r"apache\.org/licenses/license-2\.0"), lambda _: exact("Apache-2.0")),
    (_address(r"opensource\.org/licenses/mit(?![\w-])"), lambda _: exact("MIT")),
    (_address(r"artlibre\.org/licence/lal/licence-art-libre-12"), lambda _: exact("LAL-1.2")),
    (_address(r"artlibre\.org/licence/lal"), lambda _: exact("LAL-1.3")),
    (_address(r"freemusicarchive\.org/fma_license"), lambda _: _DOWNLOAD_ONLY),
)

NAMES: tuple[Reader, ...] = (
    *(
        words(re.escape(t).replace("\\ ", " ").replace(" \\- ", " "), exact(c))
        for c, t in RIGHTS_STATEMENTS.items()
        if c != "InC"
    ),
    (_GPL, _gpl),
    words(r"(?:the )?(?:mit|expat) licen[cs]e", exact("MIT")),
    words(
        r"apache(?: software)?(?: licen[cs]e)?,? (?:v|version )?2(?:\.0)?(?: licen[cs]e)?",
        exact("Apache-2.0"),
    ),
    words(
        r"(?:free art licen[cs]e|licence art libre|[lf]al),?(?: v| version)? ?1\.3(?: \([lf]al 1\.3\))?",
        exact("LAL-1.3"),
    ),
    words(r"(?:free art licen[cs]e|licence art libre|[lf]al),?(?: v| version)? ?1\.2", exact("LAL-1.2")),
    words(r"open government licen[cs]e,?(?: v| version)? ?3(?:\.0)?", exact("OGL-UK-3.0")),
    words(r"fma-limited(?:: download only)?", _DOWNLOAD_ONLY),
    words(
        r"all rights? reserved|alle rechte vorbehalten|tous droits r[ée]serv[ée]s"
        r"|todos los derechos reservados|todos os direitos reservados|tutti i diritti riservati",
        Mention("InC", "it reserves all rights", "InC"),
    ),
    (_SPDX_ID, _spdx_id),
    (re.compile(r"\A\W*in copyright\W*\Z", re.IGNORECASE), lambda _: exact("InC")),
)

VAGUE: tuple[Reader, ...] = (
    words(
        "public domain dedication",
        loose("it speaks of a public domain dedication, and does not say which", _PUBLIC_DOMAIN),
    ),
    words(
        r"public domain|domaine public|dominio p[úu]blico|gemeinfrei|pd",
        loose("public domain where, and who says so? The words alone do not tell", _PUBLIC_DOMAIN),
    ),
    words(
        r"no (?:known )?copyrights?(?: restrictions?)?|copyright free|no rights reserved|ncs",
        loose("it says that there is no copyright, and not why, where or who says so", _PUBLIC_DOMAIN),
    ),
    words(
        "royalty free",
        loose("royalty-free says that no royalty is due, not that copies may be given to everyone", _FREE),
    ),
    words(
        r"open source|copyleft|free software",
        loose("it names a way of licensing, and no licence", _FREE),
    ),
    words(
        r"free art licen[cs]e|licence art libre|[lf]al",
        loose("it names the Free Art Licence without saying which version", r"LAL-"),
    ),
    words(
        r"free(?: (?:download|to use|use|music|mp3|for all))?|freeware|gratis|podsafe",
        loose("free to hear or to have is not yet free to pass on, and it names no licence", _FREE),
    ),
    words(
        r"bsd(?: licen[cs]e)?|redistribution and use in source and binary forms",
        loose("there are several BSD licences, and it does not say which", "BSD-"),
    ),
    words("ogl", loose("OGL is short for several licences, and it does not say which", "OG")),
    words(
        r"fair use|personal use|promo(?:tional)?(?: use)?(?: only)?|not for (?:sale|resale)",
        loose("it allows some use, and does not say that copies may be given to everyone"),
    ),
)


def rights_code(text: str) -> str | None:
    """A text that is one of the twelve codes of rightsstatements.org, as that site spells it."""
    return _CODE_OF.get(text.strip().lower())
