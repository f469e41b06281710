"""A build and what changed since, brought in by a delta or by building all anew; and what a folder tells."""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from claimbook import Record

from lockgroove.catalogue.build import HELD_SCHEMA, Inputs, Work, build_tables
from lockgroove.catalogue.build.staging import Stages
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.catalogue.deltas import Base, Change, make_delta
from lockgroove.catalogue.facts import Facts, write_facts
from lockgroove.catalogue.facts.records import record_of
from lockgroove.catalogue.generations import DELTA
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.layers import members_now, open_keys, rows_now, search_deltas
from lockgroove.catalogue.schemas import SPECS
from lockgroove.catalogue.search import SearchIndex
from lockgroove.rebuild import Judging
from lockgroove.rebuild.searching import build_search

Pair = tuple[bytes, bytes, bool]
_number = itertools.count()


class Book:
    """All that is known at one time: parts of claims, listens, what is held, what was said by hand."""

    def __init__(
        self,
        folder: Path,
        parts: Sequence[Sequence[Record]],
        *,
        listens: Sequence[Sequence[Mapping[str, Any]]] = (),
        held: Sequence[Mapping[str, Any]] = (),
        by_hand: Sequence[Pair] = (),
    ) -> None:
        self.work = folder / f"book-{next(_number)}"
        self.work.mkdir(parents=True)
        self.by_hand = by_hand
        self.facts = [self._facts(number, part) for number, part in enumerate(parts)]
        self.listens = [self._table(f"listens-{n}", LISTEN_SCHEMA, some) for n, some in enumerate(listens)]
        self.held = self._table("held", HELD_SCHEMA, held)

    def _facts(self, number: int, records: Sequence[Record]) -> str:
        path = f"{self.work}/facts-{number}"
        write_facts(map(record_of, records), number << 32, path)
        return path

    def _table(self, name: str, schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> str:
        path = f"{self.work}/{name}.parquet"
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), path)
        return path

    def whole(self, public: bool = False) -> Path:
        """Build everything; the folder of tables, with the search index and the state beside it."""
        root = self.work / f"whole-{public}"
        inputs = Inputs(Facts(self.facts), [self.held], self.listens, by_hand=self.by_hand)
        work = Work(inputs, f"{root}/tables", f"{root}/scratch", public, f"{root}/state")
        build_tables(work, Judging([]), Stages(f"{root}/stages"))
        build_search(f"{root}/tables", f"{root}/search")
        return root / "tables"

    def delta(self, before: Book, public: bool = False) -> Path:
        """The same by a delta on what was built whole before, whose parts are the first of ours."""
        base = before.whole(public)
        root = self.work / f"delta-{public}"
        if root.exists():
            return root / "tables"
        for name in ("tables", "search", "state"):
            shutil.copytree(base.parent / name, root / name, copy_function=os.link)
        known = len(before.facts)
        hands = set(before.by_hand) ^ set(self.by_hand)
        change = Change(
            facts=Facts(self.facts), fresh=Facts(self.facts[known:]), held=[self.held], told=[],
            listens=self.listens, counted=self.listens[len(before.listens) :], by_hand=self.by_hand,
            said=[own_id for pair in hands for own_id in pair[:2]],
            nodes_of=lambda seqs, folder: _nodes_of(self.facts[:known], seqs, folder),
        )  # fmt: skip
        target = root / "tables"
        make_delta(
            Base(str(base), str(base.parent / "state")), change, str(target), str(root / "search"), public,
            Judging([]), f"{root}/scratch",
        )  # fmt: skip
        return target


def _nodes_of(facts: Sequence[str], seqs: np.ndarray, folder: str) -> list[str]:
    os.makedirs(folder)
    for number, path in enumerate(Facts(facts).files("nodes")):
        nodes = pq.read_table(path)
        some = nodes.filter(pa.array(np.isin(nodes.column("seq").to_numpy(), seqs)))
        pq.write_table(some, f"{folder}/{number}.parquet")
    return [f"{folder}/{name}" for name in sorted(os.listdir(folder))]


