"""Listens from a file: counts by recording, month and group of listeners, and never who listened.

Invariant: a listener's name does not leave `_Judge`; what goes on is the number of a group, and a digest
whose key is forgotten with the run. Counting is done on disk, so that memory does not grow with the file.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from typing import IO, Any

import duckdb
import pyarrow as pa

from lockgroove.errors import StorageFailed, UsageError
from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, Known, ListenCount, Terms
from lockgroove.sources.fields import isrcs, mbids
from lockgroove.sources.listen_lines import Malformed
from lockgroove.sources.listen_records import Chunk, read_chunks
from lockgroove.sources.shelfkeys import encode

BATCH_ITEMS_MAX = 2000
FINDINGS_PER_CODE_MAX = 1000
NAME_CHARS_MAX = 4096
LISTENER_CHARS_MAX = 512
LISTENS_PER_ROW_MAX = 10**12
LISTENS_PER_LISTENER_AND_MONTH = 1000
MONTH_FIRST = "1900-01"
MEMORY = "1GB"
THREADS_MAX = 4  # each takes its share of that memory
ROWS_AT_ONCE = 10_000

# MBID, ISRC, artist and title as given
_Naming = tuple[str | None, str | None, str | None, str | None]
_NAMED = ("recording_mbid", "isrc", "artist", "title")
_AFTER_ALL = 1 << 60

_FILE_KEY = "file\0."
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_UNIX = re.compile(r"([0-9]{9,13})(?:\.[0-9]*)?")
_DAY = 86_400
_MILLISECONDS_MIN = 10**11  # as seconds, the year 5138
_WHOLE = re.compile(r"([0-9]{1,19})(?:\.0)?")  # tables with gaps write whole numbers as 3.0


class Listens:
    """A file of listens: CSV, Parquet or ListenBrainz's JSON lines."""

    name = "listens"
    reader = "listens/1"
    terms = Terms(metadata_licence=None, requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, path: bytes, source: str, group_of: Callable[[str], int], scratch: str) -> None:
        self._path = path
        self._source = source
        self._group_of = group_of
        self._scratch = scratch
        self._shown = encode(os.path.basename(path))

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield findings as they are met, then counts by subject, and word of the file itself as the last."""
        with self._open() as file:
            stamp = _stamp(file)
            if known.stamps([_FILE_KEY]).get(_FILE_KEY) == stamp:
                yield Batch(unchanged=[_FILE_KEY], as_before=True)
                return
            try:
                with closing(_Tally(self._scratch)) as tally:
                    yield from self._count(file, stamp, tally)
            except (duckdb.Error, OSError) as error:
                what = f"Listens cannot be counted: {str(error).partition(chr(10))[0]}"
                raise StorageFailed(what, self._scratch, "Make room on that disk.") from error

    def _open(self) -> IO[bytes]:
        try:
            return open(self._path, "rb")
        except OSError as error:
            raise UsageError(f"The file cannot be read: {error.strerror}", self._shown) from error

    def _count(self, file: IO[bytes], stamp: str, tally: _Tally) -> Iterator[Batch]:
        told = _Told(self._shown)
        judge = _Judge(self._group_of, told)
        for chunk in read_chunks(file, self._shown):
            for problem in chunk.problems:
                told.tell(problem.code, chunk.unit, problem.number, problem.why)
            judge.refused += chunk.refused
            if chunk.numbers:
                tally.add(*judge.judged(chunk))
            yield from told.batches()
        if _stamp(file) != stamp:
            told.tell("changed-while-read", "", None, "")
        told.close()
        yield from told.batches()
        yield from _filled(tally, self._source)
        yield Batch(claims=[self._file_claim(stamp, judge)])

    def _file_claim(self, stamp: str, judge: _Judge) -> Claim:
        body = {"name": self._shown, "rows": judge.counted + judge.refused, "refused": judge.refused}
        says = {"role": "listens", "size_bytes": int(stamp.partition("-")[0])}
        return Claim("file", self._source, ".", stamp, body, says)


def _stamp(file: IO[bytes]) -> str:
    status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}"


def _filled(tally: _Tally, source: str) -> Iterator[Batch]:
    """The counts in order, each subject's claim before its first."""
    claims: list[Claim] = []
    counts: list[ListenCount] = []
    namings = tally.namings()
    subject = None
    for count in tally.counts():
        if count.subject != subject:
            subject, naming = next(namings)
            assert subject == count.subject
            claims.append(_claim(source, subject, naming))
        counts.append(count)
        if len(claims) + len(counts) >= BATCH_ITEMS_MAX - 1:
            yield Batch(claims=claims, listens=counts)
            claims, counts = [], []
    if counts:
        yield Batch(claims=claims, listens=counts)


