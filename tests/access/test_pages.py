from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from access_world import DARK_TITLE, Place, TestClient

from lockgroove.access import build_app, pages
from lockgroove.access.current import Current
from lockgroove.catalogue.search import Doc, SearchIndex, build_index
from lockgroove.model import entity_id, id_text
from lockgroove.report import Silence

PAGES = ["/", "/search", "/search?q=sakura", "/coverage", "/health", "/about"]


def test_every_page_is_whole_and_safe(visitor: TestClient) -> None:
    for page in PAGES:
        answer = visitor.get(page)

        assert answer.status_code == 200, page
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "<style" not in answer.text
        assert not re.search(r"<script(?! src)|\son\w+=|\sstyle=|javascript:", answer.text)
        assert set(re.findall(r'(?:src|<link[^>]*href)="(https?:[^"]*)"', answer.text)) == set()


def test_head_answers_as_get_without_a_body(visitor: TestClient) -> None:
    for page in [*PAGES, "/api/status", "/api/search?q=x", "/nope", "/api/nope", "/coverage/curve.vl.json"]:
        head, get = visitor.head(page), visitor.get(page)

        assert (head.status_code, head.content) == (get.status_code, b""), page
        assert dict(head.headers) == dict(get.headers), page


def test_home_says_what_is_held(visitor: TestClient) -> None:
    text = visitor.get("/").text

    assert "Test &amp; Archive" in text
    assert "of all known listens are held here" in text
    assert "no damage was found" in text
    assert "さくらさくら" in text


@pytest.mark.parametrize("path", ["/recording/{}", "/api/recordings/{}"])
def test_a_recording_is_shown_with_its_copy(place: Place, visitor: TestClient, path: str) -> None:
    text = visitor.get(path.format(place.open["recording_id"])).text

    assert place.open["title"] in text
    assert place.open["sha512"] in text
    assert place.open["object_id"] in text
    assert "CC0-1.0" in text


def test_a_stretch_of_a_file_plays_from_its_start_to_its_end(place: Place, visitor: TestClient) -> None:
    text = visitor.get(f"/recording/{place.stretch['recording_id']}").text

    assert re.search(rf'<audio controls[^>]* src="/stream/[^"]*#t={place.stretch["start_ms"] / 1000}', text)


def test_release_and_artist_lead_to_each_other(place: Place, visitor: TestClient) -> None:
    recording = visitor.get(f"/recording/{place.open['recording_id']}").text
    release = re.findall(r"/release/e-\w+", recording)[0]
    artist = re.findall(r"/artist/a-\w+", recording)[0]

    assert artist in visitor.get(release).text
    assert release in visitor.get(artist).text
    assert f"/recording/{place.open['recording_id']}" in visitor.get(release).text


def test_what_is_dark_is_nowhere(place: Place, visitor: TestClient) -> None:
    """Listens name the piece too, so its name may be known; its files, bytes and shelf ids may not."""
    secret = place.dark
    pages = [
        *PAGES,
        "/search?q=minuet",
        "/api/search?q=minuet",
        "/api/status",
        "/api/coverage",
        "/search?q=dark+deposit",
    ]
    texts = [visitor.get(page).text for page in pages]
    texts += [visitor.get(f"/search?q={secret['sha512']}").text]

    for text in texts:
        assert secret["object_id"] not in text
        assert "Dark Deposit" not in text
        assert "Minuet in G.opus" not in text
    for path in ("/recording/{}", "/api/recordings/{}"):
        member = id_text("recording", entity_id("recording", secret["source"], secret["key"]))
        assert visitor.get(path.format(member)).status_code == 404
    assert visitor.get(f"/api/files/{secret['sha512']}").status_code == 404


def test_the_operator_sees_what_is_dark_and_may_not_hear_it(place: Place, operator: TestClient) -> None:
    member = id_text("recording", entity_id("recording", place.dark["source"], place.dark["key"]))
    text = operator.get(f"/recording/{member}", follow_redirects=True).text

    assert DARK_TITLE in text
    assert place.dark["sha512"] in text
    assert "may not be played here" in text
    assert "/stream/" not in text


def test_the_operators_view_is_not_stored_and_not_for_other_names(place: Place) -> None:
    app = build_app(place.archive, operator=True)

    assert TestClient(app, base_url="http://localhost").get("/").headers["cache-control"] == "no-store"
    assert TestClient(app, base_url="http://evil.example").get("/").status_code == 421


