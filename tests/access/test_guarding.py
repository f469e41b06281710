"""The guard at the web door: events of all that is given, refusals that help, a desk for operators."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import httpx
import numpy as np
import pytest
from access_world import Place, TestClient
from markupsafe import escape
from serving import serve

from lockgroove.access import build_app
from lockgroove.access.guarding import address_of
from lockgroove.access.shapes import DumpLine
from lockgroove.access.vaultview import VaultView
from lockgroove.campaigns.watching import Desk
from lockgroove.guard.casefile import Evidence
from lockgroove.guard.cases import Cases
from lockgroove.guard.digests import of_file, plain_address
from lockgroove.guard.eventlog import Position
from lockgroove.guard.events import Context, Kind, Scope, empty
from lockgroove.guard.live import Guard
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.settings import read_settings
from lockgroove.people import People, open_people

BROWSER = {"accept": "text/html,application/xhtml+xml"}
DAY_MS = 86_400_000


@dataclass
class Door:
    """A door onto the test's archive, with people and a guard of its own."""

    client: TestClient
    guard: Guard
    people: People
    desk: Desk
    keys: dict[str, dict[str, str]]

    def events(self) -> np.ndarray:
        self.guard.turn()
        return np.concatenate([empty(0), *(rows for rows, _ in self.guard.log.since(Position()))])

    def account(self, name: str) -> int:
        return self.desk.digest(name)

    def accuse(self, name: str, *families: str, heaviest: Sequence[dict[str, Any]] = ()) -> int:
        now = self.guard.cases.now_ms()
        body = {
            "plays_today": 80, "fresh_today": 70, "weight": 50.0, "threshold": 40.0, "days_known": 5e5,
            "days_with_more": 0.0001, "usual_most": 60.0, "by_popularity": [0.1] * 10,
            "heaviest": list(heaviest),
        }  # fmt: skip
        told = {
            "plays": Evidence(now, "plays", "plays-unlike-people", body),
            "earlier": Evidence(now - DAY_MS, "plays", "plays-unlike-people", body),
            "habits": Evidence(now, "habits", "never-sleeps", {"value": 24}),
            "habits before": Evidence(now - DAY_MS, "habits", "never-sleeps", {"value": 24}),
        }
        case = self.guard.cases.witness(self.account(name), True, [told[family] for family in families])
        assert case is not None
        self.guard.turn()
        return case.number


def opened(place: Place, root: str, settings: dict[str, Any]) -> Iterator[Door]:
    people = open_people(root)
    keys = {}
    for name, role in (
        ("Ada", "member"),
        ("Rita", "researcher"),
        ("Olga", "operator"),
        ("Petra", "operator"),
    ):
        people.add(name, role, "op")
        keys[name] = {"authorization": f"Bearer {people.make_key(name, '', 'op')}"}
    people.grant("Rita", "research", "how songs travel", 30, "op")
    read = read_settings({"days": {"shadow": 1e-9}, **settings}, 10)
    cases = Cases(f"{root}/people/guard.sqlite", read.policy)
    desk = Desk(
        place.archive.root, place.archive.config, cases, people, lambda: np.zeros(256, np.int64), lambda _: {}
    )
    desk.root = root
    guard = Guard(root, read, desk.digests, cases, np.zeros(256, np.int64))
    app = build_app(place.archive, keys=people, guard=guard, desk=desk)
    yield Door(
        TestClient(app, raise_server_exceptions=False, follow_redirects=False), guard, people, desk, keys
    )
    guard.close()
    cases.close()
    people.close()


@pytest.fixture
def door(place: Place, tmp_path: Any) -> Iterator[Door]:
    yield from opened(place, str(tmp_path), {})


@pytest.fixture
def narrow(place: Place, tmp_path: Any) -> Iterator[Door]:
    """With quotas that are soon used up."""
    quotas = {"network": {"requests": "4/hour"}, "member": {"new": "1/day", "requests": "off"}}
    yield from opened(place, str(tmp_path), {"quotas": quotas})


def stream_of(place: Place) -> str:
    return f"/stream/{place.open['sha512']}"


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{16})"', page)
    assert found is not None
    return found[1]


