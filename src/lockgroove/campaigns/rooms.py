"""The opened rooms of one archive, as campaigns take them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockgroove import locks
from lockgroove.catalogue import generations
from lockgroove.catalogue.claims import ClaimStore
from lockgroove.config import Config
from lockgroove.journal import Journal
from lockgroove.storage import LocalStorage
from lockgroove.vault import HeldIndex

_SCRATCH = re.compile(r"scratch-(\d+)-.*")


@dataclass
class Rooms:
    """What an archive consists of once it is open."""

    root: str
    config: Config
    storage: LocalStorage
    journal: Journal
    state: sqlite3.Connection
    index: HeldIndex
    store: ClaimStore

    @contextlib.contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """The lock of one writer: vault, claims, catalogue or dumps. Raises Locked."""
        with locks.hold(f"{self.root}/staging", what):
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove scratch folders whose process is gone: it was killed."""
        for name in os.listdir(f"{self.root}/staging"):
            match = _SCRATCH.fullmatch(name)
            if match and not locks.lives(int(match[1])):
                shutil.rmtree(f"{self.root}/staging/{name}", ignore_errors=True)

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """A folder that is gone afterwards."""
        folder = f"{self.root}/staging/scratch-{os.getpid()}-{name}-{secrets.token_hex(4)}"
        os.makedirs(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def current(self) -> generations.Generation | None:
        """The current generation of the catalogue, None when the truth has moved on."""
        self.index.catch_up()
        found = generations.current(self.root)
        return found if found is not None and found.truth == self.index.truth()[0] else None

    def budget(self) -> tuple[bool, int | None]:
        """Whether a plan was made, and its budget in bytes."""
        plans = self.index.notable("planned")
        return bool(plans), plans[-1].subjects["budget_bytes"] if plans else None

    def places(self) -> dict[str, LocalStorage]:
        """The places that the operator named."""
        return {p.name: LocalStorage(p.location, p.name) for p in self.config.places}

    def sources(self, prefix: str = "") -> dict[str, str]:
        """Name and path of every private source; a shelf that moved has its newest path."""
        named = {e.subjects["source"]: _path(e.subjects) for e in self.index.notable("shelf-named")}
        return {name: path for name, path in named.items() if name.startswith(prefix)}


def _path(subjects: Mapping[str, str]) -> str:
    raw = subjects.get("path_bytes")
    return os.fsdecode(bytes.fromhex(raw)) if raw else subjects["path"]
