"""What a build reads beside claims: what is held, and what the deposits in the vault tell of their files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove import tables
from lockgroove.catalogue.build import HELD_SCHEMA, TOLD_SCHEMA
from lockgroove.catalogue.claims import ClaimStore
from lockgroove.model import HeldFile
from lockgroove.vault import HeldIndex, ocfl
from lockgroove.vault.index import held_files

# Objects whose bytes answer more than one claim, and those of the deposits that such claims belong to.
_SHARED = """
    WITH held AS (SELECT * FROM read_parquet('{held}')),
    twice AS (SELECT object_id, path FROM held GROUP BY ALL HAVING count(*) > 1),
    touched AS (SELECT * FROM held SEMI JOIN twice USING (object_id, path))
    SELECT object_id FROM touched
    UNION SELECT object_id FROM held SEMI JOIN touched USING (source, deposit) ORDER BY object_id"""


def is_alike(store: ClaimStore) -> bool:
    """Whether all may be told of: nothing was gathered that must be judged before."""
    return not any(part.source.startswith("shelf-") for part in store.parts())


def held_inputs(root: str, index: HeldIndex, folder: str) -> dict[str, list[str]]:
    """Parquet files in `folder`: what is held, and what deposits tell."""
    os.makedirs(folder, exist_ok=True)
    held = _held_parquet(index, f"{folder}/held.parquet")
    return {"held": [held], "told": [_told_parquet(root, index, held, f"{folder}/told.parquet")]}


def _held_parquet(index: HeldIndex, path: str) -> str:
    with pq.ParquetWriter(path, HELD_SCHEMA) as writer:
        for batch in index.held_batches():
            writer.write_table(_held_table(batch))
    return path


def _told_parquet(root: str, index: HeldIndex, held: str, path: str) -> str:
    with tables.connect() as db:
        shared = db.execute(_SHARED.format(held=held.replace("'", "''"))).fetchall()
    rows = [row for (identifier,) in shared for row in _told(root, index, identifier)]
    pq.write_table(pa.Table.from_pylist(rows, schema=TOLD_SCHEMA), path)
    return path


def _told(root: str, index: HeldIndex, identifier: str) -> list[dict[str, Any]]:
    """What the object's `deposit.json` names; a row without a file where it cannot be read: it is dark."""
    held = index.object(identifier)
    try:
        assert held is not None
        with open(f"{root}/{ocfl.ROOT}/{held.path}/{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}", "rb") as file:
            files = held_files(identifier, json.load(file))
    except (AssertionError, OSError, ValueError, KeyError, TypeError):
        return [{"object_id": identifier}]
    return [
        {
            "object_id": identifier,
            "source": f.source,
            "key": f.key,
            "stamp": f.stamp,
            "target": f.object_id if f.object_id != identifier else None,
        }
        for f in files
    ]


def _held_table(batch: Sequence[HeldFile]) -> pa.Table:
    columns = {name: [getattr(held, name) for held in batch] for name in HELD_SCHEMA.names}
    return pa.table(columns, schema=HELD_SCHEMA)
