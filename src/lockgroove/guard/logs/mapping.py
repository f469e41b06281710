"""A mapping in TOML: what a service's own log means, in the words of events.

[log]
format = "csv"                 # csv, parquet or lines (web servers); else told by the file itself

[fields]                       # a field of the event = where it stands
account = "user_id"
track = "song"
ts_ms = "played_at"            # seconds to nanoseconds since 1970, or ISO 8601
seconds_played = { column = "ms_played", times = 0.001 }
origin = { column = "reason", values = { clickrow = "user", autoplay = "system" } }

[[paths]]                      # of web servers' logs: what a path is; named groups are fields
pattern = '/listen/(?P<track>[0-9]+)'
kind = "stream_start"
context = "album"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from lockgroove.errors import UsageError
from lockgroove.guard.events import FIELDS, NEEDED, Context, Kind, Origin, Scope
from lockgroove.guard.logs.grants import OWN_RULES, Rule

FORMATS = ("csv", "parquet", "lines")
# Fields whose values are words.
WORDS: Mapping[str, type[IntEnum]] = {"kind": Kind, "context": Context, "origin": Origin, "scope": Scope}
# What may be told beside the fields themselves: an address is made into its network.
_ALSO = frozenset({"address"})


@dataclass(frozen=True)
class Column:
    """Where a field comes from: a column, or a value that is always the same."""

    column: str = ""
    always: Any = None
    times: float = 1.0
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LogMap:
    """What a log means."""

    format: str | None = None
    delimiter: str = ","
    fields: Mapping[str, Column] = field(default_factory=dict)
    rules: Sequence[Rule] = OWN_RULES


def read_log_map(text: bytes, where: str) -> LogMap:
    """A mapping from TOML. Raises UsageError that says what is wrong and where."""
    try:
        told = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The mapping cannot be understood: {error}", where) from None
    _only(told, {"log", "fields", "paths"}, where)
    log, fields, paths = told.get("log", {}), told.get("fields", {}), told.get("paths", [])
    if not (isinstance(log, dict) and isinstance(fields, dict) and isinstance(paths, list)):
        raise UsageError("[log] and [fields] are tables, [[paths]] is a list", where)
    _only(log, {"format", "delimiter"}, f"{where}, [log]")
    kind = log.get("format")
    if kind is not None and kind not in FORMATS:
        raise UsageError(f"No log has the format {kind!r}", where, f"Formats: {', '.join(FORMATS)}.")
    columns = {name: _column(name, value, where) for name, value in fields.items()}
    if columns and (missing := NEEDED - set(columns)):
        raise UsageError(
            f"The mapping says nothing of {sorted(missing)[0]}", where, "Without it no one can be judged."
        )
    delimiter = str(log.get("delimiter", ","))
    if len(delimiter) != 1:
        raise UsageError("A delimiter is one character", f"{where}, [log]")
    return LogMap(kind, delimiter, columns, [_path(path, where) for path in paths] or OWN_RULES)


def _column(name: str, value: Any, where: str) -> Column:
    at = f"{where}, [fields] {name}"
    if name not in FIELDS | _ALSO:
        raise UsageError(f"An event has no field {name}", at, f"Fields: {', '.join(sorted(FIELDS | _ALSO))}.")
    if isinstance(value, str):
        return Column(value)
    if not isinstance(value, dict):
        raise UsageError("A field is a column's name, or a table", at)
    _only(value, {"column", "always", "times", "values"}, at)
    made = Column(
        str(value.get("column", "")), value.get("always"), _times(value, at), dict(value.get("values", {}))
    )
    if bool(made.column) == (made.always is not None):
        raise UsageError("A field has a column or is always the same, one of the two", at)
    if name in WORDS:
        for word in [*made.values.values(), *([made.always] if made.always is not None else [])]:
            word_number(name, word, at)
    return made


def _times(value: Mapping[str, Any], at: str) -> float:
    times = value.get("times", 1.0)
    if not isinstance(times, int | float) or isinstance(times, bool) or not times > 0:
        raise UsageError("`times` is a number above 0", at)
    return float(times)


def word_number(name: str, word: Any, where: str) -> int:
    """The number of a word of a field. Raises UsageError with all words that there are."""
    words = {member.name.lower(): int(member) for member in WORDS[name]}
    if str(word).lower() not in words:
        raise UsageError(f"{word!r} is no {name}", where, f"It is one of: {', '.join(words)}.")
    return words[str(word).lower()]


def _path(told: Any, where: str) -> Rule:
    at = f"{where}, [[paths]]"
    if not isinstance(told, dict) or "pattern" not in told or "kind" not in told:
        raise UsageError("A path has a pattern and a kind", at)
    _only(told, {"pattern", "kind", "context"}, at)
    try:
        pattern = re.compile(str(told["pattern"]))
    except re.error as error:
        raise UsageError(f"The pattern is none: {error}", at) from None
    if beyond := set(pattern.groupindex) - {"track", "album", "account"}:
        raise UsageError(f"A path tells track, album or account, and not {sorted(beyond)[0]}", at)
    context = Context(word_number("context", told.get("context", "unknown"), at))
    return Rule(pattern, Kind(word_number("kind", told["kind"], at)), context)


def _only(told: Mapping[str, Any], known: set[str], where: str) -> None:
    if beyond := sorted(set(told) - known):
        raise UsageError(
            f"The mapping has {beyond[0]}, which means nothing", where, f"Known: {', '.join(sorted(known))}."
        )