class _Told:
    """Findings that wait to be given. After a thousand of a code the rest is only counted."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: list[Finding] = []
        self._numbers: dict[str, int] = {}

    def tell(self, code: str, unit: str, number: int | None, why: str) -> None:
        self._numbers[code] = self._numbers.get(code, 0) + 1
        if self._numbers[code] <= FINDINGS_PER_CODE_MAX:
            where = self._name if number is None else f"{self._name}:{unit} {number}"
            self._waiting.append(Finding(code, where, why))

    def close(self) -> None:
        """Tell how many more there were."""
        for code, number in self._numbers.items():
            if number > FINDINGS_PER_CODE_MAX:
                more = f"and {number - FINDINGS_PER_CODE_MAX:,} more, {number:,} in all"
                self._waiting.append(Finding(code, self._name, more))

    def batches(self) -> Iterator[Batch]:
        """Give what waits."""
        while self._waiting:
            yield Batch(findings=self._waiting[:BATCH_ITEMS_MAX])
            self._waiting = self._waiting[BATCH_ITEMS_MAX:]


def _subject(naming: _Naming) -> str:
    """The key: the surest that is valid. Raises Malformed where nothing is."""
    mbid, isrc, artist, title = naming
    given = [text for text in naming if text]
    if given and max(map(len, given)) > NAME_CHARS_MAX:
        raise Malformed("a name longer than any name")
    if any("\0" in text for text in given):
        raise Malformed("a name with a NUL in it")
    if mbid and (found := mbids([mbid])):
        return f"mbid:{found[0]}"
    if isrc and (found := isrcs([isrc])):
        return f"isrc:{found[0]}"
    if not (_trimmed(artist) and _trimmed(title)):
        raise Malformed("neither a valid MBID or ISRC nor artist and title", "listen-unnamed")
    return f"name:{_trimmed(artist)}\0{_trimmed(title)}"


def _says(naming: _Naming) -> Mapping[str, Any]:
    """A naming in the catalogue's words."""
    mbid, isrc, artist, title = naming
    said = {
        "title": _trimmed(title),
        "artist": _trimmed(artist),
        "isrc": list(isrcs([isrc or ""])),
        "recording_mbid": next(iter(mbids([mbid or ""])), None),
    }
    return {name: value for name, value in said.items() if value}


def _claim(source: str, subject: str, naming: _Naming) -> Claim:
    body = {name: text for name, text in zip(_NAMED, naming, strict=True) if text}
    return Claim("listened", source, subject, "", body, _says(naming))


def _trimmed(text: str | None) -> str:
    if text is None or text.isprintable():
        return (text or "").strip()
    return text.translate(_CONTROL).strip()


class _Judge:
    """Says of each record what it counts for, or why it is refused."""

    def __init__(self, group_of: Callable[[str], int], told: _Told) -> None:
        self.counted = 0
        self.refused = 0
        self._group_of = group_of
        self._told = told
        self._ranks = 0
        self._secret = secrets.token_bytes(32)
        self._listener = lru_cache(1 << 16)(self._hidden)
        self._month = _Months(datetime.now(UTC).date()).month

    def judged(self, chunk: Chunk) -> tuple[pa.Table, pa.Table]:
        """A chunk's plays and its distinct namings, without listeners."""
        plays: list[tuple[str, str, int, int | None, int]] = []
        namings: dict[_Naming, tuple[str, int]] = {}
        for number, naming, numbers in _records(chunk):
            try:
                # the naming comes last, so that none is kept for which nothing counts
                listens, month = _listens(numbers[0]), self._month(numbers[1])
                group, digest = self._listener(numbers[2])
                subject = (namings.get(naming) or self._named(namings, naming))[0]
                plays.append((subject, month, group, digest, listens))
            except Malformed as error:
                self.refused += 1
                self._told.tell(error.code, chunk.unit, number, str(error))
        self.counted += len(plays)
        named = [(subject, rank, *naming) for naming, (subject, rank) in namings.items()]
        return _table(_PLAYS, plays), _table(_NAMINGS, named)

    def _named(self, namings: dict[_Naming, tuple[str, int]], naming: _Naming) -> tuple[str, int]:
        """The subject and the rank of a naming: of a subject's namings the first whole one is given."""
        self._ranks += 1
        whole = naming[2] and naming[3]
        namings[naming] = _subject(naming), self._ranks if whole else self._ranks + _AFTER_ALL
        return namings[naming]

    def _hidden(self, listener: str | None) -> tuple[int, int | None]:
        """The group of a listener, and a digest that means nothing after this run."""
        name = (listener or "").strip()
        if not name:
            return -1, None
        if len(name) > LISTENER_CHARS_MAX:
            raise Malformed("a listener's name longer than any name")
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), key=self._secret, digest_size=8)
        return self._group_of(name), int.from_bytes(digest.digest(), "big")


def _records(chunk: Chunk) -> Iterator[tuple[int, _Naming, tuple[str | None, ...]]]:
    """A chunk row by row: its number, its naming, and listens, month and listener."""
    given = chunk.columns
    named = (given.get(name, repeat(None)) for name in ("mbid", "isrc", "artist", "title"))
    numbers = (
        given.get("plays", repeat("1")),
        given.get("when", repeat(None)),
        given.get("listener", repeat(None)),
    )
    return zip(chunk.numbers, zip(*named, strict=False), zip(*numbers, strict=False), strict=False)


