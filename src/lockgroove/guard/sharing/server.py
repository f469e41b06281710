"""The server that front ends share, and what is done while it is away.

Invariant: whoever asks `quickly` while the server is known to be away does not wait at all. Only the turn
looks whether it is back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from lockgroove.errors import UsageError

T = TypeVar("T")
QUICK_S = 0.05
_PATIENT_S = 1.0
_SAY_EVERY_S = 60.0  # a server that comes and goes would fill the log
_LOG = logging.getLogger("lockgroove.guard")
_SCHEMES = {"redis": "valkey", "rediss": "valkeys"}  # the same, under their older names
_WHERE = "lockgroove.toml, guard.shared"


class Away(Exception):
    """The server does not answer, or not as it should."""


class Server:
    """Asked by many threads. `name` begins each key, so that archives may share a server."""

    def __init__(self, url: str, name: str) -> None:
        """Raises UsageError for what is no address, and where the client is not installed."""
        self.name = name
        self.here = True
        self.failures = 0
        self._lock = threading.Lock()
        self._said = False
        self._said_at = -_SAY_EVERY_S
        self._errors = _errors()
        self._quick = _client(url, QUICK_S)
        self._patient = _client(url, _PATIENT_S)
        self._look()

    def key(self, *parts: object) -> str:
        """A key of this archive."""
        return ":".join([self.name, *map(str, parts)])

    def script(self, text: str) -> Callable[..., Any]:
        """A script: give it keys, arguments and a client."""
        made: Callable[..., Any] = self._quick.register_script(text)
        return made

    def quickly(self, ask: Callable[[Any], T]) -> T:
        """Ask while somebody waits. Raises Away."""
        if not self.here:
            raise Away
        return self._asked(ask, self._quick)

    def patiently(self, ask: Callable[[Any], T]) -> T:
        """Ask in the turn, also whether the server is back. Raises Away."""
        if not self.here and not self._look():
            raise Away
        return self._asked(ask, self._patient)

    def close(self) -> None:
        """Let go of all connections."""
        for client in (self._quick, self._patient):
            client.connection_pool.disconnect()

    def _asked(self, ask: Callable[[Any], T], client: Any) -> T:
        try:
            return ask(client)
        except self._errors as error:
            self._lost(error)
            raise Away from error

    def _look(self) -> bool:
        """Whether the server answers now."""
        try:
            for client in (self._quick, self._patient):
                client.connection_pool.disconnect(inuse_connections=False)
            self._quick.ping()
        except self._errors as error:
            self._lost(error)
            return False
        with self._lock:
            self.here = True
            if self._said:
                _LOG.warning("The shared server is back")
            self._said = False
        return True

    def _lost(self, error: BaseException) -> None:
        with self._lock:
            self.failures += self.here
            self.here = False
            if not self._said and time.monotonic() - self._said_at >= _SAY_EVERY_S:
                _LOG.warning("The shared server is away (%s): this front end counts alone", error)
                self._said, self._said_at = True, time.monotonic()


def _errors() -> tuple[type[BaseException], ...]:
    try:
        from valkey.exceptions import ValkeyError
    except ImportError:
        raise UsageError(
            "Sharing needs a library that is not installed", _WHERE, "pip install 'lockgroove[shared]'"
        ) from None
    return (ValkeyError, OSError)


def _client(url: str, timeout_s: float) -> Any:
    from valkey import Valkey
    from valkey.backoff import NoBackoff
    from valkey.retry import Retry

    scheme, mark, rest = url.partition("://")
    try:
        return Valkey.from_url(
            _SCHEMES.get(scheme, scheme) + mark + rest,
            socket_timeout=timeout_s, socket_connect_timeout=QUICK_S, retry=Retry(NoBackoff(), 0),
            lib_name=None, lib_version=None,
        )  # fmt: skip
    except (ValueError, TypeError):  # the address may hold a password, so it is not told
        raise UsageError(
            "This is no address of a server", _WHERE, 'Such as "redis://127.0.0.1:6379/0".'
        ) from None
