"""`lockgroove.toml`: the operator's choices, read once and passed down. Their comments stay."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from tomlkit.items import AoT

from lockgroove import durable
from lockgroove.errors import UsageError

FILE = "lockgroove.toml"

_TABLES = {"archive", "places", "trust", "guard"}
_HEAD = """\
# The operator's choices for this archive. Edit freely; `lockgroove place` edits it too.
"""


@dataclass(frozen=True)
class PlaceConfig:
    """Another home of the truth: what it is called and where it is."""

    name: str
    location: str


@dataclass(frozen=True)
class Config:
    """What the operator chose. `trusted_keys` are minisign public keys whose statements count here."""

    archive_id: str
    name: str
    writer: str
    places: Sequence[PlaceConfig] = ()
    trusted_keys: Sequence[str] = ()
    guard: Mapping[str, Any] = field(default_factory=dict)  # as written; `guard.settings` reads it


def create(root: str, archive_id: str, name: str, writer: str) -> Config:
    """Write a new file; durable on return."""
    document = tomlkit.parse(_HEAD)
    archive = tomlkit.table()
    archive.add("id", archive_id)
    archive.add("name", name)
    archive.add("writer", writer)
    document.add("archive", archive)
    _save(root, document)
    return load(root)


def load(root: str) -> Config:
    """Read the file. Raises UsageError with the line when it is not understood."""
    path = f"{root}/{FILE}"
    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
        archive = data["archive"]
        if unknown := sorted(set(data) - _TABLES):
            raise ValueError(f"there is no table {unknown[0]}")
        return Config(
            archive_id=str(archive["id"]),
            name=str(archive["name"]),
            writer=str(archive["writer"]),
            places=[PlaceConfig(str(p["name"]), str(p["location"])) for p in data.get("places", [])],
            trusted_keys=[str(key) for key in data.get("trust", {}).get("keys", [])],
            guard=dict(data.get("guard", {})),
        )
    except FileNotFoundError:
        raise UsageError(f"{FILE} is missing", path, "Bring it back from a copy.") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{FILE} cannot be understood: {error}", path, "Mend it in a text editor.") from None


def add_place(root: str, place: PlaceConfig) -> Config:
    """Add a place, leaving the rest of the file as it is."""
    document = _open(root)
    places = document.setdefault("places", tomlkit.aot())
    in_one_line = not isinstance(places, AoT)
    entry = tomlkit.inline_table() if in_one_line else tomlkit.table()
    entry["name"] = place.name
    entry["location"] = place.location
    places.append(entry)
    _save(root, document)
    return load(root)


def remove_place(root: str, name: str) -> Config:
    """Forget a place; what it holds stays there."""
    document = _open(root)
    places = document.get("places", [])
    for number in reversed(range(len(places))):
        if places[number]["name"] == name:
            del places[number]
    _save(root, document)
    return load(root)


def trust_key(root: str, key: str) -> Config:
    """Trust another archive's key from now on."""
    document = _open(root)
    trust = document.setdefault("trust", tomlkit.table())
    keys = trust.setdefault("keys", tomlkit.array())
    if key not in keys:
        keys.append(key)
        _save(root, document)
    return load(root)


def _open(root: str) -> Any:
    load(root)  # what is not understood is not written over
    with open(f"{root}/{FILE}", encoding="utf-8") as file:
        return tomlkit.parse(file.read())


def _save(root: str, document: Any) -> None:
    durable.replace_file(f"{root}/{FILE}", tomlkit.dumps(document).encode())
