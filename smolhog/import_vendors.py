"""Exports of other products, row by row: what a row means, and by what a file is recognised.

PostHog, Mixpanel and Amplitude export events; their rows become the same events here. Plausible exports
totals, of which nobody can make events again: a row becomes one event that carries its numbers.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ingest_gateway.vendors import mixpanel, posthog
from ingest_gateway.vendors.opened import Native
from ingest_gateway.vendors.opened import id_text as id_text_of
from ingest_gateway.vendors.times import parse_instant
from schemas.properties import Rejection
from smolhog.import_columns import Columns, Fault, event_id_in, parse_time
from smolhog.import_files import Row
from smolhog_client import Event

ImportFormat = Literal["auto", "columns", "posthog", "mixpanel", "amplitude", "plausible"]
"""``columns``: a file of one's own, whose columns say what they are."""

_IDS = uuid.UUID("2b6d1c0a-6f0e-4b0b-8d43-93f6c2f9a1d7")
_OBJECTS = ("event_properties", "user_properties", "groups", "group_properties")
_AMPLITUDE_NAMES = {
    "ip_address": "$ip",
    "os_name": "$os",
    "os_version": "$os_version",
    "device_family": "$device_model",
    "device_type": "$device_type",
    "device_manufacturer": "$device_manufacturer",
    "language": "$locale",
    "library": "$lib",
    "version_name": "$app_version",
    "platform": "platform",
    "country": "country",
    "region": "region",
    "city": "city",
}
"""Columns of Amplitude's that are kept, and their names here."""


def format_of_rows(name: str, header: list[str] | None, first: Mapping[str, Any] | None) -> ImportFormat:
    """Tell whose export a file is; ``columns`` if it is nobody's that is known.

    Args:
        name: of the file.
        header: of a CSV file.
        first: its first row, if it can be read.
    """
    if header is not None:
        is_plausible = name.startswith("imported_") and {"date", "visitors"} <= set(header)
        return "plausible" if is_plausible else "columns"
    names = set(first or ())
    if "event_type" in names and not names.isdisjoint({"amplitude_id", "event_properties", "device_id"}):
        return "amplitude"
    properties = (first or {}).get("properties")
    if isinstance(properties, dict) and "event" in names:
        if {"uuid", "distinct_id", "timestamp"} <= names:
            return "posthog"
        if "timestamp" not in names and {"time", "distinct_id"} <= properties.keys():
            return "mixpanel"
    return "columns"


def vendor_builder(vendor: ImportFormat, columns: Columns, name: str) -> Callable[[Row], Event | Fault]:
    """Make the function that turns readable rows of an export into events.

    Args:
        vendor: whose export it is.
        columns: for its zone, and for ids of rows that have none.
        name: of the file.
    """

    def build(row: Row) -> Event | Fault:
        if row.values is None:
            return Fault(row.fault)
        native = _MEANINGS[vendor](dict(row.values), columns.zone, name)
        if isinstance(native, Rejection):
            return Fault(native.message)
        if isinstance(native, Fault):
            return native
        if native.timestamp is None:
            return Fault("has no time that can be read")
        if not isinstance(native.event, str) or not native.event:
            return Fault("has no event's name")
        return Event(
            event=native.event,
            distinct_id=native.distinct_id,
            properties=native.properties,
            timestamp=native.timestamp,
            event_id=_event_id(vendor, native.event_id, columns, row),
            session_id=native.session_id,
        )

    return build


def _event_id(vendor: str, said: str | None, columns: Columns, row: Row) -> str:
    if said is None:
        return str(uuid.uuid5(columns.row_namespace, str(row.number)))
    return event_id_in(said) or str(uuid.uuid5(_IDS, f"{vendor}/{said}"))


def _posthog(values: dict[str, Any], _zone: ZoneInfo, _name: str) -> Native | Rejection:
    native = posthog.to_native(values, None, None)
    if isinstance(native, Native) and values.get("elements_chain"):
        native.properties.setdefault("$elements_chain", values["elements_chain"])
    return native


def _mixpanel(values: dict[str, Any], zone: ZoneInfo, _name: str) -> Native | Rejection:
    native = mixpanel.event_to_native(values)
    if isinstance(native, Native) and native.timestamp is not None:
        # Older projects export the clock of their zone as if it were UTC.
        return native._replace(timestamp=_as_local(native.timestamp, zone))
    return native


def _amplitude(values: dict[str, Any], _zone: ZoneInfo, _name: str) -> Native | Fault:
    said = {name: values.get(name) or {} for name in _OBJECTS}
    for name, value in said.items():
        if not isinstance(value, dict):
            return Fault(f"{name} is no JSON object")
    user, device = id_text_of(values.get("user_id")), id_text_of(values.get("device_id"))
    who = user or device or id_text_of(values.get("amplitude_id"))
    if who is None:
        return Fault("has no user_id, device_id or amplitude_id")
    properties: dict[str, Any] = {
        ours: values[theirs] for theirs, ours in _AMPLITUDE_NAMES.items() if values.get(theirs)
    }
    properties |= said["event_properties"]
    if said["user_properties"]:
        properties["$set"] = said["user_properties"]
    if said["groups"]:
        properties["$groups"] = said["groups"]
    if device is not None:
        properties["$device_id"] = device
    event = values.get("event_type")
    if event == "$identify" and user is not None and device is not None:
        properties["$anon_distinct_id"] = device
    session = values.get("session_id")
    return Native(
        event=event,
        distinct_id=who,
        properties=properties,
        timestamp=parse_instant(values.get("event_time") or values.get("client_event_time")),
        event_id=id_text_of(values.get("uuid")) or id_text_of(values.get("$insert_id")),
        session_id=None if session in (None, -1, "-1") else id_text_of(session),
    )


def _plausible(values: dict[str, Any], zone: ZoneInfo, name: str) -> Native | Fault:
    when = parse_time(values.pop("date", ""), zone)
    if isinstance(when, Fault):
        return when
    properties: dict[str, Any] = {}
    for column, text in values.items():
        if text not in (None, ""):
            properties[column] = int(text) if str(text).isdecimal() else text
    table = name.removeprefix("imported_").partition(".")[0].rstrip("0123456789_")
    # Nobody in particular: these are many people's numbers.
    return Native(f"plausible_{table}", "plausible", properties, when)


def _as_local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.replace(tzinfo=zone).astimezone(UTC)


_MEANINGS: dict[str, Callable[[dict[str, Any], ZoneInfo, str], Native | Rejection | Fault]] = {
    "posthog": _posthog,
    "mixpanel": _mixpanel,
    "amplitude": _amplitude,
    "plausible": _plausible,
}
