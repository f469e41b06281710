"""Claims in packs: zstd frames of JSON lines, appended, synced, and only then journalled.

Invariant: bytes that a `claims-added` event covers never change; bytes behind them are nobody's and are cut.
`docs/format.md`, section 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import zstandard

from lockgroove import durable
from lockgroove.catalogue.claims import frameindex
from lockgroove.catalogue.claims.lines import liner, record_of
from lockgroove.catalogue.claims.listenparts import file_of
from lockgroove.catalogue.claims.packs import Packing, frame_lines, lines_of, streamed_lines
from lockgroove.errors import DamageFound
from lockgroove.journal import Journal, now
from lockgroove.model import Claim, ListenCount, ListensMode
from lockgroove.storage import LocalStorage

PACK_BYTES_MAX = 256 << 20
PART_BYTES = 16 << 20
PART_TEXT_BYTES = 64 << 20
FOLDER = "claims"
_ADDS = "-add.parquet"


@dataclass(frozen=True)
class Part:
    """An acknowledged stretch of a pack: path below the archive, offset, length, digest, and whose it is."""

    path: str
    offset: int
    length: int
    sha256: str
    source: str
    harvest: str

    @property
    def name(self) -> str:
        """A name for what is derived from it."""
        return f"{self.path.rpartition('/')[2].partition('.')[0]}-{self.offset:012}"

    @property
    def is_listens(self) -> bool:
        """Whether it is a part of listens rather than of claims."""
        return self.path.endswith(".parquet")

    @property
    def adds(self) -> bool:
        """Whether its listens add to those of earlier harvests instead of replacing them."""
        return self.path.endswith(_ADDS)


@dataclass
class Harvest:
    """One run over one source, as its claims carry it."""

    source: str
    reader: str
    id: str
    at: str = field(default_factory=now)


class Waiting:
    """Claims of one harvest that are not acknowledged yet: many batches become one part."""

    def __init__(self, store: ClaimStore, harvest: Harvest) -> None:
        self._store = store
        self._harvest = harvest
        self._line = liner(harvest.id, harvest.at, harvest.reader)
        self._packing = Packing()

    @property
    def is_full(self) -> bool:
        """Whether it is time to acknowledge: whoever reads a part again may hold its text in memory."""
        return self._packing.size_bytes >= PART_BYTES or self._packing.text_bytes >= PART_TEXT_BYTES

    def add(self, claims: Iterable[Claim]) -> None:
        """Take in claims. They are nobody's until `acknowledge`."""
        self._packing.add(map(self._line, claims))

    def add_packed(self, packed: Packing) -> None:
        """Take in claims whose lines were made and packed elsewhere."""
        self._packing.extend(packed)

    def acknowledge(self) -> Part | None:
        """Make what waits durable and say so in the journal; None when nothing waited."""
        packing, self._packing = self._packing, Packing()
        return self._store.add_packing(self._harvest, packing) if packing.records else None


