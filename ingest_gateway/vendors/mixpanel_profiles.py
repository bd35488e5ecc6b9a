"""Mixpanel's updates of people and groups (``/engage``, ``/groups``) as events.

``$set``, ``$set_once`` and ``$unset`` mean here what they mean there. The other operations (``$add``,
``$append``, ``$union``, ``$remove``, ``$delete``) are kept in the event's properties and change nobody.

Updates carry no id. Those with a ``$time`` get one made of what they say, so that a retry is recognised.
"""

import hashlib
from typing import Any

from ingest_gateway.vendors.opened import Native, id_text
from ingest_gateway.vendors.times import parse_instant
from schemas.properties import Rejection
from schemas.reasons import RejectReason

_OBJECTS = ("$set", "$set_once")
_ENVELOPE = frozenset({"$token", "$distinct_id", "$time", "$group_key", "$group_id", "$ignore_time"})


def person_to_native(update: dict[str, Any], text: str, repeat: int) -> Native | Rejection:
    """Turn an update of a person into a ``$set`` event.

    Args:
        update: as it came.
        text: the same as text.
        repeat: how often the same text stood before it in its request.
    """
    distinct_id = id_text(update.get("$distinct_id"))
    if distinct_id is None:
        return Rejection(RejectReason.INVALID_FIELD, "$distinct_id is missing")
    properties = _operations(update)
    if isinstance(properties, Rejection):
        return properties
    return _native("$set", distinct_id, properties, update, text, repeat)


def group_to_native(update: dict[str, Any], text: str, repeat: int) -> Native | Rejection:
    """Turn an update of a group into a ``$groupidentify`` event; arguments as above."""
    kind, key = id_text(update.get("$group_key")), id_text(update.get("$group_id"))
    if kind is None or key is None:
        return Rejection(RejectReason.INVALID_FIELD, "$group_key and $group_id are needed")
    operations = _operations(update)
    if isinstance(operations, Rejection):
        return operations
    properties = {"$group_type": kind, "$group_key": key, "$group_set": operations.pop("$set", {})}
    # These are the group's; under their own names they would change a person.
    properties |= {f"$group{name.replace('$', '_')}": value for name, value in operations.items()}
    return _native("$groupidentify", f"${kind}_{key}"[:200], properties, update, text, repeat)


def _operations(update: dict[str, Any]) -> dict[str, Any] | Rejection:
    for name in _OBJECTS:
        if not isinstance(update.get(name), dict | None):
            return Rejection(RejectReason.INVALID_FIELD, f"{name} must be an object")
    return {
        name: value
        for name, value in update.items()
        if name.startswith("$") and name not in _ENVELOPE and value is not None
    }


def _native(
    name: str, distinct_id: str, properties: dict[str, Any], update: dict[str, Any], text: str, repeat: int
) -> Native:
    when = update.get("$time")
    if when is None:
        return Native(name, distinct_id, properties)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Native(name, distinct_id, properties, parse_instant(when), f"{digest}/{repeat}")
