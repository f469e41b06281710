"""Search as you type, over as many recordings as there are: an index in shards, and questions to it.

In: recordings as documents. Out: row numbers, best first. Knows no tables; what is indexed comes as batches.
"""

from lockgroove.catalogue.search.build import Doc, Recordings, build_delta, build_index, build_shards
from lockgroove.catalogue.search.filters import Filters, range_of
from lockgroove.catalogue.search.index import Answer, SearchIndex

__all__ = [
    "Answer", "Doc", "Filters", "Recordings", "SearchIndex", "build_delta", "build_index", "build_shards",
    "range_of",
]  # fmt: skip