class ClaimStore:
    """The claims of an archive. `parts` gives the acknowledged stretches, in order."""

    def __init__(self, storage: LocalStorage, journal: Journal, parts: Callable[[], Sequence[Part]]) -> None:
        self._storage = storage
        self._journal = journal
        self.parts = parts

    @property
    def root(self) -> str:
        """The archive's folder."""
        return self._storage.root

    def add(self, harvest: Harvest, claims: Sequence[Claim]) -> None:
        """Acknowledge claims: durable when this returns."""
        waiting = Waiting(self, harvest)
        waiting.add(claims)
        waiting.acknowledge()

    def add_lines(self, harvest: Harvest, lines: Sequence[bytes]) -> None:
        """Acknowledge records as they are, such as another archive's; durable when this returns."""
        packing = Packing()
        packing.add(lines)
        self.add_packing(harvest, packing)

    def add_packing(self, harvest: Harvest, packing: Packing) -> Part:
        """Acknowledge what was packed as one part; durable when this returns."""
        data = packing.finish()
        pack, offset = self._open_pack()
        self._storage.append(f"{FOLDER}/{pack}", offset, [data])
        digest = hashlib.sha256(data).hexdigest()
        part = self._acknowledge("claims-added", harvest, pack, offset, len(data), digest, packing.records)
        frameindex.remember(self.root, part.name, part.sha256, packing.lengths, packing.counts)
        return part

    def add_listens(
        self, harvest: Harvest, counts: Sequence[ListenCount], mode: ListensMode = "replace"
    ) -> None:
        """Acknowledge listens as a part of their own."""
        if counts:
            self.add_listens_file(harvest, file_of(harvest.source, counts), len(counts), mode)

    def add_listens_file(
        self, harvest: Harvest, data: bytes | str, records: int, mode: ListensMode = "replace"
    ) -> None:
        """Acknowledge a Parquet file of listens in LISTEN_SCHEMA, given as bytes or as its path."""
        pack = self._listens_name(mode)
        digest, length = hashlib.sha256(), 0

        def passing(chunks: Iterable[bytes]) -> Iterator[bytes]:
            nonlocal length
            for chunk in chunks:
                digest.update(chunk)
                length += len(chunk)
                yield chunk

        chunks = [data] if isinstance(data, bytes) else durable.chunks_of(data)
        self._storage.append(f"{FOLDER}/{pack}", 0, passing(chunks))
        self._acknowledge("listens-added", harvest, pack, 0, length, digest.hexdigest(), records, mode=mode)

    def _acknowledge(
        self, kind: str, harvest: Harvest, pack: str, offset: int, length: int, digest: str, records: int,
        **more: str,
    ) -> Part:  # fmt: skip
        subjects = {
            "pack": pack,
            "offset": offset,
            "length": length,
            "sha256": digest,
            "records": records,
            "source": harvest.source,
            "harvest": harvest.id,
        }
        self._journal.append(kind, subjects | more)
        return Part(f"{FOLDER}/{pack}", offset, length, digest, harvest.source, harvest.id)

    def _listens_name(self, mode: ListensMode) -> str:
        stem = f"{self._journal.writer}-listens-"
        acknowledged = (part.path.rpartition("/")[2] for part in self.parts() if part.is_listens)
        numbers = (int(n[len(stem) :][:6]) for n in acknowledged if n.startswith(stem))
        return f"{stem}{max(numbers, default=0) + 1:06}{_ADDS if mode == 'add' else '.parquet'}"

    def listens(self) -> list[Part]:
        """The parts of listens that count: a source's newest that replace, and what was added since."""
        parts = [part for part in self.parts() if part.is_listens]
        newest: dict[str, str] = {}
        for part in parts:
            if not part.adds:
                newest[part.source] = max(part.harvest, newest.get(part.source, ""))
        return [part for part in parts if _counts(part, newest.get(part.source, ""))]

    def _open_pack(self) -> tuple[str, int]:
        mine = f"{FOLDER}/{self._journal.writer}-"
        ends = {
            p.path: p.offset + p.length for p in self.parts() if p.path.startswith(mine) and not p.is_listens
        }
        if not ends:
            return f"{self._journal.writer}-000001.jsonl.zst", 0
        path = max(ends)
        name = path.rpartition("/")[2]
        if ends[path] < PACK_BYTES_MAX:
            return name, ends[path]
        number = int(name.rpartition("-")[2].partition(".")[0]) + 1
        return f"{self._journal.writer}-{number:06}.jsonl.zst", 0

    def read(self, part: Part) -> list[dict[str, Any]]:
        """The records of a part, in order. Raises DamageFound when its bytes are not as acknowledged."""
        return [record_of(line) for line in self.lines(part)]

    def lines(self, part: Part) -> Iterator[bytes]:
        """The lines of a part as they stand, each with its LF, a frame at a time. Raises DamageFound."""
        data = b"".join(self._storage.read(part.path, part.offset, part.length))
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise _damaged(part)
        yield from lines_of(data)

    def record(self, part: Part, number: int) -> dict[str, Any]:
        """One record of a part by its number from 0: one frame is read. Raises DamageFound, IndexError."""
        offset, length, before = frameindex.frame_of(self.frames(part), number)
        frame = b"".join(self._storage.read(part.path, part.offset + offset, length))
        try:
            return record_of(frame_lines(frame)[number - before])
        except (ValueError, zstandard.ZstdError):
            raise _damaged(part) from None

    def frames(self, part: Part) -> frameindex.Frames:
        """Which frame of a part holds which records. Raises DamageFound."""
        found = frameindex.load(self.root, part.name, part.sha256)
        return self._index(part) if found is None else found

    def _index(self, part: Part) -> frameindex.Frames:
        """The index of a part that another archive or an older version wrote."""
        data = b"".join(self._storage.read(part.path, part.offset, part.length))
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise _damaged(part)
        return frameindex.remember(self.root, part.name, part.sha256, *frameindex.measured(data))


def _counts(part: Part, newest: str) -> bool:
    """Whether a part of listens counts beside the newest harvest that replaced."""
    return part.harvest >= newest if part.adds else part.harvest == newest


def _damaged(part: Part) -> DamageFound:
    where = f"{part.path} at {part.offset}"
    return DamageFound("A pack of claims is not as acknowledged", where, "Run: lockgroove repair.")


def records_of(pack: BinaryIO) -> Iterator[dict[str, Any]]:
    """The records of whole frames, streamed."""
    return map(record_of, streamed_lines(pack))
