"""Claims as columns, one family of rows for each kind of thing they speak of, cached as Parquet per part.

In: the records of a part. Out: one Parquet file a family. Parts never change, so neither do these.
Invariant: what a row says follows from its record alone; which of several records counts is not asked here.
"""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.catalogue.claims.packs import lines_of
from lockgroove.catalogue.facts.facing import Facing, Row
from lockgroove.catalogue.facts.records import Record, decoded
from lockgroove.catalogue.names import compared_all
from lockgroove.errors import DamageFound
from lockgroove.report import Report

_SMALL_BYTES = 32 << 20  # below this, starting processes costs more than it saves
_KEPT_BYTES_MAX = 12 << 30  # of rows that are in their places; some 150 million claims
_RELEASED = "released"
VERSION = 3  # counts up when the rows for the same claims change, so that old caches are not read

_ID = pa.binary(12)
_I32, _I64, _STR = pa.int32(), pa.int64(), pa.string()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


def _named(**columns: pa.DataType) -> pa.Schema:
    """Of what several claims may name: an id, who says so, what is said, and the ordinal of the claim.

    `key` and `stamp` are those of the file that says so, where a file does.
    """
    own_id, *said = columns.items()
    who = {"source": _STR, "key": _STR, "stamp": _STR, "said_at": _STR, "detail": _I32}
    return _schema(**dict([own_id]), **who, **dict(said), seq=_I64)


