"""Evidence in plain words, for whom it concerns and for who decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from lockgroove.guard.casefile import Case, Evidence, Sanction
from lockgroove.guard.hot import DAY_MS
from lockgroove.guard.sanctions import STAGE_WORDS, Stage
from lockgroove.guard.signals import SIGNALS

_RARE_FROM_BUCKET = 5  # outside the most heard tenth of the catalogue, nearly


def paragraphs(evidence: Sequence[Evidence]) -> list[list[str]]:
    """What all witnesses say: each a paragraph, days with the same habit in one."""
    told = [sentences(one) for one in evidence if one.family != "habits" or not one.body]
    habits = [one for one in evidence if one.family == "habits" and one.body]
    for code in sorted({one.code for one in habits}):
        days = [one for one in habits if one.code == code]
        most = max(days, key=lambda one: float(one.body["value"]))
        words, last = SIGNALS[code].words.format(value=most.body["value"]), day(days[-1].at_ms)
        many = f"On {len(days)} days, the last {last}" if len(days) > 1 else f"On {last}"
        told.append([f"{many}, {words}."])
    return told


def sentences(evidence: Evidence) -> list[str]:
    """What one witness says. Nothing where it was erased."""
    if not evidence.body:
        return [f"{day(evidence.at_ms)}: {evidence.code}; what it was about was erased."]
    return {"plays": _plays, "habits": _habit, "group": _group}[evidence.family](evidence)


def _plays(evidence: Evidence) -> list[str]:
    body = evidence.body
    fresh, today = body["fresh_today"], body["plays_today"]
    new = f"{fresh:,} of the {today:,} tracks it played that day were new to it{_how_rare(body)}"
    more = f"more than {body['threshold']:.1f}, which people who play as much do not reach"
    rare = sum(body["by_popularity"][_RARE_FROM_BUCKET:])
    return [
        f"{moment(evidence.at_ms)}: {new}.",
        f"What it played weighs {body['weight']:.1f} against it, {more}.",
        f"Of all tracks new to it, {rare:.0%} are outside the tenth that people hear most, or nearly so.",
    ]


def _how_rare(body: Mapping[str, Any]) -> str:
    if body["days_known"] < 1000:
        return ""
    if body["days_with_more"] > 0.01:
        return f"; on {body['days_with_more']:.0%} of days people here hear as many"
    often = "none" if body["days_with_more"] == 0 else f"1 in {1 / body['days_with_more']:,.0f}"
    most = f"1 in 1,000 has more than {body['usual_most']:.0f}"
    return f"; {often} of {body['days_known']:,.0f} days of people here has as many, and {most}"


def _habit(evidence: Evidence) -> list[str]:
    words = SIGNALS[evidence.code].words.format(value=evidence.body["value"])
    return [f"{day(evidence.at_ms)}: {words}."]


def _group(evidence: Evidence) -> list[str]:
    body = evidence.body
    sure = "certain" if body["certain"] else "not certain"
    chance = f"People who choose for themselves would have met {body['expected']:,.0f} times on a track"
    return [
        f"{day(evidence.at_ms)}: {body['members']:,} accounts leave tracks to each other.",
        f"{chance}; these met {body['met']:,.0f} times, and had {body['tracks']:,} tracks between them.",
        f"That it is one of them is {sure}.",
    ]


def sanction_words(sanction: Sanction) -> str:
    """A stage, who decided it and until when."""
    until = "until it is undone" if sanction.until_ms is None else f"until {moment(sanction.until_ms)}"
    lifted = f"; lifted {moment(sanction.lifted_ms)} by {sanction.lifted_by}" if sanction.lifted_ms else ""
    who = f"by {sanction.decided_by} ({sanction.because})"
    return f"{moment(sanction.from_ms)}: {STAGE_WORDS[sanction.stage]} {until}, {who}{lifted}"


def effect(stage: Stage) -> str:
    """What a stage means for an account, in a sentence."""
    return {
        Stage.FREE: "Nothing is held back.",
        Stage.THROTTLED: "Few tracks a day that are new to the account are given; all it had before is free.",
        Stage.CHALLENGED: "No track that is new to it is given until a person says that they listen.",
        Stage.SUSPENDED: "No music is given; pages, the account and its data remain.",
        Stage.DISABLED: "The account is not let in.",
    }[stage]


def state_words(case: Case, now_ms: int) -> str:
    """How a case stands."""
    if case.state == "noted":
        return "only noted"
    if case.state != "open":
        return case.state
    if case.waits:
        return "waits for a reviewer" if case.waits == "appeal" else f"proposed: {STAGE_WORDS[case.proposal]}"
    if case.shadow:
        return "only watched"
    return STAGE_WORDS[case.stage(now_ms)]


def day(at_ms: int) -> str:
    """The day, in UTC."""
    return dt.datetime.fromtimestamp(at_ms // DAY_MS * DAY_MS / 1000, dt.UTC).strftime("%Y-%m-%d")


def moment(at_ms: int) -> str:
    """Day and minute, in UTC."""
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M")