def test_every_grant_is_an_event_with_what_the_server_knows(door: Door, place: Place) -> None:
    found = door.client.get("/api/search?q=sakura", headers=door.keys["Ada"]).json()
    sha512 = found["items"][0]["sha512"]
    door.client.get(f"/stream/{sha512}", headers=door.keys["Ada"])
    door.client.get(stream_of(place), headers={**door.keys["Ada"], "range": "bytes=0-99"})
    door.client.get("/", headers={"user-agent": "a browser"})

    search, first, second, home = door.events()

    assert search["kind"] == Kind.SEARCH
    assert (first["kind"], first["context"], first["range"]) == (Kind.STREAM_START, Context.SEARCH, 0)
    assert first["account"] == door.account("Ada")
    assert first["track"] == of_file(sha512)
    assert first["bytes_sent"] == first["bytes_full"] > 0
    assert first["seconds_possible"] > 1
    assert first["scope"] == Scope.MEMBER
    assert (second["context"], second["range"], second["bytes_sent"]) == (Context.DIRECT_ID, 1, 100)
    assert home["account"] >> np.uint64(63) == 1, "a network stands in for a visitor"
    assert {int(one["network"]) for one in (first, home)} == {int(first["network"])}


def test_what_gives_nothing_is_no_event(door: Door, place: Place) -> None:
    tag = door.client.get(stream_of(place)).headers["etag"]
    count = len(door.events())

    door.client.head(stream_of(place))
    door.client.get(stream_of(place), headers={"if-none-match": tag})
    door.client.get(f"/stream/{'0' * 128}")
    door.client.get(f"/stream/{place.dark['sha512']}")

    assert len(door.events()) == count


def test_a_release_shows_its_tracks(door: Door, place: Place) -> None:
    found = door.client.get("/api/search?q=sakura").json()["items"][0]
    door.client.get(f"/release/{found['release_id']}", headers=door.keys["Ada"])
    door.client.get(f"/stream/{found['sha512']}", headers=door.keys["Ada"])

    assert door.events()[-1]["context"] == Context.ALBUM


def test_a_quota_that_is_used_up_says_why_until_when_and_what_instead(narrow: Door) -> None:
    answers = [narrow.client.get("/api/status") for _ in range(6)]

    refused = answers[-1]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 900
    body = refused.json()
    assert body["code"] == "too-many-requests"
    assert body["of"] == "network"
    assert (body["appeal"], "case" in body) == ("/account", False)
    assert "dump" in body["instead"]
    page = narrow.client.get("/", headers=BROWSER)
    assert page.status_code == 429
    assert "/account" in page.text
    account = narrow.client.get("/account")
    assert account.status_code == 200, "whoever is refused can still ask why"
    assert "4 requests per hour" in account.text


def test_new_tracks_run_out_and_repeats_do_not(narrow: Door, place: Place) -> None:
    ada, addresses = narrow.keys["Ada"], [stream_of(place), f"/stream/{place.stretch['sha512']}"]

    codes = [narrow.client.get(a, headers=ada).status_code for a in (*addresses, *addresses)]

    assert codes == [200, 429, 200, 429]
    assert narrow.client.get(addresses[1], headers=ada).json()["code"] == "too-many-new-tracks"


def test_a_researcher_with_a_grant_meets_no_quota_and_is_written_down(narrow: Door, place: Place) -> None:
    rita = narrow.keys["Rita"]

    addresses = [stream_of(place), f"/stream/{place.stretch['sha512']}"] * 9
    codes = [narrow.client.get(address, headers=rita).status_code for address in addresses]

    assert set(codes) == {200}
    assert (narrow.events()["scope"] == Scope.RESEARCH).all()


def test_whom_it_concerns_sees_the_case_confirms_and_appeals_with_one_click(door: Door, place: Place) -> None:
    number = door.accuse("Ada", "plays", "earlier")
    ada = door.keys["Ada"]
    refused = door.client.get(stream_of(place), headers=ada)
    page = door.client.get("/account", headers=ada).text

    assert refused.status_code == 403
    assert refused.json()["code"] == "are-you-a-person"
    assert refused.json()["case"] == number
    assert "70 of the 80 tracks it played that day were new to it" in page
    assert "1 in 10,000" in page
    confirmed = door.client.post("/account/confirm", data={"token": token_in(page)}, headers=ada)
    assert confirmed.status_code == 303
    door.guard.turn()
    assert door.client.get(stream_of(place), headers=ada).status_code == 200
    form = {"token": token_in(page), "case": str(number), "words": "<b>My own records.</b>"}
    assert door.client.post("/account/appeal", data=form, headers=ada).status_code == 303
    assert door.guard.cases.case(number).waits == "appeal"
    assert "&lt;b&gt;My own" in door.client.get("/account", headers=ada).text
    assert door.client.post("/account/appeal", data=form, headers=ada).status_code == 409


