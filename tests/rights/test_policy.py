"""The policy: yes or no, and the clause."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.errors import UsageError
from lockgroove.model import Act
from lockgroove.rights import Verdict, apply_decision, combine, load_policy, read_statement
from lockgroove.rights.policy import NO_RULE, Policy
from lockgroove.rights.vocabulary import LICENCE_CLASSES

ACTS: tuple[Act, ...] = get_args(Act)
SHIPPED = load_policy()
HEAD = "version = 1\n\n"
RULE = '[[rule]]\nclasses = ["{cls}"]\nacts = ["{act}"]\nyes = {yes}\nclause = "Because."\n'


def verdict_of(text: str) -> Verdict:
    return combine([read_statement(text, "tag:LICENSE")])


def policy(tmp_path: Path, text: str) -> Policy:
    (tmp_path / "policy.toml").write_text(text, "utf-8")
    return load_policy(tmp_path / "policy.toml")


def test_the_shipped_policy_answers_every_class_and_act() -> None:
    assert set(SHIPPED.rules) == {(name, act) for name in LICENCE_CLASSES for act in ACTS}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("text", ["CC0", "CC BY 4.0", "CC BY-NC-SA 3.0", "CC BY-ND 4.0", "GPL-2+", "LAL-1.3"])
def test_what_is_open_may_be_stored_described_streamed_and_given(text: str, act: Act) -> None:
    decision = SHIPPED.decide(verdict_of(text), act)

    assert decision.yes
    assert decision.clause != NO_RULE


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "verdict",
    [
        combine([]),
        verdict_of("GPL"),
        verdict_of("InC"),
        apply_decision(verdict_of("CC0"), "dark", "asked", "ann"),
    ],
)
def test_what_is_dark_may_be_stored_and_no_more(verdict: Verdict, act: Act) -> None:
    decision = SHIPPED.decide(verdict, act)

    assert decision.yes == (act == "store")
    assert decision.why == verdict.why


def test_a_yes_names_the_clause_of_every_class() -> None:
    clause = SHIPPED.decide(verdict_of("CC BY-NC-SA 4.0"), "dump").clause

    assert "CC BY-NC 4.0, section 2(a)(1)(A)" in clause
    assert "CC BY-SA 4.0" in clause


def test_one_class_that_refuses_is_enough(tmp_path: Path) -> None:
    """An archive that takes money closes what is non-commercial, whatever else it is."""
    rules = RULE.format(cls="share-alike", act="stream", yes="true")
    mine = policy(tmp_path, HEAD + rules + RULE.format(cls="non-commercial", act="stream", yes="false"))

    assert mine.decide(verdict_of("CC BY-SA 4.0"), "stream").yes
    assert not mine.decide(verdict_of("CC BY-NC-SA 4.0"), "stream").yes


def test_one_alternative_that_permits_is_enough(tmp_path: Path) -> None:
    mine = policy(tmp_path, HEAD + RULE.format(cls="share-alike", act="stream", yes="true"))

    assert mine.decide(verdict_of("GPL-2.0-or-later OR CC-BY-SA-4.0"), "stream").yes
    assert not mine.decide(verdict_of("GPL-2.0-or-later AND CC-BY-SA-4.0"), "stream").yes


@settings(deadline=None)
@given(st.sampled_from(ACTS), st.text(), st.sampled_from(["open", "closed", "undecided", "none", "odd"]))
def test_what_no_rule_permits_is_refused(act: Act, licence: str, status: str) -> None:
    verdict = Verdict(status, licence, None, "as it happens")  # type: ignore[arg-type]

    assert not Policy({}).decide(verdict, act).yes


@pytest.mark.parametrize("licence", [None, "", "BUSL-1.1", "CC-BY-9.9", "no such thing"])
def test_an_open_verdict_with_an_unknown_licence_is_refused(licence: str | None) -> None:
    decision = SHIPPED.decide(Verdict("open", licence, None, "odd"), "store")

    assert (decision.yes, decision.clause) == (False, NO_RULE)


def test_an_unknown_act_is_refused() -> None:
    assert not SHIPPED.decide(verdict_of("CC0"), "sell").yes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = \n", "line 1"),
        ("version = 2\n", "top"),
        ("version = 1\n", "top"),
        (HEAD + "[rule]\n", "top"),
        ("day = 1\n" + HEAD + RULE.format(cls="none", act="store", yes="true"), "day"),
        (HEAD + RULE.format(cls="noone", act="store", yes="true"), "line 3"),
        (HEAD + RULE.format(cls="none", act="sell", yes="true"), "'sell' is no act"),
        (HEAD + RULE.format(cls="none", act="store", yes='"yes"'), "yes is true or false"),
        (HEAD + RULE.format(cls="none", act="store", yes="true") * 2, "line 8"),
        (HEAD + RULE.format(cls="none", act="store", yes="true").replace("Because.", " "), "clause"),
        (HEAD + RULE.format(cls="none", act="store", yes="true") + "day = 1\n", "exactly"),
        (HEAD + '[[rule]]\nclasses = "none"\nacts = []\nyes = true\nclause = "x"\n', "'none' is no class"),
        (HEAD + '[[rule]]\nclasses = [["none"]]\nacts = []\nyes = true\nclause = "x"\n', "is no class"),
        (HEAD + '[[rule]]\nclasses = ["none"]\nacts = []\nyes = true\nclause = "x"\n', "is no act"),
        ("version = 1\nrule = [1]\n", "rule 1"),
    ],
)
def test_a_malformed_policy_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        policy(tmp_path, text)

    assert says in str(caught.value)
    assert "policy.toml" in caught.value.where
    assert caught.value.advice


def test_a_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path / "absent.toml")


def test_a_policy_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path / "policy.toml")
