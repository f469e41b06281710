"""What the operator chose of the guard, out of `lockgroove.toml`; what is left out has a default."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from email.utils import getaddresses
from typing import Any
from urllib.parse import urlsplit

from lockgroove.errors import UsageError
from lockgroove.guard.digests import plain_address
from lockgroove.guard.quotas import Limits, read_limits, terms_of
from lockgroove.guard.sanctions import Policy

_WHERE = "lockgroove.toml, guard"
# `network` is all visitors of one network, `visitors` all there are, `slowed` whoever is slowed down.
# What is new and rare for everybody is about twice what one account-day in a thousand goes beyond, and for
# whoever is slowed down what half of all days stay below (docs/guard.md).
QUOTAS: Mapping[str, Mapping[str, str]] = {
    "visitors": {"share": "10 %/day"},
    "network": {"requests": "1_200/minute", "bytes": "100 GB/day", "new": "1_000/day", "rare": "200/day"},
    "member": {
        "requests": "1_200/minute", "bytes": "50 GB/day", "new": "240/day", "rare": "50/day",
        "share": "2 %/month",
    },
    "key": {},
    "slowed": {"new": "8/day", "rare": "1/day"},
}  # fmt: skip


@dataclass(frozen=True)
class Alerts:
    """Where to tell of what waits for a person: an address that takes JSON, and one that takes mail."""

    webhook: str = ""
    mail_to: str = ""
    mail_from: str = ""
    smtp: str = "localhost:25"
    every_minutes: float = 60

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the mail server."""
        host, _, port = self.smtp.rpartition(":")
        return host.strip("[]") or "localhost", int(port)


@dataclass(frozen=True)
class Settings:
    """How the guard works here. `observe`: it writes down what it would do, and does nothing.

    `shared` is the server that several front ends share, one of which is the `keeper`.
    """

    on: bool = True
    observe: bool = False
    shared: str = ""
    keeper: bool = True
    proxies: Sequence[str] = ("127.0.0.1", "::1")
    events_days: float = 30
    evidence_days: float = 180
    accounts_max: int = 10_000_000
    pairs_bytes: int = 64 << 20
    quotas: Mapping[str, Limits] = field(default_factory=dict)
    terms: Sequence[int] = ()  # of each kind of quota a number that changes with what was written
    policy: Policy = field(default_factory=Policy)
    alerts: Alerts = field(default_factory=Alerts)

    def trusts(self, address: str) -> bool:
        """Whether a server of ours stands at this address, and tells whom it speaks for."""
        return address in self.proxies


def read_settings(table: Mapping[str, Any], catalogue_tracks: int) -> Settings:
    """The settings out of the table `guard`. Raises UsageError for what cannot be understood."""
    plain = dict(table)
    quotas, days, alerts = (_table(plain.pop(name, {}), name) for name in ("quotas", "days", "alerts"))
    if unknown := sorted(set(quotas) - set(QUOTAS)):
        raise UsageError(
            f"There are no quotas for {unknown[0]}", f"{_WHERE}.quotas", f"For: {', '.join(QUOTAS)}."
        )
    written = {who: {**usual, **_table(quotas.get(who, {}), who)} for who, usual in QUOTAS.items()}
    read = {
        who: read_limits(limits, catalogue_tracks, f"{_WHERE}.quotas.{who}")
        for who, limits in written.items()
    }
    policy = _filled(Policy(), days, f"{_WHERE}.days", "_days")
    made: Settings = _filled(Settings(), plain, _WHERE)
    proxies = [_read_address(address) for address in made.proxies]
    told = _filled(Alerts(), alerts, f"{_WHERE}.alerts")
    _check_alerts(told)
    return replace(made, proxies=proxies, quotas=read, terms=terms_of(written), policy=policy, alerts=told)


def _check_alerts(alerts: Alerts) -> None:
    """Raises UsageError for what nothing could be sent to."""
    checks = (
        ("webhook", _is_address, "This is no address of a webhook", "https://chat.example.org/hook"),
        ("smtp", _is_server, "This is no mail server with a port", "localhost:25"),
        ("mail_to", _is_mail, "This is no mail address", "keeper@example.org"),
        ("mail_from", _is_mail, "This is no mail address", "guard@example.org"),
    )
    for name, fits, what, such in checks:
        if (value := getattr(alerts, name)) and not fits(value):
            raise UsageError(what, f"{_WHERE}.alerts.{name}: {value!r}"[:100], f'Such as "{such}".')


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_server(text: str) -> bool:
    _, _, port = text.rpartition(":")
    return ":" in text and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16


def _is_mail(text: str) -> bool:
    found = getaddresses([text])
    return bool(found) and all("@" in address.strip("@") for _, address in found)


def _table(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError("A table was expected", f"{_WHERE}.{name}", f"Such as [guard.{name}].")
    return dict(value)


def _filled(usual: Any, given: Mapping[str, Any], where: str, ending: str = "") -> Any:
    """The same dataclass with what is given, its names without `ending`. Raises UsageError."""
    values = ((one.name.removesuffix(ending), getattr(usual, one.name)) for one in fields(usual))
    known = {name: value for name, value in values if isinstance(value, str | int | float | tuple)}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"There is no setting {name}", where, f"Settings: {', '.join(sorted(known))}.")
        if not _alike(known[name], value):
            such = f"Such as {json.dumps(known[name])}; numbers are more than 0."
            raise UsageError("This setting cannot be so", f"{where}.{name} = {value!r}"[:100], such)
    return replace(usual, **{f"{name}{ending}": value for name, value in given.items()})


def _alike(usual: object, value: object) -> bool:
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(usual, bool) and isinstance(value, bool)
    if isinstance(usual, int | float):
        return isinstance(value, int | float) and value > 0
    if isinstance(usual, str):
        return isinstance(value, str)
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _read_address(text: str) -> str:
    plain = plain_address(text)
    if not plain:
        raise UsageError(
            "This is no address of a proxy", f"{_WHERE}.proxies: {text!r}"[:100], 'Such as "127.0.0.1".'
        )
    return plain
