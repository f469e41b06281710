"""Readers of dumps beside other ways to read the same files: MB of text a CPU-second, and peak memory.

    python bench/readers.py SAMPLES SCRATCH [--megabytes 1000]

SAMPLES is a folder with musicbrainz-ws/ (answers of the web service) and discogs-dump-sample/; records of
these are repeated under new ids until the files are as large as asked. Every way is run in a process of its
own, with one thread. Name a Python that has lxml in $LXML_PYTHON; without it that way is left out.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import measuring

LOCKGROOVE = """
import sys
from lockgroove.sources.{module} import {name}
from lockgroove.testing.sources import Remembering
source = {name}([path.encode() for path in sys.argv[1:]])
claims = sum(len(batch.claims) for batch in source.batches(None, Remembering()))
assert claims and all(count.read == count.kept + count.refused for count in source.counts)
"""
STREAM = """
import sys
from lockgroove.sources.packed import CHUNK_BYTES, open_packed
stream = open_packed(sys.argv[1].encode())
while stream.read(CHUNK_BYTES): pass
"""
DUCKDB = """
import sys, duckdb
db = duckdb.connect(config={"threads": 1})
columns = {"id": "VARCHAR", "title": "VARCHAR", "date": "VARCHAR", "barcode": "VARCHAR", "country": "VARCHAR",
  "length": "BIGINT", "isrcs": "VARCHAR[]",
  "artist-credit": 'STRUCT(name VARCHAR, joinphrase VARCHAR, artist STRUCT(id VARCHAR, name VARCHAR))[]',
  "media": 'STRUCT("position" INT, format VARCHAR, tracks STRUCT(id VARCHAR, title VARCHAR, length BIGINT, '
    '"position" INT, number VARCHAR, recording STRUCT(id VARCHAR, title VARCHAR, isrcs VARCHAR[]))[])[]'}
rows = db.sql("SELECT bit_xor(hash(t)) FROM (SELECT t FROM read_json(?, format='newline_delimited', "
  "columns=?, maximum_object_size=67108864) t)", params=[sys.argv[1], columns]).fetchall()
db.close()
"""
JSON = """
import json, sys
for line in open(sys.argv[1], "rb"): json.loads(line)
"""
LXML = """
import gzip, sys
from lxml import etree
path = sys.argv[1]
file = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
for _, record in etree.iterparse(file, tag="release", huge_tree=True):
    names = "position", "title", "duration"
    tracks = [tuple(map(track.findtext, names)) for track in record.iter("track")]
    row = record.get("id"), record.findtext("title"), record.findtext("released"), tracks
    record.clear()
    while record.getprevious() is not None: del record.getparent()[0]
"""
LXML_ALONE = re.sub(r" +(?:names|tracks|row) = .*\n", "", LXML)

_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}(?=-)")
_RELEASE = re.compile(rb'<release id="[0-9]+"')


def answers(samples: Path) -> list[bytes]:
    """The web service's recordings and releases, a line each; those that have an MBID."""
    read = (json.loads(path.read_bytes()) for path in sorted(samples.glob("musicbrainz-ws/picard/re*.json")))
    return [json.dumps(answer, ensure_ascii=False).encode() for answer in read if answer.get("id")]


def releases(samples: Path) -> list[bytes]:
    with gzip.open(samples / "discogs-dump-sample/discogs_20200806_releases.xml.gz") as file:
        return re.findall(rb"<release .*?</release>", file.read(), re.S)


def musicbrainz_file(path: Path, samples: Path, size: int) -> None:
    chance, given = random.Random(1), answers(samples)

    def line() -> bytes:
        return _ID.sub(lambda _: chance.randbytes(6).hex("-", -4).encode(), chance.choice(given)) + b"\n"

    _fill(path, b"", (line() for _ in itertools.count()), b"", size)


def discogs_file(path: Path, samples: Path, size: int) -> None:
    chance, given = random.Random(1), releases(samples)
    new = (
        _RELEASE.sub(b'<release id="%d"' % n, chance.choice(given), count=1) + b"\n"
        for n in itertools.count(1)
    )
    _fill(path, b"<releases>\n", new, b"</releases>\n", size)


def _fill(path: Path, head: bytes, records: Iterator[bytes], foot: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(head)
        while file.tell() < size:
            file.write(next(records))
        file.write(foot)


def row(
    what: str, way: str, program: str, path: Path, size: int, python: str = sys.executable
) -> dict[str, object]:
    done = measuring.run([python, "-c", program, str(path)])
    assert done.exit == 0, f"{way} failed on {path.name}"
    return {
        "what": what,
        "way": way,
        "mb_per_cpu_second": round(size / 1e6 / done.cpu_seconds, 1),
        "cpu_seconds": round(done.cpu_seconds, 2),
        "wall_seconds": round(done.wall_seconds, 2),
        "peak_mb": round(done.peak_bytes / 1e6),
        "megabytes": round(size / 1e6),
    }


def packed(path: Path) -> dict[str, Path]:
    """The file as it is published: by the packing's name."""
    for command in (["xz", "-3", "-T1"], ["gzip", "-6"], ["zstd", "-q", "-10"]):
        subprocess.run([*command, "-k", "-f", str(path)], check=True)
    return {name: path.with_name(path.name + f".{name}") for name in ("xz", "gz", "zst")}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("samples", type=Path)
    arguments.add_argument("scratch", type=Path)
    arguments.add_argument("--megabytes", type=int, default=1000)
    given = arguments.parse_args()
    size = given.megabytes * 1_000_000
    lines, xml = given.scratch / "mixed.jsonl", given.scratch / "releases.xml"
    musicbrainz_file(lines, given.samples, size)
    discogs_file(xml, given.samples, size)
    musicbrainz = LOCKGROOVE.format(module="musicbrainz", name="MusicBrainz")
    discogs = LOCKGROOVE.format(module="discogs", name="Discogs")
    rows = [
        row("musicbrainz json", "lockgroove", musicbrainz, lines, size),
        row("musicbrainz json", "duckdb read_json, columns given", DUCKDB, lines, size),
        row("musicbrainz json", "json.loads and nothing else", JSON, lines, size),
        row("discogs xml", "lockgroove", discogs, xml, size),
    ]
    if lxml := os.environ.get("LXML_PYTHON"):
        rows.append(row("discogs xml", "lxml iterparse, a row a release", LXML, xml, size, lxml))
        rows.append(row("discogs xml", "lxml iterparse and nothing else", LXML_ALONE, xml, size, lxml))
    for name, path in packed(lines).items():
        rows.append(row(f"musicbrainz json.{name}", "lockgroove", musicbrainz, path, size))
        rows.append(row(f"musicbrainz json.{name}", "lockgroove, unpacking alone", STREAM, path, size))
    measuring.record("readers", rows)


if __name__ == "__main__":
    main()
