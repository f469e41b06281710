"""The guard of an archive: at work while it serves, and as its operators and the people concerned meet it.

Names stand in `people`, and the guard knows digests of numbers; here they are put together.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import duckdb
import numpy as np

from lockgroove import keys
from lockgroove.campaigns.refresh import reader, reader_as_it_is
from lockgroove.campaigns.rooms import Rooms
from lockgroove.config import Config
from lockgroove.errors import Locked, LockgrooveError
from lockgroove.guard import explaining
from lockgroove.guard.casefile import Case, groups_in
from lockgroove.guard.cases import Cases
from lockgroove.guard.digests import Digests, file_start
from lockgroove.guard.eventlog import EventLog, in_lots
from lockgroove.guard.events import FIELDS, STAND_IN
from lockgroove.guard.leaks import Leak, leak_of
from lockgroove.guard.live import FOLDER, Guard, guarding, is_watched
from lockgroove.guard.memory import Memory
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.settings import Settings, read_settings
from lockgroove.people import People, open_people
from lockgroove.report import Silence

# Of a file that holds several recordings nobody knows here which of them was played.
_TITLES = """
    SELECT substr(f.sha512, 1, 15) AS start, count(DISTINCT r.row) AS pieces, CASE WHEN pieces = 1
        THEN min(concat_ws(', ', r.artist, r.title))
        ELSE concat('a file of ', pieces, ' recordings, ', min(r.title), ' among them') END AS title
    FROM files f JOIN holdings h ON h.file_row = f.row JOIN recordings r ON r.row = h.recording_row
    WHERE substr(f.sha512, 1, 15) IN ({starts}) GROUP BY start"""
_CASES = "people/guard.sqlite"
_ERASE_WITHIN_S = 30.0
_LEAK_GOOD_S = 300.0
_EVENTS_AT_ONCE = 5_000


def open_settings(config: Config, catalogue_tracks: int = 0) -> Settings:
    """The guard's settings of an archive. Raises UsageError."""
    return read_settings(config.guard, catalogue_tracks)


def listens_of(rooms: Rooms) -> np.ndarray:
    """How many recordings there are of each popularity (`guard.events.popularity`)."""
    query = "SELECT least(255, round(ln(1 + greatest(listens, 0)) / ln(1.08)))::INTEGER AS p, count(*) AS n"
    counts = np.zeros(256, np.int64)
    with contextlib.closing(reader(rooms, Silence(), public=True)) as tables:
        for row in tables.select(f"{query} FROM recordings GROUP BY p"):
            counts[row["p"]] = row["n"]
    return counts


def titles_of(rooms: Rooms, tracks: Collection[int]) -> dict[int, str]:
    """What files are called that the guard knows by these numbers (`of_file`), if they are published.

    They are a courtesy: where the catalogue cannot be read, nothing is called anything.
    """
    starts = {file_start(track): track for track in tracks}
    marks = ", ".join("?" * len(starts))
    found: Sequence[Mapping[str, Any]] = ()
    with contextlib.suppress(duckdb.Error, OSError, LockgrooveError):
        if starts and (tables := reader_as_it_is(rooms, public=True)) is not None:
            with contextlib.closing(tables):
                found = tables.select(_TITLES.format(starts=marks), *starts)
    return {starts[row["start"]]: row["title"] for row in found}


@contextlib.contextmanager
def at_work(rooms: Rooms, keeper: bool = True) -> Iterator[Guard | None]:
    """The guard at work, None where it is switched off. Raises Locked where another process keeps it."""
    root, listens = rooms.root, listens_of(rooms)
    settings = open_settings(rooms.config, int(listens.sum()))
    settings = replace(settings, keeper=settings.keeper and keeper)
    if not settings.on:
        yield None
        return
    with contextlib.closing(Cases(f"{root}/{_CASES}", settings.policy, observe=settings.observe)) as cases:
        guard = Guard(root, settings, Digests(keys.digest_key(f"{root}/keys")), cases, listens)
        with guarding(guard):
            yield guard


@dataclass(frozen=True)
class Named:
    """A case, and what its account is called."""

    case: Case
    name: str


