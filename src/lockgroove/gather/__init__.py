"""Gather: what sources say, taken in as claims, durably and resumably.

In: a source, what is known of it, the claim store. Out: claims, listens, findings and counts that add up.
A cursor moves on only after its batch is safe. It knows no format and no network.
"""

from lockgroove.gather.harvest import Gathered, gather, rehearse
from lockgroove.gather.stamps import Stamps

__all__ = ["Gathered", "Stamps", "gather", "rehearse"]
