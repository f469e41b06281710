"""The tables of recordings and all that hangs on them, written part by part in catalogue order.

In: seats, and which of them are one recording. Out: Parquet tables, and from each node the row of its
recording. A recording of one claim is that claim; of several, each value is that of the best that has one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgroove import tables
from lockgroove.catalogue import rules
from lockgroove.catalogue.grouping import NO_RULE, Groups
from lockgroove.catalogue.schemas import MATCHES, RECORDINGS, TRACKS
from lockgroove.catalogue.seating import SEAT_ORDER, Seats, buckets
from lockgroove.catalogue.spilling import in_order, one, parquet, part_between, scatter, stream

_MERGED_TABLE = """
CREATE OR REPLACE TABLE merged (root UINTEGER, recording_id BLOB, seat_row INTEGER, release_row INTEGER,
    medium_number INTEGER, track_number INTEGER, title VARCHAR, artist_row INTEGER, artist VARCHAR, source VARCHAR,
    duration_ms BIGINT, year INTEGER, isrc VARCHAR, mbid VARCHAR, composer VARCHAR, genre VARCHAR, claims INTEGER);
"""
# Best member first: rank, newest, bytes of the id. The id is that of the first by rank and bytes.
_MERGED = """
INSERT INTO merged
    WITH placed AS (
        SELECT *, row_number() OVER (PARTITION BY root
            ORDER BY source_rank, withdrawn, said_at DESC, recording_id, nid) AS place,
            {{'rank': source_rank, 'superseded': superseded, 'id': recording_id}} AS first_key
        FROM {members} WHERE {bucket}),
    gathered AS (
        SELECT root, arg_min({{'id': recording_id, 'source': source}}, first_key) AS first,
            arg_min({{'s': seat_row, 'e': release_row, 'm': medium_number, 't': track_number}}, place)
                FILTER (release_row IS NOT NULL) AS seat,
            arg_min({{'s': seat_row, 'm': medium_number, 't': track_number}}, place) AS bare,
            coalesce(arg_min(title, place) FILTER (title IS NOT NULL), '') AS title,
            arg_min({{'row': artist_row, 'name': artist}}, place) FILTER (artist IS NOT NULL) AS credit,
            arg_min(duration_ms, place) FILTER (duration_ms IS NOT NULL) AS duration_ms, min(year) AS year,
            arg_min(isrcs[1], place) FILTER (len(isrcs) > 0) AS isrc,
            arg_min(mbid, place) FILTER (mbid IS NOT NULL) AS mbid,
            arg_min(composer, place) FILTER (composer IS NOT NULL) AS composer,
            arg_min(genre, place) FILTER (genre IS NOT NULL) AS genre, count(*)::INTEGER AS claims
        FROM placed GROUP BY root)
    SELECT root, first.id, CASE WHEN seat IS NULL THEN bare.s ELSE seat.s END, seat.e,
        CASE WHEN seat IS NULL THEN bare.m ELSE seat.m END, CASE WHEN seat IS NULL THEN bare.t ELSE seat.t END,
        title, credit.row, credit.name, first.source, duration_ms, year, isrc, mbid, composer, genre, claims
    FROM gathered"""

_COLUMNS = (
    "root, recording_id, title, artist_row, artist, release_row, medium_number, track_number, duration_ms, year,"
    " isrc, mbid, composer, genre, source, claims"
)
_SINGLE = f"""SELECT {_COLUMNS}, seat_row FROM (
    SELECT *, nid AS root, isrcs[1] AS isrc, 1::INTEGER AS claims FROM seated WHERE NOT several)"""


_TOTALS, _COUNTED = "listens.npy", "counted"


class Rows:
    """From nodes to the rows of their recordings. 4 bytes a node, on top of the labels."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._of_root = np.zeros(groups.count, dtype=np.uint32)
        self.count = 0

    def save(self, path: str) -> None:
        """Keep them for a run that goes on after this one."""
        np.save(f"{path}.npy", self._of_root)
        with open(f"{path}.count", "w", encoding="ascii") as file:
            file.write(str(self.count))

    @staticmethod
    def load(groups: Groups, path: str) -> Rows:
        """What `save` kept."""
        rows = Rows(groups)
        rows._of_root = np.load(f"{path}.npy")
        with open(f"{path}.count", encoding="ascii") as file:
            rows.count = int(file.read())
        return rows

    def number(self, roots: np.ndarray) -> None:
        """These groups get the next rows."""
        self._of_root[roots] = np.arange(self.count, self.count + len(roots), dtype=np.uint32)
        self.count += len(roots)

    def of(self, nids: np.ndarray | slice) -> np.ndarray:
        """The rows of these nodes."""
        return self.of_roots(self._groups.labels[nids])

    def of_roots(self, roots: np.ndarray) -> np.ndarray:
        """The rows of these groups."""
        rows: np.ndarray = self._of_root[roots]
        return rows


