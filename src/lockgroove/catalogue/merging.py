"""A table and the small changes that came after it, read as one without rewriting the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir


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
