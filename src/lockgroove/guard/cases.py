"""Cases: what speaks against an account, what was done about it, by whom, and how it was undone.

Invariant: what is said to hold is on the disk before anybody is refused for it. Every change is a line of the
docket. Nobody reviews an appeal against what they decided themselves.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lockgroove.databases import WAIT_MS
from lockgroove.errors import Refused, UsageError
from lockgroove.guard import docket
from lockgroove.guard.casefile import AUTOMATIC, SPEAKING, Case, Evidence, Sanction, holds
from lockgroove.guard.casestore import SANCTION_COLUMNS, appeal_of, connect, sanction_of, signed, unsigned
from lockgroove.guard.sanctions import (
    DAY_S,
    RULES,
    STAGE_WORDS,
    Policy,
    Stage,
    automatic_stage,
)

_APPEAL_LETTERS_MAX = 5_000
_ERASING_MS = 500


class Cases:
    """All cases of an archive, in one file. May be used by several threads; durable when a call returns."""

    def __init__(
        self, path: str, policy: Policy, clock: Callable[[], float] = time.time, observe: bool = False
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._observe = observe
        self._lock = threading.RLock()
        self._db = connect(path)

    def begin(self) -> None:
        """The rules are at work from now on, if they were not before: their time of watching begins."""
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO rules VALUES (?, ?)", [RULES, self.now_ms()])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _read(self, query: str, *bound: object) -> list[Any]:
        """The rows of an answer. Not while another thread writes: it may yet undo what it does."""
        with self._lock:
            return self._db.execute(query, bound).fetchall()

    def now_ms(self) -> int:
        """The time, as it is written down."""
        return int(self._clock() * 1000)

    @property
    def shadow_until_ms(self) -> int:
        """Until then the rules only watch."""
        rows = self._read("SELECT since_ms FROM rules WHERE version = ?", RULES)
        began = rows[0][0] if rows else self.now_ms()
        return int(began + self._policy.shadow_days * DAY_S * 1000)

    def witness(self, account: int, named: bool, evidence: Sequence[Evidence]) -> Case | None:
        """Take in what speaks against an account; its case, None where nothing of it is new.

        Opens a case where none is open, and does what follows at once. Whoever was proved right by an appeal
        is left alone for a while.
        """
        with self._writing():
            now = self.now_ms()
            if account in self._trusted(now):
                return None
            fresh = [one for one in evidence if not self._knows(account, one)]
            if not fresh:
                return None
            number = self._open_case(account, named, any(one.family in SPEAKING for one in fresh), now)
            for one in fresh:
                self._add(number, one)
            self._db.execute("UPDATE cases SET last_ms = ? WHERE number = ?", [now, number])
            for one in fresh:
                self._write_down(
                    account, "witness", number, family=one.family, code=one.code, at_ms=one.at_ms
                )
            if any(one.family in SPEAKING for one in fresh):
                self._follow(self.case(number), now)
        return self.case(number)

    def _open_case(self, account: int, named: bool, speaks: bool, now: int) -> int:
        """The case that evidence belongs to. What is only noted becomes a case when plays or a group speak."""
        shadow, state = self._observe or now < self.shadow_until_ms, "open" if speaks else "noted"
        query = (
            "SELECT number, state FROM cases WHERE account = ? AND state IN ('open', 'noted') AND shadow = ?"
        )
        if found := self._db.execute(query, [signed(account), shadow]).fetchone():
            number = int(found[0])
            if speaks and found[1] == "noted":
                self._db.execute("UPDATE cases SET state = 'open' WHERE number = ?", [number])
            return number
        query = "INSERT INTO cases (account, named, opened_ms, last_ms, rules, shadow, state) VALUES (?, ?, ?, ?, ?, ?, ?)"
        number = int(
            self._db.execute(query, [signed(account), named, now, now, RULES, shadow, state]).lastrowid or 0
        )
        self._write_down(account, "case opened", number, rules=RULES, shadow=shadow, state=state)
        return number

    def _knows(self, account: int, one: Evidence) -> bool:
        """Whether this was told before: after a crash the log is gone over again."""
        query = (
            "SELECT 1 FROM evidence e JOIN cases c ON c.number = e.of_case"
            " WHERE c.account = ? AND e.at_ms = ? AND e.code = ?"
        )
        return self._db.execute(query, [signed(account), one.at_ms, one.code]).fetchone() is not None

    def _add(self, number: int, one: Evidence) -> None:
        query = "INSERT OR IGNORE INTO evidence (of_case, at_ms, family, code, body) VALUES (?, ?, ?, ?, ?)"
        body = json.dumps(one.body, ensure_ascii=False, sort_keys=True)
        self._db.execute(query, [number, one.at_ms, one.family, one.code, body])

    def _follow(self, case: Case, now: int) -> None:
        """What follows from a case without anybody deciding."""
        days = {one.at_ms // (DAY_S * 1000) for one in case.recent if one.family == "plays"}
        stage = automatic_stage(case.families, len(days), case.named)
        decided = any(one.decided_by != AUTOMATIC and holds(one, now) for one in case.sanctions)
        if stage > case.stage(now) and not case.shadow and not decided:
            self._impose(case, stage, AUTOMATIC, " and ".join(sorted(case.families)), now)

    def _impose(self, case: Case, stage: Stage, who: str, because: str, now: int) -> None:
        lasts = self._policy.lasts_s(stage)
        until = None if lasts is None else now + int(lasts * 1000)
        query = (
            "INSERT INTO sanctions (of_case, account, stage, from_ms, until_ms, decided_by, because)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        self._db.execute(query, [case.number, signed(case.account), stage, now, until, who, because])
        self._write_down(
            case.account, STAGE_WORDS[stage], case.number, by=who, because=because, until_ms=until
        )

    def decide(self, number: int, stage: Stage, who: str, because: str) -> Case:
        """An operator's decision: a stage, or FREE to dismiss the case.

        Raises UsageError for no such case or no reason, Refused for what the evidence does not carry.
        """
        with self._writing():
            case, now = self.case(number), self.now_ms()
            if not because.strip() or not who.strip():
                raise UsageError("A decision has a reason and a name", f"case {number}", "--because … --by …")
            if case.state not in ("open", "noted"):
                raise UsageError(
                    "The case is closed", f"case {number}, {case.state}", "See: lockgroove guard cases"
                )
            if case.waits == "appeal":
                raise Refused(
                    "An appeal waits", f"case {number}", "Decide it first: --appeal upheld or rejected."
                )
            if stage > Stage.THROTTLED and not case.named:
                raise Refused(
                    "Many people may stand behind a network", f"case {number}", "It can be slowed down."
                )
            if stage >= Stage.SUSPENDED and case.proposal < Stage.SUSPENDED:
                raise Refused(
                    "A score alone never suspends",
                    f"case {number}",
                    "It takes two kinds of witnesses, or a certain place in a group.",
                )
            self._lift(number, who, now)
            if stage == Stage.FREE:
                self._end(case, "dismissed", who, because)
            else:
                self._impose(case, stage, who, because, now)
        return self.case(number)

    def confirm(self, account: int) -> bool:
        """The account's holder says that they are a person: a challenge ends. Whether there was one."""
        with self._writing():
            now = self.now_ms()
            query = (
                "UPDATE sanctions SET lifted_ms = ?, lifted_by = 'the account' WHERE account = ? AND stage = ?"
                " AND lifted_ms IS NULL AND until_ms > ?"
            )
            ended = self._db.execute(query, [now, signed(account), Stage.CHALLENGED, now]).rowcount
            if ended:
                self._write_down(account, "confirmed", None)
            return bool(ended)

    def appeal(self, number: int, words: str) -> Case:
        """Say something against a case. Raises UsageError for no such case, Refused for a second at once."""
        with self._writing():
            case = self.case(number)
            if case.waits == "appeal":
                raise Refused("There is an appeal already", f"case {number}", "It waits for a reviewer.")
            query = "INSERT INTO appeals (of_case, at_ms, words) VALUES (?, ?, ?)"
            self._db.execute(query, [number, self.now_ms(), words[:_APPEAL_LETTERS_MAX]])
            self._write_down(case.account, "appealed", number, words=words[:_APPEAL_LETTERS_MAX])
        return self.case(number)

    def review(self, number: int, upheld: bool, who: str, because: str) -> Case:
        """Decide an appeal. Upheld: all is lifted, and the account is left alone for a while.

        Raises UsageError where there is none, Refused for whoever decided the case.
        """
        with self._writing():
            case, now = self.case(number), self.now_ms()
            if not because.strip() or not who.strip():
                raise UsageError("A decision has a reason and a name", f"case {number}", "--because … --by …")
            if case.waits != "appeal":
                raise UsageError(
                    "There is no appeal to decide", f"case {number}", "See: lockgroove guard cases"
                )
            if who in {sanction.decided_by for sanction in case.sanctions}:
                raise Refused(
                    "Whoever decided does not review", f"{who}, case {number}", "Somebody else has to."
                )
            query = (
                "UPDATE appeals SET decided_ms = ?, decided_by = ?, upheld = ?, because = ?"
                " WHERE of_case = ? AND decided_ms IS NULL"
            )
            self._db.execute(query, [now, who, upheld, because, number])
            self._write_down(case.account, "appeal decided", number, by=who, upheld=upheld, because=because)
            if upheld:
                self._lift(number, who, now)
                self._end(case, "overturned", who, because)
        return self.case(number)

    def expire(self) -> int:
        """Close cases in which nothing holds and nothing happened for a while; how many."""
        with self._writing():
            now, long_ago = self.now_ms(), self.now_ms() - int(self._policy.proposal_days * DAY_S * 1000)
            stale = [
                case for case in [*self.all("open"), *self.all("noted")]
                if case.last_ms < long_ago and case.stage(now) == Stage.FREE and case.waits != "appeal"
            ]  # fmt: skip
            for case in stale:
                self._end(case, "expired", AUTOMATIC, "nothing more happened")
        return len(stale)

    def _lift(self, number: int, who: str, now: int) -> None:
        query = "UPDATE sanctions SET lifted_ms = ?, lifted_by = ? WHERE of_case = ? AND lifted_ms IS NULL"
        self._db.execute(query, [now, who, number])

    def _end(self, case: Case, state: str, who: str, because: str) -> None:
        ended = [state, self.now_ms(), case.number]
        self._db.execute("UPDATE cases SET state = ?, last_ms = ? WHERE number = ?", ended)
        self._write_down(case.account, state, case.number, by=who, because=because)

    def in_force(self) -> dict[int, Sanction]:
        """By account, the highest stage that holds now."""
        now = self.now_ms()
        query = f"SELECT {SANCTION_COLUMNS} FROM sanctions WHERE lifted_ms IS NULL AND coalesce(until_ms > ?, TRUE) ORDER BY stage"
        found = (sanction_of(row) for row in self._read(query, now))
        return {one.account: one for one in found}

    def trusted(self) -> set[int]:
        """Accounts that an appeal proved right, or whose case was dismissed, not long ago."""
        return self._trusted(self.now_ms())

    def _trusted(self, now: int) -> set[int]:
        right = now - int(self._policy.trust_days * DAY_S * 1000)
        dismissed = now - int(self._policy.proposal_days * DAY_S * 1000)
        query = (
            "SELECT account FROM appeals a JOIN cases c ON c.number = a.of_case WHERE upheld AND decided_ms > ?"
            " UNION SELECT account FROM cases WHERE state = 'dismissed' AND last_ms > ?"
        )
        return {unsigned(row[0]) for row in self._read(query, right, dismissed)}

    def case(self, number: int) -> Case:
        """A case. Raises UsageError."""
        found = self._where("number = ?", number)
        if not found:
            raise UsageError("There is no such case", str(number), "See: lockgroove guard cases")
        return found[0]

    def of_account(self, account: int) -> list[Case]:
        """All cases of an account, the newest first."""
        return self._where("account = ?", signed(account))

    def all(self, state: str | None = None) -> list[Case]:
        """All cases, or those in a state, the newest first."""
        return self._where("?1 IS NULL OR state = ?1", state)

    def closed(self, limit: int) -> list[Case]:
        """Cases that have ended, the newest of them."""
        ended = "state NOT IN ('open', 'noted') AND number > coalesce((SELECT max(number) FROM cases), 0) - ?"
        return self._where(ended, limit)

    def _where(self, condition: str, value: object) -> list[Case]:
        columns = "number, account, named, opened_ms, last_ms, rules, shadow, state"
        query = f"SELECT {columns} FROM cases WHERE {condition} ORDER BY number DESC"
        return [self._whole(row) for row in self._read(query, value)]

    def _whole(self, row: Sequence[Any]) -> Case:
        number, account, named, opened, last, rules, shadow, state = row
        told = self._read(
            "SELECT at_ms, family, code, body FROM evidence WHERE of_case = ? ORDER BY at_ms, number", number
        )
        imposed = self._read(
            f"SELECT {SANCTION_COLUMNS} FROM sanctions WHERE of_case = ? ORDER BY number", number
        )
        columns = "at_ms, words, decided_ms, decided_by, upheld, because"
        said = self._read(f"SELECT {columns} FROM appeals WHERE of_case = ? ORDER BY number", number)
        return Case(
            number, unsigned(account), bool(named), opened, last, rules, bool(shadow), state,
            [Evidence(at, family, code, json.loads(body or "{}")) for at, family, code, body in told],
            [sanction_of(one) for one in imposed],
            [appeal_of(one) for one in said],
        )  # fmt: skip

    def tally(self) -> dict[str, int]:
        """How many cases there are by state, and how many appeals were upheld or not."""
        counts = dict(self._read("SELECT state, count(*) FROM cases GROUP BY state"))
        upheld = dict(
            self._read("SELECT upheld, count(*) FROM appeals WHERE decided_ms IS NOT NULL GROUP BY 1")
        )
        return counts | {"appeals upheld": upheld.get(1, 0), "appeals rejected": upheld.get(0, 0)}

    def history(self, account: int | None = None) -> list[docket.Line]:
        """The docket, or its lines on an account."""
        with self._lock:
            return list(docket.lines(self._db, None if account is None else signed(account)))

    def broken_at(self, head: bytes | None = None) -> int | None:
        """Where the docket does not hold (`docket.broken_at`)."""
        with self._lock:
            return docket.broken_at(self._db, head)

    def head(self) -> bytes:
        """The last value of the docket's chain."""
        with self._lock:
            return docket.head(self._db)

    def ask_to_erase(self, account: int) -> None:
        """Whoever guards is to forget an account."""
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?)", [signed(account), self.now_ms()])

    def to_erase(self) -> set[int]:
        """Accounts that are to be forgotten."""
        return {unsigned(row[0]) for row in self._read("SELECT account FROM erasures")}

    def erase(self, account: int) -> int:
        """Forget what is told of an account; how many lines of the docket fell silent.

        That there were cases, and what still holds, remains: only what it was about is gone.
        """
        with self._writing():
            mine = "of_case IN (SELECT number FROM cases WHERE account = ?)"
            self._db.execute(f"DELETE FROM evidence WHERE {mine}", [signed(account)])
            self._db.execute(
                f"UPDATE appeals SET words = NULL, because = NULL WHERE {mine}", [signed(account)]
            )
            silenced = docket.erase(self._db, signed(account))
        # The words are to be in no file any more; while somebody reads, that is tried again next time.
        self._db.execute(f"PRAGMA busy_timeout = {_ERASING_MS}")
        busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        self._db.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        if not busy:
            self._db.execute("DELETE FROM erasures WHERE account = ?", [signed(account)])
        return silenced

    def forget(self, before_ms: int) -> int:
        """Erase evidence of cases that ended and in which nothing happened since; how many pieces."""
        with self._writing():
            stale = "state NOT IN ('open', 'noted') AND last_ms < ?"
            query = f"DELETE FROM evidence WHERE of_case IN (SELECT number FROM cases WHERE {stale})"
            return self._db.execute(query, [before_ms]).rowcount

    def _write_down(self, account: int, act: str, case: int | None, **more: Any) -> None:
        body = {"at_ms": self.now_ms(), "account": f"{account:016x}", "act": act, "case": case, **more}
        docket.write(self._db, signed(account), body)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction, which may stand within another."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
