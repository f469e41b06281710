"""Claims as they were given, in packs that are never changed: the truth that the catalogue is derived from.

In: claims and listens of a harvest. Out: acknowledged parts, and their lines. Knows not what claims say.
"""

from lockgroove.catalogue.claims.listenparts import LISTEN_SCHEMA
from lockgroove.catalogue.claims.packs import pack_of
from lockgroove.catalogue.claims.store import (
    FOLDER,
    ClaimStore,
    Harvest,
    Part,
    Waiting,
    records_of,
)

__all__ = [
    "FOLDER", "LISTEN_SCHEMA", "ClaimStore", "Harvest", "Part", "Waiting", "pack_of",
    "records_of",
]  # fmt: skip
