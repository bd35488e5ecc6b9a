"""What can go wrong with the event log.

::

    EventLogError
    ├── EventLogUnavailable          retryable: nothing is known to be stored, append again later
    │   └── EventLogFull             retryable once something was trimmed
    └── PermanentEventLogError       trying again changes nothing, a person or the caller decides
        ├── PartitionCountMismatch   the log was created with another number of partitions
        ├── UnknownPartition         a partition the log does not have
        ├── OffsetGone               retention deleted what was asked for
        ├── OffsetBeyondEnd          the log is shorter than the caller's position
        ├── MessageTooLarge          this one body is over the limit, its neighbours are not
        ├── EventLogRefused          credentials, or a name that is taken
        ├── EventLogCorrupt          the files are damaged
        └── EventLogClosed           used after `close()`

The two branches are what callers look at: the gateway spools on the first, the dataflow stops
on the second.
"""
# ruff: noqa: N818 - the names state the fact that a caller meets; "Error" adds nothing to them


class EventLogError(Exception):
    """Anything the event log raises on purpose."""


class EventLogUnavailable(EventLogError):
    """The log cannot be reached or did not confirm in time.

    A message whose append raised this may have been stored all the same (the confirmation was
    lost, not the message), so an append that is tried again may leave a duplicate.
    """


class EventLogFull(EventLogUnavailable):
    """The log has a capacity that may not be exceeded, and it is reached."""


class PermanentEventLogError(EventLogError):
    """Trying again without changing something gives the same error."""


class PartitionCountMismatch(PermanentEventLogError):
    """The number of partitions is fixed when a log is created; this one has another number."""

    def __init__(self, log: str, recorded: int, asked: int) -> None:
        super().__init__(
            f"{log} was created with {recorded} partitions, not {asked}: the partition of an event depends on "
            f"their number, so it is fixed for the life of a log. Set partitions to {recorded}, or use another log."
        )
        self.recorded = recorded
        self.asked = asked


class UnknownPartition(PermanentEventLogError):
    """The partition is not between 0 and the number of partitions."""

    def __init__(self, partition: int, partitions: int) -> None:
        super().__init__(f"partition must be between 0 and {partitions - 1}, got {partition}")
        self.partition = partition
        self.partitions = partitions


class OffsetGone(PermanentEventLogError):
    """Retention deleted messages that the reader had not read.

    Raised instead of skipping, so that the reader decides: stop, or go on with
    ``read(partition, error.oldest)`` and say what is missing.
    """

    def __init__(self, partition: int, asked: int, oldest: int) -> None:
        super().__init__(
            f"partition {partition}: offset {asked} is gone, the oldest message that was kept has offset {oldest}"
        )
        self.partition = partition
        self.asked = asked
        self.oldest = oldest


class OffsetBeyondEnd(PermanentEventLogError):
    """The reader's offset is past the end: the log was recreated or restored from a copy."""

    def __init__(self, partition: int, asked: int, end: int) -> None:
        super().__init__(
            f"partition {partition}: offset {asked} was asked for but the log ends at {end}: "
            "it is not the log that this offset came from"
        )
        self.partition = partition
        self.asked = asked
        self.end = end


class MessageTooLarge(PermanentEventLogError):
    """The body is larger than a message may be."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a message may have at most {limit} bytes, got {size}")
        self.size = size
        self.limit = limit


class EventLogRefused(PermanentEventLogError):
    """The broker answered and said no."""


class EventLogCorrupt(PermanentEventLogError):
    """A file of the log is not what was written."""


class EventLogClosed(PermanentEventLogError):
    """The log object was closed; readers that were waiting get this too."""

    def __init__(self) -> None:
        super().__init__("the event log is closed")
