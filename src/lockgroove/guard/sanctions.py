"""What follows from evidence: five stages, each of which ends by itself and can be undone.

Invariant: no number alone takes music away from anybody. A stage that closes needs two kinds of witnesses or
a certain place in a group, and an operator's name; the first two only hold back what is new to an account.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

DAY_S = 86_400
# Counts up when a rule changes: the new one then only watches, for as long as `Policy.shadow_days`.
RULES = 1


class Stage(IntEnum):
    """How much an account may take, from everything to nothing."""

    FREE = 0
    THROTTLED = 1  # few new tracks a day; what it had before stays free
    CHALLENGED = 2  # no new tracks until a person says that they are one
    SUSPENDED = 3  # no music; pages, the account and its data remain
    DISABLED = 4  # not let in


STAGE_WORDS = {
    Stage.FREE: "free",
    Stage.THROTTLED: "slowed down",
    Stage.CHALLENGED: "asked to show that it is a person",
    Stage.SUSPENDED: "suspended",
    Stage.DISABLED: "disabled",
}
AUTOMATIC = (Stage.THROTTLED, Stage.CHALLENGED)


@dataclass(frozen=True)
class Policy:
    """How long things last. After a change of rules they only watch for `shadow_days`."""

    shadow_days: float = 14
    throttle_days: float = 7
    challenge_days: float = 7
    suspend_days: float = 30
    proposal_days: float = 30
    trust_days: float = 90  # after an appeal was upheld

    def lasts_s(self, stage: Stage) -> float | None:
        """How long a stage lasts, in seconds; None: until it is undone."""
        days = {
            Stage.THROTTLED: self.throttle_days,
            Stage.CHALLENGED: self.challenge_days,
            Stage.SUSPENDED: self.suspend_days,
        }.get(stage)
        return None if days is None else days * DAY_S


def automatic_stage(families: Collection[str], alarm_days: int, named: bool) -> Stage:
    """What follows at once: a slower pace, and a question where evidence comes up on a second day.

    `families` are kinds of witnesses (plays, habits, group). A habit alone is none: people have odd ones.
    Where no account is `named`, many people may stand behind it, and nobody can answer for them.
    """
    if not set(families) & {"plays", "group"}:
        return Stage.FREE
    return Stage.CHALLENGED if named and alarm_days > 1 else Stage.THROTTLED


def proposed_stage(families: Collection[str], certain: bool, named: bool) -> Stage:
    """What an operator is asked to decide, FREE for nothing."""
    clear = len(set(families)) > 1 or certain
    return Stage.SUSPENDED if clear and named else Stage.FREE