def parts_of_seats(seats: Seats, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
    """The number of the first node of each part, and its rows."""
    for path, start in zip(seats.files, seats.starts, strict=True):
        yield start, pq.read_table(path, columns=None if columns is None else list(columns))


def write_recordings(
    db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, folder: str, scratch: str
) -> Rows:
    """Write table `recordings`; the rows are numbered as they are written."""
    listens = np.load(f"{scratch}/{_TOTALS}")
    _merge(db, seats, groups, scratch)
    rows = Rows(groups)
    writer = tables.TableWriter(f"{folder}/recordings.parquet", RECORDINGS.schema)
    of_merged = part_between("seat_row", list(seats.cuts))
    for part, (start, seated) in enumerate(parts_of_seats(seats)):
        db.register("seated", _numbered(seated, start, groups))
        query = f"""SELECT {_COLUMNS} FROM ({_SINGLE} UNION ALL
            SELECT {_COLUMNS}, seat_row FROM merged WHERE {of_merged} = {part}) ORDER BY {SEAT_ORDER}"""
        for batch in stream(db, query):
            roots = batch.column(0).to_numpy(zero_copy_only=False)
            rows.number(roots)
            writer.write(_recordings(batch, listens[roots]))
        db.unregister("seated")
    writer.close()
    return rows


def _merge(db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, scratch: str) -> None:
    """Table `merged`: one row for each group of several nodes."""
    folder = f"{scratch}/members"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    db.execute(_MERGED_TABLE)
    files, count = [], 0
    for start, seated in parts_of_seats(seats):
        several = groups.several[start : start + seated.num_rows]
        if several.any():
            files.append(f"{folder}/{start:012}.parquet")
            members = _numbered(seated, start, groups).filter(pa.array(several))
            roots = groups.labels[start : start + seated.num_rows][several]
            pq.write_table(members.append_column("root", pa.array(roots)), files[-1], compression="zstd")
            count += members.num_rows
    for bucket in buckets(count * 3, "root") if files else ():
        db.execute(_MERGED.format(members=parquet(files), bucket=bucket))
    shutil.rmtree(folder)


def _numbered(seated: pa.Table, start: int, groups: Groups) -> pa.Table:
    nids = np.arange(start, start + seated.num_rows, dtype=np.uint32)
    several = groups.several[start : start + seated.num_rows]
    return seated.append_column("nid", pa.array(nids)).append_column("several", pa.array(several))


def _recordings(batch: pa.RecordBatch, listens: np.ndarray) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["listens"] = pa.array(listens)
    columns["title"] = columns["title"].fill_null("")
    arrays = [columns[field.name].cast(field.type) for field in RECORDINGS.schema]
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDINGS.schema)


_TRACK_COLUMNS = ("track_id", "release_row", "medium_number", "track_number", "title")


