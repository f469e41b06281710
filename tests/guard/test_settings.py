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
