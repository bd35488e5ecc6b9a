"""The rejected events of a project, page by page."""

from base64 import b64encode
from datetime import datetime
from zoneinfo import ZoneInfo

from query_api.errors import InvalidParameter
from query_api.models import RejectedAnswer, RejectedEvent, RejectedParameters
from query_api.moments import parse_moment
from query_api.rooms import Rooms
from schemas.envelope import REJECTED_PAYLOAD_BYTES
from schemas.reasons import RejectReason
from sinks.postgres.rejected import LATEST, SELECT_REJECTED, RejectedQuery, RejectedRecord

_UTC = ZoneInfo("UTC")


async def read_rejected(rooms: Rooms, project_id: int, asked: RejectedParameters) -> RejectedAnswer:
    """Return the rejected events that were stored last, or those before a cursor.

    What could not be told to be of any project is in nobody's answer; the command line shows it.

    Raises:
        InvalidParameter: a time cannot be read, or the two are the wrong way round.
        StoreUnavailable: PostgreSQL is away.
    """
    now, postgres = rooms.now(), rooms.postgres
    begin, end = _moment(asked.from_, "from", now), _moment(asked.to, "to", now)
    if begin is not None and end is not None and begin >= end:
        raise InvalidParameter("from must be before to", field="from")
    query = RejectedQuery(
        project_id=project_id,
        reason=asked.reason,
        begin=begin,
        end=end,
        before=asked.before or LATEST,
        limit=asked.limit + 1,
        payload_bytes=REJECTED_PAYLOAD_BYTES,
    )
    as_of = await postgres.as_of()
    rows = [RejectedRecord(*row) for row in await postgres.rows(SELECT_REJECTED, query.parameters())]
    page = rows[: asked.limit]
    return RejectedAnswer(
        rejected=[_shown(record) for record in page],
        next=page[-1].rejected_id if len(rows) > asked.limit else None,
        as_of=as_of,
    )


def _moment(text: str | None, field: str, now: datetime) -> datetime | None:
    return None if text is None else parse_moment(text, _UTC, now, field=field, ends=field == "to")


def _shown(record: RejectedRecord) -> RejectedEvent:
    text = record.payload.decode(errors="replace")
    # Only what has no project came without one.
    assert record.received_at is not None
    return RejectedEvent(
        number=record.rejected_id,
        received_at=record.received_at,
        reason=RejectReason(record.reason),
        message=record.message,
        event_id=record.event_id,
        source=record.source,
        rejected_by=record.rejected_by,
        replayed_at=record.replayed_at,
        payload=text,
        payload_base64=None if text.encode() == record.payload else b64encode(record.payload).decode(),
    )
