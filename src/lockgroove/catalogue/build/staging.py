"""Stages of long work: each is timed, and is done once, however often the work is begun again.

Invariant: a stage is marked as done after it wrote what it made. A stage that was cut starts from nothing,
and so does everything when the machine was started anew, since nothing here is synced: a kill loses no page,
a power cut may.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from typing import TypeVar

from lockgroove import durable
from lockgroove.report import Report

T = TypeVar("T")
STAGES_FILE = "stages.json"


class Stages:
    """The stages of one piece of work, remembered in its folder by name: `PART-NAME` within a part."""

    def __init__(self, folder: str, report: Report | None = None) -> None:
        os.makedirs(folder, exist_ok=True)
        self._path = f"{folder}/{STAGES_FILE}"
        self._report = report
        self._part = ""
        self.seconds: dict[str, float] = {}
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                told = json.load(file)
            self.seconds = told["seconds"] if told["boot"] == _boot() else {}

    def within(self, part: str) -> Stages:
        """The same stages, for a part of the work that has stages of its own."""
        inner = copy.copy(self)
        inner._part = f"{self._part}{part}-"
        return inner

    def done(self, name: str) -> bool:
        """Whether a stage was done, now or before."""
        return f"{self._part}{name}" in self.seconds

    def do(self, name: str, work: Callable[[], object]) -> None:
        """Do a stage, unless it was done before."""
        if self.done(name):
            return
        if self._report is not None:
            self._report.progress("catalogue", len(self.seconds), None, f"{self._part}{name}")
        began = time.monotonic()
        work()
        self.seconds[f"{self._part}{name}"] = round(time.monotonic() - began, 3)
        durable.replace_file(self._path, json.dumps({"boot": _boot(), "seconds": self.seconds}).encode())

    def made(self, name: str, make: Callable[[], T], save: Callable[[T], None], load: Callable[[], T]) -> T:
        """What a stage makes; loaded where it was made before."""
        if self.done(name):
            return load()
        result: list[T] = []

        def work() -> None:
            result.append(make())
            save(result[0])

        self.do(name, work)
        return result[0]


def _boot() -> str:
    """What changes when the machine starts anew; "" where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
