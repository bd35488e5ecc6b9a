"""What can go wrong at a store.

::

    SinkError
    |-- SinkUnavailable      try the same write again later
    `-- SinkRejectedWrite    the store answered and refused; the same write would be refused again
    MigrationError           the schema is not what this version needs, and could not be made so
    PartitionOwned           another process writes this partition of the log
"""


class SinkError(Exception):
    """A write to a store failed."""


class SinkUnavailable(SinkError):  # noqa: N818 - named for the state, as its retry policy reads
    """The store cannot be reached or asked to be left alone for now; retryable."""


class SinkRejectedWrite(SinkError):  # noqa: N818 - likewise
    """The store refused this write for good."""


class MigrationError(Exception):
    """The schema could not be brought to this version."""


class PartitionOwned(Exception):  # noqa: N818 - likewise
    """Another live process owns a partition; two writers would step on each other's positions."""