def write_tracks(db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, rows: Rows, folder: str) -> int:
    """Write table `tracks`: where recordings stand on releases, then files that are on none."""
    writer = tables.TableWriter(f"{folder}/tracks.parquet", TRACKS.schema)
    for on_release in (True, False):
        for start, seated in parts_of_seats(seats, _TRACK_COLUMNS):
            wanted = track_flags(seated, on_release)
            nids = start + np.flatnonzero(wanted)
            some = seated.filter(pa.array(wanted))
            titles = _other_titles(db, some.column("title"), groups, nids)
            for batch in _tracks(some, titles, rows.of(nids)).to_batches():
                writer.write(batch)
    writer.close()
    db.execute("DROP TABLE IF EXISTS merged")
    return writer.rows


def _other_titles(
    db: duckdb.DuckDBPyConnection, titles: pa.ChunkedArray, groups: Groups, nids: np.ndarray
) -> pa.Array:
    """Titles that are not those of their recordings; none where they are, or where there is no other claim."""
    several = np.flatnonzero(groups.several[nids])
    asked = {
        "place": pa.array(several),
        "root": pa.array(groups.labels[nids[several]]),
        "title": titles.take(pa.array(several)).combine_chunks(),
    }
    db.register("asked", pa.table(asked))
    query = "SELECT place, a.title FROM asked a JOIN merged m USING (root) WHERE a.title <> m.title"
    other = db.sql(query).to_arrow_table()
    db.unregister("asked")
    found = np.full(len(nids), -1, dtype=np.int64)
    found[other.column("place").to_numpy()] = np.arange(other.num_rows)
    return other.column("title").combine_chunks().take(pa.array(found, mask=found < 0))


def track_flags(seated: pa.Table, on_release: bool) -> np.ndarray:
    """Which nodes are tracks on a release, or else which are tracks on none."""
    placed = flags(seated.column("release_row").is_valid())
    return placed if on_release else flags(seated.column("track_id").is_valid()) & ~placed


def flags(column: pa.ChunkedArray) -> np.ndarray:
    """A column of truth values as an array."""
    return np.asarray(column, dtype=bool)


def _tracks(seated: pa.Table, titles: pa.Array, recording_rows: np.ndarray) -> pa.Table:
    columns = {
        "track_id": seated.column("track_id"),
        "release_row": seated.column("release_row"),
        "recording_row": pa.array(recording_rows.astype(np.int32)),
        "medium_number": seated.column("medium_number"),
        "track_number": seated.column("track_number"),
        "title": titles,
    }
    return pa.table(
        {field.name: columns[field.name].cast(field.type) for field in TRACKS.schema}, TRACKS.schema
    )


_FILE_COLUMNS = ("kind", "source", "key", "stamp", "duration_ms", "start_ms", "end_ms", "recording_id")


def file_members(db: duckdb.DuckDBPyConnection, seats: Seats, rows: Rows) -> None:
    """Table `file_members`: the nodes that are files, with the rows of their recordings."""
    db.execute(
        "CREATE OR REPLACE TABLE file_members (recording_row INTEGER, source VARCHAR, key VARCHAR, stamp VARCHAR,"
        " duration_ms BIGINT, start_ms BIGINT, end_ms BIGINT)"
    )
    for start, seated in parts_of_seats(seats, _FILE_COLUMNS):
        numbered = seated.append_column("recording_row", pa.array(rows.of(slice(start, start + len(seated)))))
        db.register("seated", numbered)
        db.execute(
            "INSERT INTO file_members SELECT recording_row, source, key, stamp, duration_ms, start_ms, end_ms"
            " FROM seated WHERE kind = 'file'"
        )
        db.unregister("seated")


_MATCH_COLUMNS = ("kind", "source", "key", "recording_id")


