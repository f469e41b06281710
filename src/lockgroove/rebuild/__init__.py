"""Rebuild: the catalogue again, from claims, vault and journal alone.

In: the claim store, what is held, rights decisions and a folder to build in. Out: private and public
tables with their search indexes, the same to the byte for the same truth. It plans and publishes nothing.
"""

from lockgroove.rebuild.changes import build_changes
from lockgroove.rebuild.handmatches import HandMatch, hand_matches
from lockgroove.rebuild.judging import DecisionMade, Judging, decisions_of
from lockgroove.rebuild.tables import Built, begun, build

__all__ = [
    "Built", "DecisionMade", "HandMatch", "Judging", "begun", "build", "build_changes", "decisions_of",
    "hand_matches",
]  # fmt: skip
