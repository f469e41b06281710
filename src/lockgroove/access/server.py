"""Runs the application in this process until Ctrl-C or a terminating signal."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

from lockgroove.access.wrapping import is_loopback
from lockgroove.errors import LockgrooveError, Refused

_SECONDS_TO_FINISH = 2.0


def require_loopback(host: str) -> None:
    """Raise Refused for an address that others can reach."""
    if not is_loopback(host):
        raise Refused(
            "The operator's view shows what may not be published, so it is served to this machine alone",
            host, "Leave out --operator, or keep the address 127.0.0.1.",
        )  # fmt: skip


def free_address(host: str, port: int) -> tuple[str, int]:
    """The address in numbers and the port, or a free one for 0. Raises when it is in use or not ours."""
    # granian shares ports with whoever listens already, so we look first.
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return str(address[0]), int(probe.getsockname()[1])
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        what = f"Port {port} is in use" if busy else f"{host} port {port} cannot be used: {error.strerror}"
        advice = (
            "Choose another with --port, or 0 for any." if busy else "Choose others with --host and --port."
        )
        raise LockgrooveError(what, f"{host}:{port}", advice) from None


def run_server(app: ASGIApp, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serve until told to stop; streams that are still open then get two seconds."""
    asyncio.run(_serve(app, host, port, ready))


def leave() -> NoReturn:
    """End the process at once, everything being closed: with 0.

    A stream that was cut leaves a thread of the server behind, which may come back while the interpreter
    winds up, and aborts the process then.
    """
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


async def _serve(app: ASGIApp, host: str, port: int, ready: Callable[[], None]) -> None:
    server = Server(
        app, address=host, port=port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.stop()  # type: ignore[no-untyped-call]
        # A stream that nobody ends would hold us for ever, and granian offers no way to cut it.
        loop.call_later(_SECONDS_TO_FINISH, os._exit, 0)

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)
    told = loop.create_task(_tell_when_reached(host, port, ready))
    await server.serve()
    told.cancel()


async def _tell_when_reached(host: str, port: int, ready: Callable[[], None]) -> None:
    """Granian does not say when it listens, so we knock."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            ready()
            return
