"""Accounts, and what may be done with them. Every change is written down with who made it.

A name is for people and stays in this room. Elsewhere an account is its number, drawn at random.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lockgroove.errors import Refused, UsageError
from lockgroove.people import secretkeys, store

# What each role may ask for. Whoever has no key is a visitor.
SCOPES = ("read", "stream", "operate")
ROLES = {
    "visitor": ("read", "stream"),
    "member": ("read", "stream"),
    "researcher": ("read", "stream"),
    "operator": ("read", "stream", "operate"),
}
GRANTS = ("research", "mirror")
_NAME_LETTERS_MAX = 100
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Account:
    """An account as its operator sees it."""

    number: int
    name: str
    role: str
    created_ms: int
    disabled_ms: int | None = None
    disabled_because: str | None = None
    keys: int = 0
    grants: Sequence[Grant] = ()


@dataclass(frozen=True)
class Grant:
    """Leave to take more than others, for a purpose and a time."""

    number: int
    kind: str
    because: str
    granted_by: str
    until_ms: int


@dataclass(frozen=True)
class Asker:
    """Who asks, as other rooms know them: number 0 is a visitor without an account."""

    account: int
    key: int
    role: str
    scopes: frozenset[str]
    created_ms: int
    grant: str = ""

    def may(self, scope: str) -> bool:
        """Whether what the role and the key allow has this in it."""
        return scope in self.scopes or (scope == "read" and "operate" in self.scopes)


VISITOR = Asker(0, 0, "visitor", frozenset(ROLES["visitor"]), 0)


class People:
    """The accounts of an archive. Durable when a call returns; in a rehearsal nothing outlives `close`."""

    def __init__(
        self, db: sqlite3.Connection, clock: Callable[[], float] = time.time, rehearsal: bool = False
    ) -> None:
        self._db = db
        self._clock = clock
        self._rehearsal = rehearsal
        if rehearsal:
            db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def add(self, name: str, role: str, who: str) -> Account:
        """A new account. Raises UsageError for a name that is taken or cannot be one."""
        folded = _folded(name)
        if ":" in name:  # where browsers put the key
            raise UsageError("A name cannot have a colon in it", name, "Choose another.")
        if role not in ROLES or role == "visitor":
            raise UsageError("There is no such role", role, "Roles: member, researcher, operator.")
        with self._writing():
            if self._db.execute("SELECT 1 FROM accounts WHERE folded = ?", [folded]).fetchone():
                raise UsageError(
                    "There is an account of this name", name, "Choose another, or see: account list"
                )
            number = self._new_number()
            row = (number, unicodedata.normalize("NFC", name.strip()), folded, role, self._now())
            self._db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, NULL, NULL)", row)
            self._write_down(who, "added", number, role)
        return self.named(name)

    def named(self, name: str) -> Account:
        """The account of a name, upper and lower case being one. Raises UsageError."""
        found = self._where("folded = ?", _folded(name))
        if not found:
            raise UsageError("There is no account of this name", name, "See: lockgroove account list")
        return found[0]

    def all(self) -> list[Account]:
        """Every account, in the order of names."""
        return self._where("TRUE")

    def _where(self, condition: str, *bound: str) -> list[Account]:
        now = self._now()
        rows = self._db.execute(
            "SELECT number, name, role, created_ms, disabled_ms, disabled_because,"
            " (SELECT count(*) FROM keys k WHERE k.account = a.number AND revoked_ms IS NULL"
            f"  AND coalesce(until_ms > ?, TRUE)) FROM accounts a WHERE {condition} ORDER BY folded",
            [now, *bound],
        ).fetchall()
        return [replace(Account(*row), grants=self._grants_of(row[0], now)) for row in rows]

    def make_key(
        self, name: str, label: str, who: str, scopes: Sequence[str] = (), days: int | None = None
    ) -> str:
        """A new key of an account, to be shown once. Raises UsageError, Refused for a disabled account."""
        account = self.named(name)
        allowed = ROLES[account.role]
        chosen = tuple(scopes) or allowed
        if beyond := sorted(set(chosen) - set(allowed)):
            raise UsageError(
                f"A {account.role} may not {beyond[0]}",
                name,
                f"Scopes of a {account.role}: {', '.join(allowed)}.",
            )
        if account.disabled_ms is not None:
            raise Refused("The account is disabled", name, f"Bring it back: lockgroove account enable {name}")
        text = secretkeys.make()
        with self._writing():
            query = "SELECT coalesce(max(number), 0) + 1 FROM keys WHERE account = ?"
            number = self._db.execute(query, [account.number]).fetchone()[0]
            until = None if days is None else self._now() + days * _DAY_MS
            row = [
                secretkeys.digest(text),
                account.number,
                number,
                label,
                " ".join(chosen),
                self._now(),
                until,
            ]
            self._db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", row)
            self._write_down(who, "key made", account.number, f"{number} {label}".strip())
        return text

    def revoke_keys(self, name: str, who: str) -> int:
        """End all keys of an account; how many there were."""
        account = self.named(name)
        with self._writing():
            query = "UPDATE keys SET revoked_ms = ? WHERE account = ? AND revoked_ms IS NULL"
            ended = self._db.execute(query, [self._now(), account.number]).rowcount
            self._write_down(who, "keys revoked", account.number, str(ended))
        return ended

    def disable(self, name: str, because: str, who: str) -> Account:
        """Let nobody in under this account until `enable`; nothing of it is removed."""
        account = self.named(name)
        with self._writing():
            query = "UPDATE accounts SET disabled_ms = ?, disabled_because = ? WHERE number = ?"
            self._db.execute(query, [self._now(), because, account.number])
            self._write_down(who, "disabled", account.number, because)
        return self.named(name)

    def enable(self, name: str, because: str, who: str) -> Account:
        """Undo `disable`."""
        account = self.named(name)
        with self._writing():
            query = "UPDATE accounts SET disabled_ms = NULL, disabled_because = NULL WHERE number = ?"
            self._db.execute(query, [account.number])
            self._write_down(who, "enabled", account.number, because)
        return self.named(name)

    def grant(self, name: str, kind: str, because: str, days: int, who: str) -> Grant:
        """Leave to take more. Raises UsageError for a kind that there is not, or no time."""
        account = self.named(name)
        if kind not in GRANTS or days < 1:
            raise UsageError(
                "A grant is for research or for a mirror, and for days", kind, "--kind research --days 90"
            )
        now = self._now()
        until = now + days * _DAY_MS
        with self._writing():
            row = [account.number, kind, because, who, now, until]
            query = (
                "INSERT INTO grants (account, kind, because, granted_by, created_ms, until_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)"
            )
            number = int(self._db.execute(query, row).lastrowid or 0)
            self._write_down(who, "granted", account.number, f"{kind}: {because}")
        return Grant(number, kind, because, who, until)

    def end_grants(self, name: str, who: str) -> int:
        """End what was granted to an account; how many grants there were."""
        account = self.named(name)
        with self._writing():
            query = "UPDATE grants SET ended_ms = ? WHERE account = ? AND ended_ms IS NULL AND until_ms > ?"
            ended = self._db.execute(query, [self._now(), account.number, self._now()]).rowcount
            self._write_down(who, "grants ended", account.number, str(ended))
        return ended

    def ask(self, text: str) -> Asker | None:
        """Who proves themselves with a key; None where it proves nothing (wrong, ended, disabled)."""
        digest = secretkeys.digest(text)
        if digest is None:
            return None
        now = self._now()
        row = self._db.execute(
            "SELECT a.number, k.number, a.role, k.scopes, a.created_ms FROM keys k"
            " JOIN accounts a ON a.number = k.account WHERE k.digest = ? AND disabled_ms IS NULL"
            " AND revoked_ms IS NULL AND coalesce(until_ms > ?, TRUE)",
            [digest, now],
        ).fetchone()
        if row is None:
            return None
        account, key, role, scopes, created = row
        asker = Asker(account, key, role, frozenset(scopes.split()) & set(ROLES[role]), created)
        granted = self._grants_of(account, now)
        return replace(asker, grant=f"{granted[0].kind}:{granted[0].number}") if granted else asker

    def stamp(self) -> int:
        """A number that another one follows whenever anything here changes."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM acts").fetchone()[0])

    def acts(self) -> Iterator[tuple[int, str, str, int | None, str]]:
        """What was done, oldest first: when, by whom, what, to which account, and the detail."""
        yield from self._db.execute("SELECT at_ms, who, act, account, detail FROM acts ORDER BY number")

    def _grants_of(self, account: int, now_ms: int) -> list[Grant]:
        query = (
            "SELECT number, kind, because, granted_by, until_ms FROM grants"
            " WHERE account = ? AND ended_ms IS NULL AND until_ms > ? ORDER BY number"
        )
        return [Grant(*row) for row in self._db.execute(query, [account, now_ms])]

    def _new_number(self) -> int:
        """63 random bits, so that a number tells neither age nor how many there are."""
        while True:
            number = secrets.randbits(63)
            taken = self._db.execute("SELECT 1 FROM accounts WHERE number = ?", [number]).fetchone()
            if number and not taken:
                return number

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _write_down(self, who: str, act: str, account: int, detail: str) -> None:
        row = [self._now(), who, act, account, detail]
        self._db.execute("INSERT INTO acts (at_ms, who, act, account, detail) VALUES (?, ?, ?, ?, ?)", row)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._rehearsal:
            yield  # within the one transaction that is never committed
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def open_people(root: str, rehearsal: bool = False) -> People:
    """The accounts of the archive at `root`."""
    return People(store.connect(root), rehearsal=rehearsal)


def _folded(name: str) -> str:
    """What makes two names one. Raises UsageError for what cannot be a name."""
    folded = unicodedata.normalize("NFKC", name).strip().casefold()
    if not folded or len(folded) > _NAME_LETTERS_MAX or not folded.isprintable():
        raise UsageError(
            "This cannot be an account's name",
            repr(name)[:60],
            f"1 to {_NAME_LETTERS_MAX} printable letters.",
        )
    return folded
