"""Generations of the catalogue: written whole beside, made current by one atomic replacement.

Readers pin the generation they opened; the last two stay.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgroove import durable, tables

FOLDER = "catalogue"
CURRENT = "current.json"
PRIVATE = "all"
PUBLIC = "public"
_KEPT = 2


@dataclass(frozen=True)
class Generation:
    """A finished generation: its folder, the digest of its tables, and what it was built from."""

    folder: str
    digest: str
    as_of: str
    truth: dict[str, int]
    summary: dict[str, Any]

    @property
    def private(self) -> str:
        """The folder of tables of everything."""
        return f"{self.folder}/{PRIVATE}"

    @property
    def public(self) -> str:
        """The folder of tables of what may be published."""
        return f"{self.folder}/{PUBLIC}"


def begin(root: str) -> str:
    """An empty folder to build a generation in."""
    folder = f"{root}/staging/scratch-{os.getpid()}-catalogue"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
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
        "format": 1,
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
        return load(f"{root}/{FOLDER}/{name}")
    except (FileNotFoundError, ValueError, KeyError):
        return None


def load(folder: str) -> Generation:
    """A generation by its folder."""
    with open(f"{folder}/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    return Generation(folder, manifest["digest"], manifest["as_of"], manifest["truth"], manifest["summary"])


def _names(catalogue: str) -> list[str]:
    return sorted(n for n in os.listdir(catalogue) if n.startswith("g") and n[1:].isdigit())
