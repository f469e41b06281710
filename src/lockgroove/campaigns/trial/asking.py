"""Questions to a generated catalogue, as people and programs ask them, and how long each answer takes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from lockgroove import tables
from lockgroove.campaigns.trial.figures import Figures
from lockgroove.catalogue import generations
from lockgroove.catalogue.names import fold
from lockgroove.catalogue.reader import Reader
from lockgroove.catalogue.search import SearchIndex
from lockgroove.model import id_text
from lockgroove.tables import rows_in

_FIRST_ISRC = """
import sys, time
from lockgroove.catalogue.keyindex import KeyIndex, isrc_key
index = KeyIndex(sys.argv[1])
assert index.rows("I", isrc_key(sys.argv[2]))
"""
_FIRST_WORDS = """
import sys
from lockgroove.catalogue.search import SearchIndex
assert SearchIndex(sys.argv[1]).rows(sys.argv[2])[0]
"""


def ask(generation: generations.Generation, questions: int, seed: int, figures: Figures) -> None:
    """Look-ups warm and cold, searches of three kinds, and the first answers of a fresh process."""
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    sampled = _sample(generation, questions, chance)
    ids = [id_text("recording", row[0]) for row in sampled]
    isrcs = [row[1] for row in sampled if row[1]]
    titles = [words for row in sampled if (words := fold(f"{row[2]} {row[3] or ''}").split())]
    reader = Reader(generation.private, f"{generation.folder}/search-{generations.PRIVATE}")
    try:
        for name, asked in (("id", ids), ("ISRC", isrcs)):
            figures.percentiles(f"look-up by {name}, warm", _times(reader.find, asked), None, "1 ms")
            cold = [_cold(generation, partial(reader.find, text)) for text in asked[:50]]
            figures.percentiles(f"look-up by {name}, cold", cold, None, "50 ms")
        rows = [found[1] for text in ids if (found := reader.find(text))]
        shown = _times(lambda row: reader.by_rows("recordings", [row]), rows[:100])
        figures.percentiles("a recording's row from the tables, warm", shown, None, None)
        index = SearchIndex(f"{generation.folder}/search-{generations.PRIVATE}")
        for name, make in _KINDS.items():
            asked = [make(words, chance) for words in titles]
            figures.percentiles(f"search by {name}", _times(index.rows, asked), "10 ms", "100 ms")
        pages = [_words(words, chance) for words in titles]
        figures.percentiles("a page of 20 with its rows", _times(reader.search, pages), None, None)
    finally:
        reader.close()
    _fresh(generation, isrcs, titles, figures)


def _sample(
    generation: generations.Generation, questions: int, chance: random.Random
) -> list[tuple[bytes, str | None, str, str | None]]:
    """Recordings, half of them by chance and half of those that are heard most."""
    path = f"{generation.private}/recordings.parquet".replace("'", "''")
    rows = sorted(chance.randrange(rows_in(path)) for _ in range(questions))
    listed = ",".join(map(str, rows))
    columns = "recording_id, isrc, title, artist"
    with tables.connect() as db:
        table = f"read_parquet('{path}', file_row_number = true)"
        some = db.execute(f"SELECT {columns} FROM {table} WHERE file_row_number IN ({listed})").fetchall()
        heard = db.execute(
            f"SELECT {columns} FROM {table} ORDER BY listens DESC LIMIT {questions}"
        ).fetchall()
    both = [*some, *chance.sample(heard, len(heard))]
    chance.shuffle(both)
    return both[:questions]


def _words(words: Sequence[str], chance: random.Random) -> str:
    return " ".join(chance.sample(words, min(len(words), chance.randint(1, 3))))


def _prefix(words: Sequence[str], chance: random.Random) -> str:
    *before, last = _words(words, chance).split()
    return " ".join([*before, last[: max(1, chance.randint(1, len(last)))]])


def _typo(words: Sequence[str], chance: random.Random) -> str:
    asked = _words(words, chance).split()
    place = max(range(len(asked)), key=lambda n: len(asked[n]))
    word = asked[place]
    at = chance.randrange(len(word))
    other = chance.choice("aeioklmnrst")
    changed = chance.choice(
        [word[:at] + word[at + 1 :], word[:at] + other + word[at + 1 :], word[:at] + other + word[at:]]
    )
    return " ".join([*asked[:place], changed or word, *asked[place + 1 :]])


_KINDS: dict[str, Callable[[Sequence[str], random.Random], str]] = {
    "words": _words,
    "unfinished words": _prefix,
    "words with a typo": _typo,
}


def _times(function: Callable[..., object], asked: Sequence[object]) -> list[float]:
    """Seconds of each, after a first round that warms what it can."""
    for one in asked[:20]:
        function(one)
    return [_seconds(partial(function, one)) for one in asked] or [0.0]


def _seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _cold(generation: generations.Generation, function: Callable[[], object]) -> float:
    """Seconds when the system's cache of the key index was let go of before."""
    descriptor = os.open(f"{generation.private}/keys.bin", os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return _seconds(function)


def _fresh(
    generation: generations.Generation,
    isrcs: Sequence[str],
    titles: Sequence[Sequence[str]],
    figures: Figures,
) -> None:
    if isrcs:
        command = [sys.executable, "-c", _FIRST_ISRC, f"{generation.private}/keys.bin", isrcs[0]]
        figures.add("fresh process to its first ISRC", _run(command), "s", "0.5 s")
    search = f"{generation.folder}/search-{generations.PRIVATE}"
    longest = max(titles, key=lambda words: max(map(len, words)))
    word = max(longest, key=len)
    command = [sys.executable, "-c", _FIRST_WORDS, search, word[:-1] + ("a" if word[-1] != "a" else "e")]
    figures.add("fresh process to its first answer with a typo", _run(command), "s", "2 s")


def _run(command: Sequence[str]) -> float:
    return min(_seconds(lambda: subprocess.run(command, check=True)) for _ in range(3))
