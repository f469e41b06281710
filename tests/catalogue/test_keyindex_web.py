"""Look-ups on a static host: what nginx counts, and what a host may do instead of answering."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.keyindex.web import WebRanges
from lockgroove.catalogue.keyindex.write import KeyIndexWriter
from lockgroove.errors import DamageFound, FormatUnknown, Unavailable

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
RECORDS = 300_000
_CONFIG = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log; {user}
events {{ worker_connections 64; }}
http {{
    log_format counted '$status $body_bytes_sent $http_range'; access_log {dir}/access.log counted;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5; default_type application/octet-stream;
    server {{ listen 127.0.0.1:{port}; root {dir}/root; }}
}}
"""


def key_of(number: int) -> bytes:
    return (number * 7919).to_bytes(12, "big")


def write(path: Path, records: int = RECORDS) -> None:
    keys = np.zeros((records, 12), np.uint8)
    keys[:, 4:] = (np.arange(records, dtype=np.uint64) * 7919).astype(">u8").view(np.uint8).reshape(-1, 8)
    with KeyIndexWriter(str(path), str(path.parent)) as writer:
        writer.add("R", keys, np.arange(records, dtype=np.uint32))
        writer.close()


class Nginx:
    """A folder on loopback, and what was asked of it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.root = folder / "root"
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "access.log"

    def asked(self, count: int) -> list[tuple[int, int, str]]:
        """Status, bytes and range of every request, once there are `count`: it logs after it answers."""
        for _ in range(100):
            lines = self._log.read_text().splitlines()
            if len(lines) >= count:
                break
            time.sleep(0.02)
        return [(int(a), int(b), c) for a, b, c in (line.split(" ", 2) for line in lines)]


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "root").mkdir()
    user = "user root;" if os.getuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(_CONFIG.format(dir=tmp_path, port=port, user=user))
    command = [NGINX, "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield Nginx(tmp_path, port)
    finally:
        server.terminate()
        server.wait(10)


def test_a_look_up_costs_three_requests_and_the_next_ones_one(nginx: Nginx) -> None:
    write(nginx.root / "keys.bin")
    numbers = [5, 150_000, 299_999, 4095, 4096]
    ranges = WebRanges(f"{nginx.url}/keys.bin")
    index = KeyIndex.over(ranges)

    found = [index.rows("R", key_of(n)) for n in numbers]
    missing = index.rows("R", key_of(3)[:-1] + b"\xff")

    asked = nginx.asked(2 + len(numbers) + 1)
    assert found == [[n] for n in numbers]
    assert missing == []
    assert len(asked) == ranges.requests == 2 + len(numbers) + 1
    assert {status for status, *_ in asked} == {206}
    assert max(sent for _, sent, _ in asked) == 65_536
    assert sum(sent for _, sent, _ in asked) == ranges.bytes_read
    assert asked[0][2] == "bytes=0-65535"
    index.close()


def test_every_first_look_up_is_three_requests_of_64_kib_at_most(nginx: Nginx) -> None:
    write(nginx.root / "keys.bin")
    numbers = [0, 1, 4095, 4096, 77_777, 299_999]
    for number in numbers:
        index = KeyIndex.over(WebRanges(f"{nginx.url}/keys.bin"))
        assert index.rows("R", key_of(number)) == [number]
        index.close()

    asked = nginx.asked(3 * len(numbers))

    assert len(asked) == 3 * len(numbers)
    assert max(sent for _, sent, _ in asked) <= 65_536


def test_a_file_that_is_not_there_says_so(nginx: Nginx) -> None:
    with pytest.raises(FileNotFoundError, match=r"keys\.bin"):
        KeyIndex.over(WebRanges(f"{nginx.url}/keys.bin"))


def test_a_file_cut_off_on_the_host_is_refused(nginx: Nginx) -> None:
    write(nginx.root / "keys.bin")
    whole = (nginx.root / "keys.bin").read_bytes()
    for size in (100, 65_535, 65_536, len(whole) - 1):
        (nginx.root / "keys.bin").write_bytes(whole[:size])
        with pytest.raises(DamageFound, match="lockgroove rebuild"):
            KeyIndex.over(WebRanges(f"{nginx.url}/keys.bin"))
    (nginx.root / "keys.bin").write_bytes(b"")
    with pytest.raises((FormatUnknown, Unavailable)):
        KeyIndex.over(WebRanges(f"{nginx.url}/keys.bin"))


def test_a_file_exchanged_between_two_requests_gives_no_answer(nginx: Nginx) -> None:
    write(nginx.root / "keys.bin")
    index = KeyIndex.over(WebRanges(f"{nginx.url}/keys.bin"))
    assert index.rows("R", key_of(5)) == [5]
    write(nginx.root / "new.bin", RECORDS + 5000)
    data = bytearray((nginx.root / "new.bin").read_bytes())
    data[65_536 + 15 :: 16] = bytes(b ^ 1 for b in data[65_536 + 15 :: 16])
    (nginx.root / "new.bin").write_bytes(data)
    (nginx.root / "new.bin").replace(nginx.root / "keys.bin")

    with pytest.raises(DamageFound):
        index.rows("R", key_of(200_000))
    index.close()


Answer = Callable[[BaseHTTPRequestHandler, bytes, int, int], None]


def _partial(handler: BaseHTTPRequestHandler, body: bytes, told: str, length: int) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", told)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


def ignores_ranges(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    handler.wfile.write(data[: 1 << 16])


def answers_another(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
    _partial(handler, data[16 : end + 1], f"bytes 16-{end}/{len(data)}", end - 15)


def answers_without_a_range(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
    _partial(handler, data[start : end + 1], "nonsense", end + 1 - start)


def forbids(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
    handler.send_error(403)


def always_cuts(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
    _partial(handler, data[start : start + 10], f"bytes {start}-{end}/{len(data)}", end + 1 - start)
    handler.close_connection = True


def hides_the_size(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
    end = min(end, len(data) - 1)
    _partial(handler, data[start : end + 1], f"bytes {start}-{end}/*", end + 1 - start)


def cuts_once(times: list[int]) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
        times.append(start)
        (always_cuts if len(times) == 2 else hides_the_size)(handler, data, start, end)

    return answer


class Odd:
    """A host that answers as it is told to."""

    def __init__(self, data: bytes) -> None:
        self.answer: Answer = forbids
        odd = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                start, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
                odd.answer(self, data, int(start), int(end))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys.bin"


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Odd]:
    write(tmp_path / "keys.bin", 10_000)
    host = Odd((tmp_path / "keys.bin").read_bytes())
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield host
    host.server.shutdown()
    thread.join()
    host.server.server_close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ignores_ranges, "does not answer ranges"),
        (answers_another, "another range"),
        (answers_without_a_range, "another range"),
        (forbids, "answered 403"),
        (always_cuts, "No answer"),
    ],
)
def test_a_host_that_gives_no_ranges_is_unavailable(odd: Odd, answer: Answer, told: str) -> None:
    odd.answer = answer

    with pytest.raises(Unavailable, match=told) as caught:
        KeyIndex.over(WebRanges(odd.url))

    assert caught.value.where == odd.url


def test_a_host_that_hides_the_size_and_breaks_off_once_still_answers(odd: Odd) -> None:
    times: list[int] = []
    odd.answer = cuts_once(times)

    index = KeyIndex.over(WebRanges(odd.url))

    assert index.rows("R", key_of(9_999)) == [9_999]
    assert len(times) == 4
    index.close()


def test_no_host_at_all_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    ranges = WebRanges(f"http://127.0.0.1:{port}/keys.bin", waits=False)
    with pytest.raises(Unavailable, match="No answer"):
        KeyIndex.over(ranges)
