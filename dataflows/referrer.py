"""Where a visit came from: UTM parameters of the page, and the domain that linked to it."""

from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

UTM_PARAMETERS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_VALUE_LENGTH = 200


@lru_cache(maxsize=4096)
def parse_page(url: str) -> tuple[tuple[str, str], ...]:
    """Return ``$host``, ``$pathname`` and ``$utm_…`` of a page's URL, as far as it has them.

    Anything may be in there; what is no URL gives nothing.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        query = parse_qsl(parts.query, max_num_fields=100) if "utm_" in parts.query else []
    except ValueError:
        return ()
    context: list[tuple[str, str]] = []
    if host:
        context.append(("$host", host[:_VALUE_LENGTH]))
        context.append(("$pathname", (parts.path or "/")[:_VALUE_LENGTH]))
    first: dict[str, str] = {}
    for name, value in query:
        # An escape may stand for U+0000, which PostgreSQL cannot store.
        if name in UTM_PARAMETERS and (storable := value.replace("\0", "")):
            first.setdefault(name, storable[:_VALUE_LENGTH])
    context.extend((f"${name}", value) for name, value in first.items())
    return tuple(context)


@lru_cache(maxsize=4096)
def parse_referrer(url: str) -> tuple[tuple[str, str], ...]:
    """Return ``$referring_domain`` of a referrer's URL, without ``www.``; nothing if it is none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return ()
    return (("$referring_domain", host.removeprefix("www.")[:_VALUE_LENGTH]),) if host else ()
