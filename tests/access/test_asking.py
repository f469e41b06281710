"""Whoever asks with a key is that account; a key that proves nothing opens nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from access_world import Place, TestClient
from starlette.types import Receive, Scope, Send

from lockgroove.access import build_app
from lockgroove.access.asking import Asking, key_of
from lockgroove.people import People, open_people


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    opened = open_people(str(tmp_path))
    opened.add("Ada", "member", "op")
    yield opened
    opened.close()


@pytest.fixture
def door(place: Place, people: People) -> TestClient:
    app = build_app(place.archive, keys=people)
    return TestClient(app, raise_server_exceptions=False, follow_redirects=False)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def basic(name: str, key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


def asked_by(people: People, header: dict[str, str]) -> Any:
    """Who the application behind the door takes the asker for."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["asker"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    TestClient(Asking(app, people)).get("/", headers=header)
    return seen[0] if seen else None


def test_a_key_is_its_account_in_either_form_and_none_is_a_visitor(people: People) -> None:
    key = people.make_key("Ada", "", "op")

    askers = [asked_by(people, header) for header in (bearer(key), basic("Ada", key), basic("", key))]

    assert {asker.account for asker in askers} == {people.named("Ada").number}
    assert asked_by(people, {}).role == "visitor"


@pytest.mark.parametrize("address", ["/", "/api/status", "/search?q=a"])
def test_a_wrong_key_is_refused_and_a_browser_is_asked_for_another(door: TestClient, address: str) -> None:
    answer = door.get(address, headers=bearer("lg_" + "0" * 32))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["cache-control"] == "no-store"
    assert ("api" in address) == (answer.headers["content-type"] == "application/problem+json")


def test_a_disabled_account_is_out_with_its_next_request(door: TestClient, people: People) -> None:
    key = people.make_key("Ada", "", "op")

    before = door.get("/api/status", headers=bearer(key)).status_code
    people.disable("Ada", "asked for it", "op")

    assert (before, door.get("/api/status", headers=bearer(key)).status_code) == (200, 401)


def test_a_key_for_reading_does_not_stream(door: TestClient, people: People, place: Place) -> None:
    key = people.make_key("Ada", "", "op", scopes=["read"])
    address = f"/stream/{place.open['sha512']}"

    answers = [door.get(address, headers=header).status_code for header in (bearer(key), {})]

    assert answers == [403, 200]
    assert door.get("/", headers=bearer(key)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic ???",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Digest x",
        "\x00",
    ],
)
def test_a_header_that_is_no_key_is_refused(door: TestClient, header: str) -> None:
    assert door.get("/", headers={"authorization": header}).status_code == 401


def test_a_key_without_a_scheme_is_none() -> None:
    assert key_of("lg_" + "0" * 32) is None
