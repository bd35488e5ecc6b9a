"""How far each person got in a funnel, and by which attempt; one statement for each kind of order. Pure.

The steps that an event is one of are bits of a mask, bit 0 for the first. Per person the masks stand in an array, and
whole arrays are worked on at once, one step after the other, so that the cost grows with the number of events times
the number of steps, and a person with a million events is as cheap as a million people with one.

Each level of a statement is a subquery around the one before: an expression that names another twice would otherwise
double with every step.
"""

from enum import StrEnum

_NONE = "(toInt64(0), toUInt32(0))"
_NEVER = "toInt64(4611686018427387904)"


class Order(StrEnum):
    """What may happen between the steps of a funnel, and in which order they come."""

    ORDERED = "ordered"
    STRICT = "strict"
    ANY = "any"


def attempts(sequence: str, order: Order, kinds: list[int], window: str) -> str:
    """Return a subquery, in brackets, with a row for each person who made an attempt.

    Columns besides those of ``sequence``: ``reached`` (UInt8, 1 .. steps), ``start`` (place of the attempt's first event
    in the arrays, from 1) and ``times`` (Array(Int64), when each step up to ``reached`` was done).

    Args:
        sequence: subquery of (person, at, mask, …), as :func:`query_api.analyses.sequences.sequences` makes it.
        order: of the steps.
        kinds: for each step, the bit of the mask that says an event is one; equal for steps that ask for the same.
        window: placeholder of the time from the attempt's first event to its last, in microseconds.
    """
    match order:
        case Order.ORDERED:
            return _ordered(sequence, kinds, window)
        case Order.STRICT:
            return _strict(sequence, kinds, window)
        case Order.ANY:
            return _any(sequence, kinds, window)


def _is(mask: str, kind: int) -> str:
    return f"bitTest({mask}, {kind})"


def _before(array: str, is_set: str) -> str:
    """For each place, the last value before it for which ``is_set`` (of x) holds."""
    return f"arrayPushFront(arrayPopBack(arrayFill(x -> {is_set}, {array})), {_NONE})"


def _ordered(sequence: str, kinds: list[int], window: str) -> str:
    # done_k holds, at each event that does step k, the first event (time, place) of the attempt that it continues: of
    # all attempts that are at step k - 1 by then the one that began last, since it has the most time left. An attempt
    # does a step at one event only, the first that can.
    is_set = "x.2 != 0"
    first = _is("m", kinds[0])
    query = f"""(
    SELECT *, arrayMap((m, t, place) -> if({first}, (t, place), {_NONE}), mask, at, arrayEnumerate(mask)) AS done_1
    FROM {sequence}
    WHERE arrayExists(m -> {first}, mask)
)"""
    for step, kind in enumerate(kinds[1:], 2):
        query = f"""(
    SELECT * EXCEPT (could), arrayMap((own, last) -> if(own.2 != last.2, own, {_NONE}), could, {_before("could", is_set)}) AS done_{step}
    FROM (
        SELECT *, arrayMap(
            (m, t, own) -> if({_is("m", kind)} AND own.2 != 0 AND t - own.1 <= {window}, own, {_NONE}),
            mask, at, {_before(f"done_{step - 1}", is_set)}
        ) AS could
        FROM {query}
    )
)"""
    steps = range(1, len(kinds) + 1)
    firsts = ", ".join(f"arrayFirst(x -> {is_set}, done_{step}).2" for step in steps)
    places = ", ".join(f"at[indexOf(done_{step}.2, start)]" for step in steps)
    return f"""(
    SELECT * EXCEPT (firsts), arraySlice([{places}], 1, reached) AS times
    FROM (
        SELECT *, toUInt8(countEqual(arrayMap(x -> x != 0, firsts), 1)) AS reached, firsts[reached] AS start
        FROM (SELECT *, [{firsts}] AS firsts FROM {query})
    )
)"""


def _strict(sequence: str, kinds: list[int], window: str) -> str:
    # mask_k and at_k are the arrays moved by k - 1 places, so that an attempt's k-th event stands beside its first.
    first = _is("m", kinds[0])
    query = f"""(
    SELECT *, mask AS mask_1, at AS at_1, arrayMap(m -> toUInt8({first}), mask) AS depth
    FROM {sequence}
    WHERE arrayExists(m -> {first}, mask)
)"""
    for step, kind in enumerate(kinds[1:], 2):
        query = f"""(
    SELECT * REPLACE (arrayMap(
        (d, m, t, t1) -> toUInt8(d + (d = {step - 1} AND {_is("m", kind)} AND t - t1 <= {window})),
        depth, mask_{step}, at_{step}, at
    ) AS depth)
    FROM (
        SELECT * EXCEPT (mask_{step - 1}, at_{step - 1}),
            arrayPushBack(arrayPopFront(mask_{step - 1}), toUInt16(0)) AS mask_{step},
            arrayPushBack(arrayPopFront(at_{step - 1}), toInt64(0)) AS at_{step}
        FROM {query}
    )
)"""
    return f"""(
    SELECT *, arrayMax(depth) AS reached, indexOf(depth, reached) AS start, arraySlice(at, start, reached) AS times
    FROM {query}
)"""


def _any(sequence: str, kinds: list[int], window: str) -> str:
    # next_k holds, at each event, when the k-th step is done by an attempt that begins there. A step that asks for
    # the same as one before it takes the event after that one's.
    query = sequence
    last_of_kind: dict[int, int] = {}
    for step, kind in enumerate(kinds, 1):
        if kind in last_of_kind:
            after = f"next_{last_of_kind[kind]}"
            own = f"arrayPushBack(arrayPopFront({after}), {_NEVER})"
        else:
            own = "at"
        last_of_kind[kind] = step
        marked = f"arrayMap((m, t) -> if({_is('m', kind)}, t, toInt64(-1)), mask, {own})"
        filled = f"arrayReverseFill(x -> x >= 0, {marked})"
        query = f"(SELECT *, arrayMap(x -> if(x < 0, {_NEVER}, x), {filled}) AS next_{step} FROM {query})"
    steps = range(1, len(kinds) + 1)
    names = ", ".join(f"n{step}" for step in steps)
    arrays = ", ".join(f"next_{step}" for step in steps)
    return f"""(
    SELECT *, arrayLastIndex(x -> x = earliest, finished) AS start, arraySlice(all_times[start], 1, reached) AS times
    FROM (
        SELECT *, arrayMin(finished) AS earliest
        FROM (
            SELECT *, arrayMap((every, d) -> if(d = reached, every[d], {_NEVER}), all_times, depth) AS finished
            FROM (
                SELECT *, arrayMax(depth) AS reached
                FROM (
                    SELECT *, arrayMap((every, t) -> toUInt8(arrayCount(x -> x - t <= {window}, every)), all_times, at) AS depth
                    FROM (SELECT *, arrayMap(({names}) -> arraySort([{names}]), {arrays}) AS all_times FROM {query})
                )
            )
        )
    )
)"""
