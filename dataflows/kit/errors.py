"""What can go wrong with a flow, besides the log and the stores.

::

    FlowError
    |-- FlowInvalid        permanent: the flow's file is wrong; the message says how to put it right
    |-- FlowOwned          another process runs this flow
    |-- FlowFileUnreadable permanent: an input file is missing or no file of events
    `-- LookupRefused      permanent: PostgreSQL refuses a flow's query
"""


class FlowError(Exception):
    """A flow cannot run."""


class FlowInvalid(FlowError):  # noqa: N818 - names the fact
    """What a flow's file says cannot be run."""


class FlowOwned(FlowError):  # noqa: N818 - likewise
    """Another live process runs this flow; two would step on each other's positions."""


class FlowFileUnreadable(FlowError):  # noqa: N818 - likewise
    """A file that a flow reads is missing, or holds no events."""


class LookupRefused(FlowError):  # noqa: N818 - likewise
    """PostgreSQL refuses the query of a join for good."""
