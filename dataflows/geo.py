"""Where an address is, by a MaxMind database (or one of its format) that the operator provides."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import maxminddb

GeoLookup = Callable[[str], tuple[tuple[str, str], ...]]
"""From an IP address to the context that it gives, as pairs of name and value."""


def no_geo(address: str) -> tuple[tuple[str, str], ...]:
    """Know nothing about any address: what is used where no database is configured."""
    del address
    return ()


def open_geo(file: Path) -> GeoLookup:
    """Open a Country or City database for ``$country`` (ISO code), ``$region`` and ``$city``.

    Raises:
        FileNotFoundError: there is no such file.
        maxminddb.InvalidDatabaseError: it is not a database of that format.
    """
    reader = maxminddb.open_database(file, maxminddb.MODE_AUTO)

    @lru_cache(maxsize=50_000)
    def look_up(address: str) -> tuple[tuple[str, str], ...]:
        try:
            found: Any = reader.get(ip_address(address))
        except ValueError:
            return ()
        return tuple(_context(found)) if isinstance(found, dict) else ()

    return look_up


def _context(found: dict[str, Any]) -> list[tuple[str, str]]:
    context: list[tuple[str, str]] = []
    country = found.get("country") or found.get("registered_country") or {}
    if code := country.get("iso_code"):
        context.append(("$country", code))
    subdivisions = found.get("subdivisions") or []
    if subdivisions and (region := subdivisions[0].get("names", {}).get("en")):
        context.append(("$region", region))
    if city := found.get("city", {}).get("names", {}).get("en"):
        context.append(("$city", city))
    return context
