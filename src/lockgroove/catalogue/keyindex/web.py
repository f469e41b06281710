"""A file on a static host, read by ranges: what a key index or a table needs, and no more.

It asks politely, as `fetch` does, and counts what it asks. A host that does not know ranges is not drained.
"""

from __future__ import annotations

import re
import threading

import urllib3

from lockgroove import __version__
from lockgroove.errors import Unavailable

_TRIES = 5
_SECONDS_MAX = 60.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class WebRanges:
    """One file at an address. `requests` and `bytes_read` count what was asked and what came.

    `size_bytes` is known after the first read, if the host tells it. Threads may share it.
    With `waits` False nothing is tried again at once; a body cut short is, without waiting.
    """

    def __init__(self, url: str, waits: bool = True) -> None:
        self.where = url
        self.size_bytes: int | None = None
        self.requests = 0
        self.bytes_read = 0
        self._lock = threading.Lock()
        retry = urllib3.Retry(
            total=_TRIES if waits else 0,
            redirect=3,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
        )
        self._http = urllib3.PoolManager(
            retries=retry,
            timeout=urllib3.Timeout(connect=10, read=_SECONDS_MAX),
            headers={"User-Agent": f"lockgroove/{__version__}", "Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.clear()

    def read(self, offset: int, length: int) -> bytes:
        """See keyindex.Ranges. Raises FileNotFoundError, and Unavailable after a few tries."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._once(offset, length)
            except urllib3.exceptions.HTTPError as error:  # cut off within the body: asked again
                if left == 0 or isinstance(error, urllib3.exceptions.MaxRetryError):
                    raise self._unavailable(f"No answer ({error})") from None
        raise AssertionError("unreachable")

    def _once(self, offset: int, length: int) -> bytes:
        asked = {**self._http.headers, "Range": f"bytes={offset}-{offset + length - 1}"}
        answer = self._http.request("GET", self.where, headers=asked, preload_content=False)
        try:
            data = self._body(answer, offset, length)
        except BaseException:
            answer.close()  # what is still to come is not wanted
            raise
        answer.release_conn()
        with self._lock:
            self.requests += 1
            self.bytes_read += len(data)
        return data

    def _body(self, answer: urllib3.BaseHTTPResponse, offset: int, length: int) -> bytes:
        if answer.status == 404:
            raise FileNotFoundError(self.where)
        if answer.status == 416:
            answer.drain_conn()
            return b""
        if answer.status == 200:
            raise self._unavailable("The host does not answer ranges")
        if answer.status != 206:
            raise self._unavailable(f"The host answered {answer.status}")
        told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if told is None or int(told[1]) != offset or int(told[2]) >= offset + length:
            raise self._unavailable("The host answered another range than was asked")
        self.size_bytes = None if told[3] == "*" else int(told[3])
        return answer.read()

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable(what, self.where, "Try again later, or another mirror.")
