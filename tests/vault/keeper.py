"""Runs `keep` in children that can be killed at any moment; imported once, so that most of a run is keeping.

Reads lines `HOME NUL SECONDS`; answers each with the seconds it took, or `killed`.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import lockgroove.campaigns.refresh  # noqa: F401 - the table engine, before the first run
from lockgroove.archive import Archive
from lockgroove.report import Silence


def run(home: str, seconds_max: float) -> str:
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            with Archive(home) as opened:
                opened.keep(Silence())
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - started >= seconds_max:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.0005)
    if status == signal.SIGKILL:
        return "killed"
    return f"failed {status}" if status else f"{time.monotonic() - started:.4f}"


for line in sys.stdin:
    home, _, seconds = line.rstrip("\n").partition("\0")
    sys.stdout.write(f"{run(home, float(seconds))}\n")
    sys.stdout.flush()
