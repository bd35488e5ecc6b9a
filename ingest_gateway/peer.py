"""What a request's headers and socket say about who sent it."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from ingest_gateway.intake import Peer

_LONGEST_HEADER = 512


def bearer_key(headers: Headers) -> str | None:
    """Return the key in ``Authorization: Bearer …``, if there is one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def peer_of(connection: HTTPConnection) -> Peer:
    """Describe the client.

    Its address is the socket's, unless the server was told to trust a proxy's headers.
    """
    agent = connection.headers.get("user-agent")
    trace = connection.headers.get("traceparent")
    return Peer(
        address=connection.client.host if connection.client is not None else None,
        user_agent=agent[:_LONGEST_HEADER] if agent is not None else None,
        trace=trace if trace is not None and len(trace) <= 128 else None,
    )
