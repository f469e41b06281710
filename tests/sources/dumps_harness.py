"""Reading dumps, and their outcome sorted out."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, Known, Source
from lockgroove.testing.sources import Remembering

DUMPS = Path(__file__).parent.parent / "data" / "dumps"


@dataclass
class Read:
    """A harvest, sorted out."""

    source: Any
    batches: list[Batch]

    @property
    def claims(self) -> list[Claim]:
        return [claim for batch in self.batches for claim in batch.claims]

    @property
    def says(self) -> dict[str, Mapping[str, Any]]:
        return {claim.key: claim.says for claim in self.claims}

    @property
    def keys(self) -> list[str]:
        return [claim.key for claim in self.claims]

    @property
    def unchanged(self) -> list[str]:
        return [key for batch in self.batches for key in batch.unchanged]

    @property
    def findings(self) -> list[Finding]:
        return [finding for batch in self.batches for finding in batch.findings]

    @property
    def codes(self) -> Counter[str]:
        return Counter(finding.code for finding in self.findings)

    @property
    def sums(self) -> tuple[int, int, int]:
        """Records read, kept and refused."""
        counts = self.source.counts
        assert all(count.read == count.kept + count.refused for count in counts)
        return sum(c.read for c in counts), sum(c.kept for c in counts), sum(c.refused for c in counts)


def read(source: Source, since: str | None = None, known: Known | None = None) -> Read:
    return Read(source, list(source.batches(since, known or Remembering())))


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
