"""Events over HTTP: ``POST /v1/batch`` and the first SDK's ``POST /events``.

Answers: 200 with the verdicts; 400, 401, 403, 408, 413 and 415 for the client's fault; 503 with ``Retry-After``
for ours. Never 429: SDKs throw events away on it.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ingest_gateway.admission import RETRY_AFTER, Admission, Refused
from ingest_gateway.batch import DecodedBatch, kept_frame
from ingest_gateway.body import read_body
from ingest_gateway.errors import BodyError, FrameError, Refusal
from ingest_gateway.intake import Intake, Outcome
from ingest_gateway.native import NativeDecoder
from ingest_gateway.peer import bearer_key, peer_of
from ingest_gateway.vendors.first_sdk import SOURCE as FIRST_SDK
from ingest_gateway.vendors.first_sdk import answer_of, decode_first_sdk
from projects.keys import Key
from schemas.limits import Limits
from schemas.wire import HttpAnswer, Verdict
from smolhog import metrics

SOURCE = "http.v1"

_PACKED = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})
# text/plain is what a page can send without a preflight.
_JSON = frozenset({"", "application/json", "text/plain"})

Decode = Callable[[bytes, Key], DecodedBatch]


class HttpError(msgspec.Struct, omit_defaults=True):
    """Body of every answer that is not 200."""

    code: str
    message: str
    accepted: int = 0
    """Events that are durable all the same."""
    results: list[Verdict] = []
    """The others, where a verdict per event is known."""


class HttpIntake:
    """The HTTP endpoints that take events."""

    def __init__(
        self,
        *,
        decoder: NativeDecoder,
        limits: Limits,
        admission: Admission,
        intake: Intake,
        new_id: Callable[[], str],
    ) -> None:
        self._decoder = decoder
        self._limits = limits
        self._admission = admission
        self._intake = intake
        self._new_id = new_id

    async def post_batch(self, request: Request) -> Response:
        """``POST /v1/batch``."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in _JSON and media_type not in _PACKED:
            message = "Content-Type must be application/json or application/msgpack"
            return _refuse(SOURCE, 415, HttpError(Refusal.UNSUPPORTED_TYPE, message))
        packed = media_type in _PACKED

        def decode(body: bytes, _key: Key) -> DecodedBatch:
            return self._decoder.decode_body(body, packed=packed)

        taken = await self._take(request, SOURCE, bearer_key(request.headers), decode)
        if isinstance(taken, Response):
            return taken
        batch, outcome = taken
        return _json(200, HttpAnswer(outcome.accepted, outcome.results, batch.id))

    async def post_events(self, request: Request) -> Response:
        """``POST /events`` of SmolHog's first SDK."""

        def decode(body: bytes, key: Key) -> DecodedBatch:
            return decode_first_sdk(body, project_id=key.project_id, limits=self._limits, new_id=self._new_id)

        taken = await self._take(request, FIRST_SDK, request.headers.get("smolhog-api-key"), decode)
        if isinstance(taken, Response):
            return taken
        batch, _ = taken
        return _json(200, answer_of(batch))

    async def _take(
        self, request: Request, source: str, secret: str | None, decode: Decode
    ) -> Response | tuple[DecodedBatch, Outcome]:
        """Take a request's events into the log; an answer that is not 200 is returned as such."""
        key = self._admission.admit(request, source, secret)
        if isinstance(key, Refused):
            return _refuse(source, key.status, HttpError(key.code, key.message), key.headers)
        try:
            body = await read_body(request, self._limits.frame_bytes)
        except BodyError as error:
            # Whatever the client is still sending is not read any more.
            return _refuse(
                source, error.status, HttpError(error.code, error.message), {"Connection": "close"}
            )
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody reads it.
        refused: FrameError | None = None
        try:
            batch = decode(body, key)
        except FrameError as error:
            refused, batch = error, kept_frame(body, error)
        self._admission.count(key, len(batch.events) + len(batch.rejected))
        pending = self._intake.submit(key.project_id, source, peer_of(request), batch)
        await pending.done
        outcome = self._intake.outcome(pending)
        if not outcome.is_durable:
            message = "the event log did not confirm; send the events again"
            error_body = HttpError(Refusal.UNAVAILABLE, message, outcome.accepted, outcome.results)
            return _refuse(source, 503, error_body, RETRY_AFTER)
        if refused is not None:
            return _refuse(source, 400, HttpError(refused.code.value, refused.message))
        return batch, outcome


def _json(status: int, body: msgspec.Struct, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def _refuse(source: str, status: int, error: HttpError, headers: dict[str, str] | None = None) -> Response:
    metrics.FRAMES_REFUSED.labels(source, str(error.code)).inc()
    return _json(status, error, headers)
