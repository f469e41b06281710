"""What people type as questions to a shard: first as written, then as it may have been meant.

As written: every word, the last one perhaps unfinished. As meant: one typo a word, words joined as scripts
that do not part them are romanised, consonants of scripts that leave vowels out. All that is found as written
is found as meant too. Scores are constants, how a word was found, so that shards and deltas can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tantivy

from lockgroove.catalogue.search.filters import Filters, required
from lockgroove.catalogue.search.terms import (
    asked_skeletons,
    asked_terms,
    folded_words,
    is_unspaced,
    one_typo_away,
    pieces,
    romanised_words,
)

TERMS = "terms"
_WORDS_MAX = 12
_TEXT_CHARS_MAX = 2000  # of a question; twelve long words are fewer
_JOINED_CHARS_MAX = 40
_TYPO_CHARS_MIN = 4
_TAIL_PREFIX_CHARS_MIN = 3

_EXACT, _STARTS, _TYPO, _SOUNDS = 3.0, 1.0, 0.4, 0.2


class Question:
    """Words and filters, as queries. The tail, what few listen to, is spared very short beginnings."""

    def __init__(self, schema: Any, text: str, filters: Filters) -> None:
        self._schema = schema
        self._words = folded_words(text[:_TEXT_CHARS_MAX])[:_WORDS_MAX]
        self._required = required(filters)
        self.is_empty = not self._words and filters == Filters()

    @property
    def stages(self) -> Sequence[Callable[[bool], Any]]:
        """Queries for a shard, told whether to spare it; each finds all that the one before does."""
        return [self.as_written, self.as_meant, self.as_begun] if self._words else [self.as_written]

    def as_written(self, tail: bool) -> Any:
        """Every word, the last one as a beginning too; without words, all that passes the filters."""
        if not self._words:
            return self._filtered(tantivy.Query.all_query())
        return self._filtered(self._every(self._written(word, tail) for word in self._numbered()))

    def as_meant(self, tail: bool) -> Any:
        """What was written, or may have been meant by it."""
        return self._meant(tail, begun=False)

    def as_begun(self, tail: bool) -> Any:
        """What was meant, also where the last word is both unfinished and mistyped."""
        return self._meant(tail, begun=True)

    def _meant(self, tail: bool, begun: bool) -> Any:
        each = self._every(
            [*self._written(asked, tail), *self._mistyped(asked[0], begun and asked[1])]
            for asked in self._numbered()
        )
        return self._filtered(_any([each, *self._joined(), *self._sounding()]))

    def _numbered(self) -> list[tuple[str, bool]]:
        last = len(self._words) - 1
        return [(word, i == last) for i, word in enumerate(self._words)]

    def _written(self, asked: tuple[str, bool], tail: bool) -> list[Any]:
        word, unfinished = asked
        *whole, last = pieces(word)
        terms = [self._term(term) for piece in whole for term in asked_terms(piece)]
        ways = [_worth(_EXACT, _all([*terms, *(self._term(term) for term in asked_terms(last))]))]
        if is_unspaced(last):
            begins = len(last) == 1
        else:
            begins = unfinished and len(last) >= (_TAIL_PREFIX_CHARS_MIN if tail else 1)
        if begins:
            ways.append(_worth(_STARTS, _all([*terms, self._fuzzy(last, 0, True)])))
        return ways

    def _mistyped(self, word: str, begun: bool) -> list[Any]:
        if word.isascii():
            return self._typos(word, begun)
        sounds = _all([_any([self._term(w), *self._typos(w, begun)]) for w in romanised_words(word)])
        return [*self._typos(word, begun), _worth(_SOUNDS, sounds)]

    def _typos(self, word: str, begun: bool) -> list[Any]:
        if len(word) < _TYPO_CHARS_MIN or is_unspaced(word):
            return []
        near = _any([self._term(term) for term in sorted(one_typo_away(word))])
        if begun and len(word) > _TYPO_CHARS_MIN:
            near = _any([near, self._fuzzy(word, 1, True)])
        return [_worth(_TYPO, near)]

    def _joined(self) -> list[Any]:
        joined = "".join(self._words)
        if len(self._words) == 1 or not joined.isascii() or len(joined) > _JOINED_CHARS_MAX:
            return []
        return [_worth(_EXACT, self._term(joined)), _worth(_STARTS, self._fuzzy(joined, 0, True))]

    def _sounding(self) -> list[Any]:
        """Words too short to leave two consonants say nothing here ("ya", "el")."""
        meant = [(word, asked_skeletons(word)) for word in self._words]
        telling = [(word, terms) for word, terms in meant if terms or not (word.isascii() and word.isalpha())]
        if not any(terms for _, terms in telling):
            return []
        each = [_any([self._term(term) for term in (word, *terms)]) for word, terms in telling]
        return [_worth(_SOUNDS, _all(each))]

    def _every(self, ways: Iterable[Sequence[Any]]) -> Any:
        return _all([_any(way) for way in ways])

    def _filtered(self, query: Any) -> Any:
        must, must_not = tantivy.Occur.Must, tantivy.Occur.MustNot
        parts = [(must, query)]
        for group in self._required.groups:
            one = _any([self._term(term) for term in group])
            parts.append((must, _worth(0.0, one)))
        parts += [(must_not, self._term(term)) for term in self._required.absent]
        return tantivy.Query.boolean_query(parts) if len(parts) > 1 else query

    def _term(self, word: str) -> Any:
        return tantivy.Query.term_query(self._schema, TERMS, word, "basic")

    def _fuzzy(self, word: str, distance: int, prefix: bool) -> Any:
        return tantivy.Query.fuzzy_term_query(self._schema, TERMS, word, distance, True, prefix)


def _worth(score: float, query: Any) -> Any:
    return tantivy.Query.const_score_query(query, score)


def _any(queries: Sequence[Any]) -> Any:
    return _joined_by(tantivy.Occur.Should, queries)


def _all(queries: Sequence[Any]) -> Any:
    return _joined_by(tantivy.Occur.Must, queries)


def _joined_by(occur: Any, queries: Sequence[Any]) -> Any:
    if not queries:
        return tantivy.Query.empty_query()
    return queries[0] if len(queries) == 1 else tantivy.Query.boolean_query([(occur, q) for q in queries])