SCHEMAS: Mapping[str, pa.Schema] = {
    # what may be a recording: a track of a file or of a release, a recording, a name that was listened to
    "nodes": _schema(
        kind=_STR, source=_STR, key=_STR, stamp=_STR, said_at=_STR, seq=_I64, track_index=_I32,
        recording_id=_ID, track_id=_ID, title=_STR, artist=_STR, artist_id=_ID, release_id=_ID,
        medium_number=_I32, track_number=_I32, duration_ms=_I64, start_ms=_I64, end_ms=_I64, year=_I32,
        isrcs=pa.list_(_STR), mbid=_STR, composer=_STR, genre=_STR, name_key=_I64, version_key=_I64,
    ),
    "artists": _named(artist_id=_ID, name=_STR, fold=_STR, mbid=_STR),
    "releases": _named(
        release_id=_ID, title=_STR, artist=_STR, artist_id=_ID, year=_I32, barcode=_STR, label=_STR,
        release_group_id=_ID, mbid=_STR,
    ),
    "release_groups": _named(
        release_group_id=_ID, title=_STR, artist=_STR, artist_id=_ID, type=_STR, year=_I32, mbid=_STR
    ),
    "labels": _named(label_id=_ID, name=_STR, country=_STR, mbid=_STR),
    # files, deposits and shelves, with what they state of their rights
    "files": _schema(
        kind=_STR, source=_STR, key=_STR, stamp=_STR, said_at=_STR, seq=_I64, role=_STR, deposit=_STR,
        format=_STR, size_bytes=_I64, duration_ms=_I64, lossless=pa.bool_(), technical=pa.bool_(),
        licences=_STR,
    ),
    "withdrawn": _schema(kind=_STR, source=_STR, key=_STR, said_at=_STR, entity_id=_ID),
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Folders of rows, one a part: the files of a family are those that are there."""

    folders: Sequence[str]

    def release(self) -> None:
        """Let go of rows that are named and seated, if they take much: claims can tell them again.

        Those of parts that speak of files stay, and so does what is withdrawn: they are few.
        """
        seated = [family for family in SCHEMAS if family not in ("files", "withdrawn")]
        paths = [path for family in seated for path in self.files(family)]
        if sum(os.path.getsize(path) for path in paths) <= _KEPT_BYTES_MAX:
            return
        with_files = {os.path.dirname(path) for path in self.files("files")}
        for path in paths:
            folder = os.path.dirname(path)
            if folder not in with_files:
                open(f"{folder}/{_RELEASED}", "w", encoding="ascii").close()  # before anything is missing
                os.unlink(path)

    def save(self, path: str) -> None:
        """Keep the list of folders for a run that goes on after this one."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(list(self.folders), file)

    @staticmethod
    def load(path: str) -> Facts | None:
        """What `save` kept; None where a folder of it is gone, since `cache/` may be deleted at any time."""
        with open(path, encoding="utf-8") as file:
            folders = json.load(file)
        return Facts(folders) if all(map(os.path.isdir, folders)) else None

    def files(self, family: str) -> list[str]:
        """The Parquet files of a family, in order of the parts."""
        paths = (f"{folder}/{family}.parquet" for folder in self.folders)
        return [path for path in paths if os.path.exists(path)]


def cached_facts(store: ClaimStore, cache: str, report: Report, parts: Sequence[Part] | None = None) -> Facts:
    """The rows of parts, or of every part, made where they are not there yet.

    A kill loses what was being made, no more.
    """
    some = [part for part in (store.parts() if parts is None else parts) if not part.is_listens]
    stems = _stems(cache, some)
    os.makedirs(f"{cache}/facts-{VERSION}", exist_ok=True)
    missing = [
        (store.root, part, stem)
        for part, stem in zip(some, stems, strict=True)
        if not os.path.exists(stem) or os.path.exists(f"{stem}/{_RELEASED}")
    ]
    for done, _ in enumerate(_spread(missing)):
        report.progress("catalogue", done + 1, len(missing), "parts")
    return Facts(stems)


def facts_there(cache: str, parts: Sequence[Part]) -> Facts:
    """The rows of parts as far as they are there: none is made, and some may have been let go of."""
    return Facts([stem for stem in _stems(cache, parts) if os.path.isdir(stem)])


def _stems(cache: str, parts: Sequence[Part]) -> list[str]:
    return [f"{cache}/facts-{VERSION}/{part.name}-{part.sha256[:16]}" for part in parts]


_Item = tuple[str, Part, str]


def _spread(items: Sequence[_Item]) -> Iterator[None]:
    """Over all cores, when there is enough to do."""
    if sum(part.length for _, part, _ in items) < _SMALL_BYTES:
        collecting = gc.isenabled()
        gc.disable()  # nothing here goes in circles, and looking for them takes longer than the work
        try:
            yield from map(_make, items)
        finally:
            if collecting:
                gc.enable()
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(os.cpu_count(), context, initializer=_prepare) as pool:
        yield from pool.map(_make, items)


def _prepare() -> None:
    """A worker's memory is freed by counting alone; Ctrl-C is its parent's to answer."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make(item: _Item) -> None:
    root, part, stem = item
    with open(f"{root}/{part.path}", "rb") as pack:
        pack.seek(part.offset)
        data = pack.read(part.length)
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise DamageFound(
            "A pack of claims is not as acknowledged",
            f"{part.path} at {part.offset}",
            "Run: lockgroove repair.",
        )
    write_facts(decoded(lines_of(data)), ordinal_of(part), stem)


def ordinal_of(part: Part) -> int:
    """A number that grows with the parts of one writer; ties between writers are settled by time."""
    pack = int(part.path.rpartition("-")[2].partition(".")[0])
    return (pack << 32) + part.offset


def write_facts(records: Iterable[Record], base: int, folder: str) -> None:
    """Write the rows of one part into a new folder; a reader sees all of them or none."""
    facing = Facing(base)
    facing.take(records)
    beside = f"{folder}.new-{os.getpid()}"
    os.makedirs(beside, exist_ok=True)
    for family, table in tables_of(facing):
        if table.num_rows:
            write_columns(table, f"{beside}/{family}.parquet")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(beside, folder)


# Columns of few values; the others are smaller without a dictionary.
_FEW = frozenset(
    "kind source stamp said_at detail role format version_key genre type country deposit".split()
)
_DELTAS = frozenset("seq duration_ms".split())


def write_columns(table: pa.Table, path: str) -> None:
    """Write the rows of a family, small."""
    names = table.schema.names
    pq.write_table(
        table, path, compression="zstd", compression_level=3, use_dictionary=[n for n in names if n in _FEW],
        column_encoding={n: "DELTA_BINARY_PACKED" for n in names if n in _DELTAS},
    )  # fmt: skip


def tables_of(facing: Facing) -> Iterator[tuple[str, pa.Table]]:
    """The rows that were collected, as a table a family."""
    yield "nodes", _nodes(facing.nodes)
    yield "files", _table("files", facing.files)
    yield "withdrawn", _table("withdrawn", facing.withdrawn)
    for family, rows in facing.named.items():
        yield family, _table(family, list(rows.values()))


def _nodes(rows: list[Row]) -> pa.Table:
    schema = SCHEMAS["nodes"]
    columns = list(zip(*rows, strict=True)) or [()] * (len(schema) - 2)
    titles, artists = (list(columns[schema.get_field_index(name)]) for name in ("title", "artist"))
    return _of_columns(schema, [*columns, *compared_all(titles, artists)])


def _table(family: str, rows: list[Row]) -> pa.Table:
    schema = SCHEMAS[family]
    return _of_columns(schema, list(zip(*rows, strict=True)) or [()] * len(schema))


def _of_columns(schema: pa.Schema, columns: Sequence[Any]) -> pa.Table:
    arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array; a number too large for its column is left out."""
    try:
        return pa.array(values, kind)
    except (OverflowError, pa.ArrowInvalid):
        within = 1 << (kind.bit_width - 1)
        return pa.array([v if v is not None and -within <= v < within else None for v in values], kind)
