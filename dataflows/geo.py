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
    subdivisions = found.get("subdivisions")
    region = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    named = (
        (
            "$country",
            _text_at(found, "country", "iso_code") or _text_at(found, "registered_country", "iso_code"),
        ),
        ("$region", _text_at(region, "names", "en")),
        ("$city", _text_at(found, "city", "names", "en")),
    )
    return [(name, value) for name, value in named if value]


def _text_at(record: Any, *path: str) -> str | None:
    """Follow names into a record; databases of other makers have other shapes."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record.replace("\0", "") if isinstance(record, str) else None
