"""Write a dump: public tables, the claims and words behind them, volumes, manifest, signature."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from lockgroove import durable, keys, tables
from lockgroove.catalogue import generations
from lockgroove.catalogue.claims import LISTEN_SCHEMA, ClaimStore, pack_of
from lockgroove.catalogue.facts.records import Record, decoded
from lockgroove.dumps import readme
from lockgroove.dumps.manifest import MANIFEST, PUBLIC_KEY, SIGNATURE, SUMS, Manifest, trusted_comment
from lockgroove.journal import canonical
from lockgroove.report import Report
from lockgroove.storage import LocalStorage
from lockgroove.vault import HeldIndex
from lockgroove.vault.index import HeldObject
from lockgroove.vault.volumes import Member, write_volumes

VOLUME_INDEX = "volumes.parquet"
CLAIMS = "claims.jsonl.zst"
LISTENS = "listens.parquet"
DECISIONS = "decisions.jsonl"
MATCHES = "matches.jsonl"
VOLUME_SCHEMA = pa.schema(
    [
        pa.field("volume", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("object_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("sha512", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("blake3", pa.string()),
    ]
)


@dataclass(frozen=True)
class Publisher:
    """Who publishes: the archive's id and name, its key, its decisions on rights, its matches by hand."""

    archive: str
    name: str
    key: keys.SigningKey
    decisions: Sequence[dict[str, Any]]
    matches: Sequence[dict[str, Any]] = ()


@dataclass
class DumpResult:
    """What was written."""

    root: str = ""
    as_of: str = ""
    volumes: int = 0
    objects: int = 0
    files: int = 0
    bytes: int = 0
    withheld: int = 0
    published: list[str] = field(default_factory=list)


def write_dump(
    folder: str,
    generation: generations.Generation,
    storage: LocalStorage,
    index: HeldIndex,
    store: ClaimStore,
    publisher: Publisher,
    report: Report,
    volume_bytes_max: int,
) -> DumpResult:
    """Write a whole dump into the empty `folder`; durable on return."""
    result = DumpResult(as_of=generation.as_of)
    files = _copy_tables(generation, folder)
    public = _PublicFiles(generation.public)
    files.append(_write_claims(folder, store, public))
    files.append(_write_listens(folder, store))
    files.append(_write_lines(folder, DECISIONS, publisher.decisions))
    files.append(_write_lines(folder, MATCHES, publisher.matches))
    members = _write_volumes(folder, storage, index, public, result, report, volume_bytes_max)
    files.append(tables.write_table(folder, VOLUME_INDEX, VOLUME_SCHEMA, _index_rows(members, index)))
    public.close()
    volumes = sorted(os.listdir(f"{folder}/volumes"))
    files.extend(tables.describe(folder, f"volumes/{name}") for name in volumes)
    result.volumes = len(volumes)
    _sign(folder, files, generation, publisher, result)
    durable.sync_tree(folder, [folder])
    return result


def _copy_tables(generation: generations.Generation, folder: str) -> list[tables.WrittenFile]:
    """The public tables as they are, copied: a published file shares no inode with one that may go."""
    target = f"{folder}/tables"
    os.makedirs(target)
    os.makedirs(f"{folder}/volumes")
    for name in sorted(os.listdir(generation.public)):
        shutil.copyfile(f"{generation.public}/{name}", f"{target}/{name}")
    return [tables.describe(folder, f"tables/{name}") for name in sorted(os.listdir(target))]


class _PublicFiles:
    """Which claims and objects are public, asked of the public tables on disk."""

    def __init__(self, folder: str) -> None:
        self._db = tables.connect()
        path = folder.replace("'", "''")
        self._db.execute(f"CREATE VIEW files AS SELECT * FROM read_parquet('{path}/files.parquet')")
        self._db.execute("CREATE TABLE public AS SELECT DISTINCT source, key, stamp FROM files")
        self._db.execute("CREATE TABLE deposits AS SELECT DISTINCT source, deposit FROM files")
        self._db.execute("CREATE TABLE objects AS SELECT DISTINCT object_id FROM files")

    def close(self) -> None:
        """Let go of the tables."""
        self._db.close()

    def among(self, records: Sequence[Record]) -> list[int]:
        """The places of those records that stand behind the public tables."""
        asked = pa.table(
            {
                "n": pa.array(range(len(records)), pa.int64()),
                "kind": [r.kind for r in records],
                "source": [r.source for r in records],
                "key": [r.key for r in records],
                "stamp": [r.stamp for r in records],
            }
        )
        self._db.register("asked", asked)
        rows = self._db.execute(
            """SELECT n FROM asked a WHERE a.kind = 'listened'
            OR (a.kind IN ('recording', 'release', 'artist', 'release-group', 'label', 'withdrawn')
                AND a.source NOT LIKE 'shelf-%')
            OR (a.kind = 'file' AND EXISTS (SELECT 1 FROM public p
                WHERE p.source = a.source AND p.key = a.key AND p.stamp = a.stamp))
            OR (a.kind = 'withdrawn' AND EXISTS (SELECT 1 FROM public p
                WHERE p.source = a.source AND concat('file', chr(0), p.key) = a.key))
            OR (a.kind = 'deposit' AND EXISTS (SELECT 1 FROM deposits d
                WHERE d.source = a.source AND d.deposit = a.key))
            OR (a.kind = 'shelf' AND EXISTS (SELECT 1 FROM deposits d WHERE d.source = a.source))
            ORDER BY n"""
        ).fetchall()
        self._db.unregister("asked")
        return [n for (n,) in rows]

    def has_object(self, identifier: str) -> bool:
        """Whether the tables speak of an object: then all that it names is public."""
        found = self._db.execute("SELECT count(*) FROM objects WHERE object_id = ?", [identifier]).fetchall()
        return bool(found[0][0])


