"""What the routes share: the stores, the keys and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from projects.keys import KeyRing
from query_api.columns import Columns
from query_api.freshness import Freshness
from smolhog.process_watch import ProcessWatch


@dataclass(frozen=True, slots=True)
class Rooms:
    """What an answer is made with.

    Attributes:
        columns: the columnar store.
        postgres: everything else that is stored, and how fresh answers are. Read ``as_of`` before the
            answer itself: it is then at least that fresh.
        keys: the live keys.
        keys_known: whether ``keys`` has been loaded.
        now: the clock, aware.
        watch: sees the other processes, if they are on this machine.
    """

    columns: Columns
    postgres: Freshness
    keys: KeyRing
    keys_known: Callable[[], bool]
    now: Callable[[], datetime]
    watch: ProcessWatch
