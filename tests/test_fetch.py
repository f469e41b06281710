"""Bytes from elsewhere: bounded, resumed, verified; a server that misbehaves is told from one that lies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lockgroove import fetch
from lockgroove.errors import StorageFailed, Unavailable, UsageError, VerificationFailed

DATA = bytes(range(256)) * 1200
SHA256 = hashlib.sha256(DATA).hexdigest()
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], fetch.WebOrigin]]:
    """A web server on loopback that answers as told; our patience is short."""
    monkeypatch.setattr(fetch, "_SECONDS_MAX", 0.3)
    monkeypatch.setattr(fetch, "_TRIES", 1)
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> fetch.WebOrigin:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    answer(self)
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return fetch.WebOrigin(f"http://127.0.0.1:{server.server_address[1]}/d")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def head(handler: BaseHTTPRequestHandler, status: int = 200, **headers: object) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def plain(handler: BaseHTTPRequestHandler) -> None:
    """Knows nothing of ranges."""
    head(handler, Content_Length=len(DATA))
    handler.wfile.write(DATA)


def ranged(handler: BaseHTTPRequestHandler) -> None:
    start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    if start >= len(DATA):
        head(handler, 416, Content_Length=0)
        return
    head(handler, 206 if start else 200, Content_Length=len(DATA) - start)
    handler.wfile.write(DATA[start:])


def get(source: fetch.Origin, target: Path, size: int = len(DATA), sha256: str = SHA256) -> int:
    told: list[int] = []
    fetch.fetch(source, "a b/ü.bin", str(target), size, sha256, told.append)
    return sum(told)


@pytest.mark.parametrize("answer", [plain, ranged])
@pytest.mark.parametrize("have", [0, 1, 1000, len(DATA) - 1])
def test_a_broken_off_file_is_gone_on_with(
    tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin], answer: Answer, have: int
) -> None:
    (tmp_path / "t").write_bytes(DATA[:have])

    brought = get(serve(answer), tmp_path / "t")

    assert (tmp_path / "t").read_bytes() == DATA
    assert brought == len(DATA) - have


@pytest.mark.parametrize("wrong", [b"x", b"x" * 1000, b"x" * len(DATA), b"x" * (len(DATA) + 5)])
def test_a_part_that_was_wrong_is_fetched_anew(
    tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin], wrong: bytes
) -> None:
    (tmp_path / "t").write_bytes(wrong)

    get(serve(ranged), tmp_path / "t")

    assert (tmp_path / "t").read_bytes() == DATA


def test_what_is_there_whole_is_not_asked_for(
    tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin]
) -> None:
    (tmp_path / "t").write_bytes(DATA)

    assert get(serve(lambda h: pytest.fail("asked")), tmp_path / "t") == 0


def test_an_empty_file_is_a_file(tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin]) -> None:
    get(serve(lambda h: head(h, Content_Length=0)), tmp_path / "t", 0, hashlib.sha256().hexdigest())

    assert (tmp_path / "t").read_bytes() == b""


def endless(handler: BaseHTTPRequestHandler) -> None:
    head(handler, Connection="close")
    while True:
        handler.wfile.write(b"\0" * 65536)


def lying(handler: BaseHTTPRequestHandler) -> None:
    head(handler, Content_Length=len(DATA))
    handler.wfile.write(DATA[:-1] + b"x")


def short(handler: BaseHTTPRequestHandler) -> None:
    head(handler, Content_Length=100)
    handler.wfile.write(DATA[:100])


def compressed(handler: BaseHTTPRequestHandler) -> None:
    head(handler, Content_Length=4, Content_Encoding="gzip")
    handler.wfile.write(b"abcd")


@pytest.mark.parametrize("answer", [endless, lying, short, lambda h: head(h, 404, Content_Length=0)])
def test_what_is_not_what_was_signed_is_refused_and_bounded(
    tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin], answer: Answer
) -> None:
    source = serve(answer)

    with pytest.raises(VerificationFailed) as caught:
        get(source, tmp_path / "t")

    assert caught.value.where == f"{source.where}/a b/ü.bin"
    assert os.path.getsize(tmp_path / "t") <= len(DATA)


def stalled(handler: BaseHTTPRequestHandler) -> None:
    head(handler, Content_Length=len(DATA))
    handler.wfile.write(DATA[:1000])
    handler.wfile.flush()
    threading.Event().wait(1.5)


def silent(handler: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(1.5)


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    head(handler, Content_Length=len(DATA))
    handler.wfile.write(DATA[:1000])


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\xff\xfe nonsense\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [stalled, silent, broken_off, nonsense, compressed, *(
        lambda h, s=status: head(h, s, Content_Length=0) for status in (403, 429, 500, 503))],
)  # fmt: skip
def test_a_server_that_does_not_answer_properly_is_unavailable_and_may_be_tried_again(
    tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin], answer: Answer
) -> None:
    source = serve(answer)

    with pytest.raises(Unavailable) as caught:
        get(source, tmp_path / "t")

    assert caught.value.retry
    assert source.where in caught.value.where


def test_what_a_stalled_server_gave_is_kept_for_the_next_try(
    tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin]
) -> None:
    with pytest.raises(Unavailable):
        get(serve(stalled), tmp_path / "t")
    have = os.path.getsize(tmp_path / "t")

    brought = get(serve(ranged), tmp_path / "t")

    assert brought == len(DATA) - have < len(DATA)


def test_no_server_at_all_is_unavailable(serve: Callable[[Answer], fetch.WebOrigin]) -> None:
    with pytest.raises(Unavailable):
        fetch.small(fetch.WebOrigin("http://127.0.0.1:9"), "x", 10)


def test_a_small_file_has_a_bound(tmp_path: Path, serve: Callable[[Answer], fetch.WebOrigin]) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    folder = fetch.origin(str(tmp_path))

    assert fetch.small(folder, "x", 5) == b"12345"
    with pytest.raises(VerificationFailed):
        fetch.small(folder, "x", 4)
    with pytest.raises(VerificationFailed):
        fetch.small(serve(endless), "x", 100_000)


def test_a_folder_that_is_odd_is_told_from_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    os.symlink("loop", tmp_path / "loop")
    source = fetch.origin(str(tmp_path))

    for missing in ("nothing", "folder", "file/below"):
        with pytest.raises(FileNotFoundError):
            fetch.small(source, missing, 10)
    with pytest.raises(Unavailable):
        fetch.small(source, "loop", 10)


@pytest.mark.parametrize("location", ["/nowhere/at/all", "ftp://x/y", "", "file:///tmp"])
def test_what_is_neither_a_folder_nor_an_address_is_said_so(location: str) -> None:
    with pytest.raises(UsageError):
        fetch.origin(location)


def test_a_full_disk_is_the_disks_fault(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)

    with pytest.raises(StorageFailed):
        fetch.fetch(fetch.origin(str(tmp_path)), "x", "/dev/full", len(DATA), SHA256, lambda n: None)
