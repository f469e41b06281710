"""From statements to a verdict."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.errors import UsageError
from lockgroove.rights import Verdict, apply_decision, combine, read_statement
from lockgroove.rights.vocabulary import RIGHTS_STATEMENTS, alternatives, uri_of

NOTHING = combine([])


def verdict_of(*texts: str) -> Verdict:
    return combine([read_statement(text, f"tag:{n}") for n, text in enumerate(texts)])


def test_without_a_statement_there_is_none() -> None:
    assert (NOTHING.status, NOTHING.licence) == ("none", None)


@pytest.mark.parametrize(
    ("texts", "status", "licence"),
    [
        (["CC BY 4.0"], "open", "CC-BY-4.0"),
        (["CC BY 4.0", "http://creativecommons.org/licenses/by/4.0/"], "open", "CC-BY-4.0"),
        (["CC BY-NC-ND 3.0"], "open", "CC-BY-NC-ND-3.0"),
        (["CC0"], "open", "CC0-1.0"),
        (["Public Domain Mark"], "open", "PDM-1.0"),
        (["GPL-2+"], "open", "GPL-2.0-or-later"),
        (["LAL-1.3"], "open", "LAL-1.3"),
        (["NoC-NC"], "open", "NoC-NC"),
        (["BUSL-1.1 OR MIT"], "open", "BUSL-1.1 OR MIT"),
        (["GPL-2.0-only WITH Classpath-exception-2.0"], "open", "GPL-2.0-only WITH Classpath-exception-2.0"),
        (["All rights reserved"], "closed", "InC"),
        (["InC-NC"], "closed", "InC-NC"),
        (["FMA-Limited: Download Only"], "closed", "InC"),
        (["NoC-US"], "undecided", "NoC-US"),
        (["NKC"], "undecided", "NKC"),
        (["BUSL-1.1"], "undecided", "BUSL-1.1"),
        (["BUSL-1.1 AND MIT"], "undecided", "BUSL-1.1 AND MIT"),
        (["GPL"], "undecided", None),
        (["CC BY 4.0", "GPL"], "undecided", None),
        (["CC BY 4.0", "CC BY 3.0"], "undecided", None),
        (["CC BY 4.0", "All rights reserved"], "undecided", None),
    ],
)
def test_statements_make_one_verdict(texts: list[str], status: str, licence: str | None) -> None:
    verdict = verdict_of(*texts)

    assert (verdict.status, verdict.licence) == (status, licence)
    assert verdict.uri == (uri_of(licence) if licence else None)


def test_a_contradiction_says_who_said_what() -> None:
    tag, file = read_statement("CC BY 4.0", "tag:LICENSE"), read_statement("CC BY 3.0", "file:LICENSE")

    why = combine([tag, file]).why

    assert "tag:LICENSE “CC BY 4.0” is CC-BY-4.0" in why
    assert "file:LICENSE “CC BY 3.0” is CC-BY-3.0" in why


STATED = st.sampled_from(["CC BY 4.0", "CC-BY-4.0", "CC BY 3.0", "GPL", "InC", "NKC", "BUSL-1.1", "CC0", ""])


@settings(deadline=None)  # the first reading loads the SPDX list
@given(st.lists(STATED, max_size=5), st.integers())
def test_order_makes_no_difference(texts: list[str], seed: int) -> None:
    statements = [read_statement(text, f"tag:{n % 2}") for n, text in enumerate(texts)]
    mixed = random.Random(seed).sample(statements, len(statements))

    assert combine(mixed) == combine(statements)


@settings(deadline=None)  # the first reading loads the SPDX list
@given(st.lists(STATED | st.text(), max_size=4))
def test_only_a_known_licence_is_ever_open(texts: list[str]) -> None:
    statements = [read_statement(text, "tag:LICENSE") for text in texts]

    verdict = combine(statements)

    if verdict.status == "open":
        assert {s.licence for s in statements} == {verdict.licence}
        assert verdict.licence
        assert alternatives(verdict.licence)


@settings(deadline=None)  # the first reading loads the SPDX list
@given(st.text(st.characters(codec="ascii")))
def test_what_is_not_in_the_table_has_no_class(licence: str) -> None:
    assert alternatives(licence) == () or read_statement(licence, "operator").licence


@pytest.mark.parametrize("code", RIGHTS_STATEMENTS)
def test_of_the_twelve_rights_statements_one_opens(code: str) -> None:
    assert (verdict_of(code).status == "open") == (code == "NoC-NC")


@pytest.mark.parametrize("before", [NOTHING, verdict_of("GPL"), verdict_of("InC"), verdict_of("CC BY 4.0")])
@pytest.mark.parametrize(
    ("licence", "status", "name"),
    [
        ("CC-BY-SA-4.0", "open", "CC-BY-SA-4.0"),
        ("CC BY-SA 4.0", "open", "CC-BY-SA-4.0"),
        ("NoC-US", "open", "NoC-US"),
        ("InC", "closed", "InC"),
        ("dark", "closed", None),
    ],
)
def test_an_operator_decides(before: Verdict, licence: str, status: str, name: str | None) -> None:
    after = apply_decision(before, licence, "the artist wrote to us", "ann")

    assert (after.status, after.licence) == (status, name)
    assert "ann" in after.why
    assert "the artist wrote to us" in after.why
    assert before.why in after.why


@pytest.mark.parametrize("licence", ["GPL", "", "UND", "BUSL-1.1", "Dark side"])
def test_a_decision_must_decide(licence: str) -> None:
    with pytest.raises(UsageError):
        apply_decision(NOTHING, licence, "so it is", "ann")


def test_a_decision_needs_its_reason() -> None:
    with pytest.raises(UsageError, match="reason"):
        apply_decision(NOTHING, "CC0-1.0", " ", "ann")
