"""The real server on a free port of this machine, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        return int(self.address.rstrip("/").rpartition(":")[2])


@contextlib.contextmanager
def serve(root: str, *options: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "lockgroove", "-C", root, "serve", "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Served(process, json.loads(process.stdout.readline())["address"])
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
