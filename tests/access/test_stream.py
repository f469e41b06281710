from __future__ import annotations

import asyncio
import base64
import email
import os
from typing import Any

import pytest
from access_world import Place, TestClient

from lockgroove.access import build_app
from lockgroove.access.media import disposition


def address(file: dict[str, Any]) -> str:
    return f"/stream/{file['sha512']}"


def test_the_whole_file_comes_with_its_digest(place: Place, visitor: TestClient) -> None:
    answer = visitor.get(address(place.open))

    digest = base64.b64encode(bytes.fromhex(place.open["sha512"])).decode()
    assert (answer.status_code, answer.content) == (200, place.bytes_of(place.open))
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["etag"] == f'"{place.open["sha512"]}"'
    assert answer.headers["repr-digest"] == f"sha-512=:{digest}:"
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_name_in_the_address_is_free(place: Place, visitor: TestClient) -> None:
    assert visitor.head(f"{address(place.open)}/any/name.mp3").status_code == 200


def test_head_has_the_headers_and_no_body(place: Place, visitor: TestClient) -> None:
    head, get = visitor.head(address(place.open)), visitor.get(address(place.open))

    assert head.content == b""
    assert dict(head.headers) == dict(get.headers)


@pytest.mark.parametrize(
    ("asked", "stretch"),
    [("bytes=0-9", slice(0, 10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))],
)
def test_one_range(place: Place, visitor: TestClient, asked: str, stretch: slice) -> None:
    answer = visitor.get(address(place.open), headers={"range": asked})

    whole = place.bytes_of(place.open)
    assert (answer.status_code, answer.content) == (206, whole[stretch])
    first = stretch.indices(len(whole))[0]
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_several_ranges_come_as_parts(place: Place, visitor: TestClient) -> None:
    answer = visitor.get(address(place.open), headers={"range": "bytes=0-9,300000-300099,-5"})

    whole = place.bytes_of(place.open)
    kind = answer.headers["content-type"]
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n".encode() + answer.content)
    parts = [part.get_payload(decode=True) for part in message.get_payload()]  # type: ignore[union-attr]
    assert answer.status_code == 206
    assert answer.content.startswith(b"\r\n--")
    assert answer.content.endswith(b"--\r\n")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert parts == [whole[:10], whole[300000:300100], whole[-5:]]


def test_a_range_beyond_the_end_cannot_be_had(place: Place, visitor: TestClient) -> None:
    answer = visitor.get(address(place.open), headers={"range": "bytes=99999999-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{place.open['size_bytes']}"


def test_ten_thousand_ranges_get_the_whole_file(place: Place, visitor: TestClient) -> None:
    asked = "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000))

    assert visitor.get(address(place.open), headers={"range": asked}).status_code == 200


def test_if_range_decides_between_part_and_whole(place: Place, visitor: TestClient) -> None:
    for tag, status in (
        (f'"{place.open["sha512"]}"', 206),
        ('"old"', 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
    ):
        answer = visitor.get(address(place.open), headers={"range": "bytes=0-9", "if-range": tag})
        assert answer.status_code == status


@pytest.mark.parametrize("tag", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_who_has_it_gets_304(place: Place, visitor: TestClient, tag: str) -> None:
    answer = visitor.get(address(place.open), headers={"if-none-match": tag.format(place.open["sha512"])})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("door", ["visitor", "operator"])
def test_dark_unknown_and_malformed_answer_alike(
    place: Place, door: str, request: pytest.FixtureRequest
) -> None:
    client: TestClient = request.getfixturevalue(door)

    answers = [client.get(f"/stream/{sha512}") for sha512 in (place.dark["sha512"], "0" * 128, "x", "%00")]

    assert {a.status_code for a in answers} == {404}
    assert len({a.text for a in answers}) == 1
    assert len({tuple(sorted(a.headers.items())) for a in answers}) == 1


def test_writing_is_refused(place: Place, visitor: TestClient) -> None:
    answer = visitor.post(address(place.open))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_bytes_that_are_gone_here_come_from_a_place(lonely: Place, tmp_path: os.PathLike[str]) -> None:
    from lockgroove.report import Silence

    archive = lonely.archive
    whole = lonely.bytes_of(lonely.open)
    client = TestClient(build_app(archive), raise_server_exceptions=False)
    held = archive.index.object(lonely.open["object_id"])
    assert held is not None
    path = archive.storage.path(f"vault/{held.path}/v1/content/{lonely.open['path']}")
    os.rename(path, f"{path}.away")
    assert client.get(address(lonely.open)).status_code == 503
    os.rename(f"{path}.away", path)
    archive.add_place(f"{os.fspath(tmp_path)}/second", "second", Silence())
    os.unlink(path)

    client = TestClient(build_app(archive))
    assert client.get(address(lonely.open)).content == whole


def test_a_client_that_leaves_is_no_error(place: Place) -> None:
    app = build_app(place.archive)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    path = address(place.open)
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "",
             "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http"}  # fmt: skip
    asyncio.run(app(scope, receive, send))

    body = b"".join(m.get("body", b"") for m in sent)
    assert sent[0]["status"] == 200
    assert len(body) < place.open["size_bytes"]


def test_names_survive_in_every_script() -> None:
    assert disposition('a"\\\r\n%さ.mp3', inline=True) == (
        "inline; filename=\"a______.mp3\"; filename*=UTF-8''a%22%5C%0D%0A%25%E3%81%95.mp3"
    )
