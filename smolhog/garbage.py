"""Python's cycle collector, kept from looking at what stays for good.

A full collection looks at every object that was imported, which takes 60 ms and stops everything. What answers
requests frees nearly all of its objects without the collector.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 100_000
_YOUNGER = 50


@contextmanager
def spared_collections(*, rare: bool) -> Iterator[None]:
    """Have full collections leave out what exists by now, until the block ends.

    Args:
        rare: whether to look a hundred times less often, too: for what makes thousands of objects at a time and no
            cycles, as events are. By default Python looks every 700 objects that hold others.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    if rare:
        gc.set_threshold(_OBJECTS, _YOUNGER, _YOUNGER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
