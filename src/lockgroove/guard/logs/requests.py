"""Lines of web servers' logs, each as the request that it tells of. Formats are told by the line itself."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

# Apache's and nginx' combined format; a quote or backslash within a field stands behind a backslash.
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rf"(\S+) \S+ (.*?) \[([^\]]{{20,40}})\] {_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?(?:\s.*)?"
)
_MONTHS = {name: n for n, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
# What servers and their admins call things in JSON; the first that is there counts.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "address": ("remote_addr", "remote_ip", "client_ip", "clientip", "ip", "host"),
    "user": ("remote_user", "user_id", "user", "username", "account"),
    "uri": ("request_uri", "uri", "url", "path", "target"),
    "method": ("request_method", "method", "verb"),
    "status": ("status", "response", "status_code"),
    "size": ("body_bytes_sent", "bytes_sent", "size", "bytes", "resp_body_size"),
    "agent": ("http_user_agent", "user_agent", "agent", "useragent"),
    "time": ("time_iso8601", "msec", "ts", "time_local", "time", "timestamp", "@timestamp"),
    "request": ("request",),
}
_decode = msgspec.json.Decoder().decode


class Unreadable(Exception):
    """A line is no request of a format that is known."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a line tells. Texts as they stand, "" for what it does not tell."""

    ts_ms: int
    address: str
    user: str
    method: str
    uri: str
    status: int
    bytes_sent: int
    agent: str
    ranged: bool = False


def parse(line: str) -> Request:
    """A line of any format that is known. Raises Unreadable, with the reason."""
    return (_from_json if line.startswith("{") else _from_combined)(line)


def _from_combined(line: str) -> Request:
    found = _COMBINED.fullmatch(line)
    if found is None:
        raise Unreadable("neither the combined format nor JSON")
    address, user, time, request, status, size, _, agent = found.groups()
    method, uri = _asked(request)
    return Request(
        _local_ms(time), address, _no_dash(user), method, uri, int(status), 0 if size == "-" else int(size),
        _no_dash(agent or ""), status == "206",
    )  # fmt: skip


def _asked(request: str) -> tuple[str, str]:
    """Method and address of a request line; a line of garbage is all address."""
    parts = request.split(" ")
    return (parts[0], parts[1]) if len(parts) >= 2 and parts[0].isalpha() else ("", request)


def _no_dash(text: str) -> str:
    return "" if text == "-" else text


def _local_ms(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        raise Unreadable(f"the time {text[:40]!r}")
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    offset = (int(hours) * 60 + int(minutes)) * (1 if sign == "+" else -1)
    try:
        at = dt.datetime(
            int(year),
            _MONTHS[month],
            int(day),
            int(hour),
            int(minute),
            min(59, int(second)),
            tzinfo=dt.UTC,
        )
    except ValueError:
        raise Unreadable(f"the time {text[:40]!r}") from None
    return int(at.timestamp() * 1000) - offset * 60_000


def _from_json(line: str) -> Request:
    try:
        told = _decode(line)
    except (msgspec.DecodeError, RecursionError):
        raise Unreadable("JSON that cannot be parsed") from None
    if not isinstance(told, dict):
        raise Unreadable("no JSON object")
    inner = told.get("request")
    flat = (
        {**told, **inner, **_caddy(inner)} if isinstance(inner, dict) else told
    )  # Caddy puts the request inside
    said = {
        name: next((flat[k] for k in names if flat.get(k) not in (None, "")), "")
        for name, names in _NAMES.items()
    }
    uri, method = str(said["uri"]), str(said["method"])
    if not uri and isinstance(said["request"], str):
        method, uri = _asked(said["request"])
    status = _number(said["status"])
    return Request(
        moment_ms(said["time"]), str(said["address"]), _no_dash(str(said["user"])), method, uri, status,
        _number(said["size"]), _no_dash(str(said["agent"])), status == 206,
    )  # fmt: skip


def _caddy(request: dict[str, Any]) -> dict[str, Any]:
    """A request's headers as Caddy logs them: lists by name."""
    headers = request.get("headers")
    agents = headers.get("User-Agent") if isinstance(headers, dict) else None
    return {"http_user_agent": agents[0]} if isinstance(agents, list) and agents else {}


def _number(value: Any) -> int:
    try:
        return max(0, min(int(float(value)), 1 << 62))
    except (TypeError, ValueError, OverflowError):
        return 0


def moment_ms(value: Any) -> int:
    """Milliseconds since 1970, of seconds to nanoseconds, ISO 8601 or a server's local time."""
    for read in _MOMENTS:
        try:
            return read(value)
        except (TypeError, ValueError, OverflowError):
            continue
    raise Unreadable(f"the time {str(value)[:40]!r}")


def _epoch_ms(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not 0 < number < 1e20:
        raise ValueError
    while number >= 1e11 * 1000:  # micro- and nanoseconds; 1e14 ms is the year 5138
        number /= 1000
    return int(number if number >= 1e11 else number * 1000)


def _iso_ms(value: Any) -> int:
    at = dt.datetime.fromisoformat(value)
    return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1000)


def _server_ms(value: Any) -> int:
    try:
        return _local_ms(value)
    except Unreadable:
        raise ValueError from None


_MOMENTS: tuple[Callable[[Any], int], ...] = (_epoch_ms, _iso_ms, _server_ms)
