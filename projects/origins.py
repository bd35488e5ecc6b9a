"""Web origins, as browsers write them into the ``Origin`` header."""

import re
from urllib.parse import urlsplit

from projects.errors import InvalidOrigin

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Browsers write names outside of ASCII in their xn-- form.
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252})|\[[0-9a-f:.]{2,45}\]")


def parse_origin(text: str) -> str:
    """Return an origin in the one form that browsers send: ``https://shop.example`` or with a port.

    Args:
        text: what a person typed; a slash at the end and capital letters are forgiven.

    Raises:
        InvalidOrigin: it is no origin, or more than one (a path, a user, a wildcard).
    """
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise InvalidOrigin(text) from error
    host = f"[{host}]" if ":" in host else host
    more = parts.path or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme.lower() not in _DEFAULT_PORTS or more or _HOST.fullmatch(host) is None:
        raise InvalidOrigin(text)
    scheme = parts.scheme.lower()
    suffix = "" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}"
    return f"{scheme}://{host}{suffix}"
