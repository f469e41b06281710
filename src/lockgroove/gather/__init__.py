"""Gather: what sources say, taken in as claims, durably and resumably.

In: a source, what is known of it, the claim store. Out: claims, listens, findings and counts that add up.
It retries within the terms and stores nothing before the batch is safe; it knows no format.
"""

from lockgroove.gather.harvest import Gathered, gather
from lockgroove.gather.stamps import Stamps

__all__ = ["Gathered", "Stamps", "gather"]
