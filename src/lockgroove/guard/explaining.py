"""Evidence in plain words, for whom it concerns and for who decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lockgroove.guard.casefile import Case, Evidence, Sanction
from lockgroove.guard.hot import DAY_MS
from lockgroove.guard.sanctions import STAGE_WORDS, Stage
from lockgroove.guard.signals import SIGNALS

_RARE_FROM_BUCKET = 5  # outside the most heard tenth of the catalogue, nearly


def paragraphs(evidence: Sequence[Evidence]) -> list[list[str]]:
    """What all witnesses say: each a paragraph, what was said on several days in one."""
    kept = [one for one in evidence if one.body]
    told = [sentences(one) for one in evidence if not one.body]
    plays = [one for one in kept if one.family == "plays"]
    groups = [one for one in kept if one.family == "group"]
    told += _once(plays, lambda one: (float(one.body["weight"]),))
    told += _once(groups, lambda one: (bool(one.body["certain"]), one.at_ms))  # what a proposal rests on
    habits = [one for one in kept if one.family == "habits"]
    for code in sorted({one.code for one in habits}):
        days = [one for one in habits if one.code == code]
        most = max(days, key=lambda one: float(one.body["value"]))
        words, last = SIGNALS[code].words.format(value=most.body["value"]), day(days[-1].at_ms)
        many = f"On {len(days)} days, the last {last}" if len(days) > 1 else f"On {last}"
        told.append([f"{many}, {words}."])
    return told


def _once(alike: Sequence[Evidence], weight: Callable[[Evidence], tuple[float, ...]]) -> list[list[str]]:
    """Of what was said again and again the weightiest, and how often it was said."""
    if not alike:
        return []
    most = max(alike, key=weight)
    days = {day(one.at_ms) for one in alike} - {day(most.at_ms)}
    others = "1 other day" if len(days) == 1 else f"{len(days)} other days"
    more = [f"Likewise on {others}, the last {max(days)}."] if days else []
    return [[*sentences(most), *more]]


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


def heaviest(evidence: Sequence[Evidence], shown: int) -> list[Mapping[str, Any]]:
    """The plays that weighed most, the heaviest first."""
    plays = [play for one in evidence for play in (one.body or {}).get("heaviest", ())]
    return sorted(plays, key=lambda play: -play["weight"])[:shown]


def play_words(play: Mapping[str, Any], titles: Mapping[int, str]) -> str:
    """One of them: when, what, and how much."""
    what = titles.get(int(play["track"], 16), f"track {play['track']}")
    return f"{moment(play['at_ms'])}  {what}, {play['weight']:+.1f}"


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
