"""Coverage: what to keep first, and how much of what people hear is held.

In: the tables of a generation and a budget of bytes. Out: the plan, the ledger of every item with its
reason, and the coverage curve. It works in listens per byte over recordings, and knows no file system.
"""

from lockgroove.coverage.ledger import prepare_fates, write_keepable, write_ledger
from lockgroove.coverage.plan import PlanResult, write_plan

__all__ = ["PlanResult", "prepare_fates", "write_keepable", "write_ledger", "write_plan"]
