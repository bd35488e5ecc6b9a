"""What can go wrong with a dataflow and with a rebuild, besides the log and the stores.

::

    DataflowError
    |-- TooManyRejected        permanent until somebody looks: most events are refused, which they were not before
    |-- DataFolderFull         permanent until somebody makes room: ids and state cannot be kept
    |-- FolderOutdated         permanent until somebody moves the right folder: another one has gone on
    |-- DataflowStandsStill    retryable: a rebuild waited for a dataflow that did not come
    `-- RebuildRuns            retryable: one rebuild at a time
"""

from datetime import datetime
from pathlib import Path


class DataflowError(Exception):
    """A dataflow cannot go on, or a rebuild cannot begin."""


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


class DataFolderFull(DataflowError):  # noqa: N818 - names the fact
    """The disk that a dataflow keeps its ids and its state on is full.

    Args:
        partition: of the event log.
        folder: of the partition.
        free_bytes: what is left.
    """

    def __init__(self, partition: int, folder: Path, free_bytes: int) -> None:
        super().__init__(
            f"partition {partition}: the disk of {folder} is full, {free_bytes // 1024:,} KiB are left, so the dataflow "
            "stops. Nothing is lost: the log keeps the events, and once there is room the dataflow goes on where it "
            "was. Make room there and start it again"
        )


class FolderOutdated(DataflowError):  # noqa: N818 - names the fact
    """A partition's folder was left behind, and a dataflow elsewhere went on without it.

    Args:
        partition: of the event log.
        folder: the one that is here.
        place: of the one that went on.
        since: when it did.
    """

    def __init__(self, partition: int, folder: Path, place: str, since: datetime) -> None:
        super().__init__(
            f"partition {partition}: {folder} is out of date. Another dataflow has gone on without it since "
            f"{since:%Y-%m-%d %H:%M} UTC, in {place}; with this one events would be counted twice, so the dataflow "
            "stops. Nothing is lost: the log keeps the events. Move that folder here in place of this one, or, if it "
            "is gone, delete this one: then the dataflow goes on from what the stores hold"
        )


class DataflowStandsStill(DataflowError):  # noqa: N818 - names the fact
    """A dataflow did not come as far in the log as a rebuild needs."""

    def __init__(self, partition: int, position: int, needed: int) -> None:
        super().__init__(
            f"partition {partition}: the dataflow has come to offset {position} of the event log and not to {needed}"
        )


class RebuildRuns(DataflowError):  # noqa: N818 - names the fact
    """Another rebuild is under way."""

    def __init__(self) -> None:
        super().__init__("another rebuild is under way")
