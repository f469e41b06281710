"""Word of dumps that were read to their end, so that the same files are not read and counted twice.

Invariant: a file is claimed only after all that it holds was given, and never when it was broken.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence

from lockgroove.errors import UsageError
from lockgroove.model import Batch, Claim, Known
from lockgroove.sources.dumpreading import Count, Dumps
from lockgroove.sources.shelfkeys import encode

SAMPLES = 64
SAMPLE_BYTES = 4 << 20


def mark_of(path: bytes) -> str:
    """Size and digest of a file; of one beyond 256 MiB, of 64 stretches of it. Raises UsageError.

    Dumps are published once and never changed: what has to be noticed is another dump or half of one.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            step = max(SAMPLE_BYTES, size // SAMPLES)
            for at in range(0, size, step):
                file.seek(min(at, max(0, size - SAMPLE_BYTES)) if step > SAMPLE_BYTES else at)
                digest.update(file.read(SAMPLE_BYTES))
            file.seek(max(0, size - SAMPLE_BYTES))
            digest.update(file.read(SAMPLE_BYTES))
    except OSError as error:
        raise UsageError(f"The file cannot be read: {error.strerror}", shown(path)) from error
    return f"{size}-{digest.hexdigest()[:16]}"


def shown(path: bytes) -> str:
    """The name of a file, as it is told and claimed."""
    return encode(os.path.basename(path.rstrip(b"/")))


def file_key(path: bytes) -> str:
    """The full key of a file's claim."""
    return f"file\0{shown(path)}"


def file_claim(source: str, path: bytes, mark: str, body: Mapping[str, int]) -> Claim:
    """Word of a file that was read: its counts in the body."""
    says = {"role": "listens", "size_bytes": int(mark.partition("-")[0])}
    return Claim("file", source, shown(path), mark, {"name": shown(path), **body}, says)


def marked(
    source: str, paths: Sequence[bytes], dumps: Dumps, since: str | None, known: Known, how: str = ""
) -> Iterator[Batch]:
    """What `dumps` gives, then a claim for each whole file. When all are held as they are, only that is said.

    Listens of a harvest replace those before, so that a file that holds some is read whole or not at all.
    Each file counts as one of its own records. `how` is a mark of the way in which they are read.
    """
    marks = {file_key(path): mark_of(path) + how for path in paths}
    held = known.stamps(list(marks))
    if since is None and held == marks:
        dumps.counts = [Count(shown(path), read=1, kept=1, kinds={"file"}) for path in paths]
        yield Batch(unchanged=list(marks), as_before=True)
        return
    yield from dumps.batches(since, known)
    claims, unchanged = [], []
    for path, count in zip(paths, dumps.counts, strict=True):
        if count.broken:
            continue
        key = file_key(path)
        body = {"rows": count.read + count.skipped, "refused": count.refused}
        if held.get(key) == marks[key]:
            unchanged.append(key)
        else:
            claims.append(file_claim(source, path, marks[key], body))
        count.read, count.kept = count.read + 1, count.kept + 1
        count.kinds.add("file")
    yield Batch(claims=claims, unchanged=unchanged)