def test_the_id_of_a_member_leads_to_the_group(place: Place, visitor: TestClient) -> None:
    member = id_text("recording", entity_id("recording", place.open["source"], place.open["key"]))
    canonical = json.loads(visitor.get("/api/search?q=korobeiniki").text)["items"][0]["recording_id"]
    shouted = canonical.upper()

    for asked in {member, shouted} - {canonical}:
        answer = visitor.get(f"/recording/{asked}")
        assert (answer.status_code, answer.headers["location"]) == (301, f"/recording/{canonical}")
        answer = visitor.get(f"/api/recordings/{asked}")
        assert (answer.status_code, answer.headers["location"]) == (301, f"/api/recordings/{canonical}")
    assert visitor.get(f"/artist/{canonical}").headers["location"] == f"/recording/{canonical}"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/search?q=a&q=b", 400), ("/search?q=a&page=x", 400), ("/search?q=a&page=0", 400),
        ("/search?q=a&page=-1", 400), ("/search?q=a&page=999", 404), ("/search?q=sakura&page=2", 404),
        ("/search?q=sakura&page=²", 400), ("/search?part=other", 400), ("/search?q=%00", 200),
        ("/search?q=%E2%80%AEabc", 200), ("/search?q=%FF%FE", 200), ("/search?q=" + "x" * 20_000, 200),
        ("/search?q=" + "%F0%9F%8E%B5" * 100, 200), ("/search?q=(", 200), ("/search?q=\"'", 200),
        ("/recording/", 404), ("/recording/x", 404), ("/recording/r-00000000000000000000", 404),
        ("/recording/%00", 404), ("/release/e-00000000000000000000", 404),
        ("/track/t-00000000000000000000", 404),
        ("/static/nope.css", 404), ("/static/..%2Fapp.py", 404), ("/nope", 404),
    ],
)  # fmt: skip
def test_bad_input_gets_the_right_status(visitor: TestClient, address: str, status: int) -> None:
    answer = visitor.get(address)

    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_what_was_asked_is_not_written_back_as_markup(visitor: TestClient) -> None:
    text = visitor.get("/search", params={"q": '"><script>alert(1)</script>'}).text

    assert "<script>alert" not in text


def test_posting_is_refused(visitor: TestClient) -> None:
    assert visitor.post("/search").status_code == 405


def test_who_has_the_page_gets_304(visitor: TestClient) -> None:
    etag = visitor.get("/about").headers["etag"]

    assert visitor.get("/about", headers={"if-none-match": etag}).status_code == 304


def test_assets_are_kept_for_ever_under_their_digest(visitor: TestClient) -> None:
    style = re.findall(r'href="(/static/style.css\?v=\w+)"', visitor.get("/").text)[0]

    assert "immutable" in visitor.get(style).headers["cache-control"]
    assert visitor.get("/static/style.css").headers["cache-control"] == "no-cache"


def test_search_pages_do_not_overlap(place: Place) -> None:
    client = TestClient(build_app(place.archive))
    whole = client.get("/api/search?q=lockgroove&limit=100").json()
    ids = [item["recording_id"] for item in whole["items"]]

    paged: list[str] = []
    address = "/api/search?q=lockgroove&limit=3"
    while address:
        answer = client.get(address).json()
        paged += [item["recording_id"] for item in answer["items"]]
        address = answer["next"]

    assert paged == ids
    assert len(ids) == whole["found"] == len(set(ids))


