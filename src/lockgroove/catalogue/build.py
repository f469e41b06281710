"""Tables from claims: current claims, rights, identity, groups, rows in catalogue order.

In: Parquet of facts, of what is held and of listens, and a judge of rights statements. Out: a folder of
tables, the same to the byte for the same input. Runs in DuckDB within its memory limit, spilling to disk.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove import tables
from lockgroove.catalogue import identity, queries
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.catalogue.facts import SCHEMA
from lockgroove.catalogue.keyindex import write_key_index
from lockgroove.catalogue.schemas import SPECS, dictionary
from lockgroove.journal import canonical

Judge = Callable[[str, Sequence[Mapping[str, str]]], Mapping[str, Any]]
_MEMORY_BYTES_MIN = 512 << 20
_MEMORY_PER_INPUT = 10
_TEXT = pa.string()
_VERDICT_SCHEMA = pa.schema(
    [
        (n, _TEXT)
        for n in ("source", "f", "d", "s", "statement", "status", "licence", "uri", "why", "clause", "stated")
    ]
    + [("stream", pa.bool_()), ("publish", pa.bool_()), ("verdict", pa.int32())]
)
HELD_SCHEMA = pa.schema(
    [(n, _TEXT) for n in ("source", "key", "stamp", "deposit", "object_id", "path", "sha512")]
)
# What a `deposit.json` tells of: each file that it names, and the other object (`target`) that has its bytes.
TOLD_SCHEMA = pa.schema([(n, _TEXT) for n in ("object_id", "source", "key", "stamp", "target")])


@dataclass(frozen=True)
class Inputs:
    """What a build reads: Parquet files, and the scratch folder it may fill.

    `told` need only speak of objects whose bytes answer more than one claim, and of those that point at them.
    """

    facts: Sequence[str]
    held: Sequence[str]
    listens: Sequence[str]
    scratch: str
    told: Sequence[str] = ()


def build_tables(inputs: Inputs, judge: Judge, folder: str, public: bool) -> list[tables.WrittenFile]:
    """Write every table into `folder`; with `public`, only of what may be published."""
    os.makedirs(folder, exist_ok=True)
    os.makedirs(inputs.scratch, exist_ok=True)
    with engine(inputs.scratch, [*inputs.facts, *inputs.held, *inputs.listens]) as db:
        _read(db, inputs)
        db.execute(queries.SOURCE_RANK)
        db.execute(queries.CURRENT)
        db.execute(queries.STATEMENTS)
        _judge(db, judge)
        db.execute(queries.VERDICTS.format(public=public))
        db.execute(queries.SHOWN.format(public=public))
        db.execute(queries.JUDGED)
        db.execute(queries.NODES)
        _group(db)
        db.execute(queries.FILES)
        return _write(db, folder)


@contextlib.contextmanager
def engine(scratch: str, inputs: Iterable[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own that spills into `scratch` and leaves nothing there.

    Its memory follows the size of the input files, within half of the machine's.
    """
    path = f"{scratch}/build-{os.getpid()}.duckdb"
    _remove(path)
    db = duckdb.connect(path)
    try:
        db.execute(f"SET memory_limit = '{_memory_bytes(inputs) >> 20}MiB'")
        db.execute(f"SET temp_directory = '{scratch}/spill-{os.getpid()}'")
        db.execute("SET preserve_insertion_order = false")
        db.execute("SET TimeZone = 'UTC'")
        yield db
    finally:
        db.close()
        _remove(path)


def _memory_bytes(inputs: Iterable[str]) -> int:
    """A limit, not a reservation. With 128 MiB DuckDB gave up on 60,000 files; 160 MiB were enough."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wanted = sum(os.path.getsize(path) for path in inputs) * _MEMORY_PER_INPUT
    return max(_MEMORY_BYTES_MIN, min(wanted, machine // 2))


def _remove(path: str) -> None:
    for name in (path, f"{path}.wal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _read(db: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    for name, paths, schema in (
        ("facts", inputs.facts, SCHEMA),
        ("held", inputs.held, HELD_SCHEMA),
        ("told", inputs.told, TOLD_SCHEMA),
        ("listens_in", inputs.listens, LISTEN_SCHEMA),
    ):
        if paths:
            files = "[" + ",".join("'" + p.replace("'", "''") + "'" for p in paths) + "]"
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({files})")
        else:
            db.register(f"no_{name}", schema.empty_table())
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM no_{name}")


def _judge(db: duckdb.DuckDBPyConnection, judge: Judge) -> None:
    """Judge every distinct set of statements once: they are few, however many the files."""
    texts = dict(db.execute("SELECT digest, licences FROM texts").fetchall())
    rows: list[Mapping[str, Any]] = []
    numbers: dict[bytes, int] = {}
    for source, *digests in db.execute("SELECT source, f, d, s FROM combinations").fetchall():
        stated = [statement for d in digests if d for statement in json.loads(texts[d])]
        verdict = judge(source, stated)
        combination = dict(zip(("source", "f", "d", "s"), (source, *digests), strict=True))
        content = {"stated": canonical(_shortened(stated)).decode(), **verdict}
        number = numbers.setdefault(canonical(content), len(numbers))
        rows.append({**combination, "verdict": number, **content})
    db.register("verdict_rows", pa.Table.from_pylist(rows, schema=_VERDICT_SCHEMA))
    db.execute("CREATE TABLE verdicts AS SELECT * FROM verdict_rows")


def _shortened(stated: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"where": s["where"], "text": s["text"][:500]} for s in stated]


def _group(db: duckdb.DuckDBPyConnection) -> None:
    identity.recording_edges(db)
    edges = db.sql("SELECT nid, hub FROM edges").to_arrow_table()
    _store_groups(db, "nodes", edges, "grouped")
    db.execute(queries.MEMBERS)
    _store_groups(
        db, "artist_nodes", identity.simple_edges(db, "artist_nodes", ["fold", "mbid"]), "artist_grouped"
    )
    _store_groups(
        db, "release_nodes", identity.simple_edges(db, "release_nodes", ["mbid"]), "release_grouped"
    )
    db.execute(queries.ARTISTS)
    db.execute(queries.RELEASES)
    db.execute(queries.RECORDINGS)


def _store_groups(db: duckdb.DuckDBPyConnection, nodes: str, edges: pa.Table, name: str) -> None:
    count = _one(db, f"SELECT count(*) FROM {nodes}")
    labels = identity.components(count, edges)
    rows = pa.table({"nid": pa.array(np.arange(count, dtype=np.uint32)), "root": pa.array(labels)})
    db.register("labels", rows)
    db.execute(f"CREATE TABLE {name} AS SELECT * FROM labels")
    db.unregister("labels")


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(db.execute(query).fetchall()[0][0])


def _write(db: duckdb.DuckDBPyConnection, folder: str) -> list[tables.WrittenFile]:
    written = []
    for name, spec in SPECS.items():
        reader = _rows(db, queries.ROWS[name])
        written.append(tables.write_table(folder, f"{name}.parquet", spec.schema, reader))
    write_key_index(f"{folder}/keys.bin", _rows(db, f"SELECT DISTINCT * FROM ({queries.KEYS})"))
    with open(f"{folder}/dictionary.json", "wb") as file:
        file.write(
            json.dumps(dictionary(list(SPECS.values())), indent=1, ensure_ascii=False).encode() + b"\n"
        )
    return [*written, tables.describe(folder, "keys.bin"), tables.describe(folder, "dictionary.json")]


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    reader: Any = db.sql(query).to_arrow_reader(tables.ROW_GROUP_ROWS)
    yield from reader