@pytest.mark.parametrize("token", ["", "0" * 16, "of another"])
def test_a_form_made_for_somebody_else_counts_for_nothing(door: Door, token: str) -> None:
    number = door.accuse("Ada", "plays", "earlier")
    if token == "of another":
        door.accuse("Rita", "plays")
        token = token_in(door.client.get("/account", headers=door.keys["Rita"]).text)
    form = {"token": token, "case": str(number)}

    answers = [
        door.client.post(f"/account/{what}", data=form, headers=door.keys["Ada"]).status_code
        for what in ("confirm", "appeal")
    ]

    assert answers == [403, 403]
    assert door.guard.cases.case(number).waits == ""


def test_nobody_appeals_for_another(door: Door) -> None:
    number = door.accuse("Ada", "plays")
    door.accuse("Rita", "plays")
    rita = door.keys["Rita"]
    token = token_in(door.client.get("/account", headers=rita).text)

    answer = door.client.post("/account/appeal", data={"token": token, "case": str(number)}, headers=rita)

    assert answer.status_code == 404
    assert door.guard.cases.case(number).waits == ""


@pytest.mark.parametrize("address", ["/guard", "/guard/cases/1", "/metrics"])
@pytest.mark.parametrize("who", ["Ada", "Rita", None])
def test_the_desk_is_not_there_for_others(door: Door, address: str, who: str | None) -> None:
    door.accuse("Ada", "plays")

    assert door.client.get(address, headers=door.keys.get(who or "", {})).status_code == 404


def test_operators_decide_at_the_desk_and_another_reviews(door: Door, place: Place) -> None:
    number = door.accuse("Ada", "plays", "habits", "habits before")
    olga, petra, ada = (door.keys[name] for name in ("Olga", "Petra", "Ada"))
    desk = door.client.get("/guard", headers=olga)
    page = door.client.get(f"/guard/cases/{number}", headers=olga).text
    form = {"token": token_in(page), "stage": str(int(Stage.SUSPENDED)), "because": "takes the catalogue"}

    assert desk.status_code == 200
    assert "Ada" in desk.text
    assert door.client.post(f"/guard/cases/{number}/decide", data=form, headers=olga).status_code == 303
    door.guard.turn()
    refused = door.client.get(stream_of(place), headers=ada)
    assert refused.json()["code"] == "suspended"
    assert door.client.get("/", headers=ada).status_code == 200, "pages remain"
    door.guard.cases.appeal(number, "my own records")
    for who, status in ((olga, 409), (petra, 303)):
        page = door.client.get(f"/guard/cases/{number}", headers=who).text
        form = {"token": token_in(page), "upheld": "1", "because": "they are"}
        assert door.client.post(f"/guard/cases/{number}/review", data=form, headers=who).status_code == status
    door.guard.turn()
    assert door.client.get(stream_of(place), headers=ada).status_code == 200
    assert door.guard.cases.case(number).sanctions[-1].decided_by == "Olga"


def test_who_is_disabled_does_not_come_in_until_it_is_undone(door: Door) -> None:
    number = door.accuse("Ada", "plays", "habits", "habits before")

    door.desk.decide(number, Stage.DISABLED, "Olga", "sells copies")
    out = door.client.get("/", headers=door.keys["Ada"]).status_code
    door.desk.decide(number, Stage.FREE, "Petra", "it was somebody else")

    assert out == 401
    assert door.client.get("/", headers=door.keys["Ada"]).status_code == 200


