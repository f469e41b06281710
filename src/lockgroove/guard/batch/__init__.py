"""Logs too large for this machine, gone over as tables: by DuckDB here, or by Spark on a cluster.

In: tables of events. Out: what each account did each day, who gave signals, groups that share out a
catalogue, and how much of it each account, network and cohort was given. Knows no files but tables, and asks
nothing that needs plays one after the other.
"""

from lockgroove.guard.batch.analysis import Analysed, analyse
from lockgroove.guard.batch.pairs import PAIRS_HERE_MAX, TablePool
from lockgroove.guard.batch.sketchfile import SketchedLeak, leak_in, require_room, write_sketches
from lockgroove.guard.batch.tables import are_events, read_events, write_events

__all__ = [
    "PAIRS_HERE_MAX",
    "Analysed",
    "SketchedLeak",
    "TablePool",
    "analyse",
    "are_events",
    "leak_in",
    "read_events",
    "require_room",
    "write_events",
    "write_sketches",
]
