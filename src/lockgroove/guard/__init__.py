"""Who takes more than people do, alone or together, and why.

In: events, one for each grant of bytes or of a listing. Out: accounts and groups that stand out, with every
reason. Knows digests and no names, tracks as numbers and no music, and not what follows for an account.
"""

from lockgroove.guard.events import EVENT, Batch
from lockgroove.guard.replay import Replayed, Suspect, replay

__all__ = ["EVENT", "Batch", "Replayed", "Suspect", "replay"]
