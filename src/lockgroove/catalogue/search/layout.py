"""A search index on disk: shards by listens, most heard first, each an index of tantivy's.

    layout.json   which recordings are in which shard: format, thresholds, parts, rows, documents of each
    shard-NN/     the shard; a number in it is the row of a recording
    superseded    of a delta: one bit a row of what it replaces or takes away

Disposable: derived from the tables, and made again from them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tantivy

from lockgroove.catalogue.search.questions import TERMS
from lockgroove.errors import FormatUnknown

FORMAT = 2
ROW, LISTENS = "row", "listens"
LAYOUT_FILE, SUPERSEDED_FILE = "layout.json", "superseded"
_ADVICE = "The search index is derived: `lockgroove rebuild` makes it again."
_TOKENIZER = "parted"  # our terms are folded and parted already


@dataclass(frozen=True)
class Layout:
    """Levels by listens, highest threshold first; what reaches none is the tail, in parts by row."""

    thresholds: tuple[int, ...] = ()
    parts: int = 1
    rows: int = 0
    documents: tuple[int, ...] = ()

    @property
    def shards(self) -> int:
        """How many shards there are, empty ones counted."""
        return len(self.thresholds) + self.parts

    def shards_of(self, rows: np.ndarray, listens: np.ndarray) -> np.ndarray:
        """The shard of each recording."""
        rising = np.array(self.thresholds[::-1], np.int64)
        levels = len(rising) - np.searchsorted(rising, listens, side="right")
        parts = rows * self.parts // max(1, self.rows)
        return levels + np.where(levels == len(rising), np.clip(parts, 0, self.parts - 1), 0)


def save(folder: str, layout: Layout) -> None:
    """Write the layout; last, so that an index without one is unfinished."""
    with open(f"{folder}/{LAYOUT_FILE}", "w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(layout)}, file)


def load(folder: str) -> Layout:
    """The layout of a finished index. Raises FormatUnknown."""
    try:
        with open(f"{folder}/{LAYOUT_FILE}", encoding="utf-8") as file:
            given = json.load(file)
        if given.pop("format") != FORMAT:
            raise ValueError
        return Layout(tuple(given["thresholds"]), given["parts"], given["rows"], tuple(given["documents"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatUnknown(
            "This search index is unfinished or of another format", folder, _ADVICE
        ) from error


def shard_folder(folder: str, number: int) -> str:
    """Where a shard is."""
    return f"{folder}/shard-{number:02}"


def schema() -> Any:
    """The fields of a shard: nothing is stored, a hit is told by its row."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(TERMS, tokenizer_name=_TOKENIZER, index_option="basic")
    builder.add_unsigned_field(ROW, fast=True)
    builder.add_unsigned_field(LISTENS, fast=True)
    return builder.build()


def create_shard(folder: str) -> Any:
    """An empty shard, what was there before forgotten by the caller."""
    os.makedirs(folder)
    return _with_tokenizer(tantivy.Index(schema(), path=folder, reuse=False))


def open_shard(folder: str) -> Any:
    """A shard to be read. Raises FormatUnknown."""
    try:
        return _with_tokenizer(tantivy.Index.open(folder))
    except (OSError, ValueError) as error:
        raise FormatUnknown("A shard of the search index cannot be opened", folder, _ADVICE) from error


def _with_tokenizer(index: Any) -> Any:
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer(_TOKENIZER, analyzer)
    return index
