"""Catalogues of any size with known truth: claims as services and dumps would give them, and listens.

Goes in: how many tracks, and a seed. Comes out: parts, each the same to the byte whoever makes it, when and
in which order, and for each claim which recording it is of. Knows the form of claims, and nothing of how a
catalogue is built from them.
"""

from lockgroove.testing.generated.catalogue import Catalogue, Changes, Made, PartSpec, parquet
from lockgroove.testing.generated.lines import Lines
from lockgroove.testing.generated.truth import DIFFERENCES

__all__ = ["DIFFERENCES", "Catalogue", "Changes", "Lines", "Made", "PartSpec", "parquet"]
