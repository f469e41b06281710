"""What the tests of audit and repair share: harms, and what must hold after a repair."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import worlds
from lockgroove.campaigns.care import CareResult
from lockgroove.report import Silence

PARTS = ("vault", "claims", "journal")


def audited(world: worlds.World) -> CareResult:
    with world.open() as opened:
        return opened.audit(Silence())


def repaired(world: worlds.World) -> CareResult:
    with world.open() as opened:
        return opened.repair(Silence())


def named(care: CareResult, severity: str = "damage") -> list[str]:
    return [f.where for f in care.findings if f.severity == severity]


def truth(root: Path) -> dict[str, bytes]:
    """Vault and claims; the journal grows with every audit."""
    return worlds.tree_below(root, "vault") | worlds.tree_below(root, "claims")


def quarantine(world: worlds.World) -> list[str]:
    return [path for root in (world.home, world.place) for path in worlds.files_below(root, "quarantine")]


def require_mended(world: worlds.World, before: dict[str, bytes]) -> None:
    """All is as it was, here and at the place; nothing lies about; the next audit is content."""
    assert truth(world.home) == before
    assert truth(world.place) == before
    assert quarantine(world) == []
    assert [n for n in os.listdir(world.home / "staging") if n.startswith("batch-")] == []
    care = audited(world)
    assert care.findings == []
    assert not care.damaged


def flip_one_bit(path: Path) -> None:
    worlds.flip(path) if path.stat().st_size else path.write_bytes(b"\0")


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2]) if size else path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"") if path.stat().st_size else path.unlink()


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def full_folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"x")


def broken_link_in_its_place(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def link_to_the_same_bytes(path: Path) -> None:
    """Bytes that lie outside are not kept, though they read well today."""
    outside = path.parents[1] / "moved-out"
    shutil.move(path, outside)
    path.symlink_to(outside)


def unreadable(path: Path) -> None:
    """A disk that refuses, as far as root can be refused: a link to itself."""
    path.unlink()
    path.symlink_to(path.name)


HARMS = [
    flip_one_bit, delete, truncate, empty, append,
    folder_in_its_place, broken_link_in_its_place, unreadable,
]  # fmt: skip


def every_file(world: worlds.World) -> list[str]:
    return [*world.files("vault"), *world.files("claims")]


def more(world: worlds.World) -> str:
    shelf = str(world.root / "more")
    worlds.fill(shelf, {b"New/1.wav": worlds.wav(100), b"New/2.wav": worlds.wav(1)})
    return shelf


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder
