"""Somebody's own table as claims, by a mapping: the way in for catalogues of any size and any origin.

Invariant: a row is one claim, its body the row as given. The stamp is of row and mapping together, so that
another mapping says everything anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from lockgroove.model import Batch, Known, ListenCount, Terms
from lockgroove.sources.cells import as_text, is_broken
from lockgroove.sources.dumpreading import Count, Cut, Dumps, Entity, Malformed, Note
from lockgroove.sources.filemarks import marked
from lockgroove.sources.mapping import Column, read_map
from lockgroove.sources.maptelling import Notes, tell, total_of
from lockgroove.sources.members import Member
from lockgroove.sources.tablerows import Chunk, chunks

KEY_CHARS_MAX = 1000


class Mapped:
    """A file, read as a mapping says. `source` is the name that its claims are under."""

    name = "mapped"
    reader = "mapped/1"
    terms = Terms(metadata_licence=None, requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, path: bytes, source: str, mapping: bytes, where: str = "the mapping") -> None:
        self._map = read_map(mapping, where)
        self._source = source
        self._path = path
        self._row = _Told(None, None, {}, (), None)
        self.dumps = Dumps(source, [path], self._cuts, self._entity)

    @property
    def counts(self) -> Sequence[Count]:
        """What became of the rows; the file itself is one of them."""
        return self.dumps.counts

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield claims in order of the rows, listens as totals beside them, and word of the file last.

        Raises UsageError when the file lacks a column of the mapping.
        """
        yield from marked(self._source, [self._path], self.dumps, since, known, self._map.mark)

    def _cuts(self, member: Member, note: Note) -> Iterator[Cut]:
        salt = self._map.mark.encode()
        for chunk in chunks(member, self._map, partial(open, self._path, "rb")):
            told = self._told(chunk)
            for row in chunk.rows:
                if not row.why and row.data is not None:
                    self._row = next(told)
                data = row.data if row.data is None else row.data + salt
                yield Cut(self._map.kind, row.number, row.offset, data, row.why)

    def _told(self, chunk: Chunk) -> Iterator[_Told]:
        """What the rows that could be read say, in order."""
        bodies = [row.body for row in chunk.rows if not row.why and row.data is not None]
        columns = partial(_values, chunk, len(bodies))
        notes = Notes()
        said = tell(self._map, columns, len(bodies), notes)
        keys = _keys([columns(column) for column in self._map.key])
        listens = columns(self._map.says["listens"]) if "listens" in self._map.says else repeat(None)
        for n, (key, body, says, total) in enumerate(zip(keys, bodies, said, listens, strict=False)):
            yield _Told(key, body, says, notes.of.get(n, ()), total)

    def _entity(self, cut: Cut) -> Entity:
        row = self._row
        if row.key is None:
            raise Malformed("a row without its key, or with one that is no short text")
        listens = () if row.total is None else _listens(row.key, row.total)
        return Entity(cut.kind, row.key, row.account, listens)


class _Told(NamedTuple):
    """A row, judged."""

    key: str | None
    body: Any
    says: Mapping[str, Any]
    odd: Sequence[tuple[str, str]]
    total: Any

    def account(self, note: Note) -> tuple[Any, Mapping[str, Any]]:
        """As Entity has it."""
        for code, detail in self.odd:
            note(code, detail)
        return self.body, self.says


def _values(chunk: Chunk, size: int, column: Column) -> Sequence[Any]:
    return [column.constant] * size if column.constant else chunk.columns(column.name)


def _keys(columns: Sequence[Sequence[Any]]) -> Iterator[str | None]:
    """Each row's key, the parts of a longer one with NUL between; None where there is none."""
    for parts in zip(*columns, strict=True):
        texts = [part.strip() if part.__class__ is str else as_text(part) for part in parts]
        key = texts[0] if len(texts) == 1 else "\0".join(texts)
        is_key = all(texts) and len(key) <= KEY_CHARS_MAX
        yield key if is_key and (key.isprintable() or not any(map(is_broken, texts))) else None


def _listens(key: str, value: Any) -> list[ListenCount]:
    """The total, of no month and by no listener."""
    total = total_of(value)
    return [ListenCount(key, "", -1, total, total, 0)] if total else []
