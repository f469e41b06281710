"""From statements as stated, and the operator's decisions, to what may be done with a file and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove.journal import Event
from lockgroove.rights import apply_decision, combine, load_policy, read_statement, statement_key


@dataclass(frozen=True)
class DecisionMade:
    """An operator's word on all files that stand under one set of statements, of one source or of all.

    `key` is that of another archive whose operator decided; its word counts for that archive's sources.
    """

    statement: str
    source: str | None
    licence: str
    because: str
    by: str
    at: str
    key: str | None = None


def decisions_of(events: Iterable[Event]) -> list[DecisionMade]:
    """The decisions in a journal, in order; the last one on a statement wins."""
    return [
        DecisionMade(
            statement=e.subjects["statement"],
            source=e.subjects.get("source"),
            licence=e.outcome["licence"],
            because=e.outcome["because"],
            by=e.outcome.get("by", e.agent),
            at=e.at,
            key=e.outcome.get("key"),
        )
        for e in events
        if e.type == "rights-decided"
    ]


class Judging:
    """Answers for a set of statements; the catalogue asks it once per distinct set."""

    def __init__(self, decisions: Sequence[DecisionMade]) -> None:
        self._policy = load_policy()
        self._ours: dict[tuple[str, str | None], DecisionMade] = {}
        self._theirs: dict[tuple[str, str | None], DecisionMade] = {}
        for decision in decisions:
            made = self._ours if decision.key is None else self._theirs
            if decision.source is None:  # the last word wins, also over earlier ones on a single source
                for key in [key for key in made if key[0] == decision.statement]:
                    del made[key]
            made[decision.statement, decision.source] = decision

    def __call__(self, source: str, stated: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:
        """The row of table `rights` for statements of a source."""
        statements = [read_statement(s["text"], s["where"]) for s in stated]
        key = statement_key(statements)
        verdict = combine(statements)
        decision = (
            self._ours.get((key, source)) or self._ours.get((key, None)) or self._theirs.get((key, source))
        )
        if decision is not None:
            verdict = apply_decision(verdict, decision.licence, decision.because, decision.by)
        publish = self._policy.decide(verdict, "dump")
        stream = self._policy.decide(verdict, "stream")
        return {
            "statement": key,
            "status": verdict.status,
            "licence": verdict.licence,
            "uri": verdict.uri,
            "why": verdict.why,
            "stream": stream.yes,
            "publish": publish.yes,
            "clause": publish.clause,
        }
