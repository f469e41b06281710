"""The key index: from an id, ISRC or barcode to row numbers, from disk or from any host, each answer proven.

In: keys of 12 bytes by scheme, and rows. Out: one file, and look-ups in it. Knows no tables. Whoever only
looks up needs numpy and no more: writing (`keyindex.write`) is imported apart.
"""

from lockgroove.catalogue.keyindex.format import ENTITY_SCHEMES, NO_ROW, barcode_key, digest_key, isrc_key
from lockgroove.catalogue.keyindex.look import FileRanges, KeyIndex, KeyIndexes, Ranges, write_key_index

__all__ = [
    "ENTITY_SCHEMES", "NO_ROW", "FileRanges", "KeyIndex", "KeyIndexes", "Ranges", "barcode_key", "digest_key",
    "isrc_key", "write_key_index",
]  # fmt: skip