# Rows told without their numbers: what they point at is told by its id.
_TOLD = {
    "artists": "SELECT * EXCLUDE (row) FROM artists",
    "labels": "SELECT * EXCLUDE (row) FROM labels",
    "release_groups": "SELECT s.* EXCLUDE (row, artist_row), a.artist_id FROM release_groups s"
    " LEFT JOIN artists a ON a.row = s.artist_row",
    "releases": "SELECT s.* EXCLUDE (row, artist_row, release_group_row), a.artist_id, g.release_group_id"
    " FROM releases s LEFT JOIN artists a ON a.row = s.artist_row"
    " LEFT JOIN release_groups g ON g.row = s.release_group_row",
    "recordings": "SELECT s.* EXCLUDE (row, artist_row, release_row), a.artist_id, e.release_id"
    " FROM recordings s LEFT JOIN artists a ON a.row = s.artist_row"
    " LEFT JOIN releases e ON e.row = s.release_row",
    "tracks": "SELECT s.* EXCLUDE (row, release_row, recording_row), e.release_id, r.recording_id"
    " FROM tracks s LEFT JOIN releases e ON e.row = s.release_row"
    " LEFT JOIN recordings r ON r.row = s.recording_row",
    "matches": "SELECT s.* EXCLUDE (row, recording_row), r.recording_id FROM matches s"
    " LEFT JOIN recordings r ON r.row = s.recording_row",
    "listens": "SELECT s.* EXCLUDE (row, recording_row), r.recording_id FROM listens s"
    " LEFT JOIN recordings r ON r.row = s.recording_row",
    "files": "SELECT s.* EXCLUDE (row, rights_row), g.* EXCLUDE (row) FROM files s"
    " LEFT JOIN rights g ON g.row = s.rights_row",
    "copies": "SELECT r.recording_id, f.source, f.key, f.stamp, s.start_ms, s.end_ms FROM copies s"
    " LEFT JOIN recordings r ON r.row = s.recording_row LEFT JOIN files f ON f.row = s.file_row",
    "holdings": "SELECT r.recording_id, f.source, f.key, f.stamp, s.start_ms, s.end_ms FROM holdings s"
    " LEFT JOIN recordings r ON r.row = s.recording_row LEFT JOIN files f ON f.row = s.file_row",
}
_OF_SCHEME = {
    "A": ("artists", "artist_id"), "E": ("releases", "release_id"), "B": ("releases", "release_id"),
    "G": ("release_groups", "release_group_id"), "L": ("labels", "label_id"),
    "R": ("recordings", "recording_id"), "I": ("recordings", "recording_id"), "T": ("tracks", "track_id"),
}  # fmt: skip


def told(tables: Path) -> dict[str, Any]:
    """All that a folder tells: the rows of each table, what each key leads to, what is found by titles."""
    with duckdb.connect() as db:
        for name in SPECS:
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM {rows_now(str(tables), name)}")
        found: dict[str, Any] = {
            name: Counter(map(repr, db.execute(query).fetchall())) for name, query in _TOLD.items()
        }
        ids = {
            table: dict(db.execute(f"SELECT row, {column} FROM {table}").fetchall())
            for table, column in set(_OF_SCHEME.values())
        }
        distinct = "SELECT DISTINCT title FROM recordings ORDER BY title"
        titles = [title for (title,) in db.execute(distinct).fetchall()]
        found["members"] = Counter(db.execute(_members(tables, "recording_id")).fetchall())
    found["keys"] = _keys(tables, ids)
    found["search"] = _found(tables, ids["recordings"], titles)
    return found


def _members(tables: Path, column: str) -> str:
    members = members_now(str(tables), str(tables.parent / "state"))
    return (
        f"SELECT r.{column}, m.seq, m.withdrawn FROM {members} m"
        " LEFT JOIN recordings r ON r.row = m.recording_row"
    )


def _keys(tables: Path, ids: Mapping[str, Mapping[int, bytes]]) -> dict[tuple[str, bytes], list[Any]]:
    asked: set[tuple[str, bytes]] = set()
    for path in (tables / "keys.bin", tables / DELTA / "keys.bin"):
        if path.exists():
            index = KeyIndex(str(path))
            asked |= {(scheme, key.tobytes()) for scheme, keys, _ in index.records() for key in keys}
            index.close()
    keys = open_keys(str(tables))
    leads = {(s, k): sorted(ids[_OF_SCHEME[s][0]][row] for row in keys.rows(s, k)) for s, k in asked}
    keys.close()
    return {key: led for key, led in leads.items() if led}


def _found(tables: Path, ids: Mapping[int, bytes], titles: Sequence[str]) -> dict[str, list[bytes]]:
    search = str(tables.parent / "search")
    index = SearchIndex(search, search_deltas(search))
    return {title: sorted(ids[row] for row in index.ask(title, 1000).rows) for title in titles if title}
