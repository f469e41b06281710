"""The rows that matching reads, which node has which key under which rule; and how expressions ask a rule."""

from __future__ import annotations

import os

import ibis
import ibis.expr.types as ir
from ibis import _

from lockgroove.catalogue.identity.rules import RULES
from lockgroove.engines import Engine

# One row for each rule that a node has a key for. `k` is a digest of the key with the version words, `bare`
# of the identifier alone (NULL where the rule has none; equal k has equal bare), `name` of the folded names
# (0: unknown). `nameless` nodes are known by an identifier and nothing more. 0 <= nid < 2^32, and a duration
# is NULL or 0 <= duration_ms < 2^30.
KEYED = ibis.schema(
    {
        "rule": "int16",
        "k": "int64",
        "bare": "int64",
        "nid": "int64",
        "duration_ms": "int64",
        "name": "int64",
        "nameless": "boolean",
    }
)
# A node and the one it is joined to, why, and the confidence from 0 to 1.
EDGES = ibis.schema({"nid": "int64", "hub": "int64", "rule": "int16", "score": "float64"})

KEY = ("rule", "k")
TWO_32 = (
    1 << 32
)  # packs a rank and a nid into one BIGINT, whose minimum is then the lowest nid of the best rank

_ASKS = [number for number, rule in RULES.items() if rule.tolerance]
_IDENTIFIERS = [number for number, rule in RULES.items() if rule.identifier]


def in_parts(keyed: ir.Table, parts: int) -> list[ir.Table]:
    """Split rows so that all with the same rule and key, or the same bare identifier, are in one part.

    Each part reads all rows again: for many parts, `spread_out` them first.
    """
    return [keyed.filter(_part_of(keyed, parts) == part) for part in range(parts)]


def spread_out(engine: Engine, keyed: ir.Table, parts: int, folder: str) -> list[ir.Table]:
    """The same parts, written below a new folder in one pass; about 23 bytes a row."""
    engine.write_parts(folder, keyed.mutate(part=_part_of(keyed, parts)), "part")
    written = [part for part in range(parts) if os.path.isdir(f"{folder}/part={part}")]
    read = [engine.read(f"keyed_part_{part}", [f"{folder}/part={part}"]) for part in written]
    return [part.select(*KEYED.names) for part in read] or [keyed.limit(0)]


def asks_durations() -> ir.BooleanValue:
    """Whether the row's rule asks for durations that agree."""
    return _.rule.isin(_ASKS)


def is_identifier() -> ir.BooleanValue:
    """Whether the row's rule goes by an identifier."""
    return _.rule.isin(_IDENTIFIERS)


def within(shortest: ir.IntegerValue, longest: ir.IntegerValue) -> ir.BooleanValue:
    """As Tolerance.within, by the row's rule, in whole numbers."""
    span = longest - shortest
    return (span <= tolerance_ms()) | (span * 100 <= longest * _tolerance_percent())


def tolerance_from(shortest: ir.IntegerValue) -> ir.IntegerValue:
    """The longest span that is within tolerance whatever the longest of it is."""
    return ibis.greatest(tolerance_ms(), (shortest * _tolerance_percent()) // 100)


def tolerance_ms() -> ir.IntegerValue:
    """The milliseconds of the rule's tolerance."""
    return _by_rule({n: r.tolerance.ms for n, r in RULES.items() if r.tolerance})


def score() -> ir.FloatingValue:
    """The confidence of the row's rule."""
    return _by_rule({n: r.percent for n, r in RULES.items()}).cast("float64") / 100


def packed(rank: ir.IntegerValue, nid: ir.IntegerValue) -> ir.IntegerValue:
    """Rank and nid in one number, of which the minimum is the lowest nid of the lowest rank."""
    return rank * TWO_32 + nid


def unpacked(place: ir.IntegerValue) -> ir.IntegerValue:
    """The nid of a packed number."""
    return place % TWO_32


def rank(place: ir.IntegerValue) -> ir.IntegerValue:
    """The rank of a packed number; exact for ranks below 2^30, though engines divide in floating point."""
    return ((place - place % TWO_32) // TWO_32).cast("int64")


def _part_of(keyed: ir.Table, parts: int) -> ir.IntegerValue:
    """From 0 up; engines give a remainder the sign of the number."""
    return (ibis.coalesce(keyed.bare, keyed.k) % parts + parts) % parts


def _tolerance_percent() -> ir.IntegerValue:
    return _by_rule({n: r.tolerance.percent for n, r in RULES.items() if r.tolerance})


def _by_rule(values: dict[int, int]) -> ir.IntegerValue:
    branches = [(_.rule == number, value) for number, value in values.items()]
    return ibis.cases(*branches, else_=0).cast("int64")