class Desk:
    """Where operators look at cases and decide them."""

    def __init__(
        self, root: str, config: Config, cases: Cases, people: People,
        listens: Callable[[], np.ndarray], titles: Callable[[Collection[int]], dict[int, str]],
    ) -> None:  # fmt: skip
        """`listens` are asked for where events have to be gone over (`listens_of`), `titles` for words."""
        self.root = root
        self.settings = open_settings(config)
        self.cases = cases
        self.people = people
        self._listens = listens
        self.titles = titles
        self._named: tuple[int, dict[int, str]] | None = None
        self._leaks: dict[float, tuple[float, Leak]] = {}
        self.digests = Digests(keys.digest_key(f"{root}/keys"))

    def digest(self, name: str) -> int:
        """An account's digest by its name, or by the digest as it is printed. Raises UsageError."""
        with contextlib.suppress(ValueError):
            if len(name) == 16:
                return int(name, 16)
        return self.digests.of_account(self.people.named(name).number)

    def form_digest(self, text: str) -> int:
        """A number that only this archive can make, for forms."""
        return self.digests.of("form", text)

    def names(self) -> dict[int, str]:
        """What accounts are called, by digest; remembered until accounts change."""
        stamp = self.people.stamp()
        if self._named is None or self._named[0] != stamp:
            self._named = stamp, {self.digests.of_account(one.number): one.name for one in self.people.all()}
        return self._named[1]

    def named(self, cases: list[Case]) -> list[Named]:
        """Cases with names."""
        names = self.names()
        return [Named(case, called(case.account, names)) for case in cases]

    def heaviest(self, case: Case, shown: int) -> list[str]:
        """The plays that weighed most against an account, in words, by what the tracks are called."""
        plays = explaining.heaviest(case.evidence, shown)
        titles = self.titles({int(play["track"], 16) for play in plays})
        return [explaining.play_words(play, titles) for play in plays]

    def decide(self, number: int, stage: Stage, who: str, because: str) -> Case:
        """A decision; who is disabled is not let in any more, until the case is dismissed."""
        before = self.cases.case(number)
        case = self.cases.decide(number, stage, who, because)
        name = self.names().get(case.account)
        if name is not None and stage == Stage.DISABLED:
            self.people.disable(name, f"case {number}: {because}", who)
        elif name is not None and before.stage(self.cases.now_ms()) == Stage.DISABLED:
            self.people.enable(name, f"case {number}: {because}", who)
        return case

    def review(self, number: int, upheld: bool, who: str, because: str) -> Case:
        """An appeal decided; who was disabled by it is let in again when it is upheld."""
        before = self.cases.case(number).stage(self.cases.now_ms())
        case = self.cases.review(number, upheld, who, because)
        name = self.names().get(case.account)
        if upheld and name is not None and before == Stage.DISABLED:
            self.people.enable(name, f"appeal in case {number}: {because}", who)
        return case

    def memory(self) -> Memory:
        """What the guard remembered when it last saved."""
        memory = Memory(f"{self.root}/{FOLDER}", self.settings.pairs_bytes, np.zeros(256, np.int64))
        memory.restore()
        return memory

    @contextlib.contextmanager
    def log(self) -> Iterator[EventLog]:
        """The events, to be read."""
        yield EventLog(f"{self.root}/{FOLDER}/events", reading=True)

    def leak(self, days: float) -> Leak:
        """How much of the catalogue went to whom in the last days, as it was some minutes ago at most."""
        at, known = self._leaks.get(days, (0.0, None))
        if known is None or time.monotonic() - at > _LEAK_GOOD_S:
            since, cases = int((time.time() - days * 86_400) * 1000), self.cases.all("open")
            with self.log() as log:
                known = leak_of(log, since, groups_in(cases), {case.account for case in cases})
            self._leaks[days] = time.monotonic(), known
        return known

    def history(self, account: int) -> Iterator[Mapping[str, object]]:
        """Everything that is kept of an account: events, cases, lines of the docket."""
        with self.log() as log:
            for rows, titles in self._with_titles(log.of_account(account)):
                for row in rows:
                    told = {name: row[name].item() for name in sorted(FIELDS) if row[name]}
                    called = titles.get(int(row["track"]))
                    yield {"type": "event", **told, **({"title": called} if called else {})}
        for case in self.cases.of_account(account):
            yield {"type": "case", "case": case.number, "state": case.state, "opened_ms": case.opened_ms}
            yield from ({"type": "evidence", "case": case.number, **vars(one)} for one in case.evidence)
            yield from ({"type": "sanction", **vars(one)} for one in case.sanctions)
            yield from ({"type": "appeal", "case": case.number, **vars(one)} for one in case.appeals)
        yield from (
            {"type": "docket", "line": one.number, "body": one.body} for one in self.cases.history(account)
        )

    def _with_titles(
        self, batches: Iterator[np.ndarray]
    ) -> Iterator[tuple[np.ndarray, Mapping[int, str | None]]]:
        """Events, thousands at a time, and what is known by then of how their tracks are called."""
        titles: dict[int, str | None] = {}
        for rows in in_lots(batches, _EVENTS_AT_ONCE):
            fresh = set(rows["track"].tolist()) - titles.keys() - {0}
            titles |= dict.fromkeys(fresh) | self.titles(fresh)
            yield rows, titles

    def erase(self, account: int) -> bool:
        """Forget a person's history. False where the process that guards has not done it in time."""
        self.cases.ask_to_erase(account)
        if not is_watched(self.root):
            with contextlib.suppress(Locked):
                self._do_erasures()
        return _until(lambda: account not in self.cases.to_erase(), _ERASE_WITHIN_S)

    def _do_erasures(self) -> None:
        alone = replace(self.settings, shared="", keeper=True)
        guard = Guard(self.root, alone, self.digests, self.cases, self._listens())
        guard.close()  # which takes in what is due


def called(account: int, names: dict[int, str]) -> str:
    """What an account is called; a visitor by a digest of their network."""
    if account & int(STAND_IN):
        return f"visitors from network {account & (int(STAND_IN) - 1):016x}"
    return names.get(account, f"{account:016x}")


def _until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextlib.contextmanager
def open_desk(rooms: Rooms) -> Iterator[Desk]:
    """The desk of an archive."""
    root, config = rooms.root, rooms.config
    os.makedirs(f"{root}/{FOLDER}/events", mode=0o700, exist_ok=True)
    settings = open_settings(config)
    with (
        contextlib.closing(open_people(root)) as people,
        contextlib.closing(Cases(f"{root}/{_CASES}", settings.policy, observe=settings.observe)) as cases,
    ):
        yield Desk(root, config, cases, people, partial(listens_of, rooms), partial(titles_of, rooms))
