"""A real Spark: a standalone master and two workers on the loopback, started and stopped by us."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

_WAIT_SECONDS = 120
_HOST = "127.0.0.1"
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"  # short lives: no time spent on fast code
_DEFAULTS = f"""\
spark.driver.extraJavaOptions {_JAVA}
spark.executor.extraJavaOptions {_JAVA}
spark.sql.adaptive.enabled false
spark.sql.codegen.wholeStage false
spark.sql.shuffle.partitions 2
"""


def missing() -> str | None:
    """What is missing for a cluster, or None."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed: uv sync --extra spark"
    return None if shutil.which("java") else "there is no Java: apt install openjdk-17-jre-headless"


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start it with all its files in `folder`; yields its address, and ends every process that it started.

    Sessions of this process find settings for small work, by SPARK_CONF_DIR.
    """
    (folder / "spark-defaults.conf").write_text(_DEFAULTS)
    port, page = _free_port(), _free_port()
    url = f"spark://{_HOST}:{port}"
    deploy = "org.apache.spark.deploy"
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("SPARK_LOCAL_IP", _HOST)
        at = ["--host", _HOST, "--port", str(port), "--webui-port", str(page)]
        stack.enter_context(_running(folder, "master", f"{deploy}.master.Master", *at))
        _wait(page, workers=0)
        for number in (1, 2):
            name = f"worker{number}"
            limits = ["--cores", "1", "--memory", "1500M", "--webui-port", "0"]
            where = ["--host", _HOST, "--work-dir", str(folder / name)]
            stack.enter_context(_running(folder, name, f"{deploy}.worker.Worker", *limits, *where, url))
        _wait(page, workers=2)
        yield url


@contextlib.contextmanager
def _running(folder: Path, name: str, *command: str) -> Iterator[None]:
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_LOG_DIR": str(folder),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": _JAVA,
    }
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), *command], env=environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _wait(page: int, workers: int) -> None:
    """Until the master says that so many workers are there."""
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            answer = urllib.request.urlopen(f"http://{_HOST}:{page}/json/", timeout=5).read()
            if json.loads(answer)["aliveworkers"] >= workers:
                return
        time.sleep(0.2)
    raise TimeoutError(f"Spark's master has no {workers} workers after {_WAIT_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


_WHY = missing()
NEEDED = [
    pytest.mark.skipif(_WHY is not None, reason=str(_WHY)),
    pytest.mark.xdist_group("spark"),  # one cluster, wherever the rest of the tests run
]
