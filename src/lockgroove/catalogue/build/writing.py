"""The tables of recordings and all that hangs on them, written part by part in catalogue order.

In: seats, and which of them are one recording. Out: Parquet tables, and from each node the row of its
recording. A recording of one claim is that claim; of several, each value is that of the best that has one.
"""

from __future__ import annotations

import os
import shutil

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgroove import tables
from lockgroove.catalogue.build.counting import TOTALS
from lockgroove.catalogue.build.grouping import NO_RULE, Groups
from lockgroove.catalogue.build.numbering import Rows, flags, parts_of_seats
from lockgroove.catalogue.build.seating import SEAT_ORDER, Seats
from lockgroove.catalogue.identity import rules
from lockgroove.catalogue.layers import member_files
from lockgroove.catalogue.schemas import MATCHES, RECORDINGS, TRACKS
from lockgroove.catalogue.spilling import buckets, in_order, parquet, part_between, quoted, stream

# Best member first: rank, newest, bytes of the id. The id is that of the first by rank and bytes.
_MERGED = """
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
    SELECT root, first.id AS recording_id, CASE WHEN seat IS NULL THEN bare.s ELSE seat.s END AS seat_row,
        seat.e AS release_row, CASE WHEN seat IS NULL THEN bare.m ELSE seat.m END AS medium_number,
        CASE WHEN seat IS NULL THEN bare.t ELSE seat.t END AS track_number, title, credit.row AS artist_row,
        credit.name AS artist, first.source AS source, duration_ms, year, isrc, mbid, composer, genre, claims
    FROM gathered"""

_COLUMNS = (
    "root, recording_id, title, artist_row, artist, release_row, medium_number, track_number, duration_ms, year,"
    " isrc, mbid, composer, genre, source, claims"
)
_SINGLE = f"""SELECT {_COLUMNS}, seat_row FROM (
    SELECT *, nid AS root, isrcs[1] AS isrc, 1::INTEGER AS claims FROM seated WHERE NOT several)"""


MERGED = "merged"
_I32, _STR = pa.int32(), pa.string()
_MERGED_SCHEMA = pa.schema(
    [("root", pa.uint32()), ("recording_id", pa.binary())]
    + [(name, _I32) for name in "seat_row release_row medium_number track_number".split()]
    + [("title", _STR), ("artist_row", _I32), ("artist", _STR), ("source", _STR), ("duration_ms", pa.int64())]
    + [("year", _I32), *((name, _STR) for name in "isrc mbid composer genre".split()), ("claims", _I32)]
)


def write_recordings(
    db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, folder: str, scratch: str
) -> Rows:
    """Write table `recordings`; the rows are numbered as they are written."""
    listens = np.load(f"{scratch}/{TOTALS}")
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


def forget(scratch: str, *names: str) -> None:
    """Let go of what was only there for tables that are written now. Harmless to repeat."""
    for path in (f"{scratch}/{name}" for name in names):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)


def _merge(db: duckdb.DuckDBPyConnection, seats: Seats, groups: Groups, scratch: str) -> None:
    """View `merged` over files of `scratch`: one row for each group of several nodes."""
    folder, target = f"{scratch}/members", f"{scratch}/{MERGED}"
    for made in (folder, target):
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
    files, count = [], 0
    for start, seated in parts_of_seats(seats):
        several = groups.several[start : start + seated.num_rows]
        if several.any():
            files.append(f"{folder}/{start:012}.parquet")
            members = _numbered(seated, start, groups).filter(pa.array(several))
            roots = groups.labels[start : start + seated.num_rows][several]
            pq.write_table(members.append_column("root", pa.array(roots)), files[-1], compression="zstd")
            count += members.num_rows
    written = []
    for number, bucket in enumerate(buckets(count * 3, "root") if files else ()):
        written.append(f"{target}/{number:03}.parquet")
        query = _MERGED.format(members=parquet(files), bucket=bucket)
        db.execute(f"COPY ({query}) TO '{quoted(written[-1])}' (FORMAT parquet, COMPRESSION zstd)")
    if not written:
        written = [_nothing_merged(target)]
    db.execute(f"CREATE OR REPLACE VIEW merged AS SELECT * FROM {parquet(written)}")
    shutil.rmtree(folder)


def _nothing_merged(folder: str) -> str:
    path = f"{folder}/none.parquet"
    pq.write_table(_MERGED_SCHEMA.empty_table(), path)
    return path


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


_FILE_COLUMNS = ("kind", "source", "key", "stamp", "duration_ms", "start_ms", "end_ms")


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
    shutil.rmtree(pieces, ignore_errors=True)
    os.makedirs(pieces)
    of_one, of_several = member_files(folder)
    writer, files, count = _members_writer(of_one), [], 0
    for start, seated in parts_of_seats(seats, _MEMBER_COLUMNS):
        own = pa.array(rows.of(slice(start, start + len(seated))).astype(np.int32))
        members = seated.add_column(0, "recording_row", own)
        several = groups.several[start : start + len(seated)]
        writer.write_table(members.filter(pa.array(~several)).cast(_MEMBER_SCHEMA))
        files.append(f"{pieces}/{start:012}.parquet")
        pq.write_table(members.filter(pa.array(several)), files[-1], compression="zstd")
        count += int(several.sum())
    writer.close()
    with _members_writer(of_several) as ordered:
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
