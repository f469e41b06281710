"""Groups of accounts that something connects: who signed up together, one network, one program.

Where the accounts are given, nobody has to be sought among all, so fewer meetings that did not happen
suffice. What they are measured by is the least that independent accounts can expect whatever their tastes:
an office or a family may well hear nothing in common, but not less than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lockgroove.guard.coincidence import Everybody, Pool
from lockgroove.guard.groups import RATIO_MAX, Group, gains_beside_others, gains_by, score

_ACCOUNTS_MIN = 10
_SCORE_MIN = 40.0  # natural logarithms, above that of how many groups were asked
_SURE, _CERTAIN = 4.0, 12.0  # of an account's own meetings, likewise


def linked_groups(pool: Pool, links: Mapping[str, np.ndarray]) -> list[Group]:
    """Groups that stand out, the clearest first, no account in two of them.

    `links` has, by kind of connection, a number for each account; 0 connects to nobody.
    """
    candidates = list(_candidates(pool.accounts, links))
    if not candidates:
        return []
    everybody = pool.everybody()
    found = [
        group for accounts in candidates if (group := _group(pool, everybody, accounts, len(candidates)))
    ]
    taken: set[int] = set()
    groups = []
    for group in sorted(found, key=lambda one: -one.score):
        if not taken & set(group.members.tolist()):
            taken |= set(group.members.tolist())
            groups.append(group)
    return groups


def _candidates(accounts: int, links: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Accounts that share a number; not more than half of all, since somebody must say what is usual."""
    for numbers in links.values():
        order = np.argsort(numbers, kind="stable")
        cuts = np.flatnonzero(np.diff(numbers[order])) + 1
        for part in np.split(order, cuts):
            if _ACCOUNTS_MIN <= len(part) <= accounts // 2 and numbers[part[0]] != 0:
                yield np.sort(part)


def _group(pool: Pool, everybody: Everybody, accounts: np.ndarray, asked: int) -> Group | None:
    met = everybody.meetings(pool, accounts)
    reached = float(score(met.observed, met.least))
    if met.observed > RATIO_MAX * met.least or reached < _SCORE_MIN + np.log(asked):
        return None
    gains = gains_by(pool, everybody, accounts)[accounts]
    members = accounts[gains > _SURE]
    if len(members) < _ACCOUNTS_MIN:
        return None
    sure = gains_beside_others(pool, everybody, accounts)[accounts] > _CERTAIN
    return Group(members, np.intersect1d(members, accounts[sure]), met, reached, pool.tracks_of(members))
