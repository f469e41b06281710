"""Accounts and keys: who is let in, and who is not."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.errors import FormatUnknown, Refused, UsageError
from lockgroove.people import People, open_people, secretkeys, store

DAY = 86_400.0


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(tmp_path: Path, clock: Clock) -> Iterator[People]:
    opened = People(store.connect(str(tmp_path)), clock)
    yield opened
    opened.close()


def test_a_key_proves_its_account_and_no_other(people: People) -> None:
    ada, ben = people.add("Ada", "member", "op"), people.add("Ben", "operator", "op")

    asker = people.ask(people.make_key("ada", "phone", "op"))
    other = people.ask(people.make_key("BEN", "", "op"))

    assert asker is not None
    assert other is not None
    assert (asker.account, asker.role, asker.may("operate")) == (ada.number, "member", False)
    assert (other.account, other.role, other.may("operate")) == (ben.number, "operator", True)


@given(st.integers(0, 31), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
def test_a_mistyped_key_is_seldom_even_looked_up(place: int, letter: str) -> None:
    """One wrong letter passes the check byte once in 256 times at most, and never as the same key."""
    key = secretkeys.make()
    mistyped = key[: 3 + place] + letter + key[4 + place :]

    assert mistyped == key or secretkeys.digest(mistyped) != secretkeys.digest(key)


def test_a_key_read_aloud_is_the_same_key() -> None:
    key = secretkeys.make()
    spoken = f"  {key.upper().replace('0', 'O').replace('1', 'L')} "

    assert secretkeys.digest(spoken.replace("LG_", "lg_")) == secretkeys.digest(key)
    assert len({secretkeys.make() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text", ["", "lg_", "lg_" + "0" * 31, "lg_" + "u" * 32, "Bearer", "ключ" * 8, "\0" * 32]
)
def test_what_cannot_be_a_key_proves_nothing(people: People, text: str) -> None:
    assert people.ask(text) is None


def test_a_key_is_kept_nowhere_as_it_is(people: People, tmp_path: Path) -> None:
    people.add("Ada", "member", "op")
    key = people.make_key("Ada", "", "op")

    written = b"".join(path.read_bytes() for path in (tmp_path / "people").iterdir())

    assert key.removeprefix("lg_").encode() not in written
    assert b"Ada" in written


def test_a_disabled_account_is_let_in_nowhere_until_it_is_enabled(people: People) -> None:
    people.add("Ada", "member", "op")
    key = people.make_key("Ada", "", "op")

    people.disable("Ada", "asked for it", "op")
    out = people.ask(key)
    with pytest.raises(Refused):
        people.make_key("Ada", "", "op")
    people.enable("Ada", "asked again", "op")

    assert out is None
    assert people.ask(key) is not None
    assert [act for _, _, act, _, _ in people.acts()] == ["added", "key made", "disabled", "enabled"]


def test_a_key_ends_with_its_days_and_when_it_is_revoked(people: People, clock: Clock) -> None:
    people.add("Ada", "member", "op")
    short, long = people.make_key("Ada", "", "op", days=2), people.make_key("Ada", "", "op")

    clock.now += 2 * DAY - 1
    assert people.ask(short) is not None
    clock.now += 1
    assert people.ask(short) is None
    assert people.ask(long) is not None
    assert people.named("Ada").keys == 1
    assert people.revoke_keys("Ada", "op") == 2
    assert people.ask(long) is None


def test_a_grant_is_for_a_purpose_and_a_time(people: People, clock: Clock) -> None:
    people.add("Lab", "researcher", "op")
    key = people.make_key("Lab", "", "op")

    before = people.ask(key)
    people.grant("Lab", "research", "tuning of pianos", 30, "op")
    during = people.ask(key)
    listed = people.named("Lab").grants
    clock.now += 30 * DAY
    after = people.ask(key)

    assert before is not None
    assert during is not None
    assert after is not None
    assert (before.grant, during.grant, after.grant) == ("", "research:1", "")
    assert [grant.because for grant in listed] == ["tuning of pianos"]
    with pytest.raises(UsageError):
        people.grant("Lab", "everything", "because", 30, "op")


def test_a_key_may_be_for_less_than_its_role_and_never_for_more(people: People) -> None:
    people.add("Ada", "member", "op")
    people.add("Eve", "operator", "op")

    reading = people.ask(people.make_key("Ada", "", "op", scopes=["read"]))
    streaming = people.ask(people.make_key("Eve", "", "op", scopes=["stream"]))

    assert reading is not None
    assert streaming is not None
    assert (reading.may("read"), reading.may("stream")) == (True, False)
    assert not streaming.may("operate")
    with pytest.raises(UsageError):
        people.make_key("Ada", "", "op", scopes=["operate"])


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101, "\0", "\u202eevil", "a:b"])
def test_what_cannot_be_a_name_is_refused(people: People, name: str) -> None:
    with pytest.raises(UsageError):
        people.add(name, "member", "op")


@pytest.mark.parametrize("other", ["ada", "ADA", " Ada ", "Ａｄａ"])
def test_names_that_people_would_mistake_are_one(people: People, other: str) -> None:
    people.add("Ada", "member", "op")

    with pytest.raises(UsageError):
        people.add(other, "member", "op")
    assert people.named(other).name == "Ada"


def test_only_the_owner_of_the_archive_can_read_it(people: People, tmp_path: Path) -> None:
    modes = {path.name: stat.S_IMODE(os.stat(path).st_mode) for path in (tmp_path / "people").iterdir()}

    assert stat.S_IMODE(os.stat(tmp_path / "people").st_mode) == 0o700
    assert set(modes.values()) == {0o600}


def test_two_at_once_make_one_account_of_a_name(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def add() -> None:
        people = open_people(str(tmp_path))
        try:
            people.add("Ada", "member", "op")
            outcomes.append("made")
        except UsageError:
            outcomes.append("taken")
        finally:
            people.close()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["made"] + ["taken"] * 7


def test_accounts_of_a_newer_format_are_left_alone(tmp_path: Path) -> None:
    db = store.connect(str(tmp_path))
    db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(FormatUnknown):
        open_people(str(tmp_path))
