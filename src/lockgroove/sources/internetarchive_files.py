"""Where items' metadata lies in files: a document a file, one a line, or two files of XML to an item.

Invariant: `_meta.xml` and `_files.xml` of one item are one record, and each file that is metadata is in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from lockgroove.sources.members import Member, members
from lockgroove.sources.packed import LINE_BYTES_MAX, BrokenPacking, Line, lines

DOCUMENT_BYTES_MAX = 64 << 20
WAITING_BYTES_MAX = 128 << 20
_META, _FILES = "_meta.xml", "_files.xml"
_JSON = (".json", ".jsonl", ".ndjson")


@dataclass
class Item:
    """One item's metadata as it lies there; `why` says what keeps it from being read."""

    data: bytes
    offset: int = 0
    files_xml: bytes | None = None
    is_xml: bool = False
    why: str = ""
    body: Any = None
    is_plain: bool = True

    @property
    def stamped(self) -> bytes:
        """The bytes that make the item's version."""
        return self.data if self.files_xml is None else self.data + b"\0" + self.files_xml


class Files:
    """The items in files, as one file after the other is asked for them.

    `beside` finds another of the files by its name. In a tar the two files of an item wait for each other.
    """

    def __init__(self, beside: Callable[[str], bytes | None]) -> None:
        self._beside = beside
        self._waiting: dict[str, Item] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether something was read that is not given yet."""
        return bool(self._waiting)

    def items(self, member: Member) -> Iterator[Item]:
        """The items in a file; what is neither JSON nor an item's XML has none. Raises BrokenPacking."""
        name = member.name.rpartition("/")[2]
        if name.endswith((_META, _FILES)):
            yield from self._in_tar(member) if member.size is not None else self._bare(member, name)
        elif name.endswith(_JSON) or (member.size is None and "." not in name):
            yield from _json(member)

    def forget(self) -> None:
        """Begin anew."""
        self._waiting = {}

    def rest(self) -> Iterator[Item]:
        """Those that waited in vain."""
        for name, item in self._waiting.items():
            yield replace(item, why="" if name.endswith(_META) else f"without its {_META}")
        self._waiting = {}

    def _bare(self, member: Member, name: str) -> Iterator[Item]:
        if name.endswith(_META):
            files = _other(self._beside(name.removesuffix(_META) + _FILES))
            yield Item(_whole(member), 0, files, is_xml=True)
        elif self._beside(name.removesuffix(_FILES) + _META) is None:
            yield Item(_whole(member), is_xml=True, why=f"without its {_META}")

    def _in_tar(self, member: Member) -> Iterator[Item]:
        name, data = member.name, _whole(member)
        is_meta = name.endswith(_META)
        other = name.removesuffix(_META) + _FILES if is_meta else name.removesuffix(_FILES) + _META
        if (found := self._waiting.pop(other, None)) is not None:
            meta, files = (data, found.data) if is_meta else (found.data, data)
            yield Item(meta, 0, files, is_xml=True)
            return
        if sum(len(item.data) for item in self._waiting.values()) > WAITING_BYTES_MAX:
            yield from self.rest()
        self._waiting[name] = Item(data, is_xml=True)


def _whole(member: Member) -> bytes:
    """A file, to a bound far beyond any item's metadata."""
    data = b""
    while len(data) <= DOCUMENT_BYTES_MAX and (more := member.stream.read(1 << 20)):
        data += more
    return data


def _other(path: bytes | None) -> bytes | None:
    if path is None:
        return None
    try:
        return next((_whole(member) for member in members(path)), None)
    except (BrokenPacking, OSError):
        return None


def _json(member: Member) -> Iterator[Item]:
    """A document a line where the first lines are such, else one document over many lines."""
    given = lines(member.stream, LINE_BYTES_MAX)
    first = list(islice(given, 2))
    if not first:
        return
    starts = [(line[2] or b"").strip() for line in first]
    if len(first) == 1 or (starts[0].startswith(b"{") and len(starts[0]) > 2 and starts[1].startswith(b"{")):
        for _, offset, data in chain(first, given):
            yield Item(data or b"", offset, why="" if data is not None else "longer than any item")
    else:
        yield _document(chain(first, given))


def _document(given: Iterator[Line]) -> Item:
    pieces: list[bytes] = []
    size = 0
    for _, _, data in given:
        size += len(data or b"") + 1
        if data is None or size > DOCUMENT_BYTES_MAX:
            return Item(b"", why="longer than any item")
        pieces.append(data)
    return Item(b"\n".join(pieces))
