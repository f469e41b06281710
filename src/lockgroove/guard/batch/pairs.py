"""Which account had which track by its own choice, as a table; and a pool whose pairs stay in tables.

Invariant: what comes to this machine grows with accounts, and with tracks only as counts of strata. Pairs
come here when so few are left that they fit, and the search goes on in memory with the same answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis import _

from lockgroove.engines import Engine
from lockgroove.guard.batch.shuffling import dealt_anew
from lockgroove.guard.batch.tables import columns_of, judged
from lockgroove.guard.coincidence import Everybody, Pairs, Pool
from lockgroove.guard.events import Origin

PAIRS_HERE_MAX = 20_000_000  # about 2 GB at the most, while they are put in order
_GROUP = "pool_group"


def own_pairs(plays: ir.Table) -> ir.Table:
    """Each account with each track that it chose, once."""
    chosen = judged(plays).filter(_.origin != int(Origin.SYSTEM), _.track != 0)
    return chosen.select("account", "track").distinct()


def popularity(pairs: ir.Table) -> ir.Table:
    """How many accounts had each track."""
    return pairs.group_by("track").agg(heard=_.count())


@dataclass(frozen=True)
class TablePool:
    """A pool in an engine. The accounts' numbers are their places among `names`, in rising order.

    A pool without strata (`bare`) stays in tables however small it is, for others are compared with it.
    """

    engine: Engine
    pairs: ir.Table
    names: np.ndarray
    sizes: np.ndarray  # how many tracks each stratum has
    here_max: int
    bare: bool = True
    numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    @staticmethod
    def of(engine: Engine, pairs: ir.Table, here_max: int = PAIRS_HERE_MAX) -> TablePool:
        """From a table of accounts and tracks, each pair once; all tracks are one stratum."""
        numbers = itertools.count()
        kept = engine.store(f"pool_{next(numbers)}", pairs.mutate(stratum=ibis.literal(0, "int64")))
        names = columns_of(engine, kept.select("account").distinct())["account"]
        tracks = columns_of(engine, kept.agg(tracks=kept.track.nunique()))["tracks"]
        return TablePool(engine, kept, np.sort(names), tracks, here_max, numbers=numbers)

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return len(self.names)

    def everybody(self) -> Everybody:
        """How often each account meets everybody else."""
        others = self.pairs.join(popularity(self.pairs), "track")
        asked = others.group_by("account", "stratum").agg(
            had=_.count(), met=(_.heard - 1).sum().cast("int64")
        )
        told = columns_of(self.engine, asked)
        cells = np.searchsorted(self.names, told["account"]), told["stratum"]
        met, had = np.zeros((2, self.accounts, len(self.sizes)))
        met[cells], had[cells] = told["met"], told["had"]
        return Everybody(met, had, np.maximum(self.sizes, 1))

    def met_with(self, group: np.ndarray) -> np.ndarray:
        """For each account, how many of the group had its tracks, added up; it meets itself as well."""
        others = self.pairs.join(popularity(self._had_by(group)), "track")
        told = columns_of(self.engine, others.group_by("account").agg(met=_.heard.sum().cast("int64")))
        met = np.zeros(self.accounts)
        met[np.searchsorted(self.names, told["account"])] = told["met"]
        return met

    def tracks_of(self, group: np.ndarray) -> int:
        """How many tracks the accounts of a group had between them."""
        had = self._had_by(group)
        return int(columns_of(self.engine, had.agg(tracks=had.track.nunique()))["tracks"][0])

    def of_accounts(self, wanted: np.ndarray) -> Pool:
        """The pairs of these accounts alone, which are numbered anew."""
        kept = self._store(self._had_by(wanted))
        return replace(self, pairs=kept, names=self.names[wanted])._here_if_few()

    def in_strata_of(self, other: Pool, steps: np.ndarray) -> Pool:
        """The same pairs, with strata by how many accounts of another pool had a track; each step is one."""
        assert isinstance(other, TablePool)
        heard = popularity(other.pairs)
        joined = self.pairs.drop("stratum").left_join(heard, "track").select("account", "track", "heard")
        kept = self._store(joined.select("account", "track", stratum=_stratum(joined.heard, steps)))
        sizes = self._sizes(heard, steps)
        return replace(self, pairs=kept, sizes=sizes, bare=False)._here_if_few()

    def _sizes(self, heard: ir.Table, steps: np.ndarray) -> np.ndarray:
        """How many tracks each stratum has; those that nobody there had are in the first."""
        counted = heard.select(stratum=_stratum(heard.heard, steps)).group_by("stratum").agg(tracks=_.count())
        told = columns_of(self.engine, counted)
        sizes = np.bincount(told["stratum"], told["tracks"], 1).astype(np.int64)
        sizes[0] = self.sizes.sum() - sizes.sum()
        return sizes

    def shuffled(self, rng: np.random.Generator) -> Pool:
        """The same plays dealt out anew within each stratum: who meets whom is chance alone."""
        return replace(self, pairs=self._store(dealt_anew(self.pairs, self._count(), rng)))

    def let_go(self) -> None:
        """Drop its table."""
        self.engine.drop(self.pairs.get_name())

    def _had_by(self, group: np.ndarray) -> ir.Table:
        named = self.engine.take(_GROUP, pa.table({"account": pa.array(self.names[group], pa.int64())}))
        return self.pairs.semi_join(named, "account")

    def _store(self, pairs: ir.Table) -> ir.Table:
        return self.engine.store(f"pool_{next(self.numbers)}", pairs)

    def _count(self) -> int:
        return int(columns_of(self.engine, self.pairs.agg(pairs=self.pairs.count()))["pairs"][0])

    def _here_if_few(self) -> Pool:
        if self.bare or self._count() > self.here_max:
            return self
        rows = columns_of(self.engine, self.pairs)
        self.let_go()
        return _in_memory(rows, self.names, self.sizes)


def _stratum(heard: ir.IntegerValue, steps: np.ndarray) -> ir.IntegerValue:
    """How many of the steps are not above the number; nothing is 0."""
    known = heard.fill_null(0)
    passed = [(known >= int(step)).cast("int64") for step in steps]
    return sum(passed[1:], passed[0])


def _in_memory(rows: dict[str, np.ndarray], names: np.ndarray, sizes: np.ndarray) -> Pairs:
    """Pairs of a table, as they are: of a pool that was dealt out, some may be there twice."""
    account = np.searchsorted(names, rows["account"]).astype(np.int32)
    tracks, first, track = np.unique(rows["track"], return_index=True, return_inverse=True)
    order = np.argsort(account, kind="stable")
    starts = np.searchsorted(account[order], np.arange(len(names) + 1))
    stratum = rows["stratum"][first] if len(tracks) else np.zeros(0, np.int64)
    return Pairs(account[order], track[order].astype(np.int32), starts, stratum, sizes)
