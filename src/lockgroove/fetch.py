"""Bytes from elsewhere, a folder or a URL: bounded, resumed where they broke off, verified before use.

It asks politely: an honest name, few tries with growing waits, Retry-After obeyed. TLS is verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator, Iterator
from typing import Protocol
from urllib.parse import quote

import urllib3

from lockgroove import __version__, durable
from lockgroove.errors import Unavailable, UsageError, VerificationFailed, storage_failed

_CHUNK = 1 << 20
_SECONDS_MAX = 60.0
_TRIES = 5


class Origin(Protocol):
    """Where files are fetched from, by path below it."""

    where: str

    def chunks(self, path: str, offset: int) -> Generator[bytes, None, None]:
        """The bytes of a file from `offset`. Raises FileNotFoundError or Unavailable."""


class FolderOrigin:
    """A folder: a mounted disk, a share."""

    def __init__(self, root: str) -> None:
        self.where = root

    def chunks(self, path: str, offset: int) -> Generator[bytes, None, None]:
        """See Origin."""
        where = f"{self.where}/{path}"
        try:
            yield from durable.chunks_of(where, offset)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise FileNotFoundError(where) from None
        except OSError as error:
            raise Unavailable(
                f"It cannot be read ({error.strerror or error})", where, "Check the disk, then try again."
            ) from error


class WebOrigin:
    """A static host."""

    def __init__(self, url: str) -> None:
        self.where = url.rstrip("/")
        retry = urllib3.Retry(
            total=_TRIES,
            redirect=3,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            respect_retry_after_header=True,
        )
        self._http = urllib3.PoolManager(
            retries=retry,
            timeout=urllib3.Timeout(connect=10, read=_SECONDS_MAX),
            headers={"User-Agent": f"lockgroove/{__version__} (music preservation mirror)"},
        )

    def chunks(self, path: str, offset: int) -> Generator[bytes, None, None]:
        """See Origin."""
        url = f"{self.where}/{quote(path)}"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        headers |= {"Accept-Encoding": "identity"} | dict(self._http.headers)
        try:
            answer = self._http.request("GET", url, headers=headers, preload_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"No answer ({error})", url, "Check the address, then try again.") from None
        try:
            yield from self._body(answer, url, offset)
        finally:
            answer.close()

    def _body(self, answer: urllib3.BaseHTTPResponse, url: str, offset: int) -> Iterator[bytes]:
        if answer.status == 404:
            raise FileNotFoundError(url)
        if answer.status == 416:
            return
        if answer.status not in (200, 206):
            raise Unavailable(f"The server answered {answer.status}", url, "Try again later.")
        skip = offset if answer.status == 200 else 0  # it does not know ranges: pass over what we have
        try:
            while chunk := answer.read1(_CHUNK):  # as it comes, so that a cut loses nothing
                if skip >= len(chunk):
                    skip -= len(chunk)
                    continue
                yield chunk[skip:]
                skip = 0
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                f"The connection broke off ({error})", url, "Run the same command again."
            ) from None


def origin(location: str) -> Origin:
    """The origin that a path or URL names. Raises UsageError."""
    if location.startswith(("http://", "https://")):
        return WebOrigin(location)
    if os.path.isdir(location):
        return FolderOrigin(os.path.abspath(location))
    raise UsageError("This is neither a folder nor an http(s) address", location)


def small(source: Origin, path: str, bytes_max: int) -> bytes:
    """A whole small file. Raises FileNotFoundError, Unavailable, or VerificationFailed for a large one."""
    data = bytearray()
    with contextlib.closing(source.chunks(path, 0)) as chunks:
        for chunk in chunks:
            data += chunk
            if len(data) > bytes_max:
                raise VerificationFailed(f"It is larger than {bytes_max} bytes", f"{source.where}/{path}")
    return bytes(data)


def fetch(
    source: Origin, path: str, target: str, size_bytes: int, sha256: str, told: Callable[[int], None]
) -> None:
    """Fetch a file to `target`, going on where an earlier try broke off. Raises VerificationFailed.

    `told` gets the bytes of each piece. The file is whole and verified when this returns.
    """
    with _writing(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
    for again in (False, True):
        if again:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)  # it may be the resumed part that was bad: once more, from the start
        _append_from(source, path, target, size_bytes, told)
        if _is_whole(target, size_bytes, sha256):
            return
    raise VerificationFailed(
        f"What was sent is not what was signed ({size_bytes} bytes, sha256 {sha256[:16]}…)",
        f"{source.where}/{path}",
        "Try another mirror.",
    )


def _append_from(
    source: Origin, path: str, target: str, size_bytes: int, told: Callable[[int], None]
) -> None:
    have = os.path.getsize(target) if os.path.exists(target) else 0
    if have >= size_bytes and have > 0:
        return
    chunks = source.chunks(path, have)
    with _writing(target), open(target, "ab") as file, contextlib.closing(chunks):
        try:
            for chunk in chunks:
                have += len(chunk)
                if have > size_bytes:
                    break
                file.write(chunk)
                told(len(chunk))
        except FileNotFoundError:
            raise VerificationFailed(
                "It is listed, and missing", f"{source.where}/{path}", "Try another mirror."
            ) from None


@contextlib.contextmanager
def _writing(target: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_failed(error, target) from error


def _is_whole(target: str, size_bytes: int, sha256: str) -> bool:
    if os.path.getsize(target) != size_bytes:
        return False
    with open(target, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
