"""`lockgroove guard status|cases|explain|decide|appeal|history|erase`: the operators' desk."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from lockgroove.cli.door import Door, many, verb

if TYPE_CHECKING:
    from lockgroove.campaigns.watching import Named

_WHO = click.option("--by", default=getpass.getuser, show_default="your log-in name", help="Who does it.")
_DRY = click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
_CASE = click.argument("number", metavar="CASE", type=click.IntRange(1))
_HEAVIEST_SHOWN = 5
_STAGES = {"free": 0, "slow-down": 1, "challenge": 2, "suspend": 3, "disable": 4}


@verb
def status(door: Door) -> None:
    """How the guard is: at work or not, what waits for a person, and whether its docket holds.

    Exit codes: 0 all is well; 3 something waits for a person; 4 the docket does not hold.
    """
    from lockgroove.guard.explaining import day, moment
    from lockgroove.guard.live import is_watched

    with door.open() as archive, archive.desk() as desk:
        cases, memory = desk.cases, desk.memory()
        waiting = [case for case in cases.all("open") if case.waits]
        broken, until, now = cases.broken_at(), cases.shadow_until_ms, cases.now_ms()
        tally, head, watched = cases.tally(), cases.head().hex(), is_watched(desk.root)
        settings = desk.settings
    state = "is at work" if watched else "is not at work: nobody serves this archive"
    door.say(f"The guard {state}." if settings.on else "The guard is switched off: [guard] on.")
    if settings.observe or until > now:
        door.say(
            "It only watches" + (f" until {moment(until)} UTC." if until > now else ": [guard] observe.")
        )
    own = f"set by this archive's own days on {day(memory.calibrated_day * 86_400_000)}"
    door.say(f"Thresholds are {own if memory.calibrated_day else 'those that were shipped'}.")
    seen = many(memory.watch.accounts.count, "account")
    door.say(f"It remembered {seen}, when it last saved, and {memory.customs.days:,.0f} account-days.")
    states = [f"{count:,} {word}" for word, count in sorted(tally.items()) if not word.startswith("appeals")]
    door.say(f"Cases: {', '.join(states) or 'none'}.")
    door.say(f"Appeals: {tally['appeals upheld']:,} upheld, {tally['appeals rejected']:,} rejected.")
    if waiting:
        door.say(f"{many(len(waiting), 'case')} for a person to decide: lockgroove guard cases --waiting")
    holds = "holds" if broken is None else f"does not hold, from line {broken} on"
    door.say(f"The docket {holds}; its last value is {head[:16]}….")
    door.close(
        4 if broken is not None else 3 if waiting else 0, at_work=watched, waiting=len(waiting), tally=tally,
        docket_head=head, docket_broken_at=broken, shadow_until_ms=until,
        calibrated_day=memory.calibrated_day,
    )  # fmt: skip


@verb
@click.option("--waiting", is_flag=True, help="Only those that wait for a person.")
@click.option("--all", "everything", is_flag=True, help="Also those that were closed.")
def cases(door: Door, waiting: bool, everything: bool) -> None:
    """List the cases, the newest first. What was only noted, odd habits, comes with --all.

    Exit codes: 0 listed.
    """
    from lockgroove.guard.explaining import day, state_words

    with door.open() as archive, archive.desk() as desk:
        found = desk.named(desk.cases.all(None if everything else "open"))
        now = desk.cases.now_ms()
    found = [one for one in found if one.case.waits or not waiting]
    for one in found:
        case = one.case
        why, state = "+".join(sorted(case.families)), state_words(case, now)
        text = f"{case.number:>5}  {day(case.opened_ms)}  {one.name:32} {why:20} {state}"
        door.item(_as_json(one, now), text)
    if not found:
        door.say("There are no such cases.")
    door.close(cases=len(found))


@verb
@_CASE
def explain(door: Door, number: int) -> None:
    """Say what a case is about, in words: evidence, what followed, appeals.

    Exit codes: 0 told; 2 no such case.
    """
    from lockgroove.guard import explaining

    with door.open() as archive, archive.desk() as desk:
        one = desk.named([desk.cases.case(number)])[0]
        now, case = desk.cases.now_ms(), one.case
        plays = desk.heaviest(case, _HEAVIEST_SHOWN)
    if door.as_json:
        door.item(_as_json(one, now) | _in_full(one), "")
    door.say(f"Case {number}, {one.name}: {explaining.state_words(case, now)}.")
    door.say(f"Opened {explaining.moment(case.opened_ms)} UTC by rules of version {case.rules}.")
    if case.shadow:
        door.say("It only watches: nothing follows from it.")
    for told in explaining.paragraphs(case.evidence):
        door.say("\n" + "\n".join(f"  {line}" for line in told))
    if plays:
        door.say("\n  What weighed most:")
    for play in plays:
        door.say(f"    {play}")
    for sanction in case.sanctions:
        door.say(f"\n  {explaining.sanction_words(sanction)}")
    for appeal in case.appeals:
        door.say(f"\n  Appeal of {explaining.moment(appeal.at_ms)}: {appeal.words or '(no words)'}")
        if appeal.decided_ms:
            door.say(
                f"  {'Upheld' if appeal.upheld else 'Rejected'} by {appeal.decided_by}: {appeal.because}"
            )
    door.close(case=number)


@verb
@_CASE
@click.option(
    "--as",
    "stage",
    type=click.Choice(sorted(_STAGES, key=_STAGES.__getitem__)),
    help="What the account is from now on.",
)
@click.option("--appeal", type=click.Choice(["upheld", "rejected"]), help="What becomes of the appeal.")
@click.option("--because", required=True, help="Your reason; it is kept and told to whom it concerns.")
@_WHO
def decide(door: Door, number: int, stage: str | None, appeal: str | None, because: str, by: str) -> None:
    """Decide a case, or an appeal. `--as free` dismisses a case and lifts all.

    To suspend or disable takes two kinds of witnesses, or a certain place in a group. Whoever decided a case
    does not decide the appeal against it.

    Exit codes: 0 decided; 2 no such case, or nothing to decide; 5 the evidence does not carry it, or it is
    not yours to decide.
    """
    from lockgroove.guard import explaining
    from lockgroove.guard.sanctions import Stage

    if (stage is None) == (appeal is None):
        raise click.UsageError("Say either --as or --appeal.")
    with door.open() as archive, archive.desk() as desk:
        if stage is not None:
            case = desk.decide(number, Stage(_STAGES[stage]), by, because)
        else:
            case = desk.review(number, appeal == "upheld", by, because)
        one, now = desk.named([case])[0], desk.cases.now_ms()
    door.say(f"Case {number}, {one.name}: {explaining.state_words(case, now)}.")
    door.say(explaining.effect(case.stage(now)))
    door.close(0, **_as_json(one, now))


@verb
@_CASE
@click.option("--words", default="", help="What is said against the case.")
def appeal(door: Door, number: int, words: str) -> None:
    """Enter an appeal that came by letter or telephone. At /account it is one click.

    Exit codes: 0 entered; 2 no such case; 5 there is one already.
    """
    with door.open() as archive, archive.desk() as desk:
        desk.cases.appeal(number, words)
    who = f"Somebody who did not decide case {number} decides it"
    door.say(f"Entered. {who}: lockgroove guard decide {number} --appeal …")
    door.close(case=number)


@verb
@click.argument("name")
def history(door: Door, name: str) -> None:
    """Print all that the guard keeps of an account, as JSON lines: for whom it concerns.

    Exit codes: 0 printed; 2 no such account.
    """
    import json

    count = 0
    with door.open() as archive, archive.desk() as desk:
        for item in desk.history(desk.digest(name)):
            door.item(item, json.dumps(item, ensure_ascii=False))
            count += 1
    door.close(items=count)


@verb
@click.argument("name")
@_DRY
def erase(door: Door, name: str, dry_run: bool) -> None:
    """Forget what an account did: events, memory, and what cases tell. The docket's chain still holds.

    That there were cases, and stages that hold, remain. The account itself remains: lockgroove account.

    Exit codes: 0 forgotten; 1 the process that guards has not done it yet, and will; 2 no such account.
    """
    with door.open() as archive, archive.desk() as desk:
        account = desk.digest(name)
        done = dry_run or desk.erase(account)
    if dry_run:
        door.say(f"What {name} did would be forgotten.  (tried only: nothing was changed)")
    elif done:
        door.say(f"What {name} did is forgotten.")
    else:
        door.say("The process that guards the archive will do it; it has not yet.")
    door.close(0 if done else 1, dry_run=dry_run)


def _as_json(one: Named, now_ms: int) -> dict[str, object]:
    from lockgroove.guard.explaining import state_words

    case = one.case
    return {
        "case": case.number, "account": f"{case.account:016x}", "name": one.name, "state": case.state,
        "words": state_words(case, now_ms), "stage": case.stage(now_ms).name.lower(),
        "proposal": case.proposal.name.lower(), "waits_for": case.waits, "families": sorted(case.families),
        "opened_ms": case.opened_ms, "shadow": case.shadow, "rules": case.rules,
    }  # fmt: skip


def _in_full(one: Named) -> dict[str, object]:
    from lockgroove.guard.explaining import sentences

    case = one.case
    return {
        "evidence": [{**vars(e), "words": sentences(e)} for e in case.evidence],
        "sanctions": [vars(s) for s in case.sanctions], "appeals": [vars(a) for a in case.appeals],
    }  # fmt: skip


VERBS = (status, cases, explain, decide, appeal, history, erase)
