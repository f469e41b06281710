"""Tables from facts, in stages that survive a kill, part by part, so that nothing outgrows memory.

In: facts, what is held, listens, a judge of rights. Out: a folder of tables with a key index, the same to the
byte for the same input, and what a later delta starts from. Knows not where claims come from.
"""

from lockgroove.catalogue.build.tables import HELD_SCHEMA, TOLD_SCHEMA, Inputs, Work, build_tables

__all__ = ["HELD_SCHEMA", "TOLD_SCHEMA", "Inputs", "Work", "build_tables"]
