"""Creative Commons, by address and by name, in the many ways that people and sites write them.

What names a kind without a version, or a version or port that was never published, is loose.
"""

from __future__ import annotations

import re

from lockgroove.rights.mentions import Mention, Reader, exact, loose, words

_KINDS = ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
_KIND_OF = {frozenset(kind.split("-")): kind for kind in _KINDS}
_VERSIONS = frozenset(("1.0", "2.0", "2.1", "2.5", "3.0", "4.0"))
_PORTS_OF_2_1 = frozenset(("au", "ca", "es", "jp"))  # 2.1 was never published without a port
_PORT_NAMES = {
    "igo": "igo|intergovernmental organi[sz]ations?",
    "us": "united states(?: of america)?|usa",
    "uk": "uk(?::? england(?: (?:and|&|&amp;) wales)?)?|united kingdom|england and wales",
    "scotland": "(?:uk:? )?scotland",
    "ar": "argentina",
    "at": "austria|österreich",
    "au": "australia",
    "az": "azerbaijan",
    "be": "belgium",
    "bg": "bulgaria",
    "br": "brazil|brasil",
    "ca": "canada",
    "ch": "switzerland",
    "cl": "chile",
    "cn": "china(?: mainland)?",
    "co": "colombia",
    "cr": "costa rica",
    "cz": "czech republic",
    "de": "germany|deutschland",
    "dk": "denmark",
    "ec": "ecuador",
    "ee": "estonia",
    "eg": "egypt",
    "es": "spain|españa",
    "fi": "finland",
    "fr": "france",
    "ge": "georgia",
    "gr": "greece",
    "gt": "guatemala",
    "hk": "hong kong",
    "hr": "croatia",
    "hu": "hungary",
    "ie": "ireland",
    "il": "israel",
    "in": "india",
    "it": "italy|italia",
    "jp": "japan",
    "kr": "(?:south )?korea",
    "lu": "luxembourg",
    "mk": "macedonia",
    "mt": "malta",
    "mx": "mexico",
    "my": "malaysia",
    "ni": "nicaragua",
    "nl": "(?:the )?netherlands",
    "no": "norway",
    "nz": "new zealand",
    "pe": "peru",
    "ph": "philippines",
    "pl": "poland",
    "pr": "puerto rico",
    "pt": "portugal",
    "ro": "romania",
    "rs": "serbia",
    "se": "sweden",
    "sg": "singapore",
    "si": "slovenia",
    "th": "thailand",
    "tw": "taiwan",
    "ua": "ukraine",
    "ug": "uganda",
    "ve": "venezuela",
    "vn": "vietnam",
    "za": "south africa",
}
_ABBREVIATIONS = (
    ("nc", r"non[\s-]?commercial|nc"),
    ("nd", r"no[\s-]?deriv(?:ative|ate)?s?(?:[\s-]works?)?|nd"),
    ("sa", r"share[\s-]?alike|sa"),
    ("by", r"attribution|by"),
)

NO_VERSION = "it names a Creative Commons licence without its version, and the versions differ"
_NO_KIND = "Creative Commons has a dozen licences, and it does not say which"
_NO_SUCH = "Creative Commons never published a licence of that kind, version and country"
_RETIRED = "a retired Creative Commons licence for samples, whose terms on whole works differ by kind"

