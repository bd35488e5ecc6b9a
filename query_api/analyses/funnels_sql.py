"""The statements about funnels. Pure: from a question to text and bound values."""

from typing import NamedTuple

from query_api.analyses.attempts import Order, attempts
from query_api.analyses.marked_events import marked_events
from query_api.analyses.sequences import MEMORY_SETTINGS, sequences
from query_api.questions.filter_sql import TRUE
from query_api.questions.filters import Group
from query_api.questions.ranges import Span
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, Selector
from schemas.rollup import OTHER

# The id that a person was last seen under; of two at one instant, either.
_DISTINCT_ID = ", argMax(distinct_id, timestamp) AS distinct_id"


class Funnel(NamedTuple):
    """A funnel, apart from how it is asked for."""

    steps: tuple[Selector, ...]
    order: Order
    window_micros: int
    filter: Group | None
    breakdown: Breakdown | None


class FunnelRow(NamedTuple):
    """The people of one value of the breakdown, or of all."""

    is_total: int
    kind: str
    """``value``, ``rest`` (values beyond the limit) or ``none`` (without one)."""
    value: str
    counts: list[int]
    """People who reached each step."""
    medians: list[float | None]
    """Seconds from the step before, for the second step and those after it."""
    averages: list[float | None]


class PersonRow(NamedTuple):
    """A person who converted or dropped."""

    person: str
    distinct_id: str
    reached_at: int
    """Microseconds since 1970."""


def summary_statement(funnel: Funnel, scope: Scope, span: Span) -> str:
    """Return a statement of :class:`FunnelRow`."""
    steps = range(1, len(funnel.steps) + 1)
    seconds = {step: f"(times[{step}] - times[{step - 1}]) / 1e6" for step in steps[1:]}
    medians = "".join(
        f", quantileExactInclusiveStateIf(0.5)({taken}, reached >= {step}) AS median_{step}"
        for step, taken in seconds.items()
    )
    sums = ", ".join(f"sumIf({taken}, reached >= {step})" for step, taken in seconds.items())
    counts = ", ".join(f"countIf(reached >= {step})" for step in steps)
    merged = ", ".join(f"quantileExactInclusiveMerge(0.5)(median_{step})" for step in seconds)
    limit = scope.bindings.whole(funnel.breakdown.limit if funnel.breakdown is not None else 0)
    label = "''"
    if funnel.breakdown is not None:
        label = f"arrayFirst(text -> {_label_code('text')} = label[start], labels)"
    rest = scope.bindings.text(f"={OTHER}")
    return f"""
SELECT grouping(kind) AS is_total, kind, value, sumForEach(counts) AS people, [{merged}],
    arrayMap((total, n) -> total / n, sumForEach(sums), arrayPopFront(people))
FROM (
    SELECT *,
        row_number() OVER (ORDER BY known IN ('', {rest}), counts[1] DESC, known) AS rank,
        multiIf(known = '', 'none', known != {rest} AND rank <= {limit}, 'value', 'rest') AS kind,
        if(kind = 'value', substring(known, 2), '') AS value
    FROM (
        SELECT {label} AS known, [{counts}] AS counts, [{sums}] AS sums{medians}
        FROM {_attempts(funnel, scope, span)}
        GROUP BY known
    )
)
GROUP BY GROUPING SETS ((kind, value), ())
{MEMORY_SETTINGS}, output_format_json_quote_denormals = 0
"""


def people_statement(
    funnel: Funnel,
    scope: Scope,
    span: Span,
    *,
    step: int,
    dropped: bool,
    after: tuple[int, str] | None,
    limit: int,
) -> str:
    """Return a statement of :class:`PersonRow`, the latest first.

    Args:
        funnel: the funnel.
        scope: of the statement.
        span: when.
        step: counted from 1.
        dropped: people whose last step is the one before ``step``, instead of those who did ``step``.
        after: go on after this (time, person).
        limit: most rows.
    """
    whole, text = scope.bindings.whole, scope.bindings.text
    last = whole(step - 1 if dropped else step)
    page = TRUE
    if after is not None:
        time, person = whole(after[0]), text(after[1])
        page = f"(reached_at < {time} OR (reached_at = {time} AND person > {person}))"
    return f"""
SELECT person, distinct_id, times[{last}] AS reached_at
FROM {_attempts(funnel, scope, span, also=_DISTINCT_ID)}
WHERE reached {"=" if dropped else ">="} {last} AND {page}
ORDER BY reached_at DESC, person
LIMIT {whole(limit)}
{MEMORY_SETTINGS}
"""


def _attempts(funnel: Funnel, scope: Scope, span: Span, also: str = "") -> str:
    # Steps that ask for the same share a mark.
    asked = [(step.event, step.filter) for step in funnel.steps]
    different = [step for place, step in enumerate(funnel.steps) if asked.index(asked[place]) == place]
    kinds = [[(step.event, step.filter) for step in different].index(each) for each in asked]
    relation = marked_events(
        scope,
        span.start_micros,
        span.end_micros,
        different,
        funnel.filter,
        # Any other event between two steps matters.
        only=TRUE if funnel.order is Order.STRICT else None,
        breakdown=funnel.breakdown,
        # An attempt begins with its first step, or with any.
        labelled=different if funnel.order is Order.ANY else different[:1],
    )
    bits = " + ".join(f"bitShiftLeft(toUInt16(is_{kind}), {kind})" for kind in range(len(different)))
    code, columns = bits, {"mask": "toUInt16(x)"}
    if funnel.breakdown is not None:
        # The label is kept as 48 bits, and the person's few different texts beside; a sign tells a text from none.
        label = "concat('=', assumeNotNull(breakdown))"
        code = (
            f"toUInt64(toUInt16({bits})) + if(breakdown IS NULL, 0, bitShiftLeft({_label_code(label)}, 16))"
        )
        columns["label"] = "bitShiftRight(x, 16)"
        also += f", groupUniqArrayIf({label}, breakdown IS NOT NULL) AS labels"
    window = scope.bindings.whole(funnel.window_micros)
    return attempts(sequences(relation, code, columns, also), funnel.order, kinds, window)


def _label_code(text: str) -> str:
    return f"bitShiftRight(sipHash64({text}), 16)"
