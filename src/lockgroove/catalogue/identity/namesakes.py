"""Whether names contradict an identifier: only links that need it are asked, by the titles of both ends."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _


def upheld(links: ir.Table, titles: ir.Table) -> ir.Table:
    """Links without those whose titles contradict each other; `doubtful` ones are looked at, others are not.

    `titles` (nid, title): folded, in Latin letters (engines count a letter beyond ASCII differently). A node
    without a title contradicts nothing.
    """
    sure = links.filter(~_.doubtful).drop("doubtful")
    one = titles.select("nid", one=_.title)
    other = titles.select(hub=_.nid, other=_.title)
    looked_at = links.filter(_.doubtful).left_join(one, "nid").left_join(other, "hub")
    return ibis.union(sure, looked_at.filter(_alike()).select(*sure.columns))


def _alike() -> ir.BooleanValue:
    """Half of the letters, or one within the other: an identifier has said already that they are one."""
    longest = ibis.greatest(_.one.length(), _.other.length())
    missing = _.one.isnull() | _.other.isnull() | (_.one == "") | (_.other == "")
    return (
        missing
        | _.one.contains(_.other)
        | _.other.contains(_.one)
        | (_.one.levenshtein(_.other) * 2 <= longest)
    )