def test_prometheus_reads_figures(narrow: Door) -> None:
    for _ in range(6):
        narrow.client.get("/api/status")
    narrow.accuse("Ada", "plays")

    told = narrow.client.get("/metrics", headers=narrow.keys["Olga"])

    lines = dict(line.rsplit(" ", 1) for line in told.text.splitlines() if not line.startswith("#"))
    assert told.headers["content-type"].startswith("text/plain")
    assert lines['lockgroove_guard_refusals_total{code="too-many-requests"}'] == "2.0"
    assert lines['lockgroove_guard_cases{state="open"}'] == "1.0"
    assert lines['lockgroove_guard_sanctions{stage="throttled"}'] == "1.0"


def test_a_browser_is_asked_for_a_key_where_somebody_signs_in(door: Door) -> None:
    asked = door.client.get("/sign-in")
    account = door.client.get("/account").text
    came = [door.client.get("/sign-in", headers=door.keys[name]) for name in ("Ada", "Olga")]

    assert (asked.status_code, asked.headers["www-authenticate"].startswith("Basic ")) == (401, True)
    assert 'href="/sign-in"' in account
    assert 'href="/sign-in"' not in door.client.get("/account", headers=door.keys["Ada"]).text
    assert [(one.status_code, one.headers["location"]) for one in came] == [
        (303, "/account"),
        (303, "/guard"),
    ]


def test_the_desk_tells_what_waits_since_when_and_how_much_went_to_whom(door: Door, place: Place) -> None:
    door.client.get(stream_of(place), headers=door.keys["Ada"])
    body = {"group": "7-1", "members": 3, "tracks": 40, "met": 1, "expected": 20.0, "certain": True}
    ada = door.account("Ada")
    witness = Evidence(door.guard.cases.now_ms(), "group", "leave-tracks-to-each-other", body)
    door.guard.cases.witness(ada, True, [witness])
    door.guard.turn()

    page = door.client.get("/guard", headers=door.keys["Olga"]).text
    leak = door.desk.leak(30)

    assert re.search(r"Waiting for a person</dt><dd>1<", page)
    assert time.strftime("%Y-%m-%d", time.gmtime()) in page
    assert [(one.group, one.members, one.tracks, one.bound) for one in leak.groups] == [("7-1", 1, 1, 1)]
    assert re.search(r'<th scope="row">7-1</th><td>1</td><td>1</td>', page)


def _damaged(*_: object, **__: object) -> None:
    raise duckdb.IOException("No files found")


def test_plays_are_told_by_what_they_are_called(door: Door, place: Place, monkeypatch: Any) -> None:
    number = of_file(place.open["sha512"])
    with place.archive.desk() as desk:
        monkeypatch.setattr(door.desk, "titles", desk.titles)
        assert desk.titles({number, 7}) == {number: desk.titles({number})[number]}
        title = desk.titles({number})[number]
    door.client.get(stream_of(place), headers=door.keys["Ada"])
    case = door.accuse("Ada", "plays", heaviest=[{"at_ms": 0, "track": f"{number:016x}", "weight": 2.5}])

    page = door.client.get(f"/guard/cases/{case}", headers=door.keys["Olga"]).text
    mine = door.client.get("/account", headers=door.keys["Ada"]).text
    kept = door.client.get("/account/history", headers=door.keys["Ada"]).text

    assert place.open["title"] in title
    pieces = of_file(place.stretch["sha512"])
    with place.archive.desk() as desk:
        assert re.fullmatch(r"a file of \d recordings, .+ among them", desk.titles({pieces})[pieces])
        monkeypatch.setattr("lockgroove.campaigns.watching.reader_as_it_is", _damaged)
        assert desk.titles({number}) == {}, "a case is told without the catalogue too"
    assert all(str(escape(title)) in text for text in (page, mine))
    assert title in [json.loads(line).get("title") for line in kept.splitlines()]


def test_people_can_have_all_that_is_kept_of_them(door: Door, place: Place) -> None:
    door.client.get(stream_of(place), headers=door.keys["Ada"])
    door.accuse("Ada", "plays")

    told = door.client.get("/account/history", headers=door.keys["Ada"])

    kinds = [json.loads(line)["type"] for line in told.text.splitlines()]
    assert kinds[0] == "event"
    assert {"event", "case", "evidence", "sanction", "docket"} == set(kinds)
    assert door.client.get("/account/history").status_code == 404, "a network is no person"


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("192.0.2.9", ["198.51.100.1"], "192.0.2.9"),
        ("127.0.0.1", ["10.9.9.9, 192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["10.9.9.9", "192.0.2.7, ::1"], "192.0.2.7"),
    ],
)
def test_an_address_is_believed_of_our_own_proxies_alone(
    door: Door, peer: str, told: list[str], address: str
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in told]

    assert address_of(door.guard, {"type": "http", "client": (peer, 1), "headers": headers}) == address