def _write_claims(folder: str, store: ClaimStore, public: _PublicFiles) -> tables.WrittenFile:
    with open(f"{folder}/{CLAIMS}", "xb") as file:
        for part in store.parts():
            if not part.is_listens:
                lines = list(store.lines(part))
                chosen = (lines[place] for place in public.among(list(decoded(lines))))
                file.write(pack_of(_free(line) if part.source == "musicbrainz" else line for line in chosen))
    return tables.describe(folder, CLAIMS)


# MusicBrainz gives these with its records, under CC BY-NC-SA 3.0; all else of them is CC0.
_NOT_FREE = frozenset("annotation genres rating tags user-genres user-rating user-tags".split())


def _free(line: bytes) -> bytes:
    """A record of MusicBrainz without what may not be given to everybody."""
    if not any(f'"{name}"'.encode() in line for name in _NOT_FREE):
        return line
    record = json.loads(line)
    return canonical(record | {"body": _without(record["body"])}) + b"\n"


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner) for name, inner in value.items() if name not in _NOT_FREE}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _write_listens(folder: str, store: ClaimStore) -> tables.WrittenFile:
    """Totals only: months, groups and listeners stay at home."""
    paths = [f"{store.root}/{part.path}" for part in store.listens()]
    with tables.connect() as db:
        if not paths:
            return tables.write_table(folder, LISTENS, LISTEN_SCHEMA, [])
        names = ",".join("'" + p.replace("'", "''") + "'" for p in paths)
        query = f"""SELECT source, subject, '' AS month, (-1)::TINYINT AS listener_group,
            sum(listens)::BIGINT AS listens, sum(capped_listens)::BIGINT AS capped_listens,
            sum(listeners)::BIGINT AS listeners
            FROM read_parquet([{names}]) GROUP BY source, subject ORDER BY source, subject"""
        return tables.write_table(folder, LISTENS, LISTEN_SCHEMA, db.sql(query).to_arrow_reader(20_480))


def _write_lines(folder: str, name: str, values: Sequence[dict[str, Any]]) -> tables.WrittenFile:
    with open(f"{folder}/{name}", "xb") as file:
        for value in values:
            file.write(canonical(value) + b"\n")
    return tables.describe(folder, name)


def _write_volumes(
    folder: str,
    storage: LocalStorage,
    index: HeldIndex,
    public: _PublicFiles,
    result: DumpResult,
    report: Report,
    bytes_max: int,
) -> Iterator[Member]:
    def objects() -> Iterator[HeldObject]:
        for held in index.objects():
            if not public.has_object(held.id):
                result.withheld += 1
                continue
            result.objects += 1
            result.files += held.files
            result.bytes += held.bytes
            report.progress("volumes", result.bytes, None, "bytes")
            yield held

    return write_volumes(storage, objects(), f"{folder}/volumes", bytes_max)


def _index_rows(members: Iterable[Member], index: HeldIndex) -> Iterator[pa.RecordBatch]:
    """Members with their digests; those that are not content have them in the inventory."""
    rows: list[dict[str, Any]] = []
    digests: dict[str, Any] = {}
    object_id = ""
    for member in members:
        if member.object_id != object_id:
            object_id = member.object_id
            digests = {f.path: f for f in index.files_of(object_id)}
        held = digests.get(member.path.partition("/v1/content/")[2])
        rows.append(
            {
                "volume": member.volume,
                "offset": member.offset,
                "size_bytes": member.size_bytes,
                "object_id": member.object_id,
                "path": member.path,
                "sha512": held.sha512 if held else None,
                "sha256": held.sha256 if held else None,
                "blake3": held.blake3 if held else None,
            }
        )
        if len(rows) >= 10_000:
            yield pa.RecordBatch.from_pylist(rows, schema=VOLUME_SCHEMA)
            rows = []
    yield pa.RecordBatch.from_pylist(rows, schema=VOLUME_SCHEMA)


def _sign(
    folder: str,
    files: list[tables.WrittenFile],
    generation: generations.Generation,
    publisher: Publisher,
    result: DumpResult,
) -> None:
    _write(folder, PUBLIC_KEY, publisher.key.public.file())
    _write(folder, "README.txt", readme.text(publisher.name, generation.as_of, publisher.key.public))
    files = [*files, tables.describe(folder, PUBLIC_KEY), tables.describe(folder, "README.txt")]
    counts = {
        "objects": result.objects,
        "files": result.files,
        "bytes": result.bytes,
        "volumes": result.volumes,
    }
    root = tables.root_digest(files)
    manifest = Manifest(publisher.archive, publisher.name, generation.as_of, root, files, counts)
    data = manifest.as_bytes()
    _write(folder, MANIFEST, data)
    _write(folder, SIGNATURE, publisher.key.sign(data, trusted_comment(manifest)))
    listed = [*files, tables.describe(folder, MANIFEST), tables.describe(folder, SIGNATURE)]
    sums = "".join(f"{f.sha256}  {f.path}\n" for f in sorted(listed, key=lambda f: f.path.encode()))
    _write(folder, SUMS, sums.encode())
    result.root = root


def _write(folder: str, name: str, data: bytes) -> None:
    with open(f"{folder}/{name}", "xb") as file:
        file.write(data)
