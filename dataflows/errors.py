"""What makes a dataflow stop for good, besides its log and its stores.

::

    DataflowError
    `-- TooManyRejected    permanent until somebody looks: most events are refused, which they were not before
"""


class DataflowError(Exception):
    """A dataflow cannot go on."""


class TooManyRejected(DataflowError):  # noqa: N818 - names the fact
    """The dataflow refuses more of what the gateway took than chance explains.

    Args:
        partition: of the event log.
        refused: events refused of the last ``received``.
        received: how many were looked at.
    """

    def __init__(self, partition: int, refused: int, received: int) -> None:
        super().__init__(
            f"partition {partition}: {refused:,} of the last {received:,} events were refused though the gateway "
            "took them; this looks like a fault or a change of the log's format, so the dataflow stops. Nothing is "
            "lost: the log keeps the events, those refused are listed by `smolhog rejected list`. After a fix, start "
            "it again; SMOLHOG_MAX_REJECTED_RATIO=1 lets it go on as it is"
        )
        self.refused = refused
        self.received = received
