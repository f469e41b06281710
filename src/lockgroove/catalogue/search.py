"""Search as you type: words in any order and script, the last one unfinished, one typo each.

A tantivy index over recordings, derived from the tables and disposable. Every name stands in it folded and
in Latin letters, so that Sakura finds さくら.
"""

from __future__ import annotations

import itertools
import math
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import tantivy

from lockgroove.catalogue.names import fold, search_text

_CANDIDATES = 400
_JOINED_CHARS_MAX = 40
_HEAP_BYTES = 64 << 20
_WORD_CHARS_MAX = 60
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "COMBINING KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
_TOKENIZER = "words"  # our names are folded and parted already


@dataclass(frozen=True)
class Doc:
    """A recording to be found: its row, listens, and all names it goes by."""

    row: int
    listens: int
    names: tuple[str | None, ...]


def build_index(folder: str, docs: Iterable[Doc]) -> int:
    """Write an index of recordings; the number of documents."""
    os.makedirs(folder, exist_ok=True)
    index = _with_tokenizer(tantivy.Index(_schema(), path=folder))
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    count = 0
    for doc in docs:
        words = " ".join(_tokens(search_text(*doc.names)))
        document = tantivy.Document(words=words)
        document.add_unsigned(
            "row", doc.row
        )  # given as keywords they would be signed, which the field refuses
        document.add_unsigned("listens", doc.listens)
        writer.add_document(document)
        count += 1
    writer.commit()
    writer.wait_merging_threads()
    return count


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", stored=False, tokenizer_name=_TOKENIZER, index_option="freq")
    builder.add_unsigned_field("row", stored=True, indexed=False, fast=True)
    builder.add_unsigned_field("listens", stored=True, indexed=False, fast=True)
    return builder.build()


def _with_tokenizer(index: Any) -> Any:
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer(_TOKENIZER, analyzer)
    return index


def _tokens(text: str) -> Iterator[str]:
    """Words; where a script does not part words, each two neighbouring characters."""
    for word in text.split():
        yield word[:_WORD_CHARS_MAX]
        for run in _unspaced_runs(word[:_WORD_CHARS_MAX]):
            if run != word:
                yield run
            yield from (run[i : i + 2] for i in range(len(run) - 1))
            yield from run


def _unspaced_runs(word: str) -> Iterator[str]:
    """The stretches of a word in scripts that do not part words."""
    if not word.isascii():
        for unspaced, run in itertools.groupby(word, _unspaced):
            if unspaced:
                yield "".join(run)


def _unspaced(c: str) -> bool:
    return unicodedata.name(c, "").startswith(_UNSPACED)


class SearchIndex:
    """Answers with row numbers of recordings, best first."""

    def __init__(self, folder: str) -> None:
        self._index = _with_tokenizer(tantivy.Index.open(folder))
        self._searcher = self._index.searcher()
        self._schema = self._index.schema

    def rows(self, text: str, limit: int = 20, offset: int = 0) -> tuple[list[int], int]:
        """Rows from `offset` on, and how many there are in all. Same index, same question, same order."""
        words = [word[:_WORD_CHARS_MAX] for word in fold(text).split()[:12]]
        if not words:
            return [], 0
        query = self._query(words)
        first, last = offset // _CANDIDATES, (offset + max(1, limit) - 1) // _CANDIDATES
        result = self._searcher.search(query, limit=(last + 1) * _CANDIDATES, count=True)
        ranked: list[int] = []
        # Weighed block by block, so that no page depends on another's depth.
        for block in range(first, last + 1):
            hits = result.hits[block * _CANDIDATES : (block + 1) * _CANDIDATES]
            ranked += [-row for _, row in sorted((self._weighed(*hit) for hit in hits), reverse=True)]
        start = offset - first * _CANDIDATES
        return ranked[start : start + limit], int(result.count or 0)

    def _weighed(self, score: float, address: Any) -> tuple[float, int]:
        document = self._searcher.doc(address)
        listens = document.get_first("listens") or 0
        return round(score * (1 + 0.15 * math.log1p(listens)), 6), -document.get_first("row")

    def _query(self, words: list[str]) -> Any:
        last = len(words) - 1
        parts = [(tantivy.Occur.Must, self._word(word, unfinished=i == last)) for i, word in enumerate(words)]
        each = tantivy.Query.boolean_query(parts)
        joined = "".join(words)
        if last == 0 or not joined.isascii() or len(joined) > _JOINED_CHARS_MAX:
            return each
        # Scripts that do not part words are romanised without parting them: "moli hua" is "molihua".
        either = [(tantivy.Occur.Should, each), (tantivy.Occur.Should, self._word(joined, unfinished=True))]
        return tantivy.Query.boolean_query(either)

    def _word(self, word: str, unfinished: bool) -> Any:
        ways = [self._boosted(tantivy.Query.term_query(self._schema, "words", word), 3.0)]
        if len(word) > 1 and next(_unspaced_runs(word), "") == word:
            pairs = [
                tantivy.Query.term_query(self._schema, "words", word[i : i + 2]) for i in range(len(word) - 1)
            ]
            ways.append(tantivy.Query.boolean_query([(tantivy.Occur.Must, pair) for pair in pairs]))
        if unfinished:
            starts = tantivy.Query.fuzzy_term_query(self._schema, "words", word, 0, True, True)
            ways.append(self._boosted(starts, 1.0))
        if len(word) >= 4:
            typo = tantivy.Query.fuzzy_term_query(
                self._schema, "words", word, 1, True, unfinished and len(word) > 4
            )
            ways.append(self._boosted(typo, 0.4))
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, way) for way in ways])

    def _boosted(self, query: Any, boost: float) -> Any:
        return tantivy.Query.boost_query(query, boost)
