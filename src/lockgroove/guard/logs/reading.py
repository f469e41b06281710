"""Reads a log of any of the formats, in order, and counts what it could not read."""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import zstandard

from lockgroove.guard.digests import Digests
from lockgroove.guard.events import FIELDS, STAND_IN, Batch, Kind, empty
from lockgroove.guard.logs import tables
from lockgroove.guard.logs.grants import granted
from lockgroove.guard.logs.mapping import LogMap
from lockgroove.guard.logs.requests import Request, Unreadable, parse

LINES_A_BATCH = 50_000
_LINE_BYTES_MAX = 1 << 20
_NAMED_MAX = 20
# What a web server's log can tell.
_OF_LINES = frozenset(
    {"ts_ms", "account", "track", "network", "client", "bytes_sent", "status", "kind", "range", "album"}
)


@dataclass
class Counts:
    """What became of the lines or rows: each is an event or cannot be read; `bad` has the first of these."""

    read: int = 0
    events: int = 0
    unreadable: int = 0
    without_account: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, number: int, reason: str) -> None:
        """Count one that cannot be read."""
        self.unreadable += 1
        if len(self.bad) < _NAMED_MAX:
            self.bad.append((number, reason))


def read_log(path: str, log_map: LogMap, digests: Digests, counts: Counts) -> Iterator[Batch]:
    """Yield a log's events in batches. Raises UsageError for a table without a mapping, OSError."""
    kind = log_map.format or _kind_of(path)
    if kind == "lines":
        with _opened(path) as file:
            yield from _of_lines(file, log_map, digests, counts)
    else:
        yield from tables.read_table(path, kind, log_map, digests, counts)


def _kind_of(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(4)
    bare = path.lower().removesuffix(".gz").removesuffix(".zst")
    return "parquet" if start == b"PAR1" else "csv" if bare.endswith((".csv", ".tsv")) else "lines"


@contextlib.contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """The file, decompressed by what its first bytes say."""
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"\x1f\x8b":
            yield io.BufferedReader(gzip.GzipFile(fileobj=file))
        elif start == b"\x28\xb5\x2f\xfd":
            unpacking = zstandard.ZstdDecompressor()
            yield io.BufferedReader(unpacking.stream_reader(file, read_across_frames=True, closefd=False))
        else:
            yield file


def _of_lines(file: IO[bytes], log_map: LogMap, digests: Digests, counts: Counts) -> Iterator[Batch]:
    waiting: list[Request] = []
    for line in _lines(file, counts):
        counts.read += 1
        text = line.decode("utf-8", "replace").strip()
        try:
            waiting.append(parse(text))
        except Unreadable as error:
            counts.refuse(counts.read, str(error))
        if len(waiting) >= LINES_A_BATCH:
            yield _events(waiting, log_map, digests, counts)
            waiting = []
    if waiting:
        yield _events(waiting, log_map, digests, counts)


def _lines(file: IO[bytes], counts: Counts) -> Iterator[bytes]:
    """Lines, of which none fills the memory; a cut archive ends where it was cut."""
    try:
        while line := file.readline(_LINE_BYTES_MAX):
            if len(line) == _LINE_BYTES_MAX and not line.endswith(b"\n"):
                while (rest := file.readline(_LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
                    pass
            if line.strip():
                yield line
    except (EOFError, gzip.BadGzipFile, zstandard.ZstdError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        counts.read += 1
        counts.refuse(counts.read, "the archive is cut or damaged here")


def _events(requests: list[Request], log_map: LogMap, digests: Digests, counts: Counts) -> Batch:
    rows = empty(len(requests))
    columns: dict[str, list[int]] = {name: [0] * len(requests) for name in _OF_LINES}
    for n, request in enumerate(requests):
        grant = granted(request, log_map.rules)
        account = grant.account or request.user
        counts.without_account += not account
        columns["ts_ms"][n] = request.ts_ms
        columns["account"][n] = digests.of("account", account) or _stand_in(request, digests)
        columns["track"][n] = digests.of("track", grant.track)
        columns["album"][n] = digests.of("album", grant.album)
        columns["network"][n] = digests.of_network(request.address, request.ts_ms)
        columns["client"][n] = digests.of("client", grant.client or request.agent)
        columns["bytes_sent"][n] = request.bytes_sent
        columns["status"][n] = min(request.status, 999)
        columns["kind"][n] = grant.kind if grant.track or grant.kind < Kind.STREAM_START else Kind.META
        columns["range"][n] = request.ranged
    for name, values in columns.items():
        rows[name] = values
    counts.events += len(rows)
    return Batch(rows, _OF_LINES)


def _stand_in(request: Request, digests: Digests) -> int:
    """Whoever has no account: a network and a program, for which no sanction is ever proposed."""
    network = digests.of_network(request.address, request.ts_ms)
    return digests.of("visitor", f"{network} {request.agent}") | int(STAND_IN)


assert _OF_LINES <= FIELDS
