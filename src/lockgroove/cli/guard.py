"""`lockgroove guard`."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

import click

from lockgroove.cli import guarddesk, guardleak
from lockgroove.cli.door import Door, many, verb

if TYPE_CHECKING:
    from lockgroove.campaigns.replaying import Told
    from lockgroove.guard.groups import Group
    from lockgroove.guard.replay import Suspect

_SHOWN = 20


@click.group(name="guard")
def command() -> None:
    """Who takes more than people do, alone or together, and why."""


@verb
@click.argument("logs", metavar="LOG…", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--map",
    "mapping",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="What the log means, in TOML.",
)
@click.option(
    "--tracks", type=click.IntRange(0), default=0, help="How many tracks there are, if the log met few."
)
@click.option(
    "--engine", metavar="URL", help="Go over tables in batch: duckdb, spark://HOST:PORT, or spark-local."
)
@click.option(
    "--sketches",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True),
    help="Write who was given how much as sketches that add up (guard leak --sketches); with --engine.",
)
def replay(
    door: Door,
    logs: tuple[str, ...],
    mapping: str | None,
    tracks: int,
    engine: str | None,
    sketches: str | None,
) -> None:
    """Play logs of a service again, and say who in them takes more than people do. Nothing is decided.

    Reads logs of nginx, Apache and Caddy (combined or JSON lines, OpenSubsonic calls too) as they are, and
    tables in CSV or Parquet with a mapping (docs/guides/guard.md). Logs are taken in the order given. Names
    are forgotten but for those of accounts that stand out.

    With an engine, habits and groups are sought in batch, for more accounts than fit in memory; what plays
    weigh is not asked. All machines of a cluster must see this archive's folder, or the current one.

    Exit codes: 0 nobody stands out; 1 nobody could be judged; 2 nothing can be read, nothing is a play, or a
    mapping is missing or wrong; 3 somebody does.
    """
    from lockgroove.campaigns.replaying import analyse, replay_logs
    from lockgroove.errors import UsageError
    from lockgroove.guard.logs import LogMap, read_log_map

    if sketches and engine is None:
        raise click.UsageError("Sketches are made in batch: say --engine duckdb, or a cluster's address.")
    if sketches and any(_is_same(sketches, path) for path in (*logs, *filter(None, [mapping]))):
        raise click.UsageError("--sketches names one of the files that are read.")
    _require_distinct(logs)
    log_map = LogMap()
    if mapping is not None:
        with open(mapping, "rb") as file:
            log_map = read_log_map(file.read(), mapping)
    if engine is None:
        told = replay_logs(logs, log_map, _key(door), door.report, tracks)
    else:
        scratch = door.path if engine.startswith("spark") else None
        told = analyse(logs, log_map, _key(door), door.report, engine, scratch, sketches or "")
    if not told.counts.events:
        raise UsageError(
            "Nothing in this log can be read as an event", ", ".join(logs), "Does it need --map?"
        )
    if not told.replayed.plays:
        raise UsageError(
            f"None of {told.counts.events:,} events is a play of a track", ", ".join(logs),
            "Which paths are, says --map with [[paths]]: docs/guides/guard.md.",
        )  # fmt: skip
    _say_what_was_read(door, told)
    if door.as_json:
        for number, group in enumerate(told.replayed.groups):
            door.item(_group_as_json(number, group), "")
        for suspect in told.replayed.suspects:
            door.item(_as_json(suspect, _name(told, suspect)), "")
    else:
        _say_who(door, told)
    found, counts, played = told.replayed.suspects, told.counts, told.replayed
    ended = 3 if any(suspect.families for suspect in found) else 0 if _could_judge(told) else 1
    door.close(
        ended, read=counts.read, events=counts.events, unreadable=counts.unreadable,
        accounts=played.accounts, plays=played.plays, tracks=played.tracks,
        account_days=played.account_days, groups=len(played.groups), suspects=len(found),
        proposals=dict(Counter(suspect.proposal for suspect in found)),
        switched_off=dict(played.switched_off), calibrated=played.calibrated, leak=dict(told.leak),
    )  # fmt: skip


def _is_same(one: str, other: str) -> bool:
    import os

    return os.path.exists(one) and os.path.samefile(one, other)


def _require_distinct(logs: tuple[str, ...]) -> None:
    """Whoever's plays are told twice seems to hear everything again, which speaks for them."""
    import os
    from itertools import combinations

    from lockgroove.durable import same_bytes

    sizes = {path: os.path.getsize(path) for path in logs}
    for one, other in combinations(logs, 2):
        if sizes[one] and sizes[one] == sizes[other] and (one == other or same_bytes(one, other)):
            raise click.UsageError(f"{one} and {other} are the same log: its plays would count twice.")