@pytest.mark.parametrize("size", [30_000, 3_000_000])
def test_a_huge_form_is_refused(door: Door, size: int) -> None:
    answer = door.client.post("/account/confirm", content=b"token=" + b"a" * size, headers=door.keys["Ada"])

    assert answer.status_code == 413


def test_a_server_that_is_killed_knows_its_people_again(lonely: Place) -> None:
    root = lonely.archive.root
    with lonely.archive.people() as people:
        people.add("Ada", "member", "op")
        key = people.make_key("Ada", "", "op")
    with serve(root) as served:
        for _ in range(3):
            address = served.address.rstrip("/") + stream_of(lonely)
            assert httpx.get(address, headers={"authorization": f"Bearer {key}"}).status_code == 200
        time.sleep(1.5)
        served.process.kill()
    with lonely.archive.desk() as desk:
        kept = [item for item in desk.history(desk.digest("Ada")) if item["type"] == "event"]
        assert len(kept) == 3
        assert desk.leak(1).plays == 3
    with serve(root) as again:
        assert httpx.get(again.address).status_code == 200


def test_a_form_of_a_visitor_is_none_of_an_operator_without_a_guard_too(place: Place, door: Door) -> None:
    number = door.accuse("Ada", "plays", "habits", "habits before")
    bare = TestClient(
        build_app(place.archive, keys=door.people, desk=door.desk), raise_server_exceptions=False
    )
    page = bare.get("/account").text
    tokens = [*re.findall(r'name="token" value="([0-9a-f]{16})"', page), ""]
    form = {"token": tokens[0], "stage": "4", "because": "x"}

    answer = bare.post(f"/guard/cases/{number}/decide", data=form, headers=door.keys["Olga"])

    assert answer.status_code == 403
    right = token_in(bare.get(f"/guard/cases/{number}", headers=door.keys["Olga"]).text)
    crossed = {**door.keys["Olga"], "sec-fetch-site": "cross-site"}
    assert (
        bare.post(f"/guard/cases/{number}/decide", data={**form, "token": right}, headers=crossed).status_code
        == 403
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:DB8:0::1]:443", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_addresses_are_one_however_they_are_written(text: str, plain: str) -> None:
    assert plain_address(text) == plain


def test_a_server_hears_of_what_is_changed_beside_it_again_and_again(lonely: Place) -> None:
    root = lonely.archive.root

    def lockgroove(*arguments: str) -> str:
        command = [sys.executable, "-m", "lockgroove", "-C", root, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    with serve(root) as served:
        for name in ("ann", "ben"):
            lockgroove("account", "add", name)
            header = {"authorization": f"Bearer {lockgroove('account', 'key', name)}"}
            lockgroove("guard", "status")
            came = httpx.get(served.address, headers=header).status_code
            lockgroove("account", "disable", name, "--because", "asked for it")

            assert (name, came, httpx.get(served.address, headers=header).status_code) == (name, 200, 401)


def test_what_was_had_is_told_also_where_the_line_breaks(door: Door, place: Place) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            raise ConnectionResetError

    scope = {
        "type": "http", "method": "GET", "path": stream_of(place), "query_string": b"",
        "client": ("192.0.2.7", 1), "headers": [(b"range", b"bytes=0-"), (b"host", b"localhost")],
    }  # fmt: skip
    with pytest.raises(ConnectionResetError):
        asyncio.run(door.client.app(scope, receive, send))

    assert door.events()[-1]["kind"] == Kind.STREAM_START


def test_a_refusal_names_the_newest_dump(narrow: Door, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = DumpLine("000007", "2026-05-01T00:00:00.000000Z", "aa")
    monkeypatch.setattr(VaultView, "newest_dump", lambda self: newest)
    for _ in range(5):
        refused = narrow.client.get("/api/status")

    assert "takes the newest dump, 000007 of 2026-05-01" in refused.json()["instead"]
    page = narrow.client.get("/", headers=BROWSER)
    assert "style.css" in page.text, "it looks like the other pages"
