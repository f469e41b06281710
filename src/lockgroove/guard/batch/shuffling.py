"""Deals tracks out anew within each stratum, by numbers that look drawn and are the same in any engine."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np

_PRIME = (1 << 31) - 1  # products of two numbers below it fit in BIGINT
_DEALT_AT_ONCE = 1_000_000


def dealt_anew(pairs: ir.Table, count: int, rng: np.random.Generator) -> ir.Table:
    """The same accounts and the same tracks in each stratum, put together otherwise.

    Many pairs are dealt out in parts that are drawn, so that no stratum has to be put in order as a whole.
    """
    parts = max(1, count // _DEALT_AT_ONCE)
    drawn = pairs.mutate(
        part=_drawn(pairs, rng) % parts, giving=_drawn(pairs, rng), taking=_drawn(pairs, rng)
    )
    gives = drawn.select("stratum", "part", "track", place=_place("giving"))
    takes = drawn.select("stratum", "part", "account", place=_place("taking"))
    return takes.join(gives, ["stratum", "part", "place"]).select("account", "track", "stratum")


def _place(by: str) -> ir.IntegerColumn:
    """The place within its stratum and part."""
    return ibis.row_number().over(
        ibis.window(group_by=["stratum", "part"], order_by=[by, "account", "track"])
    )


def _drawn(pairs: ir.Table, rng: np.random.Generator) -> ir.IntegerValue:
    """A number below the prime for each pair."""
    account, track = _below_prime(pairs.account), _below_prime(pairs.track)
    one, two, three, four = (int(number) for number in rng.integers(1 << 20, _PRIME, 4))
    mixed = (account * one + track) % _PRIME
    mixed = (mixed * mixed + two) % _PRIME
    mixed = (mixed * three + account) % _PRIME
    return (mixed * mixed + four) % _PRIME


def _below_prime(number: ir.IntegerValue) -> ir.IntegerValue:
    return (number % _PRIME + _PRIME) % _PRIME
