"""The closed set of reasons for which an event is not stored.

One code serves everywhere: the verdict on the wire, the label of the ``rejected`` metric, and the
``reason`` column of ``rejected_events``. Adding a member is a protocol change; removing one breaks
dashboards.
"""

from enum import StrEnum


class RejectReason(StrEnum):
    """Why an event was refused; the value is the code that clients see."""

    MALFORMED = "malformed"
    """Not JSON (or MessagePack), or not of the protocol's shape as a whole."""

    INVALID_UTF8 = "invalid_utf8"
    """Text that is not UTF-8."""

    INVALID_FIELD = "invalid_field"
    """A field is missing or of the wrong type; the message names it."""

    INVALID_EVENT_ID = "invalid_event_id"
    """``event_id`` is not a UUID."""

    INVALID_TIMESTAMP = "invalid_timestamp"
    """``timestamp`` is not RFC 3339 with a zone."""

    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    """The time lies before 1970-01-01, which no store here can hold."""

    NAME_TOO_LONG = "name_too_long"
    """``event``, ``distinct_id``, ``session_id`` or a property's name passes the limit."""

    EVENT_TOO_LARGE = "event_too_large"
    """The JSON of ``properties`` passes the limit."""

    TOO_MANY_PROPERTIES = "too_many_properties"
    """More top-level properties than the limit."""

    NESTED_TOO_DEEP = "nested_too_deep"
    """Properties nest deeper than the limit."""

    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    """NaN, an infinity, or a number that no 64-bit float holds."""

    NUL_CHARACTER = "nul_character"
    """U+0000 in a string: PostgreSQL cannot store it."""

    LONE_SURROGATE = "lone_surrogate"
    """Half of a UTF-16 pair: no UTF-8 store can hold it."""

    DUPLICATE_KEY = "duplicate_key"
    """One JSON object names a key twice, and readers disagree on which one counts."""

    BATCH_TOO_LARGE = "batch_too_large"
    """The event stands behind the last one that a batch may hold."""
