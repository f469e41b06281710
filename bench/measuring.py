"""What every benchmark needs: a command's seconds, CPU-seconds and peak memory, and a file of results."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Run:
    """One run of a command: wall and CPU seconds, peak memory of the largest process in bytes."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit: int


def run(command: Sequence[str], **environment: str) -> Run:
    """Run a command in a process of its own and measure it and its children."""
    probe = (
        "import json,resource,subprocess,sys,time;t=time.perf_counter();"
        "p=subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
        "w=time.perf_counter()-t;u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([w,u.ru_utime+u.ru_stime,u.ru_maxrss*1024,p.returncode]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *command],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    wall, cpu, peak, code = json.loads(done.stdout)
    return Run(wall, cpu, peak, code)


def record(name: str, rows: Sequence[dict[str, object]]) -> None:
    """Append rows to bench/results/NAME.json and print them."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else []
    python = platform.python_version()
    machine = f"{os.cpu_count()} cores {platform.machine()}, {_memory_gib()} GiB, Python {python}"
    for row in rows:
        full = {"name": name, **row, "machine": machine, "at": time.strftime("%Y-%m-%d")}
        known.append(full)
        print(json.dumps(full, ensure_ascii=False))
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def self_peak_bytes() -> int:
    """Peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
