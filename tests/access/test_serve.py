"""The verb itself, in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from access_world import Place
from serving import Served, serve

from lockgroove.access.server import free_address, require_loopback
from lockgroove.errors import LockgrooveError, Refused


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[Served]:
    with serve(place.archive.root) as running:
        yield running


def test_a_whole_file_and_a_part_come_over_the_wire(served: Served, place: Place) -> None:
    address = f"{served.address}stream/{place.open['sha512']}"
    whole = place.bytes_of(place.open)

    assert httpx.get(address).content == whole
    part = httpx.get(address, headers={"range": "bytes=1000-"})
    assert (part.status_code, part.content) == (206, whole[1000:])
    head = httpx.head(address)
    assert (head.headers["content-length"], head.content) == (str(len(whole)), b"")


def test_ctrl_c_ends_it_with_0_also_while_someone_listens(lonely: Place) -> None:
    with serve(lonely.archive.root) as running, contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
        request = (
            f"GET /stream/{lonely.open['sha512']} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-\r\n\r\n"
        )
        listener.sendall(request.encode())
        assert listener.recv(12) == b"HTTP/1.1 206"

        running.process.send_signal(signal.SIGINT)

        assert running.process.wait(timeout=10) == 0


def test_a_busy_port_is_told(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "lockgroove", "-C", place.archive.root, "serve", "--port", port],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr


def test_the_operators_view_stays_on_this_machine() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org", ""):
        with pytest.raises(Refused) as refusal:
            require_loopback(host)
        assert refusal.value.exit_code == 5
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        require_loopback(host)


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(LockgrooveError, match="cannot be used"):
        free_address("192.0.2.1", 8080)


def test_other_verbs_do_not_load_the_web() -> None:
    script = """import sys, lockgroove.cli.serve, lockgroove.cli.search
print([m for m in ('starlette', 'fastapi', 'granian', 'jinja2') if m in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
