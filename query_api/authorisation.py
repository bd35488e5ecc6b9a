"""Who asks: the read key of a request, and through it the one project that it may see."""

from collections.abc import Mapping

from projects.keys import KeyKind, KeyRing
from query_api.errors import OriginRefused, Unauthorized, WriteKeyGiven

HEADER_OF_FIRST_SDK = "smolhog-api-key"


def project_of(headers: Mapping[str, str], keys: KeyRing) -> int:
    """Return the project that the request's read key opens.

    Args:
        headers: of the request; ``Authorization: Bearer`` counts before ``smolhog-api-key``.
        keys: those that are live now.

    Raises:
        Unauthorized: there is no key, or nobody knows it.
        WriteKeyGiven: it is a write key.
        OriginRefused: it is for other web origins.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    secret = bearer.strip() if scheme.lower() == "bearer" else headers.get(HEADER_OF_FIRST_SDK, "").strip()
    if not secret:
        raise Unauthorized("give a read key, as in `Authorization: Bearer sh_r_…`")
    key = keys.find(secret, KeyKind.READ)
    if key is not None:
        if not key.allows(headers.get("origin")):
            raise OriginRefused("this read key is for pages of other origins; `smolhog keys list` shows them")
        return key.project_id
    if keys.find(secret, KeyKind.WRITE) is not None:
        raise WriteKeyGiven("this is a write key, which can only send events; use a read key (sh_r_…)")
    raise Unauthorized("this key is unknown or was revoked; `smolhog keys list` shows those there are")
