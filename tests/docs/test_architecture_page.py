"""ARCHITECTURE.md is true to the tree: what it names is there, what is there is named, and floors agree."""

from __future__ import annotations

import importlib
import itertools
import re
import tomllib
from pathlib import Path

import pytest
from console import blocks

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "src" / "lockgroove"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
_FILES = (".toml", ".md", ".json", ".lock", ".sqlite", ".txt")

MAP = [line.split()[0] for block in blocks(PAGE) for line in block.lines if line.strip()]
NAMED = sorted(set(re.findall(r"`([a-z_]+(?:\.\w+)+)`", PAGE)))


def _rooms() -> set[str]:
    packages = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    modules = {path.stem for path in HOUSE.glob("*.py")}
    return packages | modules - {"__init__", "__main__"}


def test_the_map_names_every_room_once():
    assert sorted(MAP) == sorted(_rooms())


@pytest.mark.parametrize("name", [name for name in NAMED if not name.endswith(_FILES)])
def test_a_name_is_a_module_or_stands_in_one(name):
    path = HOUSE / name.replace(".", "/")
    if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
        return
    module, _, attribute = name.rpartition(".")

    assert hasattr(importlib.import_module(f"lockgroove.{module}"), attribute)


def test_the_floors_of_the_map_are_those_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = [re.findall(r"\w+", layer) for layer in layers if layer != "__main__"]

    at = [[MAP.index(name) for name in floor] for floor in floors]

    assert all(max(above) < min(below) for above, below in itertools.pairwise(at))
