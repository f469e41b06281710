"""A case and what belongs to it: evidence, sanctions, appeals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove.guard.hot import DAY_MS
from lockgroove.guard.sanctions import Stage, proposed_stage

AUTOMATIC = "the rules"
HABIT_DAYS = 2
RECENT_DAYS = 30
SPEAKING = ("plays", "group")  # families that make a case; odd habits are only noted


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks against an account. `body` has its numbers, and `days` it is told of."""

    at_ms: int
    family: str  # plays, habits or group
    code: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Sanction:
    """A stage that holds from then until then."""

    case: int
    account: int
    stage: Stage
    from_ms: int
    until_ms: int | None
    decided_by: str
    because: str
    lifted_ms: int | None = None
    lifted_by: str | None = None


@dataclass(frozen=True)
class Appeal:
    """What somebody says against a case, and what came of it."""

    at_ms: int
    words: str | None
    decided_ms: int | None
    decided_by: str | None
    upheld: bool | None
    because: str | None


@dataclass(frozen=True)
class Case:
    """A case with all that belongs to it. `shadow`: nothing follows from it but this entry."""

    number: int
    account: int
    named: bool
    opened_ms: int
    last_ms: int
    rules: int
    shadow: bool
    state: str  # noted, open, dismissed, overturned, expired
    evidence: Sequence[Evidence]
    sanctions: Sequence[Sanction]
    appeals: Sequence[Appeal]

    @property
    def families(self) -> set[str]:
        """Kinds of witnesses. What is seen on one day is no habit: a program may have filled a phone."""
        days = {one.at_ms // DAY_MS for one in self.recent if one.family == "habits"}
        found = {one.family for one in self.recent}
        return found if len(days) >= HABIT_DAYS else found - {"habits"}

    @property
    def recent(self) -> list[Evidence]:
        """Evidence of about a month before the newest: what was long ago is no witness beside what is now."""
        newest = max((one.at_ms for one in self.evidence), default=0)
        return [one for one in self.evidence if one.at_ms > newest - RECENT_DAYS * DAY_MS]

    @property
    def proposal(self) -> Stage:
        """What an operator is asked to decide, FREE for nothing."""
        certain = any(one.family == "group" and one.body.get("certain") for one in self.recent)
        return proposed_stage(self.families, certain, self.named)

    @property
    def waits(self) -> str:
        """What it waits for: `appeal`, `decision`, or nothing."""
        if any(appeal.decided_ms is None for appeal in self.appeals):
            return "appeal"
        decided = any(sanction.decided_by != AUTOMATIC for sanction in self.sanctions)
        return "decision" if self.state == "open" and self.proposal > Stage.FREE and not decided else ""

    def stage(self, now_ms: int) -> Stage:
        """What holds now because of it."""
        return max((s.stage for s in self.sanctions if holds(s, now_ms)), default=Stage.FREE)


def holds(sanction: Sanction, now_ms: int) -> bool:
    """Whether it is in force."""
    return sanction.lifted_ms is None and (sanction.until_ms is None or sanction.until_ms > now_ms)


def groups_in(cases: Iterable[Case]) -> dict[str, set[int]]:
    """The groups that cases tell of, each case of its newest, with those of their accounts that have one."""
    groups: dict[str, set[int]] = {}
    for case in cases:
        told = [one for one in case.evidence if one.family == "group" and one.body]
        if told:
            newest = max(told, key=lambda one: one.at_ms)
            groups.setdefault(str(newest.body["group"]), set()).add(case.account)
    return groups
