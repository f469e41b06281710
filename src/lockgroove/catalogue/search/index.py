"""Search as you type: words in any order and script, the last one unfinished, one typo each.

Shards are asked in turn, what is heard most first, until the page is full. The order of answers is fixed: as
written before as meant, shard after shard, in a shard by score and listens, then by row. So pages
of any size join to the same whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lockgroove.catalogue.search import layout as layouts
from lockgroove.catalogue.search.filters import Filters
from lockgroove.catalogue.search.questions import Question
from lockgroove.catalogue.search.shards import Marks, Shard, walk

_ENOUGH = (3, 1)
"""With so many answers to what was written, nothing else is taken to be meant, and with so many to that, the
last word is not taken to be half a mistyped one. Such guesses are looked for until a shard has brought them
to so many: those behind it, less heard, are not asked."""


@dataclass(frozen=True)
class Answer:
    """Rows of a page, best first, and how many there are in all: exactly so, or at least so many."""

    rows: list[int]
    count: int
    is_exact: bool


_NO_FILTERS = Filters()


class SearchIndex:
    """An index, with the deltas made since, oldest first. Answers with row numbers of recordings."""

    def __init__(self, folder: str, deltas: Sequence[str] = ()) -> None:
        layers = [folder, *deltas]
        marks = [Marks.read(delta) for delta in deltas]
        shards: dict[int, Shard] = {}
        for age, layer in enumerate(layers):
            layout, dead = layouts.load(layer), Marks.joined(marks[age:])
            for number in (n for n in range(layout.shards) if layout.documents[n]):
                shard = shards.setdefault(number, Shard(layout, number))
                shard.add(layouts.shard_folder(layer, number), dead)
        self._shards = [shards[number] for number in sorted(shards)]
        self._schema = layouts.schema()

    def rows(self, text: str, limit: int = 20, offset: int = 0) -> tuple[list[int], int]:
        """Rows from `offset` on, and how many there are at least: more than this page where there is more."""
        answer = self.ask(text, limit, offset)
        return answer.rows, answer.count

    def ask(self, text: str, limit: int = 20, offset: int = 0, filters: Filters = _NO_FILTERS) -> Answer:
        """A page of answers. Same index, same question, same order; a deep page costs as all before it."""
        question = Question(self._schema, text, filters)
        if question.is_empty:
            return Answer([], 0, True)
        rows: list[int] = []
        seen: list[list[int]] = [[] for _ in self._shards]
        for stage, enough, needed in zip(question.stages, (None, *_ENOUGH), (*_ENOUGH, 1), strict=False):
            before = sum(map(len, seen))
            found = walk(self._shards, stage, limit - len(rows), max(0, offset - before), seen, enough)
            rows += found.rows
            if not found.is_whole or before + found.count >= needed:
                break
            if len(found.rows) < found.count:
                found = walk(self._shards, stage, needed, 0, seen, enough)
            for shard, more in enumerate(found.found):
                seen[shard] += more
        else:
            return Answer(rows, sum(map(len, seen)), True)
        return Answer(rows, before + found.count, found.is_exact)
