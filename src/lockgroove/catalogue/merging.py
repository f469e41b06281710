"""A table and the small changes that came after it, read as one without rewriting the whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from lockgroove.catalogue.layers import OWN_IDS, changed_file, gone_file
from lockgroove.engines import Engine


def table_now(engine: Engine, folder: str, name: str) -> ir.Table:
    """The rows of a table with ids, after what changed, for any engine; without their numbers."""
    base = engine.read(f"{name}_base", [f"{folder}/{name}.parquet"])
    changed, gone = changed_file(folder, name), gone_file(folder, name)
    if not os.path.exists(gone):
        return base
    upserts = engine.read(f"{name}_changed", [changed]).drop("row")
    deletions = engine.read(f"{name}_gone", [gone]).drop("row")
    return merged(base, [Changes(upserts, deletions)], [OWN_IDS[name]])


@dataclass(frozen=True)
class Changes:
    """One delta: rows that are new or changed, whole, and the keys of those that are gone."""

    upserts: ir.Table
    deletions: ir.Table


def merged(base: ir.Table, changes: Sequence[Changes], key: Sequence[str]) -> ir.Table:
    """The rows of `base` after all changes, in their order; a later one wins.

    A key stands at most once in `base` and in each delta's upserts; a row that is both upserted and deleted
    by one delta is there.
    """
    rows = base
    for change in changes:
        gone = ibis.union(change.upserts.select(*key), change.deletions.select(*key))
        rows = ibis.union(rows.anti_join(gone, list(key)), change.upserts.select(*rows.columns))
    return rows
