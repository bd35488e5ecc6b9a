"""Where addresses are, by small databases made here."""

from pathlib import Path
from typing import Any

import maxminddb
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from dataflows.geo import no_geo, open_geo

BERLIN = {
    "country": {"iso_code": "DE", "names": {"en": "Germany"}},
    "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin", "de": "Berlin"}}],
    "city": {"names": {"en": "Berlin"}},
}


def database(folder: Path, networks: dict[str, Any], ip_version: int = 6) -> Path:
    """Write a database that knows these networks."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type="Test-City")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    file = folder / "test.mmdb"
    writer.to_db_file(str(file))
    return file


def test_address_gives_country_region_and_city(tmp_path: Path) -> None:
    """Both kinds of addresses are found; names are the English ones."""
    look_up = open_geo(database(tmp_path, {"1.2.3.0/24": BERLIN, "2001:db8::/32": BERLIN}))
    expected = (("$country", "DE"), ("$region", "Land Berlin"), ("$city", "Berlin"))
    assert look_up("1.2.3.4") == expected
    assert look_up("2001:db8::1") == expected


def test_registered_country_serves_where_there_is_no_other(tmp_path: Path) -> None:
    """A network whose place is unknown still has whoever registered it."""
    look_up = open_geo(database(tmp_path, {"1.2.3.0/24": {"registered_country": {"iso_code": "FR"}}}))
    assert look_up("1.2.3.4") == (("$country", "FR"),)


@pytest.mark.parametrize(
    "address", ["", "8.8.8.8", "127.0.0.1", "no address", "1.2.3.4:80", "1.2.3.4\0", "٣.1.1.1"]
)
def test_what_is_unknown_gives_nothing(tmp_path: Path, address: str) -> None:
    """Neither an unknown address nor something else raises."""
    look_up = open_geo(database(tmp_path, {"1.2.3.0/24": BERLIN}))
    assert look_up(address) == ()


def test_longer_addresses_in_a_database_of_shorter_ones(tmp_path: Path) -> None:
    """IPv6 addresses are unknown to a database of IPv4."""
    look_up = open_geo(database(tmp_path, {"1.2.3.0/24": BERLIN}, ip_version=4))
    assert look_up("2001:db8::1") == ()
    assert look_up("1.2.3.4") != ()


@pytest.mark.parametrize(
    "record",
    [
        {"country": "DE", "city": "Berlin"},
        {"country": None, "subdivisions": {"names": "x"}, "city": {"names": ["Berlin"]}},
        {"subdivisions": ["Berlin"], "country": {"iso_code": 49}},
        {"asn": 64512},
    ],
)
def test_databases_of_other_shapes_do_no_harm(tmp_path: Path, record: dict[str, Any]) -> None:
    """A record that is not of MaxMind's shape gives nothing, and stops no dataflow."""
    record = {name: value for name, value in record.items() if value is not None}
    assert open_geo(database(tmp_path, {"1.2.3.0/24": record}))("1.2.3.4") == ()


def test_file_that_is_no_database_is_refused_when_opened(tmp_path: Path) -> None:
    """An operator's mistake shows at the start, not at the first event."""
    file = tmp_path / "text.mmdb"
    file.write_text("not a database")
    with pytest.raises(maxminddb.InvalidDatabaseError):
        open_geo(file)
    with pytest.raises(FileNotFoundError):
        open_geo(tmp_path / "none.mmdb")


def test_no_database_knows_nothing() -> None:
    """Without a database addresses are not looked up."""
    assert no_geo("1.2.3.4") == ()
