"""Reading dumps, and their outcome sorted out."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvested import Harvested

from lockgroove.model import Known, Source
from lockgroove.testing.sources import Remembering

DUMPS = Path(__file__).parent.parent / "data" / "dumps"


@dataclass
class Read(Harvested):
    """The same, with the source that gave it."""

    source: Any = None

    @property
    def says(self) -> dict[str, Mapping[str, Any]]:
        return {claim.key: claim.says for claim in self.claims}

    @property
    def keys(self) -> list[str]:
        return [claim.key for claim in self.claims]

    @property
    def sums(self) -> tuple[int, int, int]:
        """Records read, kept and refused."""
        counts = self.source.counts
        assert all(count.read == count.kept + count.refused for count in counts)
        return sum(c.read for c in counts), sum(c.kept for c in counts), sum(c.refused for c in counts)


def read(source: Source, since: str | None = None, known: Known | None = None) -> Read:
    return Read(list(source.batches(since, known or Remembering())), source)


def put(folder: Path, name: str, data: bytes) -> bytes:
    """A file with these bytes; its path."""
    path = folder / name
    path.write_bytes(data)
    return os.fsencode(path)


def packed_tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return lzma.compress(stream.getvalue())


def paths(folder: str, names: Sequence[str]) -> list[bytes]:
    return [os.fsencode(DUMPS / folder / name) for name in names]
