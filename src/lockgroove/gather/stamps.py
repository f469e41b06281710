"""What earlier harvests hold, by key and stamp, as digests: derived from claims, kept below `cache/`.

Invariant: a stamp stands here only after its claim is acknowledged. What was looked up at the beginning of a
harvest stays as it was to its end; what the harvest brings is written behind it and counts from the next on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import urllib.parse
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lockgroove import durable
from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.catalogue.claims.lines import mark_of
from lockgroove.gather import stampfiles
from lockgroove.gather.digests import GONE, Digests, key_digests, of_kinds, stamp_digest, stamp_digests
from lockgroove.gather.stampfiles import PAIR_BYTES
from lockgroove.model import Claim

FOLDER = "cache/stamps"
LOG_PAIRS_MAX = 1 << 20  # beyond, the log is merged at the beginning of a harvest
_VERSION = 1
_LINES_AT_ONCE = 4096
_SCAN_AT_ONCE = 1 << 22
_HIDDEN = 2


class Stamp:
    """A stamp that is held: it equals the text that it was made of, and can be asked nothing else."""

    __slots__ = ("_digest",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, digest: int) -> None:
        self._digest = digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and stamp_digest(other) == self._digest


@dataclass
class _Head:
    """What the files hold: `parts` says, by pack, up to which byte its claims were taken in."""

    generation: int = 0
    sorted: int = 0
    log: int = 0
    parts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """Where a harvest looks up (`generation`, `begun`), and how much was learned when this was made."""

    generation: int
    begun: int
    learned: int


class Stamps:
    """The stamps of one source, opened for one harvest. Keys are `kind NUL key`.

    `going_on` is the mark of a harvest that was cut; `can_go_on` says whether its files are still there. A
    rehearsal changes nothing but what is derived anyway.
    """

    def __init__(
        self, store: ClaimStore, source: str, going_on: Mark | None = None, rehearsal: bool = False
    ) -> None:
        self._store = store
        self._source = source
        self._rehearsal = rehearsal
        self._folder = f"{store.root}/{FOLDER}/{urllib.parse.quote(source, safe='')}"
        self._head = self._load()
        self.can_go_on = going_on is not None and self._still_there(going_on)
        self._learn_parts()
        if not self.can_go_on and self._head.log > max(LOG_PAIRS_MAX, self._head.sorted // 16):
            self._merge()
        begun = going_on.begun if going_on and self.can_go_on else self._head.log
        self._old = stampfiles.mapped(self._generation, self._head.sorted)
        self._new = stampfiles.newest(*stampfiles.pairs(self._log, 0, begun))
        again = going_on.learned if going_on and self.can_go_on else begun
        self._last = stampfiles.newest(*stampfiles.pairs(self._log, again, self._head.log))
        self._begun = begun
        self._seen = self._open_seen()
        self._see(self._last.keys)  # met already, and acknowledged behind the mark
        self._waiting: list[tuple[Digests, Digests]] = []

    # what is held

    def stamps(self, keys: Sequence[str]) -> Mapping[str, object]:
        """What equals the stamp, of those of the keys that are held and current."""
        if not len(self._old) and not len(self._new) and not len(self._last):
            return {}
        digests = key_digests(keys)
        _, stamps = self._look_up(digests)
        places = self._last.find(digests)
        if len(self._last):
            stamps = np.where(places >= 0, self._last.stamps[places], stamps)
        return {key: Stamp(stamp) for key, stamp in zip(keys, stamps.tolist(), strict=True) if stamp != GONE}

    def _look_up(self, keys: Digests) -> tuple[stampfiles.Positions, Digests]:
        """The place of each key among `_seen`, -1 for none, and its stamp, GONE for none."""
        in_old, in_new = self._old.find(keys), self._new.find(keys)
        stamps = np.zeros(len(keys), dtype="<u8")
        for places, held in ((in_old, self._old), (in_new, self._new)):
            found = places >= 0
            stamps[found] = held.stamps[places[found]]
        return np.where(in_new >= 0, in_new + len(self._old), in_old), stamps

    # what the harvest brings

    def saw(self, claims: Collection[Claim], unchanged: Collection[str]) -> None:
        """The harvest met these. Stamps of claims wait until `took` says that they are acknowledged."""
        keys = key_digests([f"{claim.kind}\0{claim.key}" for claim in claims])
        self._see(keys)
        self._see(key_digests(unchanged))
        if len(keys) and not self._rehearsal:
            self._waiting.append((keys, stamp_digests([claim.stamp for claim in claims])))

    def forget(self, keys: Collection[str]) -> None:
        """The source offers these no more; that waits for `took` likewise."""
        self._waiting.append((key_digests(keys), np.zeros(len(keys), dtype="<u8")))

    def took(self, part: Part | None) -> None:
        """Everything that waited stands in this acknowledged part; None when nothing did."""
        waiting, self._waiting = self._waiting, []
        for keys, stamps in waiting:
            self._append(keys, stamps)
        if part is not None:
            self._head.parts[part.path] = part.offset + part.length

    def _see(self, keys: Digests) -> None:
        if len(keys) and len(self._seen):
            places, _ = self._look_up(keys)
            self._seen[places[places >= 0]] = 1

    def _append(self, keys: Digests, stamps: Digests) -> None:
        if len(keys):
            os.makedirs(self._generation, exist_ok=True)
            with open(self._log, "ab") as file:
                file.write(np.stack([keys, stamps], axis=1).tobytes())
            self._head.log += len(keys)

    def mark(self) -> Mark:
        """Make everything that was seen durable; with the mark, a harvest that is cut can go on from here."""
        if isinstance(self._seen, np.memmap):
            self._seen.flush()
        self._save()
        return Mark(self._head.generation, self._begun, self._head.log)

    # what the harvest did not meet

    def held_of(self, kinds: Collection[str] | None) -> int:
        """How many keys stood when the harvest began; of all kinds for None."""
        return sum(len(keys) for keys in self._scan(kinds, unseen=False))

    def unseen(self, kinds: Collection[str] | None) -> Digests:
        """The keys that stood and were not met, in order; eight bytes each."""
        found = list(self._scan(kinds, unseen=True))
        return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype="<u8")

    def _scan(self, kinds: Collection[str] | None, unseen: bool) -> Iterator[Digests]:
        before = 0
        for held in (self._old, self._new):
            for start in range(0, len(held), _SCAN_AT_ONCE):
                some = slice(start, start + _SCAN_AT_ONCE)
                keys = held.keys[some]
                wanted = held.stamps[some] != GONE
                seen = self._seen[before + start : before + start + len(keys)]
                wanted &= seen == 0 if unseen else seen != _HIDDEN
                if kinds is not None:
                    wanted &= of_kinds(keys, kinds)
                yield np.array(keys[wanted])
            before += len(held)

    def names(self, unseen: Digests, kinds: Collection[str] | None, harvest: str) -> Iterator[list[str]]:
        """The keys behind digests, found by reading the source's claims again, in batches, each once."""
        given = np.zeros(len(unseen), dtype=np.bool_)
        for part in self._parts():
            if part.harvest == harvest or given.all():
                continue
            for keys, stamps in _marks(self._store, part):
                stood = [k for k, s in zip(keys, stamps, strict=True) if s is not None and _is_of(k, kinds)]
                digests = key_digests(stood)
                places = np.minimum(np.searchsorted(unseen, digests), len(unseen) - 1)
                wanted = (unseen[places] == digests) & ~given[places]
                given[places[wanted]] = True
                if names := list(dict.fromkeys(stood[i] for i in np.flatnonzero(wanted))):
                    yield names

    # files

    @property
    def _generation(self) -> str:
        return f"{self._folder}/g{self._head.generation:06}"

    @property
    def _log(self) -> str:
        return f"{self._generation}/log"

    def _load(self) -> _Head:
        """The head, if files and claims are as it says; else an empty one, and nothing beside it."""
        try:
            with open(f"{self._folder}/head.json", encoding="utf-8") as file:
                fields = json.load(file)
            head = _Head(**fields["head"])
            if fields["v"] == _VERSION and self._agrees(head):
                return head
        except (OSError, ValueError, KeyError, TypeError):
            pass
        shutil.rmtree(self._folder, ignore_errors=True)
        return _Head()

    def _agrees(self, head: _Head) -> bool:
        folder = f"{self._folder}/g{head.generation:06}"
        stampfiles.mapped(folder, head.sorted)
        log_bytes = PAIR_BYTES * head.log
        if log_bytes and os.path.getsize(f"{folder}/log") < log_bytes:
            return False
        with contextlib.suppress(FileNotFoundError):
            os.truncate(f"{folder}/log", log_bytes)
        for name in os.listdir(self._folder):
            if name.startswith("g") and f"{self._folder}/{name}" != folder:
                shutil.rmtree(f"{self._folder}/{name}")
        ends = {(part.path, part.offset + part.length) for part in self._store.parts()}
        return ends.issuperset(head.parts.items())

    def _save(self) -> None:
        if os.path.exists(self._log):
            durable.sync_file(self._log)
        os.makedirs(self._folder, exist_ok=True)
        text = json.dumps({"v": _VERSION, "head": asdict(self._head)})
        durable.replace_file(f"{self._folder}/head.json", text.encode())

    def _still_there(self, mark: Mark) -> bool:
        head = self._head
        has_seen = os.path.exists(f"{self._generation}/seen") or not (head.sorted or mark.begun)
        return has_seen and mark.generation == head.generation and mark.learned <= head.log

    def _parts(self) -> list[Part]:
        """The source's parts as they came; of a key the last counts."""
        mine = [p for p in self._store.parts() if p.source == self._source and not p.is_listens]
        return sorted(mine, key=lambda part: (part.harvest, part.path, part.offset))

    def _learn_parts(self) -> None:
        """Take in what stands in claims and not here: all of it when the files were lost."""
        fresh = [part for part in self._parts() if part.offset >= self._head.parts.get(part.path, 0)]
        for part in fresh:
            for keys, stamps in _marks(self._store, part):
                found = stamp_digests([stamp or "" for stamp in stamps])
                gone = np.array([stamp is None for stamp in stamps])
                self._append(key_digests(keys), np.where(gone, np.uint64(GONE), found))
        for part in fresh:
            self._head.parts[part.path] = max(part.offset + part.length, self._head.parts.get(part.path, 0))
        if fresh:
            self._save()

    def _merge(self) -> None:
        old, log, length = self._generation, self._log, self._head.log
        held = stampfiles.mapped(old, self._head.sorted)
        self._head.generation += 1
        self._head.sorted = stampfiles.merge(held, log, length, self._generation)
        self._head.log = 0
        durable.sync_tree(self._folder, [self._generation])
        self._save()
        shutil.rmtree(old, ignore_errors=True)

    def _open_seen(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """A byte a key: not met, met, or hidden behind a newer entry of the same key."""
        count = len(self._old) + len(self._new)
        path = f"{self._generation}/seen"
        if self.can_go_on and count and os.path.getsize(path) == count:
            return np.memmap(path, dtype=np.uint8, mode="c" if self._rehearsal else "r+")
        self.can_go_on = self.can_go_on and not count
        if self._rehearsal or not count:
            seen: np.ndarray[Any, np.dtype[np.uint8]] = np.zeros(count, dtype=np.uint8)
        else:
            seen = np.memmap(path, dtype=np.uint8, mode="w+", shape=(count,))
        places = self._old.find(self._new.keys)
        seen[places[places >= 0]] = _HIDDEN
        return seen


def _is_of(key: str, kinds: Collection[str] | None) -> bool:
    return kinds is None or key.partition("\0")[0] in kinds


def _marks(store: ClaimStore, part: Part) -> Iterator[tuple[list[str], list[str | None]]]:
    """Keys and stamps of a part's claims in batches; None for what was withdrawn."""
    keys: list[str] = []
    stamps: list[str | None] = []
    for line in store.lines(part):
        mark = mark_of(line)
        is_gone = mark.kind == "withdrawn"
        keys.append(mark.key if is_gone else f"{mark.kind}\0{mark.key}")
        stamps.append(None if is_gone else mark.stamp)
        if len(keys) >= _LINES_AT_ONCE:
            yield keys, stamps
            keys, stamps = [], []
    if keys:
        yield keys, stamps
