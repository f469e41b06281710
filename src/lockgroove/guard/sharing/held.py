"""Sanctions in force, as the keeper publishes them: accounts, stages and cases, without reasons or names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b

from lockgroove.guard.casefile import Sanction
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.sharing.server import Server

_LAYOUT = 1  # whoever changes what is published counts up


class Published:
    """One value and its version, which is a digest of it. For one thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._version, self._value = (
            server.key("sanctions", part) for part in (f"version {_LAYOUT}", _LAYOUT)
        )
        self._known: bytes | None = None

    def publish(self, sanctions: Mapping[int, Sanction]) -> None:
        """From now on, these are in force everywhere. Raises Away."""
        rows = sorted(
            (one.account, one.case, int(one.stage), one.from_ms, one.until_ms) for one in sanctions.values()
        )
        value = json.dumps(rows).encode()
        version = blake2b(value, digest_size=16).hexdigest().encode()
        if self._server.patiently(lambda client: client.get(self._version)) != version:
            both = {self._version: version, self._value: value}
            self._server.patiently(lambda client: client.mset(both))

    def news(self) -> dict[int, Sanction] | None:
        """What is in force, None where that is not new or nobody ever said. Raises Away."""
        version = self._server.patiently(lambda client: client.get(self._version))
        if version is None or version == self._known:
            return None
        version, value = self._server.patiently(lambda client: client.mget(self._version, self._value))
        self._known = version
        return {row[0]: _sanction(*row) for row in json.loads(value or b"[]")}


def _sanction(account: int, case: int, stage: int, from_ms: int, until_ms: int | None) -> Sanction:
    return Sanction(case, account, Stage(stage), from_ms, until_ms, decided_by="", because="")
