"""Who may see what is for operators: ``/metrics``, and the documents that describe the servers.

The rule: a client on this machine, connected without a proxy in between; or anybody who knows the
``metrics_token``.
"""

from collections.abc import Mapping
from hmac import compare_digest
from ipaddress import ip_address

OUTSIDER = "this is for operators: ask from the machine itself, or with SMOLHOG_METRICS_TOKEN as bearer token"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def is_insider(address: str | None, headers: Mapping[str, str], token: str | None) -> bool:
    """Tell whether a request may see what is for operators.

    Args:
        address: of the client.
        headers: of the request, looked up in small letters.
        token: the ``metrics_token``; ``None`` if there is none.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if token is not None and scheme.lower() == "bearer":
        return compare_digest(given.strip().encode(), token.encode())
    # A proxy on this machine is a neighbour; whoever stands behind it is not.
    return is_loopback(address) and not any(name in headers for name in _FORWARDED)


def is_loopback(address: str | None) -> bool:
    """Whether an address is one of this machine's own; no name is."""
    try:
        parsed = ip_address((address or "").strip("[]"))
    except ValueError:
        return address == "localhost"
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)
