"""``POST`` over a connection that is kept, with the standard library alone; it blocks."""

import gzip
import socket
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

_WORTH_COMPRESSING = 1024
"""Bytes of a body. HTTP is the way for slow networks between; the stream is not compressed."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    retry_after: float | None
    """Seconds, of the header ``Retry-After``."""


class HttpPoster:
    """Posts to one URL, one request after another.

    Args:
        url: ``http`` or ``https``.
        headers: of each request.
        timeout: seconds for each step of a request.
        proxy: URL of an HTTP proxy.
    """

    def __init__(self, url: str, headers: dict[str, str], timeout: float, proxy: str | None = None) -> None:
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        via = urlsplit(proxy) if proxy else parts
        kind = HTTPSConnection if is_secure else HTTPConnection
        self._connection = kind(via.hostname or "", via.port, timeout=timeout)
        self._target = parts.path
        self._headers = headers
        if proxy and is_secure:
            self._connection.set_tunnel(parts.hostname or "", parts.port)
        elif proxy:
            self._target = url
            self._headers = {**headers, "Host": parts.netloc}

    def post(self, body: bytes) -> Answer:
        """Send one request and read its answer.

        Raises:
            OSError: no answer came, and it is unknown whether the request was acted upon.
        """
        headers = {**self._headers, "Content-Type": "application/json"}
        if len(body) >= _WORTH_COMPRESSING:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        try:
            self._connection.request("POST", self._target, body, headers)
            response = self._connection.getresponse()
            said = response.read()
        except HTTPException as error:
            self._connection.close()
            raise ConnectionError(f"not an answer of HTTP: {error!r}") from error
        except OSError:
            self._connection.close()
            raise
        wait = response.getheader("Retry-After", "")
        return Answer(response.status, said, float(wait) if wait.isdecimal() else None)

    def file_descriptors(self) -> list[int]:
        """Tell which socket is open, if any."""
        return [] if self._connection.sock is None else [self._connection.sock.fileno()]

    def abort(self) -> None:
        """Make a ``post`` on another thread end now."""
        open_socket = self._connection.sock
        if open_socket is None:
            return
        try:
            open_socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It has ended by itself meanwhile.
            return

    def close(self) -> None:
        """Close the connection, on the thread that posts."""
        self._connection.close()