def _key(door: Door) -> bytes:
    """The archive's key for digests; of its own where there is no archive."""
    import os
    import secrets

    from lockgroove import keys

    folder = f"{door.path}/keys"
    return keys.digest_key(folder) if os.path.isdir(folder) else secrets.token_bytes(32)


def _say_what_was_read(door: Door, told: Told) -> None:
    played, counts = told.replayed, told.counts
    refused = f"{counts.unreadable:,} could not be read"
    door.say(f"Read {many(counts.read, 'line')}: {many(counts.events, 'event')}; {refused}.")
    span = f", {_day(played.first_ms)} to {_day(played.last_ms)}" if played.plays else ""
    met = f"{many(played.accounts, 'account')}, {many(played.tracks, 'track')}"
    door.say(f"{met}, {many(played.plays, 'play')}{span}.")
    if counts.without_account:
        nameless = f"{many(counts.without_account, 'event')} of nobody by name"
        door.say(f"{nameless}: a network and a program stand for an account there.")
    for code, needs in played.switched_off.items():
        why = (
            "run without --engine for that"
            if code == "plays"
            else f"the log does not tell {', '.join(needs)}"
        )
        door.say(f"Not judged by {code}: {why}.")
    for kind, tracks in told.leak.items():
        if tracks:
            door.say(f"At the most, one {kind} was given {many(tracks, 'track')}.")


def _say_who(door: Door, told: Told) -> None:
    played = told.replayed
    for number, group in enumerate(played.groups, 1):
        shared = f"{many(len(group.members), 'account')} with {many(group.tracks, 'track')} between them"
        met = f"They met {many(round(group.met.observed), 'time')}"
        door.say(
            f"\nGroup {number}: {shared}.\n    {met}, where {round(group.met.expected):,} would be chance."
        )
    for suspect in played.suspects[:_SHOWN]:
        took = f"{many(suspect.plays, 'play')}, {suspect.fresh:,} of them new to it"
        door.say(f"\n{_name(told, suspect)}: {took}. Proposal: {suspect.proposal}.")
        for reason in _reasons(suspect):
            door.say(f"    {reason}")
    if len(played.suspects) > _SHOWN:
        door.say(f"\n… and {len(played.suspects) - _SHOWN:,} more; --json lists them all.")
    if not _could_judge(told):
        door.say("Nobody could be judged by what this log tells.")
    elif not played.suspects:
        door.say("Nobody stands out.")


def _could_judge(told: Told) -> bool:
    """Whether anything at all was asked of the accounts."""
    from lockgroove.guard.signals import SIGNALS

    return not {*SIGNALS, "plays", "groups"} <= set(told.replayed.switched_off)


def _name(told: Told, suspect: Suspect) -> str:
    return told.names.get(suspect.account) or f"{suspect.account:016x}"


def _reasons(suspect: Suspect) -> list[str]:
    """Why, in plain words."""
    from lockgroove.guard.signals import SIGNALS

    reasons = []
    if suspect.alarms:
        first = suspect.alarms[0]
        passed = f"what it played weighed more than {first.threshold:.0f} against it"
        reasons.append(f"{_moment(first.ts_ms)}: {passed}, which people here do not reach.")
    for code in sorted({signal.code for signal in suspect.signals}):
        of_code = [signal for signal in suspect.signals if signal.code == code]
        most = max(of_code, key=lambda signal: signal.value)
        reasons.append(f"On {many(len(of_code), 'day')}, {SIGNALS[code].words.format(value=most.value)}.")
    if suspect.group is not None:
        reasons.append(f"It is of group {suspect.group + 1}.")
    return reasons


def _as_json(suspect: Suspect, name: str) -> dict[str, object]:
    return {
        "account": name, "plays": suspect.plays, "fresh": suspect.fresh, "proposal": suspect.proposal,
        "families": suspect.families, "group": suspect.group, "reasons": _reasons(suspect),
        "alarms": [vars(alarm) for alarm in suspect.alarms],
        "signals": [
            {"day": _day(s.day * 86_400_000), "code": s.code, "value": s.value} for s in suspect.signals
        ],
    }  # fmt: skip


def _group_as_json(number: int, group: Group) -> dict[str, object]:
    return {
        "group": number, "members": len(group.members), "certain": len(group.certain), "tracks": group.tracks,
        "met": group.met.observed, "chance": group.met.expected, "chance_least": group.met.least,
        "score": group.score,
    }  # fmt: skip


def _day(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d")


def _moment(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M")


command.add_command(replay)
for one in (*guarddesk.VERBS, guardleak.leak):
    command.add_command(one)
