"""Events that say who somebody is and what was seen, under the names that SmolHog gives a meaning."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Named(NamedTuple):
    """An event's name, whose it is, and its properties: the first arguments of ``track``."""

    event: str
    distinct_id: str
    properties: dict[str, Any]


def identify_event(
    distinct_id: str,
    properties: Mapping[str, Any] | None,
    set_once: Mapping[str, Any] | None,
    anonymous_id: str | None,
) -> Named:
    """``distinct_id`` is known now: what is known of the person, and the id that was used before."""
    said: dict[str, Any] = {}
    if properties:
        said["$set"] = dict(properties)
    if set_once:
        said["$set_once"] = dict(set_once)
    if anonymous_id is not None:
        said["$anon_distinct_id"] = anonymous_id
    return Named("$identify", distinct_id, said)


def alias_event(distinct_id: str, alias: str) -> Named:
    """``alias`` and ``distinct_id`` are one person."""
    return Named("$create_alias", distinct_id, {"alias": alias})


def group_event(
    distinct_id: str, group_type: str, group_key: str, properties: Mapping[str, Any] | None
) -> Named:
    """``distinct_id`` belongs to a group; the properties are the group's."""
    said: dict[str, Any] = {
        "$group_type": group_type,
        "$group_key": group_key,
        "$groups": {group_type: group_key},
    }
    if properties:
        said["$group_set"] = dict(properties)
    return Named("$groupidentify", distinct_id, said)


def page_event(distinct_id: str, url: str, properties: Mapping[str, Any] | None) -> Named:
    """A page was seen."""
    return Named("$pageview", distinct_id, {"$current_url": url, **(properties or {})})


def screen_event(distinct_id: str, name: str, properties: Mapping[str, Any] | None) -> Named:
    """A screen of an app was seen."""
    return Named("$screen", distinct_id, {"$screen_name": name, **(properties or {})})
