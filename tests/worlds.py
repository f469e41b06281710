"""Small real archives for tests: a shelf, the archive that gathered it, and a place."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.report import Silence


def wav(seed: int, samples: int = 400) -> bytes:
    """A sound that no other seed gives."""
    data = b"".join(struct.pack("<h", (seed * 7919 + n * 31) % 30000) for n in range(samples))
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16
    )
    return head + struct.pack("<4sI", b"data", len(data)) + data


SHELF: dict[bytes, bytes] = {
    b"Aria/01 One.wav": wav(1),
    b"Aria/02 Two.wav": wav(2),
    b"Aria/02 Two again.wav": wav(2),
    b"Aria/LICENSE": b"https://creativecommons.org/publicdomain/zero/1.0/\n",
    b"Bolero/01 Held in Aria.wav": wav(1),
    b"Bolero/02 caf\xe9.wav": wav(3),
    b"Bolero/deposit.json": b'{"not": "ours"}',
    b"Bolero/a\nline.txt": b"a name of two lines",
    b"Bolero/empty.txt": b"",
    "Čaj/1 さくら.wav".encode(): wav(4),
    "Čaj/CD2/1 Коробейники.wav".encode(): wav(5),
}


def fill(shelf: str, files: dict[bytes, bytes]) -> None:
    """Write files below a shelf, all of one age."""
    for name, data in files.items():
        path = os.path.join(os.fsencode(shelf), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (1_600_000_000, 1_600_000_000))


@dataclass(frozen=True)
class World:
    """A folder with a shelf, an archive and, perhaps, a place."""

    root: Path

    @property
    def shelf(self) -> str:
        return str(self.root / "shelf")

    @property
    def home(self) -> Path:
        return self.root / "archive"

    @property
    def place(self) -> Path:
        return self.root / "place"

    def open(self) -> Archive:
        return Archive(str(self.home))

    def files(self, where: str = "vault") -> list[str]:
        """Every file of a part of the archive, by its path below it."""
        return files_below(self.home, where)

    def tree(self, where: str = "vault") -> dict[str, bytes]:
        return tree_below(self.home, where)


def files_below(root: Path, where: str) -> list[str]:
    found = []
    for folder, _, names in os.walk(root / where):
        found += [
            os.path.relpath(os.path.join(folder, name), root) for name in names if not name.endswith(".lock")
        ]
    return sorted(found)


def tree_below(root: Path, where: str) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in files_below(root, where)}


def gathered(root: Path, files: dict[bytes, bytes] | None = None) -> World:
    """An archive that has gathered a shelf and planned all of it."""
    world = World(root)
    fill(world.shelf, SHELF if files is None else files)
    with archive.init(str(world.home)) as opened:
        opened.gather_folder(world.shelf, None, False, Silence())
        opened.plan(None, Silence())
    return world


def kept(root: Path, files: dict[bytes, bytes] | None = None) -> World:
    """An archive that holds its shelf, and has a place that holds it too."""
    world = gathered(root, files)
    with world.open() as opened:
        opened.keep(Silence())
        opened.add_place(str(world.place), None, Silence())
        opened.index.catch_up()
    return world


def copied(world: World, root: Path) -> World:
    """The same archive and place once more, elsewhere; the shelf stays where it is."""
    for name in ("archive", "place"):
        if (world.root / name).exists():
            shutil.copytree(world.root / name, root / name, symlinks=True)
    config = root / "archive" / "lockgroove.toml"
    config.write_text(config.read_text().replace(str(world.root), str(root)))
    return World(root)


def flip(path: Path, offset: int | None = None, bit: int = 0) -> None:
    """Let one bit rot; in the middle of the file when no offset is given."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if offset is None else offset] ^= 1 << bit
    path.write_bytes(bytes(data))


def chunks(data: bytes, size: int = 7) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