_SEP = r"[\s\-–—/,:()+&]{0,3}"
_ELEMENT = "|".join(pattern for _, pattern in _ABBREVIATIONS)
_CODES = "|".join(port for port in _PORT_NAMES)
_PORT = "|".join(f"(?P<port_{port}>{names})" for port, names in _PORT_NAMES.items())
_NAME = re.compile(
    rf"""(?<!\w)(?:(?P<cc>creative[\s-]?commons|cc)(?:[\s-](?:public\s)?licen[cs]e)?{_SEP})?
    (?P<elements>(?:(?:{_ELEMENT})\b{_SEP}){{1,6}})
    (?:\(?aka\s[^)\n]{{1,40}}\)\s?)?(?:(?:public\s)?licen[cs]e[\s,]{{1,2}})?
    (?:(?:v\.?|version|ver\.?)\s?)?
    (?:(?P<version>\d\.\d|(?<!\n)\d(?=\s*(?:$|[),;.\n]|unported|international|licen[cs]e)))(?![.\d]*\d)\)?)?
    (?:[\s(,-]{{1,2}}(?:unported|international|intl|generic|
        {_PORT.replace(" ", "[ ]")}|(?-i:(?P<upper>{_CODES.upper()}))|(?<=-)(?P<code>{_CODES}))\b[ ]?\)?)?
    (?:\s(?:public\s)?licen[cs]e\b)?""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(
    r"(?<![\w.@/-])(?:https?:)?(?://)?(?:(?:www|i)\.)?creativecommons\.org(?P<path>/[^\s<>\"'\])}|\x01]*)?",
    re.IGNORECASE,
)


def _licence(elements: frozenset[str], version: str | None, port: str | None) -> Mention:
    kind = _KIND_OF.get(elements)
    if kind is None:
        return loose(_NO_SUCH)
    if version is None:
        return loose(NO_VERSION, rf"CC-{kind}-\d")
    number = version if "." in version else f"{version}.0"
    if (
        number not in _VERSIONS
        or (number == "4.0" and port)
        or (number == "2.1" and port not in _PORTS_OF_2_1)
    ):
        return loose(_NO_SUCH)
    return exact("-".join(filter(None, ("CC", kind, number, port and port.upper()))))


def _by_address(match: re.Match[str]) -> Mention | None:
    path = re.split(r"[?#]", (match.group("path") or "").lower())[0]
    parts = [part for part in path.rstrip(".,;:!").split("/") if part]
    match parts:
        case ["publicdomain" | "p", "zero", *_] | ["licenses", "cc0" | "zero", *_]:
            return exact("CC0-1.0")
        case ["publicdomain" | "p", "mark", *_]:
            return exact("PDM-1.0")
        case ["licenses" | "licences", "publicdomain", *_]:
            return exact("CC-PDDC")
        case ["licenses" | "licences" | "l", kind, *rest]:
            return _by_path(kind, rest)
    return loose(_NO_KIND, "CC")


def _by_path(kind: str, rest: list[str]) -> Mention:
    if "sampling" in kind or kind == "devnations":
        return loose(_RETIRED)
    version = rest[0] if rest and re.fullmatch(r"\d\.\d", rest[0]) else None
    place = rest[1] if len(rest) > 1 else ""
    if (
        re.fullmatch(r"[a-z]+", place)
        and place not in _PORT_NAMES
        and place not in ("deed", "legalcode", "rdf")
    ):
        return loose(_NO_SUCH)
    if (kind, version) == ("sa", "1.0"):
        return exact("CC-SA-1.0")
    return _licence(frozenset(kind.upper().split("-")), version, place if place in _PORT_NAMES else None)


def _by_name(match: re.Match[str]) -> Mention | None:
    elements = match["elements"]
    if not match["cc"] and not _names_itself(match, elements.lower()):
        return None
    return _licence(_elements(elements), match["version"], _port(match))


def _names_itself(match: re.Match[str], elements: str) -> bool:
    # "with attribution" is a condition, "Attribution 3.0" and "by-nc-sa" are names.
    if elements.startswith("attribution"):
        return bool(match["version"]) or _is_all(match)
    return bool(re.match(r"by-(?:nc|nd|sa)\b", elements))


def _is_all(match: re.Match[str]) -> bool:
    around = (
        match.string[max(match.start() - 9, 0) : match.start()] + match.string[match.end() : match.end() + 9]
    )
    return not around.strip(" \n\x01:.-()")


def _elements(text: str) -> frozenset[str]:
    found = re.finditer("|".join(f"(?P<{short}>{pattern})" for short, pattern in _ABBREVIATIONS), text, re.I)
    return frozenset(str(match.lastgroup).upper() for match in found)


def _port(match: re.Match[str]) -> str | None:
    code = match["upper"] or match["code"]
    named = (
        key.removeprefix("port_") for key, value in match.groupdict().items() if value and "port_" in key
    )
    return code.lower() if code else next(named, None)


_ZERO = r"(?:creative commons (?:cc ?)?|cc[\s-]?)(?:0|zero)(?: v?(?:ersion )?1(?:\.0)?)?(?: universal)?"
_CC0 = r"public domain dedication \(cc0\)|" + _ZERO + r"(?: \(cc0 1\.0\))?(?: public domain dedication)?"

ADDRESSES: tuple[Reader, ...] = ((_ADDRESS, _by_address),)
NAMES: tuple[Reader, ...] = (
    words(_CC0, exact("CC0-1.0")),
    words(r"(?:creative commons |cc )?public domain mark(?: 1(?:\.0)?)?|pdm 1\.0", exact("PDM-1.0")),
    words(r"(?:(?:creative commons|cc) )?(?:non[\s-]?commercial )?sampling ?(?:plus|\+)", loose(_RETIRED)),
    (_NAME, _by_name),
)
VAGUE: tuple[Reader, ...] = (
    words(
        r"(?:creative commons|cc)(?: public)?(?: licen[cs]e[sd]?)?|some rights reserved",
        loose(_NO_KIND, "CC"),
    ),
)


def kind_and_version(title: str) -> Mention | None:
    """The licence that a title such as "Attribution-ShareAlike 3.0 Unported" names."""
    match = _NAME.match(title)
    return None if match is None else _by_name(match)
