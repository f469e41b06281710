"""What changed since the catalogue was last built whole, as rows beside it, without building it again.

In: a whole build, and all that was acknowledged since. Out: a delta as `catalogue.layers` reads it, the same
content that a whole build would have. It does not know where claims lie or what a judge decides by.

Everything that a change may concern is built anew by the stages of a whole build, as a small catalogue:
fresh claims, all claims of recordings that share a key with one (`touched`), and all that share a key with
those (`bystanders`, which are there to be compared and stay as they are). Then its rows take the numbers that
they had.
"""

from lockgroove.catalogue.deltas.change import Base, Change, TooMuchChanged
from lockgroove.catalogue.deltas.make import make_delta

__all__ = ["Base", "Change", "TooMuchChanged", "make_delta"]
