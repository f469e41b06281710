"""Gathering a file of listens, and its outcome sorted out."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harvested import Harvested

from lockgroove.model import Claim
from lockgroove.sources.listens import Listens

DATA = Path(__file__).parent.parent / "data" / "listens"
ISRC = "GBAYE8100053"
MBID = "c7d0bf6e-b2aa-4ffa-bded-2448415b39b0"


@dataclass
class Held:
    """What earlier harvests hold."""

    held: Mapping[str, str]

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {key: self.held[key] for key in keys if key in self.held}


@dataclass
class Gathered(Harvested):
    """The same, of a file of listens."""

    @property
    def claims(self) -> list[Claim]:
        return [claim for claim in super().claims if claim.kind == "listened"]

    @property
    def file(self) -> Claim:
        return self.batches[-1].claims[-1]

    @property
    def rows(self) -> tuple[int, int]:
        return self.file.body["rows"], self.file.body["refused"]

    def totals(self) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for count in self.listens:
            sums[count.subject] += count.listens
        return dict(sums)


def group_of(name: str) -> int:
    return len(name) % 64


def source_of(path: Path, scratch: Path) -> Listens:
    scratch.mkdir(exist_ok=True)
    return Listens(os.fsencode(path), "listens-test", group_of, str(scratch))


Gather = Callable[..., Gathered]


def gathering(tmp_path: Path) -> Iterator[Gather]:
    """Gather a file, or bytes as one; afterwards nothing may be left in the scratch folder."""
    scratch = tmp_path / "scratch"

    def gathered(given: Path | bytes | str, held: Mapping[str, str] | None = None) -> Gathered:
        path = given if isinstance(given, Path) else tmp_path / "plays"
        if not isinstance(given, Path):
            path.write_bytes(given.encode() if isinstance(given, str) else given)
        return Gathered(list(source_of(path, scratch).batches(None, Held(held or {}))))

    yield gathered
    assert not scratch.exists() or os.listdir(scratch) == []


def csv_of(*rows: str, header: str = "isrc,title,listens") -> str:
    return "\n".join([header, *rows]) + "\n"


def written(rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()
