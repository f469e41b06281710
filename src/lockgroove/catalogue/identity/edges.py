"""Edges between nodes that are one recording, as expressions that any engine runs (`lockgroove.engines`).

In: rows as in `keyed.KEYED`. Out: edges as in `keyed.EDGES`, the same whatever the order and the partition of
the rows. Sounds are joined only where durations agree over their whole group; a node without a duration joins
one group at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir
from ibis import _

from lockgroove.catalogue.identity import seekers, stars
from lockgroove.catalogue.identity.keyed import EDGES, score
from lockgroove.catalogue.identity.namesakes import upheld
from lockgroove.engines import Engine

_ROWS_PER_PART = 16_000_000
_TABLES = tuple(
    f"identity_{word}"
    for word in (
        "asked rows repeated lot hard links doubts kin offers silent states seated marked more".split()
    )
)


# Of nodes (nid): their titles (nid, title), as in `namesakes.upheld`.
Titles = Callable[[ir.Table], ir.Table]


def parts_for(rows: int) -> int:
    """How many parts keep each within some gigabytes of memory."""
    return max(1, -(-rows // _ROWS_PER_PART))


def recording_edges(
    engine: Engine, parts: Sequence[ir.Table], titles: Titles | None = None, name: str = "edges"
) -> ir.Table:
    """Store the edges of all rules under `name`; a pair may have several, one for each rule.

    All rows of one rule with an equal key, or an equal bare identifier, must be in one part, of which there
    is at least one (`keyed.in_parts`). Without `titles` no name contradicts an identifier. Tables whose names
    begin with `identity_` are used and dropped.
    """
    _drop(engine)
    engine.drop(name)
    for number, part in enumerate(parts):
        _read_part(engine, part, number, name)
    engine.append(name, _scored(_upheld(engine, engine.known("identity_doubts"), titles)))
    states = engine.store("identity_states", seekers.states(engine.known("identity_kin")))
    offers = engine.known("identity_offers").anti_join(states.filter(_.settled), "nid")
    seated = engine.store("identity_seated", seekers.best_offers(_upheld(engine, offers, titles)))
    engine.append(name, _scored(seated))
    for number in range(len(parts)):
        silent = engine.known("identity_silent").filter(_.part == number)
        marked = engine.store("identity_marked", seekers.marked_rows(silent, states, seated))
        engine.append("identity_more", seekers.name_offers(marked))
    more = _upheld(engine, engine.known("identity_more"), titles)
    engine.append(name, _scored(seekers.best_offers(more)))
    _drop(engine)
    return engine.known(name)


def _read_part(engine: Engine, part: ir.Table, number: int, name: str) -> None:
    rows = engine.store("identity_rows", part)
    repeated = engine.store("identity_repeated", stars.repeated_rows(rows))
    lot = engine.store("identity_lot", stars.with_statistics(repeated))
    hard = engine.store("identity_hard", stars.hard_sounds(lot))
    links = ibis.union(
        stars.plain_links(lot), stars.hard_links(stars.cut_clusters(hard), stars.names_under(lot))
    )
    links = engine.store("identity_links", links)
    engine.append(name, _scored(links.filter(~_.doubtful).drop("doubtful")))
    engine.append("identity_doubts", links.filter(_.doubtful))
    engine.append("identity_kin", seekers.kin_rows(lot))
    engine.append("identity_offers", seekers.sound_offers(lot, rows))
    engine.append("identity_silent", seekers.silent_rows(rows).mutate(part=ibis.literal(number, "int32")))


def _upheld(engine: Engine, links: ir.Table, titles: Titles | None) -> ir.Table:
    """Links that no title contradicts. Titles are asked of doubtful links alone, which are few."""
    if titles is None:
        return links.drop("doubtful")
    doubts = engine.store("identity_asked", links.filter(_.doubtful))
    return upheld(links, titles(ibis.union(doubts.select("nid"), doubts.select(nid=_.hub)).distinct()))


def _scored(links: ir.Table) -> ir.Table:
    return links.mutate(score=score()).select(*EDGES.names)


def _drop(engine: Engine) -> None:
    engine.drop(*_TABLES)
