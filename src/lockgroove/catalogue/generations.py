"""Generations of the catalogue: written whole beside, made current by one atomic replacement.

Readers pin the generation they opened; the last two stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove import durable, tables
from lockgroove.catalogue.facts import VERSION as FACTS_VERSION
from lockgroove.journal import canonical

FOLDER = "catalogue"
CURRENT = "current.json"
PRIVATE = "all"
PUBLIC = "public"
STATE = "state"
DELTA = "delta"  # in a folder of tables: what changed since they were written
_KEPT = 2
FORMAT = 3  # of the tables, the key index and what a build keeps; a generation of another is built anew
MAKING = 1  # counts up when the same truth makes other tables: what was begun before is not gone on with


@dataclass(frozen=True)
class Generation:
    """A finished generation: its folder, the digest of its tables, and what it was built from."""

    folder: str
    digest: str
    as_of: str
    truth: dict[str, int]
    summary: dict[str, Any]
    format: int = FORMAT

    @property
    def private(self) -> str:
        """The folder of tables of everything."""
        return f"{self.folder}/{PRIVATE}"

    @property
    def is_whole(self) -> bool:
        """Whether its tables were built at once, with no delta beside them."""
        return not os.path.isdir(f"{self.private}/{DELTA}")

    @property
    def public(self) -> str:
        """The folder of tables of what may be published."""
        return f"{self.folder}/{PUBLIC}"


def making() -> tuple[int, ...]:
    """What changes when the same truth makes other tables."""
    return MAKING, FACTS_VERSION


def begin(root: str, truth: dict[str, int]) -> str:
    """The folder to build a generation of this truth in; what an earlier run began there is gone on with."""
    staging = f"{root}/staging"
    digest = hashlib.sha256(canonical([truth, *making()])).hexdigest()[:16]
    for name in os.listdir(staging):
        if name.startswith("catalogue-") and name != f"catalogue-{digest}":
            shutil.rmtree(f"{staging}/{name}", ignore_errors=True)
    folder = f"{staging}/catalogue-{digest}"
    os.makedirs(folder, exist_ok=True)
    return folder


def finish(
    root: str,
    built: str,
    files: Sequence[tables.WrittenFile],
    as_of: str,
    truth: dict[str, int],
    summary: Any,
) -> Generation:
    """Make what was built the current generation; durable on return."""
    digest = tables.root_digest(files)
    manifest = {
        "format": FORMAT,
        "as_of": as_of,
        "digest": digest,
        "truth": truth,
        "summary": summary,
        "files": [f.as_json() for f in files],
    }
    with open(f"{built}/manifest.json", "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1, sort_keys=True, ensure_ascii=False)
    catalogue = f"{root}/{FOLDER}"
    os.makedirs(catalogue, exist_ok=True)
    name = f"g{1 + max((int(n[1:]) for n in _names(catalogue)), default=0):06}"
    durable.sync_tree(built, [built])
    durable.rename_new(built, f"{catalogue}/{name}")
    durable.replace_file(f"{catalogue}/{CURRENT}", json.dumps({"generation": name}).encode())
    for old in _names(catalogue)[:-_KEPT]:
        shutil.rmtree(f"{catalogue}/{old}", ignore_errors=True)
    return load(f"{catalogue}/{name}")


def current(root: str) -> Generation | None:
    """The current generation, None when there is none."""
    try:
        with open(f"{root}/{FOLDER}/{CURRENT}", encoding="utf-8") as file:
            name = json.load(file)["generation"]
        found = load(f"{root}/{FOLDER}/{name}")
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return found if found.format == FORMAT else None


def load(folder: str) -> Generation:
    """A generation by its folder."""
    with open(f"{folder}/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    told = (manifest[name] for name in ("digest", "as_of", "truth", "summary", "format"))
    return Generation(folder, *told)


def files_of(generation: Generation) -> list[tables.WrittenFile]:
    """The files that the manifest of a generation lists."""
    with open(f"{generation.folder}/manifest.json", encoding="utf-8") as file:
        listed = json.load(file)["files"]
    return [tables.WrittenFile(f["path"], f["size"], f["sha256"], f["rows"]) for f in listed]


def state_beside(tables_folder: str) -> str:
    """What belongs to these tables and is no part of them: lists of members, and what a delta starts from."""
    folder, _, name = tables_folder.rpartition("/")
    return f"{folder}/{STATE}-{name}"


def _names(catalogue: str) -> list[str]:
    return sorted(n for n in os.listdir(catalogue) if n.startswith("g") and n[1:].isdigit())
