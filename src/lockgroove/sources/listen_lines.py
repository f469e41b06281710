"""A file of listens as lines of text, whatever it is packed with and encoded in.

Invariant: memory does not grow with the file or with a line, and damage is told, not raised.
"""

from __future__ import annotations

import codecs
import gzip
import lzma
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any

import pyarrow as pa

from lockgroove.errors import StorageFailed
from lockgroove.sources import encodings

PIECE_BYTES = 1 << 17
BLOCK_BYTES = 2 << 20
LINE_CHARS_MAX = 1 << 20

_SURROGATE = re.compile("[\ud800-\udfff]")
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a record, or with the whole file where `number` is None. It quotes nothing."""

    code: str
    number: int | None
    why: str


class Malformed(Exception):
    """A record that cannot be counted, and why, without quoting it: any cell may hold a listener's name."""

    def __init__(self, why: str, code: str = "listen-malformed") -> None:
        super().__init__(why)
        self.code = code


class Lines:
    """Lines in blocks. A line that is too long stands as an empty one and is told as a problem."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.problems: list[Problem] = []
        self.name = name
        self.torn = False
        self._file = file
        self._rest = ""
        self._end = "\n"
        self._skipping = False
        self._legacy: str | None = None

    def blocks(self) -> Iterator[tuple[int, list[str]]]:
        """Blocks of lines, each with the number of its first line."""
        pieces = self._pieces()
        head = next(pieces, b"")
        encoding = _encoding(head)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        number = 1
        for piece in chain([head], pieces, [b""]):
            lines = self._lines(decoder.decode(piece, not piece), number, not piece)
            yield number, lines
            number += len(lines)

    def _pieces(self) -> Iterator[bytes]:
        """The bytes, unpacked, as far as they can be read."""
        waiting = bytearray()
        try:
            stream = _unpacked(self._file)
            while data := stream.read1(PIECE_BYTES):
                waiting += data
                if len(waiting) >= BLOCK_BYTES:
                    yield bytes(waiting)
                    waiting.clear()
        except _DAMAGE as error:
            self._tear(error)
        if waiting:
            yield bytes(waiting)

    def _tear(self, error: Exception) -> None:
        """Packed bytes that cannot be unpacked are damage; a disk that does not answer is not."""
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageFailed("The file of listens cannot be read", self.name, "Check the disk.") from error
        self.torn = True
        self.problems.append(Problem("truncated", None, f"what is packed ends or breaks: {error}"))

    def _lines(self, text: str, number: int, last: bool) -> list[str]:
        text = (self._rest + text).replace("\r\n", "\n")
        if number == 1 and "\n" not in text and "\r" in text[:-1]:
            self._end = "\r"
        lines = text.split(self._end)
        self._rest = "" if last else lines.pop()
        if self._skipping and lines:
            lines[0], self._skipping = "", False
        if last and self.torn and lines[-1]:
            self.problems.append(Problem("listen-malformed", number + len(lines) - 1, "a line that was cut"))
            lines[-1] = ""
        self._shorten(lines, number)
        if not text.isascii() and _SURROGATE.search(text):
            return self._mended(lines)
        return lines

    def _shorten(self, lines: list[str], number: int) -> None:
        if len(self._rest) > LINE_CHARS_MAX:
            if not self._skipping:
                self._too_long(number + len(lines))
            self._rest, self._skipping = "", True
        if lines and max(map(len, lines)) > LINE_CHARS_MAX:
            for index, line in enumerate(lines):
                if len(line) > LINE_CHARS_MAX:
                    self._too_long(number + index)
                    lines[index] = ""

    def _too_long(self, number: int) -> None:
        self.problems.append(Problem("listen-malformed", number, "a line of more than a million characters"))

    def _mended(self, lines: Sequence[str]) -> list[str]:
        """Lines that are not UTF-8, in the encoding that the first of them seem to be in."""
        if self._legacy is None:
            sample = (_bytes(line) for line in lines if _SURROGATE.search(line))
            self._legacy = encodings.guess(b"\n".join(islice(sample, 200)))[1]
            self.problems.append(Problem("text-guessed", None, self._legacy))
        return [_decoded(_bytes(s), self._legacy) if _SURROGATE.search(s) else s for s in lines]


def _bytes(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unpacked(file: IO[bytes]) -> Any:
    """What was packed, as its first bytes tell, as a stream with `read1`."""
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if magic == b"\xfd7zXZ\0":
        return lzma.LZMAFile(file)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        own = os.fdopen(os.dup(file.fileno()), "rb")  # Arrow closes what it reads
        own.seek(0)
        return pa.CompressedInputStream(own, "zstd")
    return file


def _encoding(head: bytes) -> str:
    """UTF-16 by its mark, or by the noughts beside every Latin letter; UTF-8 else."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 3 > len(sample) and min(even, odd) * 8 < len(sample):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"
