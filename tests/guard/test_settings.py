"""What operators write of the guard: what is understood, and what is said of what is not."""

from __future__ import annotations

from typing import Any

import pytest

from lockgroove.errors import UsageError
from lockgroove.guard.quotas import Counted, Quota, in_words
from lockgroove.guard.settings import read_settings


def test_what_is_left_out_has_a_default() -> None:
    read = read_settings({"quotas": {"member": {"new": "5/day"}}, "days": {"shadow": 3}}, 1_000_000)

    assert read.quotas["member"][Counted.FRESH] == Quota(5, 86_400)
    assert read.quotas["member"][Counted.RARE].amount == 50
    assert (read.policy.shadow_days, read.policy.throttle_days) == (3, 7)


def test_a_proxy_is_known_however_it_is_written() -> None:
    read = read_settings({"proxies": ["2001:DB8:0::1", "::ffff:10.0.0.1"]}, 0)

    assert [read.trusts(address) for address in ("2001:db8::1", "10.0.0.1", "127.0.0.1")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"observ": True}, "no setting observ"),
        ({"policy": {}}, "no setting policy"),
        ({"on": "yes"}, "Such as true"),
        ({"days": {"shadow": "soon"}}, "days.shadow = 'soon'"),
        ({"days": {"shadow": 0}}, "more than 0"),
        ({"days": 3}, "A table was expected"),
        ({"quotas": {"members": {}}}, "no quotas for members"),
        ({"proxies": ["everywhere"]}, "no address of a proxy"),
        ({"alerts": {"webhook": 5}}, "alerts.webhook"),
    ],
)
def test_what_cannot_be_understood_is_told_by_the_name_it_was_written_with(
    table: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(table, 0)

    assert said in str(caught.value)


def test_quotas_are_told_as_people_read_them() -> None:
    limits = read_settings({}, 0).quotas["member"]

    assert in_words(limits) == [
        "1,200 requests per minute", "50 GB per day", "240 tracks that are new to you per day",
        "50 of these such as few people hear per day", "5,000 new tracks per month",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({"webhook": "chat.example.org/hook"}, "no address of a webhook"),
        ({"webhook": "ftp://chat.example.org"}, "no address of a webhook"),
        ({"webhook": "http://:@"}, "no address of a webhook"),
        ({"webhook": "http://[::1"}, "no address of a webhook"),
        ({"smtp": "mail.example.org"}, "no mail server with a port"),
        ({"smtp": "localhost:99999"}, "no mail server with a port"),
        ({"mail_to": "the keeper"}, "no mail address"),
        ({"mail_to": "a@example.org, the keeper"}, "no mail address"),
    ],
)
def test_what_nothing_could_be_sent_to_is_refused(alerts: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_settings({"alerts": alerts}, 0)


@pytest.mark.parametrize(
    ("smtp", "server"),
    [
        ("localhost:25", ("localhost", 25)),
        (":25", ("localhost", 25)),
        ("[::1]:2525", ("::1", 2525)),
        ("::1:25", ("::1", 25)),
    ],
)
def test_what_something_can_be_sent_to_is_taken(smtp: str, server: tuple[str, int]) -> None:
    alerts = {
        "webhook": "HTTPS://[::1]:8000/a?b", "smtp": smtp,
        "mail_to": "a@example.org, The keeper <b@example.org>", "mail_from": "Guard <g@example.org>",
    }  # fmt: skip

    assert read_settings({"alerts": alerts}, 0).alerts.server == server


def test_terms_change_with_what_was_written_and_not_with_the_catalogue() -> None:
    usual, grown = read_settings({}, 1_000_000), read_settings({}, 2_000_000)
    raised = read_settings({"quotas": {"member": {"new": "500/day"}}}, 1_000_000)

    assert usual.terms == grown.terms
    assert [a == b for a, b in zip(usual.terms, raised.terms, strict=True)] == [True, True, False, True, True]
