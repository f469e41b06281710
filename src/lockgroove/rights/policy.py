"""The policy: which acts each class of licence permits, as data, and the clause that each answer rests on.

Invariant: deny by default. Only a rule that says yes, for every class of the licence, gives a yes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from lockgroove.errors import UsageError
from lockgroove.model import Act
from lockgroove.rights.decide import Verdict
from lockgroove.rights.vocabulary import LICENCE_CLASSES, LicenceClass, alternatives

VERSION = 1
NO_RULE = "No rule of the policy permits it, and what is not permitted is refused."
_ACTS: tuple[Act, ...] = get_args(Act)
_KEYS = frozenset(("classes", "acts", "yes", "clause"))
_ADVICE = "Mend it there; the shipped policy.toml in lockgroove/rights shows the form."


@dataclass(frozen=True)
class Decision:
    """Yes or no; why, from what was said about the item; and the clause of the policy."""

    yes: bool
    why: str
    clause: str


@dataclass(frozen=True)
class Policy:
    """The rules: for (class, act), yes or no, and the clause."""

    rules: Mapping[tuple[LicenceClass, Act], tuple[bool, str]]

    def decide(self, verdict: Verdict, act: Act) -> Decision:
        """Whether this act may be done with an item that stands so."""
        answers = [self._answer(way, act) for way in _ways(verdict)]
        yes, clause = next(
            (answer for answer in answers if answer[0]), answers[0] if answers else (False, NO_RULE)
        )
        return Decision(yes, verdict.why, clause)

    def _answer(self, way: tuple[LicenceClass, ...], act: Act) -> tuple[bool, str]:
        """Yes if all say yes, with all their clauses; else the first no."""
        found = [self.rules.get((name, act), (False, NO_RULE)) for name in way]
        refusal = next((rule for rule in found if not rule[0]), None)
        return refusal or (True, " ".join(clause for _, clause in found))


def load_policy(path: Path | None = None) -> Policy:
    """The policy in that file, or the one that is shipped."""
    if path is None:
        shipped = resources.files("lockgroove.rights").joinpath("policy.toml")
        return _policy(shipped.read_text("utf-8"), "the shipped policy")
    try:
        return _policy(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The policy cannot be read: {error}", str(path), _ADVICE) from error


def _ways(verdict: Verdict) -> tuple[tuple[LicenceClass, ...], ...]:
    if verdict.status == "open":
        return alternatives(verdict.licence) if verdict.licence else ()
    return ((("in-copyright" if verdict.status == "closed" else verdict.status),),)


def _policy(text: str, where: str) -> Policy:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The policy is not TOML: {error}", where, _ADVICE) from error
    if document.get("version") != VERSION or not isinstance(document.get("rule"), list):
        raise UsageError(f"A policy has version = {VERSION} and tables [[rule]]", f"{where}, top", _ADVICE)
    if unknown := sorted(document.keys() - {"version", "rule"}):
        raise UsageError(f"The policy has unknown parts: {', '.join(unknown)}", f"{where}, top", _ADVICE)
    return Policy(_rules(document["rule"], text, where))


def _rules(tables: list[Any], text: str, where: str) -> Mapping[tuple[LicenceClass, Act], tuple[bool, str]]:
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[rule]]")]
    rules: dict[tuple[LicenceClass, Act], tuple[bool, str]] = {}
    for number, table in enumerate(tables):
        place = f"{where}, line {lines[number]}" if number < len(lines) else f"{where}, rule {number + 1}"
        for cell in _cells(table, place):
            if cell in rules:
                raise UsageError(f"A second rule for {cell[0]} and {cell[1]}", place, _ADVICE)
            rules[cell] = table["yes"], table["clause"]
    return rules


def _cells(table: Any, place: str) -> Iterator[tuple[LicenceClass, Act]]:
    if not isinstance(table, dict) or table.keys() != _KEYS:
        raise UsageError(f"A rule has exactly {', '.join(sorted(_KEYS))}", place, _ADVICE)
    if not isinstance(table["yes"], bool):
        raise UsageError("yes is true or false", place, _ADVICE)
    if not isinstance(table["clause"], str) or not table["clause"].strip():
        raise UsageError("clause is a sentence", place, _ADVICE)
    classes = _words(table["classes"], LICENCE_CLASSES, "class", place)
    acts = _words(table["acts"], _ACTS, "act", place)
    return ((name, act) for name in classes for act in acts)


def _words(given: Any, known: tuple[Any, ...], what: str, place: str) -> list[Any]:
    odd = given if not isinstance(given, list) else next((word for word in given if word not in known), None)
    if odd is not None or not given:
        raise UsageError(f"{odd!r} is no {what}; there are {', '.join(known)}", place, _ADVICE)
    return list(given)
