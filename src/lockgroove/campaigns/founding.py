"""A new archive on disk: its folders, settings, keys and an empty vault; or all of that from a place."""

from __future__ import annotations

import os
import secrets

from lockgroove import config, durable, keys, vault
from lockgroove.errors import UsageError
from lockgroove.journal import Journal
from lockgroove.report import Report
from lockgroove.storage import LocalStorage
from lockgroove.vault import ocfl, places

DECLARATION = "0=lockgroove_1"
FOLDERS = ("claims", "vault", "journal", "keys", "catalogue", "dumps", "staging", "quarantine", "cache")


def found(root: str, name: str | None) -> str:
    """Lay out an empty archive; its id. Raises UsageError when something is there."""
    _lay_out(root)
    archive_id = f"arc-{secrets.token_hex(8)}"
    config.create(root, archive_id, name or os.path.basename(os.path.abspath(root)), _new_writer())
    keys.create(f"{root}/keys")
    for path, data in ocfl.root_files().items():
        LocalStorage(root).append(f"{ocfl.ROOT}/{path}", 0, [data])
    durable.replace_file(f"{root}/{DECLARATION}", b"lockgroove_1\n")
    return archive_id


def bring_back(root: str, place_root: str, report: Report) -> tuple[str, str]:
    """Lay out what a place holds; the archive's id, and where the place is."""
    place = LocalStorage(os.path.abspath(place_root))
    if place.size(places.DECLARATION) is None:
        raise UsageError(
            "This folder is not a place of an archive", place_root, "Name one made by `place add`."
        )
    _lay_out(root)
    archive_id = b"".join(place.read(places.DECLARATION)).decode().strip()
    config.create(root, archive_id, _name_at(place, archive_id), _new_writer())
    config.add_place(root, config.PlaceConfig(os.path.basename(place.root), place.root))
    keys.create(f"{root}/keys")
    vault.restore(place, LocalStorage(root), report)
    durable.replace_file(f"{root}/{DECLARATION}", b"lockgroove_1\n")
    return archive_id, place.root


def _name_at(place: LocalStorage, archive_id: str) -> str:
    """The archive's name as the place's journal has it."""
    for event, _ in Journal(place.path("journal"), "").events():
        if event.type == "archive-created":
            return str(event.outcome["name"])
    return archive_id


def _new_writer() -> str:
    return f"w{secrets.token_hex(8)}"


def _lay_out(root: str) -> None:
    if os.path.isdir(root) and os.listdir(root):
        raise UsageError("The folder is not empty", root, "Name an empty or a new folder.")
    for folder in FOLDERS:
        os.makedirs(f"{root}/{folder}", exist_ok=True)
