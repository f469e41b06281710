"""Gather: what sources say, taken in as claims, durably and resumably.

In: a source, what is known of it, the claim store. Out: claims, listens, findings and counts that add up.
A cursor moves on only after its batch is safe. It knows no format and no network.
"""

from lockgroove.gather.checkpoints import Checkpoint, Checkpoints, identity_of
from lockgroove.gather.counting import Gathered, Tally
from lockgroove.gather.harvest import Run, gather, rehearse
from lockgroove.gather.stamps import Mark, Stamps

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Gathered",
    "Mark",
    "Run",
    "Stamps",
    "Tally",
    "gather",
    "identity_of",
    "rehearse",
]
