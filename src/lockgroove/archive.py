"""An archive, opened: the only place where its rooms are wired to each other.

Everything that a door asks for is a method here; each takes the lock of what it writes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from lockgroove import config, databases, vault
from lockgroove.campaigns import founding, homes
from lockgroove.campaigns.founding import DECLARATION
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.errors import DamageFound, FormatUnknown, NoArchive, UsageError
from lockgroove.journal import Journal
from lockgroove.storage import LocalStorage
from lockgroove.vault import HeldIndex, places

if TYPE_CHECKING:
    from lockgroove.campaigns import mirror as mirroring
    from lockgroove.campaigns.care import CareResult
    from lockgroove.campaigns.evidence import Evidence
    from lockgroove.campaigns.export import Exported
    from lockgroove.campaigns.trial import Figures
    from lockgroove.campaigns.watching import Desk
    from lockgroove.catalogue.reader import Reader
    from lockgroove.config import PlaceConfig
    from lockgroove.coverage import PlanResult
    from lockgroove.dumps import DumpResult
    from lockgroove.gather import Gathered
    from lockgroove.guard.live import Guard
    from lockgroove.keep import KeepResult
    from lockgroove.people import People
    from lockgroove.rebuild import HandMatch
    from lockgroove.report import Report
    from lockgroove.vault.places import CaughtUp

# Rooms with heavy engines are imported by the method that needs them: others start in half the time without.


def init(root: str, name: str | None = None) -> Archive:
    """Make a new archive in an empty or new folder. Raises UsageError when something is there."""
    archive_id = founding.found(root, name)
    archive = Archive(root)
    archive.journal.append("archive-created", {"archive": archive_id}, {"name": archive.config.name})
    archive.index.catch_up()
    return archive


def restore(root: str, place_root: str, report: Report) -> Archive:
    """Bring an archive back from a place: everything that was acknowledged there, dark items too."""
    archive_id, place = founding.bring_back(root, place_root, report)
    archive = Archive(root)
    heads = {writer: position.n for writer, position in places.positions(archive.storage).items()}
    archive.journal.append("archive-restored", {"archive": archive_id}, {"from": place, "heads": heads})
    archive.index.catch_up()
    archive.rebuild(report)
    return archive


class Archive:
    """The rooms of one archive. Close it, or use it in a `with`."""

    def __init__(self, root: str) -> None:
        root = os.path.abspath(root)
        _require(root)
        settings = config.load(root)
        storage = LocalStorage(root, "here")
        journal = Journal(f"{root}/journal", settings.writer)
        state = databases.connect(f"{root}/state.sqlite", "NORMAL", implicit=True)
        index = HeldIndex(state, journal, lambda path: b"".join(storage.read(path)))
        store = ClaimStore(storage, journal, lambda: _parts(index))
        self.rooms = Rooms(root, settings, storage, journal, state, index, store)
        # A damaged journal must not bar the door: audit names it and repair mends it from a place. Whoever
        # writes catches up again, and is refused then.
        with contextlib.suppress(DamageFound):
            index.catch_up()
        self._opened_at = self._head()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Tell the places what happened, and let go of the state."""
        if self.config.places and self._head() != self._opened_at:
            self.tell_places()
        self.rooms.state.close()

    def _head(self) -> int:
        """The number of the newest event here; -1 when the journal cannot be read."""
        try:
            head = self.journal.head()
        except DamageFound:
            return -1
        return head.n if head else 0

    @property
    def root(self) -> str:
        """The archive's folder."""
        return self.rooms.root

    @property
    def config(self) -> config.Config:
        """The operator's choices."""
        return self.rooms.config

    @property
    def storage(self) -> LocalStorage:
        """Where its bytes lie."""
        return self.rooms.storage

    @property
    def journal(self) -> Journal:
        """What happened."""
        return self.rooms.journal

    @property
    def index(self) -> HeldIndex:
        """What is held."""
        return self.rooms.index

    @property
    def store(self) -> ClaimStore:
        """What sources say."""
        return self.rooms.store

    # gathering

    def gather_folder(
        self, path: str, licence: str | None, sound_only: bool, report: Report, dry_run: bool = False
    ) -> Gathered:
        """Take in a shelf, read-only."""
        from lockgroove.campaigns import gathering

        return gathering.folder(self.rooms, path, licence, sound_only, report, dry_run)

    def gather_listens(self, path: str, report: Report, dry_run: bool = False) -> Gathered:
        """Take in counts of listens."""
        from lockgroove.campaigns import gathering

        return gathering.listens(self.rooms, path, report, dry_run)

    def gather_other(self, name: str, location: str, report: Report, dry_run: bool = False) -> Gathered:
        """Take in a source that was plugged in by its entry point."""
        from lockgroove.campaigns import gathering

        return gathering.other(self.rooms, name, location, report, dry_run)

    def gather_dump(
        self, name: str, paths: Sequence[str], report: Report, full: bool | None = None, dry_run: bool = False
    ) -> Gathered:
        """Take in what a public source publishes as files; after a cut, from where it was."""
        from lockgroove.campaigns import gathering

        return gathering.dump(self.rooms, name, paths, report, full, dry_run)

    def gather_mapped(
        self, paths: Sequence[str], mapping: str, report: Report, full: bool | None = None,
        dry_run: bool = False,
    ) -> list[Gathered]:  # fmt: skip
        """Take in tables of one's own by a mapping; each file is a source of its own."""
        from lockgroove.campaigns import gathering

        return gathering.mapped(self.rooms, paths, mapping, report, full, dry_run)

    def sources(self, prefix: str = "") -> dict[str, str]:
        """Name and path of every private source."""
        return self.rooms.sources(prefix)

    # the catalogue

    def refresh(self, report: Report) -> generations.Generation:
        """The current generation, built anew when the truth has moved on."""
        from lockgroove.campaigns import refresh as refreshing

        return refreshing.refresh(self.rooms, report)

    def rebuild(self, report: Report, engine: str | None = None) -> generations.Generation:
        """A new generation from claims, vault and journal alone."""
        from lockgroove.campaigns import refresh as refreshing

        return refreshing.rebuild(self.rooms, report, engine)

    def reader(self, report: Report, public: bool = False) -> Reader:
        """The tables of the current generation."""
        from lockgroove.campaigns import refresh as refreshing

        return refreshing.reader(self.rooms, report, public)

    def match(
        self, reader: Reader, one: str, other: str, because: str, same: bool = True, dry_run: bool = False
    ) -> HandMatch:
        """An operator's word that two are one recording, or are not."""
        from lockgroove.campaigns import matching

        return matching.match(self.rooms, reader, one, other, because, same, dry_run)

    def evidence(self, reader: Reader, table: str, row: int) -> Evidence:
        """The claims behind an item, and which of them each of its values comes from."""
        from lockgroove.campaigns import evidence

        return evidence.evidence(self.rooms, reader, table, row)

    def trial(
        self, tracks: int, seed: int, questions: int, report: Report, tell: Callable[[dict[str, Any]], None]
    ) -> Figures:
        """Fill this archive with a generated catalogue and measure it."""
        from lockgroove.campaigns import trial

        return trial.run(self.rooms, tracks, seed, questions, report, tell)

    # keeping

    def plan(self, budget_bytes: int | None, report: Report, dry_run: bool = False) -> PlanResult:
        """What to keep first under a budget of bytes in all; the choice is journalled."""
        from lockgroove.campaigns import keeping

        return keeping.plan(self.rooms, budget_bytes, report, dry_run)

    def keep(self, report: Report, dry_run: bool = False) -> tuple[KeepResult, dict[str, CaughtUp | None]]:
        """The plan's files into the vault, here and at every place."""
        from lockgroove.campaigns import keeping

        return keeping.keep_planned(self.rooms, report, dry_run)

    # places

    def places(self) -> dict[str, LocalStorage]:
        """The places that the operator named."""
        return self.rooms.places()

    def check_place(self, location: str, name: str | None) -> PlaceConfig:
        """Whether a folder can be a place, and what it is called. Raises UsageError."""
        return homes.check_place(self.rooms, location, name)

    def add_place(self, location: str, name: str | None, report: Report) -> CaughtUp:
        """Name another home for the truth, and fill it."""
        return homes.add_place(self.rooms, location, name, report)

    def remove_place(self, name: str, dry_run: bool = False) -> str:
        """Forget a place; where its files stay."""
        return homes.remove_place(self.rooms, name, dry_run)

    def tell_places(self) -> None:
        """Bring the places up to date after a small change; a busy vault or an absent place waits."""
        homes.tell_places(self.rooms)

    def place_states(self) -> Iterator[dict[str, Any]]:
        """Each place, where it is, and whether it answers and holds everything."""
        return homes.place_states(self.rooms)

    # care

    def audit(self, report: Report) -> CareResult:
        """Every byte of the truth read again, here and at every place."""
        from lockgroove.campaigns.care import audit_everywhere

        with contextlib.suppress(DamageFound):  # the audit itself names what is wrong with the journal
            self.index.catch_up()
        return audit_everywhere(self.storage, self.places(), self.index, self.journal, report)

    def repair(self, report: Report) -> CareResult:
        """Damage mended from wherever a good copy is."""
        from lockgroove.campaigns.care import repair_everywhere

        with self.rooms.lock("vault"):
            with contextlib.suppress(DamageFound):  # with a damaged journal, recovery waits for the next keep
                vault.Committer(self.storage, self.journal, self.index, report).recover()
            return repair_everywhere(self.storage, self.places(), self.index, self.journal, report)

    # rights

    def statements(self, report: Report, everything: bool = False) -> list[dict[str, Any]]:
        """Every set of statements, its verdict and its files; only dark ones unless `everything`."""
        reader = self.reader(report)
        rows = reader.select(
            "SELECT r.statement, r.status, r.licence, min(r.why) AS why, min(r.stated) AS stated,"
            " count(*) AS files, sum(f.size_bytes)::BIGINT AS bytes,"
            " list_sort(list(DISTINCT f.source)) AS sources"
            " FROM rights r JOIN files f ON f.rights_row = r.row WHERE f.role <> 'outside'"
            " GROUP BY r.statement, r.status, r.licence ORDER BY files DESC, r.statement"
        )
        reader.close()
        return [row for row in rows if everything or row["status"] in ("undecided", "none")]

    def decide_rights(
        self, statement: str, source: str | None, licence: str, because: str, by: str, report: Report,
        dry_run: bool = False, everywhere: bool = False,
    ) -> int:  # fmt: skip
        """An operator's decision on all files under one set of statements; how many."""
        from lockgroove.rights import apply_decision, combine

        apply_decision(combine([]), licence, because, by)
        found = [row for row in self.statements(report, everything=True) if row["statement"] == statement]
        files = sum(int(row["files"]) for row in found if source is None or source in row["sources"])
        if source is None and not everywhere and any(row["status"] == "none" for row in found):
            raise UsageError(
                "These files have no statement at all, and so would all that ever come without one",
                statement,
                "Name whose you decide on with --source shelf-…, or say --everywhere.",
            )
        if not files:
            advice = "See: lockgroove rights undecided --all"
            raise UsageError("No file stands under it", statement, advice)
        if not dry_run:
            subjects = {"statement": statement} | ({"source": source} if source else {})
            self.journal.append(
                "rights-decided", subjects, {"licence": licence, "because": because, "by": by}
            )
            self.refresh(report)
        return files

    # answers

    def status(self, report: Report) -> dict[str, Any]:
        """What is held, and how it is."""
        from lockgroove.campaigns.status import status

        return status(self.rooms, list(self.place_states()), report)

    def export(
        self, ids: Sequence[str], where: str | None, folder: str, as_received: bool, report: Report,
        dry_run: bool = False,
    ) -> Exported:  # fmt: skip
        """Music out again, with its names and companions."""
        from lockgroove.campaigns.export import export

        reader = self.reader(report)
        try:
            return export(self.rooms, reader, ids, where, folder, as_received, report, dry_run)
        finally:
            reader.close()

    # who comes in

    def people(self, rehearsal: bool = False) -> AbstractContextManager[People]:
        """Accounts, keys and grants; in a rehearsal nothing is kept."""
        from lockgroove.people import open_people

        return contextlib.closing(open_people(self.root, rehearsal))

    def guard(self, keeper: bool = True) -> AbstractContextManager[Guard | None]:
        """Who comes in is watched until the end; None where that is off. The `keeper` keeps the cases."""
        from lockgroove.campaigns import watching

        return watching.at_work(self.rooms, keeper)

    def desk(self) -> AbstractContextManager[Desk]:
        """Where operators look at the guard's cases and decide them."""
        from lockgroove.campaigns import watching

        return watching.open_desk(self.rooms)

    # publishing

    def dump(self, report: Report, volume_bytes_max: int, dry_run: bool = False) -> tuple[DumpResult, str]:
        """A signed dump of what may be published; its folder."""
        from lockgroove.campaigns.publish import publish

        return publish(self.rooms, report, volume_bytes_max, dry_run)

    def mirror(self, offer: mirroring.Offer, report: Report) -> mirroring.Mirrored:
        """Everything of a verified dump into this archive."""
        from lockgroove.campaigns import mirror as mirroring

        return mirroring.take(self.rooms, offer, report)


def _parts(index: HeldIndex) -> list[Part]:
    index.catch_up()
    return [Part(*row) for row in index.claim_parts()]


def _require(root: str) -> None:
    names = [n for n in os.listdir(root) if n.startswith("0=lockgroove")] if os.path.isdir(root) else []
    if not names:
        raise NoArchive(
            "There is no archive here", root, "Make one: lockgroove init DIR, or name one with -C DIR."
        )
    if names != [DECLARATION]:
        raise FormatUnknown("The archive has another format", f"{root}/{names[0]}", "Use a newer Lockgroove.")
