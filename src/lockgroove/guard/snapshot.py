"""What the guard remembers, in one file that is whole or is not there; CRCs tell damage.

Invariant: it says to which place of the event log it goes. From there on the log is gone over again.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from lockgroove import durable
from lockgroove.guard.eventlog import Position
from lockgroove.guard.events import EVENT
from lockgroove.guard.records import RECORD

# Whoever changes what is remembered makes old snapshots unreadable: the log is gone over instead.
_LAYOUT = f"1 {RECORD.descr} {EVENT.descr}"


def save(path: str, parts: Mapping[str, Mapping[str, np.ndarray]], position: Position) -> None:
    """Replace the file; durable on return."""
    arrays: dict[str, Any] = {
        f"{p}/{name}": array for p, saved in parts.items() for name, array in saved.items()
    }
    arrays |= {"layout": np.array(_LAYOUT), "position": np.array([position.segment, position.offset])}
    new = f"{path}.new"
    with open(new, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    durable.sync_file(os.path.dirname(path))


def load(path: str) -> tuple[dict[str, dict[str, np.ndarray]], Position] | None:
    """What was saved, and to which place of the log it goes; None where there is nothing that can be read."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["layout"]) != _LAYOUT:
                return None
            parts: dict[str, dict[str, np.ndarray]] = {}
            for name in file.files:
                part, _, of = name.partition("/")
                if of:
                    parts.setdefault(part, {})[of] = file[name]
            segment, offset = file["position"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return parts, Position(segment, offset)
