"""The rows of a delimited file, one record at a time, where records may have quotes and lines in their cells.

Invariant: every line that is not blank belongs to exactly one record, so that rows read and refused add up. A
quote that never closes costs its own line; what follows is read again as if it had not been there.
RFC 4180 as people write it: a quote inside an unquoted cell is a letter, and line ends may be LF or CRLF.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from lockgroove.sources.packed import BrokenPacking, ByteStream, Line, lines

RECORD_BYTES_MAX = 16 << 20  # longer than this an open quote is taken to be a stray one
_TRIES_MAX = 200  # as often a record is looked at for its end
_BOM = b"\xef\xbb\xbf"
_UTF8_NAMES = ("utf-8", "utf-8-sig")


class Row(NamedTuple):
    """A record: line and byte where it begins, its bytes, and its cells, or why it has none."""

    line: int
    offset: int
    raw: bytes
    cells: Sequence[str] | None
    why: str = ""


class _OpenQuote(Exception):
    """The record does not end here yet."""


def rows(
    stream: ByteStream, delimiter: str = ",", encoding: str = "utf-8", quote: str = '"'
) -> Iterator[Row]:
    """The records of a stream; the first one's width is asked of all.

    Bytes that are not text in the encoding stand as lone surrogates (PEP 383), so that nothing is lost. Where
    the stream breaks, a record that is cut by it is refused, and then it raises BrokenPacking.
    """
    cutter = _Cutter(stream, delimiter, encoding, quote)
    yield from cutter.rows()


class _Cutter:
    def __init__(self, stream: ByteStream, delimiter: str, encoding: str, quote: str) -> None:
        self._is_ascii_like = _is_ascii_like(encoding)
        self._encoding = encoding if self._is_ascii_like else "utf-8"
        self._stream = stream if self._is_ascii_like else _Recoded(stream, encoding)
        self._delimiter = delimiter
        self._quote = quote
        self._quote_bytes = quote.encode()
        self._width = 0
        self._again: deque[Line] = deque()
        self._broken: BrokenPacking | None = None
        self._lines = self._read()

    def rows(self) -> Iterator[Row]:
        while (line := self._next()) is not None:
            number, offset, raw = line
            row = Row(number, offset, b"", None, "a line longer than any") if raw is None else self._row(line)
            if row is not None:
                yield row
        if self._broken is not None:
            raise self._broken

    def _read(self) -> Iterator[Line]:
        """The lines; one that was cut by a break is told as too short by `_cut`."""
        held: Line | None = None
        try:
            for line in lines(self._stream):
                if held is not None:
                    yield held
                held = line
        except BrokenPacking as broken:
            self._broken = broken
            self._cut = held
        if held is not None:
            yield held

    _cut: Line | None = None

    def _next(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def _row(self, line: Line) -> Row | None:
        number, offset, raw = line
        assert raw is not None
        if number == 1 and self._encoding in _UTF8_NAMES:
            raw = raw.removeprefix(_BOM)
        if line is self._cut:
            return Row(number, offset, raw, None, "a row that was cut")
        try:
            cells = self._cells(raw)
        except _OpenQuote:
            return self._longer(number, offset, raw)
        except ValueError as error:
            return Row(number, offset, raw, None, str(error))
        return self._fitted(number, offset, raw, cells)

    def _cells(self, raw: bytes) -> list[str]:
        text = raw.decode(self._encoding, "surrogateescape")
        text = text.removesuffix("\r")
        if self._quote and self._quote in text:
            return _quoted(text, self._delimiter, self._quote)
        return text.split(self._delimiter)

    def _fitted(self, number: int, offset: int, raw: bytes, cells: list[str]) -> Row | None:
        if not self._width:
            self._width = len(cells)
        if len(cells) != self._width:
            if not any(map(str.strip, cells)):
                return None  # a line of blanks is no record
            if len(cells) < self._width or any(cells[self._width :]):
                why = f"{len(cells)} columns where the header has {self._width}"
                return Row(number, offset, raw, None, why)
        return Row(number, offset, raw, cells[: self._width])

    def _longer(self, number: int, offset: int, first: bytes) -> Row | None:
        """A record over several lines. If it does not end well, its first line alone is refused."""
        taken: list[Line] = []
        pieces, size, last, tries = [first], len(first), number, 0
        while size <= RECORD_BYTES_MAX and tries < _TRIES_MAX and (line := self._next()) is not None:
            taken.append(line)
            if line[2] is None or line is self._cut:
                break
            pieces += [b"\n" * (line[0] - last), line[2]]
            size, last = size + line[0] - last + len(line[2]), line[0]
            if self._quote_bytes in line[2]:
                tries += 1
                raw = b"".join(pieces)
                cells = self._ended(raw)
                if cells:
                    return self._fitted(number, offset, raw, cells)
                if cells is not None:
                    break
        self._again.extendleft(reversed(taken))
        return Row(number, offset, first, None, "a quote that does not close")

    def _ended(self, raw: bytes) -> list[str] | None:
        """The cells of several lines; [] where they are no record, None where a quote is open still."""
        try:
            cells = self._cells(raw)
        except _OpenQuote:
            return None
        except ValueError:
            return []
        return cells if len(cells) == (self._width or len(cells)) else []


def _quoted(text: str, delimiter: str, quote: str) -> list[str]:
    """The cells of a record with quotes. Raises _OpenQuote, or ValueError for what is no CSV."""
    cells: list[str] = []
    at, end, step = 0, len(text), len(delimiter)
    while True:
        if text.startswith(quote, at):
            close = _close(text, at + 1, quote)
            cells.append(text[at + 1 : close].replace(quote + quote, quote))
            at = close + 1
            if at == end:
                return cells
            if not text.startswith(delimiter, at):
                raise ValueError("letters after a closing quote")
        else:
            stop = text.find(delimiter, at)
            if stop < 0:
                return [*cells, text[at:]]
            cells.append(text[at:stop])
            at = stop
        at += step


def _close(text: str, at: int, quote: str) -> int:
    while (found := text.find(quote, at)) >= 0:
        if not text.startswith(quote, found + 1):
            return found
        at = found + 2
    raise _OpenQuote


def _is_ascii_like(encoding: str) -> bool:
    """Whether LF, quotes and delimiters are the same single bytes as in ASCII, and no letter's part."""
    sample = '\n\r",;\t|'
    name = codecs.lookup(encoding).name
    stateful = name.startswith(("utf-7", "iso2022", "hz"))
    try:
        return sample.encode(encoding) == sample.encode("ascii") and not stateful
    except UnicodeError:
        return False


class _Recoded:
    """A stream in another encoding as UTF-8; what cannot be decoded becomes U+FFFD."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int = -1, /) -> bytes:
        """As ByteStream has it."""
        for data in chain(iter(lambda: self._stream.read(size), b""), [b""]):
            text = self._decoder.decode(data or b"", not data)
            if text:
                return text.encode("utf-8", "surrogatepass")
        return b""
