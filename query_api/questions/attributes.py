"""Where a property is found, and its value as SQL: as text, as a number, and whether it is there at all. Pure.

The expressions stand in a scope with the columns of :func:`query_api.questions.events_relation.events_relation`.
"""

from dataclasses import dataclass

from query_api.questions.bindings import Bindings
from query_api.questions.filters import GROUP

EVENT_NAME = "$event"
"""What questions call the name of an event."""
FIELDS = {
    EVENT_NAME: "event",
    "$distinct_id": "distinct_id",
    "$session_id": "session_id",
    "$source": "source",
}
"""What an event has besides properties, by the name that questions use."""

GROUP_KEY = "$group_key"
"""What questions call the key by which an event names a group of some type."""

_NUMERIC_TEXT = r"'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$'"
# The longest text of a sent property that the rollups have a cell for; all that enrichment adds has one.
VALUE_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Attribute:
    """A property of something, as SQL expressions.

    Attributes:
        text: String. Numbers and booleans as JSON writes them, lists and objects as JSON; without meaning
            where the property is not there.
        number: Nullable(Float64): of numbers, and of texts that are one.
        present: whether it is there, and not null.
        label: Nullable(String): what a breakdown tells apart; see :func:`event_attribute`.
        raw: String: its JSON, empty where it is not there; None where the property is none of JSON.
    """

    text: str
    number: str
    present: str
    label: str
    raw: str | None = None


def event_attribute(name: str, bindings: Bindings) -> Attribute:
    """Return a property of an event: a field of it, else as it was sent, else from the context.

    A breakdown tells booleans and texts apart, sent ones of up to 100 characters: what the rollups have
    cells for, so that both ways of counting give the same numbers.
    """
    if name in FIELDS:
        return text_attribute(FIELDS[name])
    key, sent = bindings.text(name), bindings.alias()
    json = _Json(
        f"if((JSONExtractRaw(properties, {key}) AS {sent}) = '', JSONExtractRaw(context, {key}), {sent})",
        bindings,
    )
    short = f"({sent} = '' OR lengthUTF8({json.text_again}) <= {VALUE_CHARACTERS})"
    label = (
        f"multiIf({json.raw} IN ('true', 'false'), {json.again}, "
        f"startsWith({json.again}, '\"') AND {short}, {json.text_again}, NULL)"
    )
    return Attribute(json.text, json.number, json.present, label, json.raw)


def json_attribute(expression: str, bindings: Bindings) -> Attribute:
    """Return a property whose JSON text is an expression, which is empty where there is none.

    A breakdown tells texts, numbers and booleans apart.
    """
    json = _Json(expression, bindings)
    scalar = f"{json.raw} NOT IN ('', 'null') AND substring({json.again}, 1, 1) NOT IN ('[', '{{')"
    return Attribute(json.text, json.number, json.present, f"if({scalar}, {json.text_again}, NULL)", json.raw)


class _Json:
    """Expressions of a JSON text.

    Each names what it says twice, so that statements stay short and the store looks into the JSON once.
    ``again`` and ``text_again`` stand where ``raw`` was said before.
    """

    def __init__(self, expression: str, bindings: Bindings) -> None:
        self.again = bindings.alias()
        self.raw = f"({expression} AS {self.again})"
        # Most texts have nothing to decode between their quotes.
        decoded = (
            f"position({self.again}, '\\\\') = 0, substring({self.again}, 2, length({self.again}) - 2), "
            f"JSONExtractString({self.again})"
        )
        self.text_again = f"multiIf(NOT startsWith({self.again}, '\"'), {self.again}, {decoded})"
        self.text = f"multiIf(NOT startsWith({self.raw}, '\"'), {self.again}, {decoded})"
        self.present = f"{self.raw} NOT IN ('', 'null')"
        name = bindings.alias()
        text = f"(JSONExtractString({self.again}) AS {name})"
        numeric_text = f"if(match({text}, {_NUMERIC_TEXT}), toFloat64OrNull({name}), NULL)"
        self.number = f"if(startsWith({self.raw}, '\"'), {numeric_text}, toFloat64OrNull({self.again}))"


def text_attribute(expression: str) -> Attribute:
    """Return a property whose text is an expression, empty where there is none."""
    # The text is the bare expression: of a column, by it the primary key is searched.
    plain = f"toString({expression})"
    number = f"if(match({plain}, {_NUMERIC_TEXT}), toFloat64OrNull({plain}), NULL)"
    return Attribute(expression, number, f"{expression} != ''", f"nullIf({plain}, '')")


def group_key(of: str, bindings: Bindings) -> str:
    """Return the key of the event's group of a type as SQL: String, empty where the event names none.

    Args:
        of: ``group:`` and the type.
        bindings: of the statement.
    """
    return f"JSONExtractString(properties, '$groups', {bindings.text(of.removeprefix(GROUP))})"
