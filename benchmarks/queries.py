"""Asking the query API, by the standard library: it costs little beside what answers."""

import json
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from typing import Any
from urllib.parse import urlencode


class QueryClient:
    """Asks over one connection that is kept open.

    Args:
        port: of the query API.
        key: a read key.
    """

    def __init__(self, port: int, key: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        """Return the answer of ``/analytics/<path>``."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        try:
            answer = self._get(f"/analytics/{path}{query}")
        except RemoteDisconnected:
            # A server closes a connection that nobody used for a while; the next question opens another.
            self._connection.close()
            answer = self._get(f"/analytics/{path}{query}")
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the query API answered {answer.status}: {body[:500].decode()}")
        decoded: dict[str, Any] = json.loads(body)
        return decoded

    def _get(self, address: str) -> HTTPResponse:
        self._connection.request("GET", address, headers=self._headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
