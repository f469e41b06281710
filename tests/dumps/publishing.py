"""Small real shelves with tagged songs, archives that publish them, and ways to look into a dump."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pyarrow.parquet as pq
import zstandard
from mutagen.flac import FLAC

import worlds
from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.campaigns import mirror
from lockgroove.campaigns.mirror import Mirrored
from lockgroove.report import Silence

TONE = (Path(__file__).parents[1] / "data" / "sounds" / "tone.flac").read_bytes()
CC0 = b"https://creativecommons.org/publicdomain/zero/1.0/\n"
VOLUME = 40_000


def song(padding: int = 0, **tags: str) -> bytes:
    """A FLAC of a quarter of a second with these tags, and some padding to make it larger."""
    file = io.BytesIO(TONE)
    flac = FLAC(file)
    if flac.tags is None:
        flac.add_tags()
    flac.clear_pictures()
    assert flac.tags is not None
    flac.tags.clear()
    for name, value in tags.items():
        flac[name] = value
    if padding:
        flac["comment"] = "x" * padding
    file.seek(0)
    flac.save(file, padding=lambda _: 0)
    return file.getvalue()


def shelf(folder: Path, files: dict[str | bytes, bytes]) -> str:
    worlds.fill(str(folder), {os.fsencode(name): data for name, data in files.items()})
    return str(folder)


def open_shelf(folder: Path, deposits: int = 6) -> str:
    """Deposits that may be published, one of them dark."""
    files: dict[str | bytes, bytes] = {}
    for n in range(deposits):
        name = f"Album {n}"
        for m in range(2):
            tags = {
                "title": f"Song {n}.{m}",
                "artist": f"Artist {n % 3}",
                "album": name,
                "tracknumber": str(m + 1),
            }
            files[f"{name}/{m + 1:02} song.flac"] = song(4000, **tags)
        files[f"{name}/LICENSE"] = CC0
    files["Dark/01.flac"] = song(4000, title="Unsaid", artist="Nobody")
    files["Älbum さくら/01 Коробейники.flac"] = song(title="Коробейники", artist="さくら")
    files[f"Älbum さくら/{'long ' * 40}.flac"] = song(title="Long", artist="さくら")
    files[b"\xc4lbum latin/01 caf\xe9.flac"] = song(title="Café", artist="Latin")
    files[b"\xc4lbum latin/COPYING"] = CC0
    files["Älbum さくら/LICENSE"] = CC0
    return shelf(folder, files)


@contextlib.contextmanager
def fixed_names() -> Iterator[None]:
    """Random names as if fixed, so that archives can be compared."""
    numbers = itertools.count(1)
    with mock.patch.object(secrets, "token_hex", lambda size: f"{next(numbers):0{2 * size}x}"):
        yield


def publish(home: Path, *shelves: str, volume: int = VOLUME, listens: str | None = None) -> Path:
    """Make an archive of the shelves, keep all of it, and dump it."""
    with archive.init(str(home), "A Test Archive") as opened:
        for folder in shelves:
            opened.gather_folder(folder, None, False, Silence())
        if listens is not None:
            opened.gather_listens(listens, Silence())
        opened.keep(Silence())
        _, dump = opened.dump(Silence(), volume)
    return Path(dump)


def dump_again(home: Path, volume: int = VOLUME) -> Path:
    with Archive(str(home)) as opened:
        return Path(opened.dump(Silence(), volume)[1])


def take(source: str | Path, home: Path, key: str | None = None) -> Mirrored:
    """Mirror as the verb does."""
    offer = mirror.look(str(source), key)
    if not home.exists():
        archive.init(str(home), "A mirror").close()
    with Archive(str(home)) as opened:
        return opened.mirror(offer, Silence())


def truth(home: Path) -> dict[str, bytes]:
    """Vault, claims and journal."""
    return {
        path: data
        for part in ("vault", "claims", "journal")
        for path, data in worlds.tree_below(home, part).items()
    }


def everything_in(dump: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a dump, and of what is packed within."""
    for path in sorted(p for p in dump.rglob("*") if p.is_file()):
        name, data = str(path.relative_to(dump)), path.read_bytes()
        yield name, name.encode() + data
        if name.endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
            yield f"{name}, unpacked", reader.read()
        elif name.endswith(".parquet"):
            yield f"{name}, as rows", repr(pq.read_table(path).to_pylist()).encode()
        elif name.endswith(".tar"):
            with tarfile.open(path) as tar:
                for member in tar:
                    content = tar.extractfile(member)
                    assert content is not None
                    yield f"{name}, {member.name}", member.name.encode() + content.read()


def files_of(dump: Path) -> dict[str, str]:
    return {
        str(p.relative_to(dump)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in dump.rglob("*")
        if p.is_file()
    }
