"""Claims in packs: zstd frames of JSON lines, appended, synced, and only then journalled.

Invariant: bytes that a `claims-added` event covers never change; bytes behind them are nobody's and are cut.
`docs/format.md`, section 4.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from lockgroove.errors import DamageFound
from lockgroove.journal import Journal, canonical, now
from lockgroove.model import Claim, ListenCount
from lockgroove.storage import LocalStorage

FRAME_BYTES_MAX = 1 << 20
PACK_BYTES_MAX = 256 << 20
FOLDER = "claims"

LISTEN_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("month", pa.string(), nullable=False),
        pa.field("listener_group", pa.int8(), nullable=False),
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("capped_listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64(), nullable=False),
    ]
)


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


@dataclass
class Harvest:
    """One run over one source, as its claims carry it."""

    source: str
    reader: str
    id: str
    at: str = field(default_factory=now)


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
        if not claims:
            return
        self.add_lines(harvest, [_record(harvest, claim) for claim in claims])

    def add_lines(self, harvest: Harvest, lines: Sequence[bytes]) -> None:
        """Acknowledge records as they are, such as another archive's; durable when this returns."""
        data = b"".join(_frames(lines))
        pack, offset = self._open_pack()
        self._storage.append(f"{FOLDER}/{pack}", offset, [data])
        self._journal.append(
            "claims-added",
            {
                "pack": pack,
                "offset": offset,
                "length": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "records": len(lines),
                "source": harvest.source,
                "harvest": harvest.id,
            },
        )

    def add_listens(self, harvest: Harvest, counts: Sequence[ListenCount]) -> None:
        """Acknowledge listens as a part of their own."""
        if counts:
            self.add_listens_file(harvest, _listens_file(harvest.source, counts), len(counts))

    def add_listens_file(self, harvest: Harvest, data: bytes, records: int) -> None:
        """Acknowledge a Parquet file of listens in LISTEN_SCHEMA."""
        stem = f"{self._journal.writer}-listens-"
        taken = [n for n in self._storage.names(FOLDER) if n.startswith(stem)]
        acknowledged = {part.path.rpartition("/")[2] for part in self.parts()}
        number = 1 + max((int(n[len(stem) : len(stem) + 6]) for n in taken if n in acknowledged), default=0)
        pack = f"{stem}{number:06}.parquet"
        self._storage.append(f"{FOLDER}/{pack}", 0, [data])
        self._journal.append(
            "listens-added",
            {
                "pack": pack,
                "offset": 0,
                "length": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "records": records,
                "source": harvest.source,
                "harvest": harvest.id,
            },
        )

    def listens(self) -> list[Part]:
        """The parts of listens that count: of each source those of its newest harvest."""
        parts = [part for part in self.parts() if part.is_listens]
        newest = {part.source: part.harvest for part in sorted(parts, key=lambda p: p.harvest)}
        return [part for part in parts if newest[part.source] == part.harvest]

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
        data = b"".join(self._storage.read(part.path, part.offset, part.length))
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise DamageFound(
                "A pack of claims is not as acknowledged",
                f"{part.path} at {part.offset}",
                "Run: lockgroove repair.",
            )
        return list(records_of(io.BytesIO(data)))


def records_of(pack: BinaryIO) -> Iterator[dict[str, Any]]:
    """The records of whole frames, streamed."""
    reader = zstandard.ZstdDecompressor().stream_reader(pack, read_across_frames=True)
    for line in io.TextIOWrapper(reader, encoding="utf-8", newline="\n"):
        yield json.loads(line)


def _record(harvest: Harvest, claim: Claim) -> bytes:
    fields: Mapping[str, Any] = {
        "v": 1,
        "kind": claim.kind,
        "source": claim.source,
        "key": claim.key,
        "stamp": claim.stamp,
        "harvest": harvest.id,
        "at": harvest.at,
        "reader": harvest.reader,
        "body": claim.body,
        "says": claim.says,
    }
    return canonical(fields) + b"\n"


def _frames(lines: Sequence[bytes]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True)
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if waiting and size + len(line) > FRAME_BYTES_MAX:
            yield compressor.compress(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        yield compressor.compress(b"".join(waiting))


def pack_of(lines: Sequence[bytes]) -> bytes:
    """Lines as one pack, for a dump."""
    return b"".join(_frames(lines))


def _listens_file(source: str, counts: Sequence[ListenCount]) -> bytes:
    ordered = sorted(counts, key=lambda c: (c.subject, c.month, c.group))
    columns = [
        [source] * len(ordered),
        [c.subject for c in ordered],
        [c.month for c in ordered],
        [c.group for c in ordered],
        [c.listens for c in ordered],
        [c.capped_listens for c in ordered],
        [c.listeners for c in ordered],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, LISTEN_SCHEMA, strict=True)]
    sink = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=LISTEN_SCHEMA), sink, compression="zstd", store_schema=False
    )
    return sink.getvalue()
