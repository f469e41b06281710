"""Keep: the plan's files into the vault, durably and resumably.

In: the plan's files deposit by deposit, and where each shelf stands. Out: acknowledged objects, and a
finding for each file that is not what was gathered. It decides nothing: the plan did.
"""

from lockgroove.keep.drafts import drafts_of, open_shelf_file
from lockgroove.keep.flow import KeepResult, keep

__all__ = ["KeepResult", "drafts_of", "keep", "open_shelf_file"]
