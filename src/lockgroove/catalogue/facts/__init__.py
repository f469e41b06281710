"""What claims say, as columns: one family of rows for each kind of thing they speak of, cached by part.

In: parts of claims. Out: Parquet files a family. Which of several claims counts is not asked here.
"""

from lockgroove.catalogue.facts.families import (
    SCHEMAS,
    VERSION,
    Facts,
    cached_facts,
    facts_there,
    ordinal_of,
    tables_of,
    write_facts,
)

__all__ = [
    "SCHEMAS", "VERSION", "Facts", "cached_facts", "facts_there", "ordinal_of", "tables_of", "write_facts",
]  # fmt: skip