def write_matches(
    db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, rows: Rows, folder: str, scratch: str
) -> int:
    """Write table `matches`: why a claim belongs to its recording, where a rule joined it or it is a file's."""
    pieces = f"{scratch}/matches"
    shutil.rmtree(pieces, ignore_errors=True)
    os.makedirs(pieces)
    files, count = [], 0
    for start, seated in parts_of_seats(seats, _MATCH_COLUMNS):
        joined = groups.rules[start : start + len(seated)] != NO_RULE
        wanted = (groups.several[start : start + len(seated)] & joined) | _is_named(seated)
        if wanted.any():
            nids = start + np.flatnonzero(wanted)
            matches = _matches(seated.filter(pa.array(wanted)), groups.rules[nids], rows.of(nids))
            files.append(f"{pieces}/{start:012}.parquet")
            pq.write_table(matches, files[-1], compression="zstd")
            count += matches.num_rows
    writer = tables.TableWriter(f"{folder}/matches.parquet", MATCHES.schema)
    if files:
        query = f"SELECT * FROM {parquet(files)}"
        order = "recording_row, claim_id, source, key, rule NULLS FIRST"
        for batch in in_order(db, query, order, count, "recording_row", rows.count, scratch):
            writer.write(batch.cast(MATCHES.schema))
    writer.close()
    shutil.rmtree(pieces)
    return writer.rows


def _is_named(seated: pa.Table) -> np.ndarray:
    kinds = seated.column("kind")
    return flags(pc.is_in(kinds, pa.array(["file", "listened"])))


def _matches(seated: pa.Table, rule_numbers: np.ndarray, recording_rows: np.ndarray) -> pa.Table:
    known = sorted(rules.RULES)
    names = np.array([rules.RULES[number].name for number in known] + [""], dtype=object)
    scores = np.array([rules.RULES[number].score for number in known] + [np.nan])
    index = np.where(rule_numbers < len(known), rule_numbers, len(known))
    missing = index == len(known)
    return pa.table(
        {
            "recording_row": pa.array(recording_rows.astype(np.int32)),
            "claim_id": seated.column("recording_id").cast(pa.binary()),
            "source": seated.column("source"),
            "key": seated.column("key"),
            "rule": pa.array(names[index], pa.string(), mask=missing),
            "score": pa.array(scores[index], mask=missing),
        }
    )


_MEMBER_COLUMNS = ("seq", "withdrawn")


def write_members(
    db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, rows: Rows, folder: str, scratch: str
) -> None:
    """From each recording to the ordinals of its claims: two lists by row, of those with one and with several.

    They follow where claims lie in packs, and so are no part of the tables that are the same everywhere.
    """
    pieces = f"{scratch}/members-unordered"
    for made in (folder, pieces):
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
    writer, files, count = _members_writer(f"{folder}/one.parquet"), [], 0
    for start, seated in parts_of_seats(seats, _MEMBER_COLUMNS):
        own = pa.array(rows.of(slice(start, start + len(seated))).astype(np.int32))
        members = seated.add_column(0, "recording_row", own)
        several = groups.several[start : start + len(seated)]
        writer.write_table(members.filter(pa.array(~several)).cast(_MEMBER_SCHEMA))
        files.append(f"{pieces}/{start:012}.parquet")
        pq.write_table(members.filter(pa.array(several)), files[-1], compression="zstd")
        count += int(several.sum())
    writer.close()
    with _members_writer(f"{folder}/several.parquet") as ordered:
        query = f"SELECT * FROM {parquet(files)}"
        order = "recording_row, seq"
        for batch in in_order(db, query, order, count, "recording_row", rows.count, scratch):
            ordered.write_batch(batch.cast(_MEMBER_SCHEMA))
    shutil.rmtree(pieces)


_MEMBER_SCHEMA = pa.schema([("recording_row", pa.int32()), ("seq", pa.int64()), ("withdrawn", pa.bool_())])


def _members_writer(path: str) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path, _MEMBER_SCHEMA, compression="zstd", use_dictionary=False,
        column_encoding={"recording_row": "DELTA_BINARY_PACKED", "seq": "DELTA_BINARY_PACKED"},
    )  # fmt: skip


