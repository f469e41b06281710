"""What hides who plays: accounts that are shared, that change one day, or that are left again and again.

In and out: plays in the order of accounts, each account's own in order of time.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from lockgroove.guard.events import Context
from lockgroove.guard.trial.listeners import Played


def ordered(played: Played) -> Played:
    """The same plays, in the order of accounts and of time."""
    order = np.lexsort((played.ts_ms, played.account))
    return Played(*(getattr(played, field.name)[order] for field in fields(played)))


def shared(played: Played, people: int) -> Played:
    """So many people under one account each."""
    return ordered(replace(played, account=played.account // people))


def followed(first: Played, then: Played) -> Played:
    """The same accounts, which do one thing and then the other, or both at once."""
    both = (
        np.concatenate([getattr(first, field.name), getattr(then, field.name)]) for field in fields(Played)
    )
    return ordered(Played(*both))


def interrupted(played: Played, every: int, rng: np.random.Generator) -> Played:
    """Each play of so many is one of the account's earlier tracks instead of what would have come."""
    number = np.arange(len(played.account))
    begins = np.searchsorted(played.account, played.account)
    since = number - begins
    again = (since > every) & (since % every == 0)
    earlier = begins + (since * rng.random(len(number))).astype(np.int64)
    return replace(
        played,
        track=np.where(again, played.track[earlier], played.track),
        context=np.where(again, np.uint8(Context.PLAYLIST), played.context),
    )


def rotated(played: Played, plays: int) -> Played:
    """A new account after every so many plays of one."""
    since = np.arange(len(played.account)) - np.searchsorted(played.account, played.account)
    parts = int(since.max(initial=0)) // plays + 1
    _, account = np.unique(played.account.astype(np.int64) * parts + since // plays, return_inverse=True)
    return replace(played, account=account.astype(np.int32))
