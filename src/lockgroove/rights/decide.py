"""From statements to one verdict on an item: open, closed, undecided, or none at all.

Invariant: an item is open only if every statement about it is clear, all name the same licence, and that
licence lets copies be given to everyone; or if an operator decided so. All else is dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lockgroove.errors import UsageError
from lockgroove.rights.statements import Statement, read_statement
from lockgroove.rights.vocabulary import UNSETTLED, alternatives, uri_of

Status = Literal["open", "closed", "undecided", "none"]
DARK = "dark"  # the decision that closes, in place of a licence
_ADVICE = f"Name a licence, such as CC-BY-4.0, or InC, or {DARK}."


@dataclass(frozen=True)
class Verdict:
    """How an item stands. `licence` is set when it is known, also where it does not open the item."""

    status: Status
    licence: str | None
    uri: str | None
    why: str


def combine(statements: Sequence[Statement]) -> Verdict:
    """The verdict of all statements about one item together, whatever their order."""
    if not statements:
        return Verdict("none", None, None, "nobody said anything about the rights in it")
    ordered = sorted(statements, key=_place)
    unclear = next((s for s in ordered if s.status == "undecided" or s.licence is None), None)
    if unclear:
        return Verdict("undecided", None, None, f"{_quote(unclear)}: {unclear.why}")
    licences = {s.licence: s for s in reversed(ordered) if s.licence}
    if len(licences) > 1:
        said = "; ".join(f"{_quote(s)} is {s.licence}" for s in sorted(licences.values(), key=_place))
        return Verdict("undecided", None, None, f"the statements contradict each other: {said}")
    return _verdict_of(next(iter(licences)), _quote(ordered[0]))


def apply_decision(verdict: Verdict, licence: str, because: str, by: str) -> Verdict:
    """The verdict after an operator decided: the licence holds, or the item is `DARK`."""
    if not because.strip():
        raise UsageError("A decision on rights needs its reason", by, "Say why: --because …")
    why = f"{by} decided {licence}, because {because} (before: {verdict.why})"
    if licence == DARK:
        return Verdict("closed", None, None, why)
    statement = read_statement(licence, "operator")
    if statement.licence is None:
        raise UsageError(f"“{licence}” is no decision: {statement.why}", by, _ADVICE)
    status = _status_of(statement.licence)
    if status == "undecided":
        raise UsageError(f"{statement.licence} decides nothing: {_unknown(statement.licence)}", by, _ADVICE)
    return Verdict(status, statement.licence, statement.uri, why)


def _verdict_of(licence: str, quoted: str) -> Verdict:
    if licence in UNSETTLED:
        return Verdict("undecided", licence, uri_of(licence), f"{quoted}: {UNSETTLED[licence]}")
    status = _status_of(licence)
    why = {
        "open": f"{quoted} is {licence}, which lets copies be given to everyone",
        "closed": f"{quoted} is {licence}, which gives nobody leave to pass copies on",
        "undecided": f"{quoted}: {_unknown(licence)}",
    }[status]
    return Verdict(status, licence, uri_of(licence), why)


def _status_of(licence: str) -> Literal["open", "closed", "undecided"]:
    ways = alternatives(licence)
    if not ways:
        return "undecided"
    return "closed" if all("in-copyright" in way for way in ways) else "open"


def _unknown(licence: str) -> str:
    return UNSETTLED.get(licence, f"we do not know whether {licence} lets copies be given to everyone")


def _place(statement: Statement) -> tuple[str, str]:
    return statement.where, statement.text


def _quote(statement: Statement) -> str:
    text = " ".join(statement.text.split())
    return f"{statement.where} “{text if len(text) <= 80 else text[:79] + '…'}”"
