"""Helpers that several folders of tests share, a dump to mirror, and a web server of the usual kind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

for _folder in ("catalogue", "dumps"):
    sys.path.append(str(Path(__file__).parents[1] / _folder))

import publishing  # noqa: E402 - found only now

import worlds  # noqa: E402 - likewise

NGINX = shutil.which("nginx") or next((p for p in ("/usr/sbin/nginx",) if os.path.exists(p)), None)
_CONFIG = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log; {user}
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5; default_type application/octet-stream;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a dump of several volumes. Not to be changed."""
    root = tmp_path_factory.mktemp("published")
    folder = publishing.open_shelf(root / "shelf")
    plays = root / "plays.csv"
    plays.write_text("artist,title,plays\nArtist 0,Song 0.1,7\nArtist 1,Song 1.0,5\nNobody,Unheard of,3\n")
    publishing.publish(root / "archive", folder, listens=str(plays))
    return root / "archive"


@pytest.fixture
def publisher(published_once: Path, tmp_path: Path) -> Path:
    """The archive, to be changed. Its shelf is where it was."""
    shutil.copytree(published_once, tmp_path / "publisher")
    return tmp_path / "publisher"


@pytest.fixture
def dump(published_once: Path, tmp_path: Path) -> Path:
    """A copy of its dump, to be changed."""
    shutil.copytree(published_once / "dumps" / "000001", tmp_path / "dump")
    return tmp_path / "dump"


@pytest.fixture(scope="session")
def plain_dump_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of one volume with two objects."""
    root = tmp_path_factory.mktemp("plain")
    files: dict[str | bytes, bytes] = {}
    for name in ("Aria", "Bolero"):
        files[f"{name}/01.flac"] = publishing.song(title=f"{name} one", artist="A")
        files[f"{name}/LICENSE"] = publishing.CC0
    return publishing.publish(root / "archive", publishing.shelf(root / "shelf", files), volume=1 << 30)


@pytest.fixture
def plain_dump(plain_dump_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(plain_dump_once, tmp_path / "plain-dump")
    return tmp_path / "plain-dump"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A new archive that holds nothing yet."""
    from lockgroove import archive

    archive.init(str(tmp_path / "target")).close()
    return tmp_path / "target"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a folder that nginx serves on loopback."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "root").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "user root;" if os.getuid() == 0 else ""
    text = _CONFIG.format(dir=folder, root=folder / "root", port=port, user=user)
    (folder / "nginx.conf").write_text(text)
    server = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        _await(port, server, folder)
        yield f"http://127.0.0.1:{port}", folder / "root"
    finally:
        server.terminate()
        server.wait(10)


def _await(port: int, server: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(200):
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.02)
    pytest.skip(f"nginx does not start: {(folder / 'error.log').read_text()}")


@pytest.fixture
def kept_world(tmp_path: Path) -> worlds.World:
    return worlds.kept(tmp_path)
