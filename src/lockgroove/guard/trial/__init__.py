"""Made-up listeners and scrapers whose truth is known, over a made-up catalogue with a real curve of listens.

In: numbers and a seed. Out: batches of events, and which accounts are what. The same seed gives the same
events.
"""

from lockgroove.guard.trial.listeners import Habits, Played, listen
from lockgroove.guard.trial.scrapers import in_order, shuffled
from lockgroove.guard.trial.world import World, make_world

__all__ = ["Habits", "Played", "World", "in_order", "listen", "make_world", "shuffled"]
