"""ocfl-py as the judge of what we write, with no leave to be lax."""

from __future__ import annotations

import os

from ocfl.validator import Validator


def faults(vault: str) -> list[str]:
    """What is wrong with each object below a vault, and with folders that hold none."""
    found: list[str] = []
    for folder, folders, files in os.walk(vault):
        if "0=ocfl_object_1.1" in files:
            folders.clear()
            judge = Validator(log_warnings=True)
            if not judge.validate_object(folder) or judge.log.num_warnings:
                found.append(judge.status_str(prefix=folder))
        elif not folders and not files:
            found.append(f"{folder} is empty")
        elif any(name.startswith("0=ocfl_object") or name == "v1" for name in (*files, *folders)):
            found.append(f"{folder} is half an object")
    return found
