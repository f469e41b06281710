"""Alerts reach a webhook and a mail server, once for each thing that waits, and never break the guard."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from lockgroove.guard.alerting import Alerting, send
from lockgroove.guard.casefile import Evidence
from lockgroove.guard.cases import Cases
from lockgroove.guard.sanctions import Policy
from lockgroove.guard.settings import Alerts


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    got: list[dict[str, Any]]
    answer = 204

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as takes a letter (RFC 5321)."""

    got: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = []
                while (text := self.rfile.readline()) != b".\r\n":
                    letter.append(text.decode())
                self.got.append("".join(letter))
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    handler = type("OneHook", (Hook,), {"got": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", handler
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[tuple[str, list[str]]]:
    handler = type("OneMail", (Mail,), {"got": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", handler.got
        server.shutdown()


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[Cases]:
    opened = Cases(f"{tmp_path}/guard.sqlite", Policy(shadow_days=0))
    yield opened
    opened.close()


def until(done: Any) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_both_are_told_of_what_waits_once_each(
    cases: Cases, hook: tuple[str, type[Hook]], mail: tuple[str, list[str]]
) -> None:
    alerting = Alerting(Alerts(hook[0], "keeper@example.org", "", mail[0], every_minutes=1e-9))
    told = [Evidence(1, "group", "leave-tracks-to-each-other", {"certain": True})]
    first = cases.witness(5, True, told)
    cases.witness(6, True, [Evidence(1, "habits", "never-sleeps", {"value": 24})])
    assert first is not None

    alerting.tell(cases)
    until(lambda: hook[1].got and mail[1])
    alerting.tell(cases)
    second = cases.witness(7, True, told)
    assert second is not None
    alerting.tell(cases)
    until(lambda: len(mail[1]) > 1)

    assert [body["cases"] for body in hook[1].got] == [
        [{"case": first.number, "waits_for": "decision"}],
        [{"case": second.number, "waits_for": "decision"}],
    ]
    assert "To: keeper@example.org" in mail[1][0]
    assert f"Case {first.number} waits for a decision." in mail[1][0]


def test_a_hook_that_refuses_and_a_server_that_is_away_are_logged(
    hook: tuple[str, type[Hook]], caplog: pytest.LogCaptureFixture
) -> None:
    hook[1].answer = 500

    send(Alerts(hook[0], "keeper@example.org", "", "127.0.0.1:1"), [(1, "appeal")])

    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "it answers 500" in said[0]
    assert "keeper@example.org" in said[1]


def test_where_nobody_is_to_be_told_nobody_is(cases: Cases) -> None:
    before = threading.active_count()

    Alerting(Alerts()).tell(cases)

    assert threading.active_count() == before
