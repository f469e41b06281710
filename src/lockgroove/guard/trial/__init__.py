"""Made-up listeners and scrapers whose truth is known, over a made-up catalogue with a real curve of listens.

In: numbers and a seed. Out: batches of events, and which accounts are what. The same seed gives the same
events.
"""

from lockgroove.guard.trial.disguises import followed, interrupted, rotated, shared
from lockgroove.guard.trial.listeners import Habits, Played, listen
from lockgroove.guard.trial.quotas import NO_QUOTA, Quota, granted, new_a_day
from lockgroove.guard.trial.scrapers import in_order, shuffled, synced
from lockgroove.guard.trial.world import World, make_world

__all__ = [
    "NO_QUOTA", "Habits", "Played", "Quota", "World", "followed", "granted", "in_order", "interrupted",
    "listen", "make_world", "new_a_day", "rotated", "shared", "shuffled", "synced",
]  # fmt: skip