@lru_cache(1 << 10)
def _listens(text: str | None) -> int:
    """A number of listens, which must be whole: "1.234" is a thousand to some and one to others."""
    plain = (text or "").strip()
    whole = _WHOLE.fullmatch(plain)
    if whole is None:
        if re.fullmatch(r"-[0-9.,]+", plain):
            raise Malformed("a negative number of listens", "listen-negative")
        raise Malformed("listens that are not a whole number")
    if int(whole[1]) > LISTENS_PER_ROW_MAX:
        raise Malformed("more than a million million listens")
    return int(whole[1])


class _Months:
    """The month of a date, between 1900 and the month after today's.

    A record beyond is refused, not counted under no month: such a date shows a shifted column or another
    unit, so that its other cells deserve no more belief.
    """

    def __init__(self, today: date) -> None:
        self._last = f"{today.replace(day=1) + timedelta(days=31):%Y-%m}"

    def month(self, text: str | None) -> str:
        """The month as YYYY-MM, "" where none is given; players without a clock say 0."""
        plain = (text or "").strip()
        if plain in ("", "0"):
            return ""
        month = plain if _MONTH.fullmatch(plain) else _month_of(plain)
        if not MONTH_FIRST <= month <= self._last:
            raise Malformed("a month before 1900 or after the next one")
        return month


def _month_of(text: str) -> str:
    unix = _UNIX.fullmatch(text)
    if unix:
        number = int(unix[1])
        return _month_of_day(number // (_DAY if number < _MILLISECONDS_MIN else _DAY * 1000))
    try:
        when = datetime.fromisoformat(text.removesuffix(" UTC"))
        when = when.astimezone(UTC) if when.tzinfo else when
    except (ValueError, OverflowError):
        raise Malformed("a date that is neither ISO nor seconds since 1970") from None
    return f"{when.year:04}-{when.month:02}"


@lru_cache(1 << 14)
def _month_of_day(days: int) -> str:
    return f"{date(1970, 1, 1) + timedelta(days):%Y-%m}"


_PLAYS = pa.schema(
    {"subject": pa.string(), "month": pa.string(), "grp": pa.int8(), "who": pa.uint64(), "n": pa.int64()}
)
_NAMINGS = pa.schema({"subject": pa.string(), "rank": pa.int64(), **dict.fromkeys(_NAMED, pa.string())})
_TABLES = """
    CREATE TABLE plays (subject VARCHAR, month VARCHAR, grp TINYINT, who UBIGINT, n BIGINT);
    CREATE TABLE namings (subject VARCHAR, rank BIGINT, recording_mbid VARCHAR, isrc VARCHAR, artist VARCHAR,
        title VARCHAR);
"""
_ADD_PLAYS = "INSERT INTO plays SELECT subject, month, grp, who, sum(n) FROM chunk GROUP BY ALL"
_ADD_NAMINGS = "INSERT INTO namings SELECT * FROM chunk"
_COUNTS = f"""
    SELECT subject, month, grp, least(sum(n), {(1 << 63) - 1})::BIGINT,
        least(sum(CASE WHEN who IS NULL THEN n ELSE least(n, {LISTENS_PER_LISTENER_AND_MONTH}) END),
            {(1 << 63) - 1})::BIGINT,
        count(who) FILTER (n > 0)
    FROM (SELECT subject, month, grp, who, sum(n) AS n FROM plays GROUP BY subject, month, grp, who)
    GROUP BY subject, month, grp ORDER BY subject, month, grp
"""
_FIRST_NAMINGS = """
    SELECT subject, recording_mbid, isrc, artist, title FROM namings
    WHERE rank IN (SELECT min(rank) FROM namings GROUP BY subject) ORDER BY subject
"""


def _table(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, f.type) for column, f in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


class _Tally:
    """Plays in a database of their own below `scratch`, which is gone when this is closed."""

    def __init__(self, scratch: str) -> None:
        self._folder = tempfile.TemporaryDirectory("", "listens-", scratch)
        settings: Any = {
            "memory_limit": MEMORY,
            "threads": min(os.cpu_count() or 1, THREADS_MAX),
            "temp_directory": f"{self._folder.name}/spill",
        }
        self._db = duckdb.connect(f"{self._folder.name}/plays.duckdb", config=settings)
        self._db.execute(_TABLES)

    def add(self, plays: pa.Table, namings: pa.Table) -> None:
        """Take in a chunk's plays and namings."""
        for table, query in ((plays, _ADD_PLAYS), (namings, _ADD_NAMINGS)):
            self._db.register("chunk", table)
            self._db.execute(query)
            self._db.unregister("chunk")

    def counts(self) -> Iterator[ListenCount]:
        """The sums, ordered by subject, month and group."""
        return (ListenCount(*row) for row in self._rows(_COUNTS))

    def namings(self) -> Iterator[tuple[str, _Naming]]:
        """Each subject with what it was first called, in the same order."""
        return ((row[0], row[1:]) for row in self._rows(_FIRST_NAMINGS))

    def _rows(self, query: str) -> Iterator[Any]:
        with self._db.cursor() as cursor:
            # a relation streams; what `execute` gives is copied whole first
            reader: Any = cursor.sql(query).to_arrow_reader(ROWS_AT_ONCE)
            for batch in reader:
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()
        self._folder.cleanup()