def test_the_newest_generation_is_served(lonely: Place) -> None:
    current = Current(lonely.archive, public=True)
    with current.pin() as old:
        lonely.archive.rebuild(Silence())
        current._looked_at = time.monotonic() - 2
        with current.pin() as new:
            assert new is not old
            assert old.reader.select("SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(Exception, match=r"(?i)closed"):
        old.reader.select("SELECT 1")
    current.close()


def test_an_audit_shows_at_once(lonely: Place) -> None:
    client = TestClient(build_app(lonely.archive))
    before = client.get("/api/status").json()["places"][0]["audited_at"]
    held = lonely.archive.index.object(lonely.open["object_id"])
    assert held is not None
    path = lonely.archive.storage.path(f"vault/{held.path}/v1/content/{lonely.open['path']}")
    with open(path, "r+b") as file:
        file.write(b"rot")
    lonely.archive.audit(Silence())
    time.sleep(1.1)

    status = client.get("/api/status").json()
    text = client.get("/health").text

    assert status["places"][0]["audited_at"] > before
    assert status["places"][0]["damaged"] == 1
    assert "1 file damaged" in text
    assert os.path.basename(path) not in text
    assert "found damaged" in client.get(f"/recording/{lonely.open['recording_id']}").text


def test_a_place_added_since_is_shown_without_where_it_is(lonely: Place, tmp_path: Path) -> None:
    client = TestClient(build_app(lonely.archive))
    assert len(client.get("/api/status").json()["places"]) == 1

    lonely.archive.add_place(f"{tmp_path}/attic", "attic", Silence())
    time.sleep(1.1)

    assert [place["name"] for place in client.get("/api/status").json()["places"]] == ["here", "attic"]
    assert str(tmp_path) not in client.get("/health").text


def test_a_crash_is_told_without_a_trace(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockgroove.access import condition

    def broken(*_: object) -> None:
        raise RuntimeError("secret words")

    client = TestClient(build_app(place.archive), raise_server_exceptions=False)
    monkeypatch.setattr(condition, "coverage", broken)
    page, problem = client.get("/coverage"), client.get("/api/coverage")

    assert (page.status_code, problem.status_code) == (500, 500)
    assert problem.headers["content-type"] == "application/problem+json"
    for answer in (page, problem):
        assert "secret" not in answer.text
        assert "content-security-policy" in answer.headers


def test_deep_pages_of_a_search_do_not_overlap(tmp_path: Path) -> None:
    """Weighing by listens may not move a recording from one page to another."""
    build_index(str(tmp_path), (Doc(n, n * 7919 % 1000, (f"waltz {'la ' * (n % 5)}",)) for n in range(2000)))
    index = SearchIndex(str(tmp_path))

    paged = [row for offset in range(0, 2000, 150) for row in index.rows("waltz", 150, offset)[0]]

    assert sorted(paged) == list(range(2000))
    assert paged == index.rows("waltz", 2000)[0]


def test_the_figure_is_there_for_programs_that_draw(visitor: TestClient) -> None:
    figure = visitor.get("/coverage/curve.vl.json").json()

    shares = [value["share"] for value in figure["data"]["values"]]
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1


def shown_titles(client: TestClient, **asked: str) -> list[str]:
    text = client.get("/search", params={"q": "", **asked}).text
    return re.findall(r'class="title"[^>]*><bdi>([^<]*)</bdi>', text)


def test_a_search_is_narrowed_down_by_what_stands_beside_the_words(place: Place, visitor: TestClient) -> None:
    everything = shown_titles(visitor, q="lockgroove")
    seconds = {
        row["title"]: row["duration_ms"] // 1000
        for row in json.loads(visitor.get("/api/search?q=lockgroove&limit=100").text)["items"]
        if row["duration_ms"] is not None
    }
    short, long = min(seconds.values()), max(seconds.values())

    held = shown_titles(visitor, q="lockgroove", held="yes")
    assert sorted([*held, *shown_titles(visitor, q="lockgroove", held="no")]) == sorted(everything)
    assert set(seconds) <= set(held)
    assert set(shown_titles(visitor, q="lockgroove", length=f"{short}-{long}")) == set(seconds)
    assert shown_titles(visitor, q="lockgroove", length=f"{long + 1}-") == []
    assert shown_titles(visitor, q="lockgroove", year="1066") == []
    assert set(shown_titles(visitor, held="yes", length=f"{short}")) >= {
        title for title, found in seconds.items() if found == short
    }


def test_a_field_that_cannot_be_read_is_named_and_stays_as_it_was_written(visitor: TestClient) -> None:
    for name, written in (("year", "soon"), ("length", "3:x"), ("held", "perhaps")):
        answer = visitor.get("/search", params={"q": "sakura", name: written})

        assert answer.status_code == 200
        assert "That cannot be read" in answer.text
        assert written in answer.text
        assert "Nothing found" not in answer.text
    assert visitor.get("/search?q=sakura&year=1990&year=1991").status_code == 400


def test_further_pages_are_of_the_same_narrowed_search(
    monkeypatch: pytest.MonkeyPatch, visitor: TestClient
) -> None:
    monkeypatch.setattr(pages, "RESULTS_A_PAGE", 1)

    text = visitor.get("/search", params={"q": "lockgroove", "held": "yes"}).text

    assert 'href="/search?q=lockgroove&amp;held=yes&amp;page=2"' in text
