"""Which bucket of a list an event falls into, as SQL. Pure."""

from query_api.buckets import Buckets
from query_api.questions.bindings import Bindings


def bucket_place(buckets: Buckets, bindings: Bindings) -> str:
    """Return an expression (UInt16) over ``timestamp``: the place of its bucket, from 0.

    Only for events within the buckets. :attr:`query_api.buckets.Buckets.runs` explains how they are told.
    """
    runs = buckets.runs
    places, place = [], 0
    for run, following in zip(runs, [*(run.start for run in runs[1:]), buckets.end], strict=True):
        places.append(place)
        place += (following - run.start) // run.step
    starts = bindings.put([run.start for run in runs], "Array(Int64)")
    steps = bindings.put([run.step for run in runs], "Array(Int64)")
    first_places = bindings.put(places, "Array(Int64)")
    at = "toInt64(toUnixTimestamp(timestamp))"
    own_run = f"roundDown({at}, {starts})"
    step = f"transform({own_run}, {starts}, {steps}, toInt64(1))"
    return f"toUInt16(transform({own_run}, {starts}, {first_places}, toInt64(0)) + intDiv({at} - {own_run}, {step}))"
