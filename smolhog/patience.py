"""How long a client may take, and how much it may send at once, before its connection is closed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of one connection; times in seconds, sizes in bytes."""

    header_seconds: float = 10
    """From the connection, or from the first byte of a later request, to the end of its headers."""
    request_seconds: float = 60
    """From there to the end of its body."""
    idle_seconds: int = 75
    """Between two requests of a connection."""
    stall_seconds: float = 60
    """In which a client that has let its answers pile up has to read them."""
    close_seconds: float = 10
    """From the end of a connection, as far as we are concerned, to the client's."""
    header_bytes: int = 32 * 1024
    """Of all headers of a request, or of the trailers of its body."""
    headers: int = 100
    pipelined: int = 32
    """Requests that may be sent before the first of them is answered."""
    messages_at_once: int = 4096
    """WebSocket messages that are read ahead of what is being handled."""
    fragments: int = 1024
    """Of one WebSocket message."""
