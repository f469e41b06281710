"""When two names are the same, in any script: what is compared, what search is shown, what parts versions.

In: titles and credits as given. Out: folded texts and digests of them. Knows no claims and no tables.
"""

from lockgroove.catalogue.names.compare import (
    Compared,
    compared,
    compared_all,
    name_key,
    version_key,
    version_words,
)
from lockgroove.catalogue.names.folding import artist_fold, fold, fold_all, romanised, search_text

__all__ = [
    "Compared", "artist_fold", "compared", "compared_all", "fold", "fold_all", "name_key", "romanised",
    "search_text", "version_key", "version_words",
]  # fmt: skip
