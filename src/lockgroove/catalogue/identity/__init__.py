"""Which claims are one recording: numbered rules, as expressions that any engine runs, and their groups.

In: rows of keys as in `identity.keyed.KEYED`. Out: edges with rule and score, and groups of nodes. Knows
neither claims nor tables; people's own word (`identity.byhand`) wins over every rule.
"""

from lockgroove.catalogue.identity.edges import recording_edges
from lockgroove.catalogue.identity.keyed import KEYED
from lockgroove.catalogue.identity.rules import RULES

__all__ = ["KEYED", "RULES", "recording_edges"]
