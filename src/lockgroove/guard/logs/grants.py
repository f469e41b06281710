"""What a request was granted: which kind of event it is, of which track, and for whom.

Rules are regular expressions over the path, the first that fits counts. Their named groups are fields: track,
album, account. Those built in know Lockgroove's own addresses, OpenSubsonic's calls, and files of sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from lockgroove.guard.events import Context, Kind
from lockgroove.guard.logs.requests import Request

_PARAMETERS_MAX = 100


@dataclass(frozen=True)
class Rule:
    """A pattern of paths, and what a request for one is."""

    pattern: re.Pattern[str]
    kind: Kind
    context: Context = Context.UNKNOWN


@dataclass(frozen=True, slots=True)
class Grant:
    """What one request comes to. Texts, "" for what is not told."""

    kind: Kind
    track: str = ""
    album: str = ""
    account: str = ""
    client: str = ""
    context: Context = Context.UNKNOWN


def _rule(pattern: str, kind: Kind, context: Context = Context.UNKNOWN) -> Rule:
    return Rule(re.compile(pattern), kind, context)


OWN_RULES: Sequence[Rule] = (
    _rule(r"/stream/(?P<track>[0-9a-f]{128})(?:/.*)?", Kind.STREAM_START),
    _rule(r"/(?:api/)?search", Kind.SEARCH),
    _rule(r"/(?:artist|api/artists)/[^/]+", Kind.META, Context.ARTIST),
    _rule(r"/(?:release|api/releases)/[^/]+", Kind.META, Context.ALBUM),
    _rule(r"(?P<track>/.*\.(?:mp3|flac|ogg|oga|opus|m4a|aac|wav|wv|ape|aiff?|wma))", Kind.STREAM_START),
)
_SUBSONIC = re.compile(r"(?:/.*)?/rest/([A-Za-z0-9]+?)(?:\.view)?")
_SUBSONIC_KINDS = {
    "stream": Kind.STREAM_START, "download": Kind.DOWNLOAD, "hls": Kind.STREAM_START, "search": Kind.SEARCH,
    "search2": Kind.SEARCH, "search3": Kind.SEARCH,
}  # fmt: skip


def granted(request: Request, rules: Sequence[Rule] = OWN_RULES) -> Grant:
    """What was granted; nothing where the server refused or failed, or where only headers were asked for."""
    if not 200 <= request.status < 300 or request.method == "HEAD":
        return Grant(Kind.OTHER)
    try:
        split = urlsplit(request.uri)
    except ValueError:
        return Grant(Kind.OTHER)
    path = unquote(split.path)
    if subsonic := _SUBSONIC.fullmatch(path):
        return _subsonic(subsonic[1], split.query)
    for rule in rules:
        if found := rule.pattern.fullmatch(path):
            told = found.groupdict("")
            return Grant(
                rule.kind,
                told.get("track", ""),
                told.get("album", ""),
                told.get("account", ""),
                context=rule.context,
            )
    return Grant(Kind.META)


def _subsonic(call: str, query: str) -> Grant:
    try:
        asked = parse_qs(query, max_num_fields=_PARAMETERS_MAX)
    except ValueError:
        return Grant(Kind.OTHER)
    kind = _SUBSONIC_KINDS.get(call, Kind.META)
    track = asked.get("id", [""])[0] if kind in (Kind.STREAM_START, Kind.DOWNLOAD) else ""
    return Grant(kind, track, "", asked.get("u", [""])[0], asked.get("c", [""])[0])
