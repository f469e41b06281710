from __future__ import annotations

from typing import Any

import pytest
from access_world import Place, TestClient


def test_search_answers_with_ids_as_text(visitor: TestClient) -> None:
    answer = visitor.get("/api/search", params={"q": "sakura"}).json()

    assert answer["found"] == 1
    assert answer["items"][0]["title"] == "さくらさくら"
    assert answer["items"][0]["recording_id"].startswith("r-")
    assert answer["next"] is None


def test_a_file_is_known_by_its_digest(place: Place, visitor: TestClient) -> None:
    answer = visitor.get(f"/api/files/{place.open['sha512']}").json()

    assert answer["copy"]["size_bytes"] == place.open["size_bytes"]
    assert answer["copy"]["checks"][0]["damaged"] is False
    assert answer["recordings"][0]["title"] == place.open["title"]
    assert visitor.get(answer["copy"]["stream"]).status_code == 200


def test_status_and_coverage_agree(visitor: TestClient) -> None:
    status, coverage = visitor.get("/api/status").json(), visitor.get("/api/coverage").json()

    assert status["bytes"] == coverage["bytes_held"]
    assert coverage["held_curve"][-1]["listens"] == coverage["listens_held"]
    assert [place["location"] for place in status["places"]] == [None]
    sizes = [point["size_bytes"] for point in coverage["held_curve"]]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/nope", 404), ("/api/recordings/x", 404), ("/api/recordings/r-00000000000000000000", 404),
        ("/api/recordings/e-00000000000000000000", 404), ("/api/files/abc", 422),
        ("/api/files/" + "0" * 128, 404), ("/api/search?q=a&q=b", 422),
        ("/api/search", 422), ("/api/search?q=a&limit=0", 422), ("/api/search?q=a&limit=101", 422),
        ("/api/search?q=a&offset=-1", 422), ("/api/search?q=a&offset=99999999", 422),
        ("/api/search?q=" + "x" * 501, 422), ("/api/artists/a-0?limit=x", 422),
        ("/api/search?q=a&limit=" + "9" * 400, 422),
    ],
)  # fmt: skip
def test_errors_are_problems(visitor: TestClient, address: str, status: int) -> None:
    answer = visitor.get(address)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_writing_is_refused_as_a_problem(visitor: TestClient) -> None:
    answer = visitor.post("/api/search?q=a")

    assert (answer.status_code, answer.json()["status"]) == (405, 405)


def test_who_has_the_answer_gets_304(visitor: TestClient) -> None:
    etag = visitor.get("/api/coverage").headers["etag"]

    assert visitor.get("/api/coverage", headers={"if-none-match": etag}).status_code == 304


def test_it_describes_itself(visitor: TestClient) -> None:
    described: dict[str, Any] = visitor.get("/api/openapi.json").json()

    assert described["openapi"].startswith("3.1")
    assert described["servers"] == [{"url": "/api"}]
    assert sorted(described["paths"]) == [
        "/artists/{id}", "/coverage", "/files/{sha512}", "/recordings/{id}",
        "/releases/{id}", "/search", "/status",
    ]  # fmt: skip
    for path in described["paths"].values():
        assert "$ref" in path["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert "application/problem+json" in path["get"]["responses"]["422"]["content"]
    assert visitor.get("/api/docs").status_code == 404