def count_listens(db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, scratch: str) -> None:
    """Keep listens by group, 8 bytes a node, and files (root, source, listens, capped_listens, listeners)."""
    total = np.zeros(groups.count, dtype=np.int64)
    folder = f"{scratch}/{_COUNTED}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    queries = _counts(db, seats, scratch) if one(db, "SELECT count(*) FROM listens_in") else iter(())
    for number, query in enumerate(queries):
        for more, batch in enumerate(stream(db, query, 1 << 20)):
            roots = groups.labels[batch.column("nid").to_numpy()]
            np.add.at(total, roots, batch.column("listens").to_numpy())
            with_root = pa.Table.from_batches([batch]).set_column(0, "root", pa.array(roots))
            pq.write_table(with_root, f"{folder}/{number:03}-{more:06}.parquet", compression="zstd")
    shutil.rmtree(f"{scratch}/by-id", ignore_errors=True)
    np.save(f"{scratch}/{_TOTALS}", total)


_COUNTS = """SELECT n.nid, l.source, sum(l.listens)::BIGINT AS listens, sum(l.capped_listens)::BIGINT AS capped_listens,
        sum(l.listeners)::BIGINT AS listeners
    FROM ({listens}) l JOIN (SELECT recording_id, min(nid) AS nid FROM ({nodes}) GROUP BY ALL) n USING (recording_id)
    GROUP BY ALL"""
_LISTENS = """SELECT unhex(substr(sha256(concat_ws(chr(0), 'lockgroove-1', 'recording', source, subject)), 1, 24))
        AS recording_id, source, listens, capped_listens, listeners FROM (
    SELECT source, subject, sum(listens)::BIGINT AS listens, sum(capped_listens)::BIGINT AS capped_listens,
        sum(listeners)::BIGINT AS listeners FROM listens_in GROUP BY ALL)"""


def _counts(db: duckdb.DuckDBPyConnection, seats: Seats, scratch: str) -> Iterator[str]:
    """Queries that together join all listens to nodes, each by a part of the ids."""
    nodes = f"SELECT nid, recording_id FROM ({seats.sql()}) WHERE kind IN ('recording', 'listened')"
    conditions = buckets(seats.count, "recording_id")
    if len(conditions) == 1:
        yield _COUNTS.format(listens=_LISTENS, nodes=nodes)
        return
    part = f"(hash(recording_id) % {len(conditions)})::INTEGER"
    scatter(db, _LISTENS, part, f"{scratch}/by-id/listens")
    scatter(db, nodes, part, f"{scratch}/by-id/nodes")
    for number in range(len(conditions)):
        some = (
            f"SELECT * FROM read_parquet('{scratch}/by-id/{name}/part={number}/*.parquet', hive_partitioning = false)"
            for name in ("listens", "nodes")
        )
        yield _COUNTS.format(listens=next(some), nodes=next(some))


def listens_in_order(db: duckdb.DuckDBPyConnection, rows: Rows, scratch: str) -> Iterator[Any]:
    """Rows of table `listens`, from what was counted."""
    folder, mapped, count = f"{scratch}/{_COUNTED}", f"{scratch}/{_COUNTED}-rows", 0
    shutil.rmtree(mapped, ignore_errors=True)
    os.makedirs(mapped)
    files = []
    for name in sorted(os.listdir(folder)):
        table = pq.read_table(f"{folder}/{name}")
        of_row = pa.array(rows.of_roots(table.column("root").to_numpy()).astype(np.int32))
        files.append(f"{mapped}/{name}")
        pq.write_table(table.set_column(0, "recording_row", of_row), files[-1], compression="zstd")
        count += table.num_rows
    if files:
        yield from in_order(
            db, f"SELECT * FROM {parquet(files)}", "recording_row, source", count, "recording_row", rows.count,
            scratch, select=_SUMMED, group="GROUP BY recording_row, source",
        )  # fmt: skip
    shutil.rmtree(mapped)


_SUMMED = """SELECT recording_row, source, sum(listens)::BIGINT AS listens,
    nullif(sum(capped_listens), sum(listens))::BIGINT AS capped_listens, sum(listeners)::BIGINT AS listeners"""
