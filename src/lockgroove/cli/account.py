"""`lockgroove account`."""

import dataclasses
import getpass
import time

import click

from lockgroove.cli.door import Door, many, verb

_DRY = click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
_WHO = click.option("--by", default=getpass.getuser, show_default="your log-in name", help="Who does it.")


@click.group(name="account")
def command() -> None:
    """Who comes in: accounts, their keys, and grants to take more."""


@verb
@click.argument("name")
@click.option(
    "--role", default="member", show_default=True, type=click.Choice(["member", "researcher", "operator"])
)
@_WHO
@_DRY
def add(door: Door, name: str, role: str, by: str, dry_run: bool) -> None:
    """Make an account. A researcher needs a grant besides.

    Exit codes: 0 made; 2 the name is taken, or cannot be one.
    """
    with door.open() as archive, archive.people(dry_run) as people:
        account = people.add(name, role, by)
    next_key = f"lockgroove account key {_quoted(account.name)}"
    _say(
        door,
        f"{account.name} is {'an' if role == 'operator' else 'a'} {role} now. Next, a key: {next_key}",
        dry_run,
    )
    if role == "researcher":
        door.say(f"and a grant: lockgroove account grant {_quoted(name)} --because …")
    door.close(account=_number(account.number), role=role, dry_run=dry_run)


@verb
@click.argument("name")
@click.option("--label", default="", help="What it is for, such as the name of a device.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "stream", "operate"]),
    help="What it opens; say it once for each. Else all that the role may.",
)
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it is good; else until it is revoked.")
@click.option("--revoke", is_flag=True, help="Make none, and end all that the account has.")
@_WHO
@_DRY
def key(
    door: Door,
    name: str,
    label: str,
    scopes: tuple[str, ...],
    days: int | None,
    revoke: bool,
    by: str,
    dry_run: bool,
) -> None:
    """Make a key of an account and print it, once: it is kept nowhere as it is.

    Whoever asks with it is this account: `Authorization: Bearer KEY`, or name and key in a browser's log-in.

    Exit codes: 0 made; 2 no such account, or its role may not do that; 5 the account is disabled.
    """
    with door.open() as archive, archive.people(dry_run) as people:
        if revoke:
            ended = people.revoke_keys(name, by)
            _say(door, f"{many(ended, 'key')} of {name} will open nothing any more.", dry_run)
            door.close(revoked=ended, dry_run=dry_run)
            return
        made = people.make_key(name, label, by, scopes, days)
    if dry_run:
        _say(door, f"{name} has another key now.", dry_run)
    else:
        door.item({"key": made}, made)
    door.close(dry_run=dry_run)


@verb
@click.argument("name")
@click.option("--kind", default="research", show_default=True, type=click.Choice(["research", "mirror"]))
@click.option("--because", help="The purpose; it is kept.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650))
@click.option("--end", is_flag=True, help="Grant nothing, and end what was granted.")
@_WHO
@_DRY
def grant(
    door: Door, name: str, kind: str, because: str | None, days: int, end: bool, by: str, dry_run: bool
) -> None:
    """Let an account take more than others, for a purpose and a time. What it takes is still written down.

    Exit codes: 0 granted; 2 no such account, or no purpose.
    """
    with door.open() as archive, archive.people(dry_run) as people:
        if end:
            ended = people.end_grants(name, by)
            _say(door, f"{many(ended, 'grant')} of {name} ended.", dry_run)
            door.close(ended=ended, dry_run=dry_run)
            return
        if not because:
            raise click.UsageError("A grant has a purpose: --because …")
        made = people.grant(name, kind, because, days, by)
    _say(door, f"{name} may take what {kind} needs until {_day(made.until_ms)}.", dry_run)
    door.close(grant=made.number, until_ms=made.until_ms, dry_run=dry_run)


@verb
def list_(door: Door) -> None:
    """List the accounts.

    Exit codes: 0 listed.
    """
    with door.open() as archive, archive.people() as people:
        accounts = people.all()
    for account in accounts:
        state = "" if account.disabled_ms is None else f"  disabled: {account.disabled_because}"
        grants = "".join(f"  {g.kind} until {_day(g.until_ms)}" for g in account.grants)
        text = f"{account.name:24} {account.role:10} {many(account.keys, 'key')}{grants}{state}"
        door.item({**dataclasses.asdict(account), "number": _number(account.number)}, text)
    if not accounts:
        door.say("There are no accounts: everybody is a visitor. Make one: lockgroove account add NAME")
    door.close(accounts=len(accounts))


@verb
@click.argument("name")
@click.option("--because", required=True, help="Your reason; it is kept.")
@_WHO
@_DRY
def disable(door: Door, name: str, because: str, by: str, dry_run: bool) -> None:
    """Let nobody in under an account, until `enable`. Nothing of it is removed.

    Exit codes: 0 disabled; 2 no such account.
    """
    with door.open() as archive, archive.people(dry_run) as people:
        account = people.disable(name, because, by)
    undo = f"lockgroove account enable {_quoted(account.name)} --because …"
    _say(door, f"{account.name} is disabled. Undo it: {undo}", dry_run)
    door.close(account=_number(account.number), dry_run=dry_run)


@verb
@click.argument("name")
@click.option("--because", required=True, help="Your reason; it is kept.")
@_WHO
@_DRY
def enable(door: Door, name: str, because: str, by: str, dry_run: bool) -> None:
    """Let an account in again, with the keys it had.

    Exit codes: 0 enabled; 2 no such account.
    """
    with door.open() as archive, archive.people(dry_run) as people:
        account = people.enable(name, because, by)
    _say(door, f"{account.name} is let in again, with {many(account.keys, 'key')}.", dry_run)
    door.close(account=_number(account.number), dry_run=dry_run)


def _say(door: Door, text: str, dry_run: bool) -> None:
    door.say(f"{text}{'  (tried only: nothing was changed)' if dry_run else ''}")


def _number(account: int) -> str:
    return f"{account:016x}"


def _day(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000))


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)


for one in (add, key, grant, disable, enable):
    command.add_command(one)
command.add_command(list_, "list")
