"""The one vocabulary of licences: how each is called, where its text is, and which classes it falls in.

SPDX ids where SPDX has one; ported Creative Commons licences that it lacks follow its pattern
(CC-BY-NC-SA-3.0-US); the Public Domain Mark is PDM-1.0; rightsstatements.org gives its twelve codes.
Invariant: what is not in `_CLASSES` has no class, and what has no class is never open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import product
from typing import Any, Literal, get_args

LicenceClass = Literal[
    "public-domain",
    "attribution",
    "share-alike",
    "non-commercial",
    "no-derivatives",
    "free-software",
    "in-copyright",
    "undecided",
    "none",
]
LICENCE_CLASSES: tuple[LicenceClass, ...] = get_args(LicenceClass)

RIGHTS_STATEMENTS: Mapping[str, str] = {
    "InC": "in copyright",
    "InC-OW-EU": "in copyright - EU orphan work",
    "InC-EDU": "in copyright - educational use permitted",
    "InC-NC": "in copyright - non-commercial use permitted",
    "InC-RUU": "in copyright - rights-holder(s) unlocatable or unidentifiable",
    "NoC-CR": "no copyright - contractual restrictions",
    "NoC-NC": "no copyright - non-commercial use only",
    "NoC-OKLR": "no copyright - other known legal restrictions",
    "NoC-US": "no copyright - united states",
    "CNE": "copyright not evaluated",
    "UND": "copyright undetermined",
    "NKC": "no known copyright",
}

# Understood, and yet no yes: what they leave open, only an operator can know.
UNSETTLED: Mapping[str, str] = {
    "NoC-CR": "a contract limits what may be done with it, and the statement does not say how",
    "NoC-OKLR": "laws other than copyright restrict it somewhere, and the statement does not say which",
    "NoC-US": "it is free of copyright in the United States, and nobody has looked elsewhere",
    "CNE": "nobody has looked whether it is in copyright",
    "UND": "somebody looked, and could not tell whether it is in copyright",
    "NKC": "it is believed to be free of copyright, and nobody is sure",
}

# The first pattern that fits decides; all classes of a licence must permit an act.
_CLASSES: tuple[tuple[str, tuple[LicenceClass, ...]], ...] = (
    ("InC", ("in-copyright",)),
    ("InC-*", ("in-copyright",)),
    ("NoC-NC", ("non-commercial",)),
    ("NoC-*", ("public-domain",)),
    ("CC0-1.0", ("public-domain",)),
    ("PDM-1.0", ("public-domain",)),
    ("CC-PDDC", ("public-domain",)),
    ("PDDL-1.0", ("public-domain",)),
    ("Unlicense", ("public-domain",)),
    ("CC-BY-NC-SA-[1-4].*", ("non-commercial", "share-alike")),
    ("CC-BY-NC-ND-[1-4].*", ("non-commercial", "no-derivatives")),
    ("CC-BY-NC-[1-4].*", ("non-commercial",)),
    ("CC-BY-SA-[1-4].*", ("share-alike",)),
    ("CC-BY-ND-[1-4].*", ("no-derivatives",)),
    ("CC-BY-[1-4].*", ("attribution",)),
    ("CC-SA-1.0", ("share-alike",)),
    ("LAL-1.[23]", ("share-alike",)),
    ("ODbL-1.0", ("share-alike",)),
    ("ODC-By-1.0", ("attribution",)),
    ("OGL-UK-[123].0", ("attribution",)),
    ("OGL-Canada-2.0", ("attribution",)),
    *(
        (pattern, ("free-software",))
        for pattern in (
            "GPL-[123].0-*",
            "LGPL-[23].[01]-*",
            "AGPL-[13].0-*",
            "GFDL-1.[123]-*",
            "MIT",
            "MIT-0",
            "X11",
            "ISC",
            "Zlib",
            "0BSD",
            "BSD-[234]-Clause",
            "BSL-1.0",
            "Apache-[12].*",
            "Artistic-[12].0",
            "MPL-[12].*",
            "EPL-[12].0",
            "EUPL-1.*",
            "CECILL-[12].*",
            "OFL-1.*",
            "WTFPL",
        )
    ),
)

_URIS: Mapping[str, str] = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "PDM-1.0": "https://creativecommons.org/publicdomain/mark/1.0/",
    "CC-PDDC": "https://creativecommons.org/licenses/publicdomain/",
    "CC-SA-1.0": "https://creativecommons.org/licenses/sa/1.0/",
    "LAL-1.3": "https://artlibre.org/licence/lal/",
}
_CC = re.compile(r"CC-(BY(?:-NC)?(?:-ND|-SA)?)-(\d\.\d)(?:-([A-Z]+))?")
_OLD_SPELLING = re.compile(r"\b([AL]?GPL)[- ]?v?(\d)(?:(\.\d)|\b)(\+?)", re.IGNORECASE)
_OPERATORS = frozenset(("and", "or", "with"))


def uri_of(licence: str) -> str | None:
    """The canonical address of one licence or statement; None for an expression of several."""
    if " " in licence:
        return None
    if licence in RIGHTS_STATEMENTS:
        return f"http://rightsstatements.org/vocab/{licence}/1.0/"  # http is canonical there
    if cc := _CC.fullmatch(licence):
        path = "/".join(part.lower() for part in cc.groups() if part)
        return f"https://creativecommons.org/licenses/{path}/"
    return _URIS.get(licence, f"https://spdx.org/licenses/{licence}.html")


@lru_cache(maxsize=4096)
def alternatives(licence: str) -> tuple[tuple[LicenceClass, ...], ...]:
    """The ways in which a licence may be used, each the classes that must all permit; () if unknown.

    One licence has one way; "A OR B" has those of A and those of B; "A AND B" joins them.
    """
    if " " not in licence:
        classes = _classes_of(licence)
        return (classes,) if classes else ()
    parsed = _parse(licence)
    return () if parsed is None else tuple(sorted(_ways(parsed)))


def spdx_licence(text: str) -> str | None:
    """A text that is an SPDX id or expression, old spellings included, in today's spelling."""
    spelled = _OLD_SPELLING.sub(_modern, text)
    words = re.findall(r"[^\s()]+", spelled)
    if not all(word.lower() in _OPERATORS or _is_id(word) for word in words):
        return None
    parsed = _parse(spelled)
    return None if parsed is None else str(parsed).replace("CC-PDM-1.0", "PDM-1.0")


