"""What lies on a server that front ends share: what is owed, what was met, and events on their way."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from valkeyserver import ValkeyServer

from lockgroove.errors import UsageError
from lockgroove.guard.quotas import Counted, Quota, Quotas
from lockgroove.guard.seen import Seen
from lockgroove.guard.sharing import stream
from lockgroove.guard.sharing.owed import SharedQuotas
from lockgroove.guard.sharing.pairs import SharedPairs
from lockgroove.guard.sharing.server import Away, Server
from lockgroove.guard.sharing.stream import Inbox, Outbox

valkey = pytest.importorskip("valkey", reason="the client is in the extra `shared`")


ASKS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.lists(st.sampled_from([11, 12, 13]), min_size=1, max_size=3, unique=True),
        st.dictionaries(st.sampled_from(list(Counted)), st.integers(0, 12).map(float), min_size=1),
    ),
    max_size=40,
)

TERMS = [11, 12, 13, 14, 15]
RAISED = [11, 12, 99, 14, 15]
LIMITS = {Counted.REQUESTS: Quota(10, 600), Counted.BYTES: Quota(7, 140), Counted.FRESH: Quota(3, 900)}


@trying(max_examples=60)
@given(ASKS)
def test_shared_quotas_answer_as_those_of_one_process(running: ValkeyServer, asks: list[Any]) -> None:
    client = valkey.Valkey(port=running.port)
    client.flushall()
    server = Server(running.url, "archive")
    shared = SharedQuotas(server, Quotas(), clock="tonumber(redis.call('GET', 'clock'))")
    alone, now = Quotas(), 1_700_000_000.0

    for quarters, subjects, costs in asks:
        now += quarters / 4
        client.set("clock", now)
        asked = [(subject, LIMITS) for subject in subjects]
        assert shared.take(asked, costs, now) == alone.take(asked, costs, now)

    assert server.here
    server.close()
    client.close()


def test_two_front_ends_never_give_more_than_the_quota(served: ValkeyServer) -> None:
    servers = [Server(served.url, "archive") for _ in range(2)]
    fronts = [SharedQuotas(server, Quotas()) for server in servers]
    asked = [(7, {Counted.FRESH: Quota(100, 86_400)}), (8, {Counted.FRESH: Quota(1000, 86_400)})]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: fronts[n % 2].take(asked, {Counted.FRESH: 1}, 0.0), range(400)))

    assert answers.count(None) == 100
    assert {one.subject for one in answers if one} == {0}
    left = [fronts[0].take([asked[1]], {Counted.FRESH: 1}, 0.0) for _ in range(901)]
    assert left.count(None) == 900, "of the other subject nothing was taken where the first was over"
    assert all(server.here for server in servers)
    for server in servers:
        server.close()


def test_under_other_terms_nobody_owes_what_they_owed(served: ValkeyServer) -> None:
    server = Server(served.url, "archive")
    before, same, raised = (SharedQuotas(server, Quotas(), terms) for terms in (TERMS, TERMS, RAISED))
    asked, cost = [(7, {Counted.FRESH: Quota(3, 86_400)})], {Counted.FRESH: 3.0}

    assert before.take(asked, cost, 0.0) is None
    assert same.take(asked, cost, 0.0) is not None
    assert raised.take(asked, cost, 0.0) is None
    server.close()


def test_what_is_paid_off_leaves_the_server(served: ValkeyServer) -> None:
    server, client = Server(served.url, "archive"), valkey.Valkey(port=served.port)
    SharedQuotas(server, Quotas()).take([(7, {Counted.FRESH: Quota(10, 10)})], {Counted.FRESH: 1}, 0.0)

    before = client.keys("archive:owed:*")
    time.sleep(1.2)

    assert len(before) == 1
    assert client.keys("archive:owed:*") == []
    server.close()
    client.close()


@trying(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 2**63), st.integers(1, 2**63)), min_size=1, max_size=300))
def test_pairs_lie_on_the_server_as_they_lie_here(running: ValkeyServer, met: list[tuple[int, int]]) -> None:
    """Told one by one, or filled at once: the same bytes, and the other front end knows them."""
    client = valkey.Valkey(port=running.port)
    client.flushall()
    accounts, tracks = (np.array(numbers, np.uint64) for numbers in zip(*met, strict=True))
    own = Seen(8192)
    own.add(accounts, tracks)
    server = Server(running.url, "archive")
    told, filled = SharedPairs(server, "told", own), SharedPairs(server, "filled", own)

    told.later(accounts, tracks)
    told.flush()
    filled.fill()

    other = SharedPairs(server, "told", Seen(8192))
    assert client.get("archive:filled:64:newer") == own.newer.tobytes()
    assert (client.get("archive:told:64:newer") or b"").ljust(4096, b"\0") == own.newer.tobytes()
    assert all(other.knows(account, track) for account, track in met)
    server.close()
    client.close()


def test_memory_of_pairs_is_bounded_and_the_latest_are_known(served: ValkeyServer) -> None:
    server, client = Server(served.url, "archive"), valkey.Valkey(port=served.port)
    pairs = SharedPairs(server, "met", Seen(8192))
    tracks = np.arange(1, 20_001, dtype=np.uint64)

    pairs.later(np.full(len(tracks), 5, np.uint64), tracks)
    pairs.flush()

    assert all(pairs.known_elsewhere(5, list(range(19_900, 20_001))))
    assert sum(pairs.known_elsewhere(5, list(range(1, 1001)))) < 100
    assert sum(client.strlen(f"archive:met:64:{part}") for part in ("newer", "older")) <= 8192
    server.close()
    client.close()


def test_pairs_that_could_not_be_told_are_told_again(served: ValkeyServer) -> None:
    server = Server(served.url, "archive")
    pairs, other = SharedPairs(server, "met", Seen(8192)), SharedPairs(server, "met", Seen(8192))
    pairs.later(np.array([5], np.uint64), np.array([6], np.uint64))
    served.kill()

    with pytest.raises(Away):
        pairs.flush()
    known = other.knows(5, 6)
    served.start()
    pairs.flush()

    assert not known
    assert other.knows(5, 6)
    server.close()


def test_a_stream_that_is_full_takes_no_more_until_the_keeper_reads(
    served: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ENTRIES_MAX", 20)
    monkeypatch.setattr(stream, "EVENTS_AN_ENTRY", 10)
    server = Server(served.url, "archive")
    outbox, inbox = Outbox(server), Inbox(server, 1)
    for _ in range(5):
        outbox.put(stream.empty(3))
        outbox.send()
    in_parts = outbox.waiting
    outbox.put(stream.empty(206))

    outbox.send()
    waited = outbox.waiting
    assert inbox.keeps()
    rows, entries = inbox.read()
    inbox.done(entries)
    outbox.send()

    assert in_parts == 9, "of what is no whole entry, few wait for the keeper"
    assert (waited, len(rows), outbox.waiting) == (35, 186, 5)
    assert len(inbox.read()[0]) == 30
    server.close()


def test_an_entry_of_another_version_is_counted_and_left(served: ValkeyServer) -> None:
    server, client = Server(served.url, "archive"), valkey.Valkey(port=served.port)
    inbox = Inbox(server, 1)
    assert inbox.keeps()
    client.xadd("archive:events", {"layout": "other", "rows": b"123"})
    client.xadd("archive:events", {"more": "or less"})

    rows, entries = inbox.read()
    inbox.done(entries)

    assert (len(rows), len(entries), inbox.unreadable) == (0, 2, 2)
    assert client.xlen("archive:events") == 0
    server.close()
    client.close()


def test_whoever_asks_while_it_is_known_to_be_away_does_not_wait(served: ValkeyServer) -> None:
    server = Server(served.url, "archive")
    served.kill()
    with pytest.raises(Away):
        server.quickly(lambda client: client.ping())

    began = time.monotonic()
    for _ in range(1000):
        with pytest.raises(Away):
            server.quickly(lambda client: client.ping())

    assert time.monotonic() - began < 1
    server.close()


def test_without_the_client_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkey.exceptions", None)

    with pytest.raises(UsageError, match=r"lockgroove\[shared\]"):
        Server("redis://127.0.0.1:1/0", "archive")