def _modern(match: re.Match[str]) -> str:
    family, major, minor, plus = match.groups()
    return f"{family.upper()}-{major}{minor or '.0'}{plus}"


def _is_id(word: str) -> bool:
    # "GPL" alone is an alias for GPL-1.0-or-later in the library: nobody who writes it means that.
    name = word.lower()
    return name in _canonical_ids() or bool(re.fullmatch(r"[al]?gpl-\d\.\d\+?", name))


def _parse(text: str) -> Any:
    try:
        parsed = _licensing().parse(text, validate=True)
        return None if parsed is None else parsed.simplify()
    except Exception:  # the library raises AttributeError and more on what is not an expression
        return None


def _ways(node: Any) -> set[tuple[LicenceClass, ...]]:
    name = type(node).__name__
    if name == "OR":
        return {way for part in node.args for way in _ways(part)}
    if name == "AND":
        joined = product(*(_ways(part) for part in node.args))
        return {tuple(sorted({c for way in ways for c in way})) for ways in joined}
    return {classes} if (classes := _classes_of(str(getattr(node, "license_symbol", node)))) else set()


def _classes_of(licence: str) -> tuple[LicenceClass, ...]:
    return next((classes for pattern, classes in _CLASSES if fnmatchcase(licence, pattern)), ())


@lru_cache(maxsize=1)
def _licensing() -> Any:
    # Loaded when first asked: 0.08 s that most commands do not need.
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@lru_cache(maxsize=1)
def _canonical_ids() -> frozenset[str]:
    return frozenset(key.lower() for key in _licensing().known_symbols)
