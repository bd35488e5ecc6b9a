"""The endpoints of other vendors' SDKs: the thin edge around :mod:`ingest_gateway.vendors`.

Most of these protocols name their key in the body. So a body is read before it is known whose it is, within
a budget of memory, and searched for a live key before anything in it is parsed.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ingest_gateway.admission import RETRY_AFTER, Admission, Refused
from ingest_gateway.batch import kept_frame
from ingest_gateway.body import BodyBudget, read_body
from ingest_gateway.errors import BodyError, FrameError, Refusal, UnknownKeyError
from ingest_gateway.intake import Intake
from ingest_gateway.peer import bearer_key, peer_of
from ingest_gateway.vendors import mixpanel, posthog, posthog_v1, segment
from ingest_gateway.vendors.judging import HIDDEN_KEY, Part, judge_request
from ingest_gateway.vendors.opened import Opened, Stored, VendorRequest, write_keys_in
from ingest_gateway.vendors.posthog_config import config_of, flags_answer
from ingest_gateway.vendors.segment_config import settings_of
from projects.keys import Key
from schemas.limits import Limits
from schemas.reasons import RejectReason
from schemas.wire import Verdict
from smolhog import metrics

BODY_BYTES = 8 * 1024 * 1024
"""Most that a body may have, as sent and decompressed; the vendors' SDKs make them of up to 6 MiB."""
STRANGERS_BYTES = 64 * 1024 * 1024
"""Most that all bodies may have together of which it is not known whose they are."""
_LARGE = 64 * 1024
"""Bytes of a body from which on it is decoded beside the event loop."""
_LARGE_PACKED = 2 * 1024
"""The same of one that is not plain JSON and may become a thousand times as large."""
_LARGE_AT_ONCE = 2

Open = Callable[[VendorRequest], Opened]
Refuse = Callable[[str, str], dict[str, Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Protocol:
    """What the edge has to know of a vendor's protocol."""

    source: str
    open: Open
    """Takes a request apart."""
    refuse: Refuse
    """Writes the body of an answer that refuses a request, of a code and a message."""


_POSTHOG = Protocol(posthog.SOURCE, posthog.open_posthog, posthog.refusal_posthog)
_POSTHOG_V1 = Protocol(posthog_v1.SOURCE, posthog_v1.open_posthog_v1, posthog.refusal_posthog)
_SEGMENT = Protocol(segment.SOURCE, segment.open_segment, segment.refusal_segment)
_MIXPANEL = Protocol(mixpanel.SOURCE, mixpanel.open_mixpanel, mixpanel.refusal_mixpanel)


class VendorIntake:
    """Takes the requests of vendors' SDKs."""

    def __init__(
        self,
        *,
        limits: Limits,
        admission: Admission,
        intake: Intake,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._limits = limits
        self._admission = admission
        self._intake = intake
        self._now = now
        self._new_id = new_id
        self._body_bytes = max(BODY_BYTES, limits.frame_bytes)
        self._strangers = BodyBudget(STRANGERS_BYTES)
        self._decoding = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def post_posthog(self, request: Request) -> Response:
        """``/batch``, ``/e`` and the like of PostHog's."""
        return await self._take(request, _POSTHOG, None)

    async def post_posthog_v1(self, request: Request) -> Response:
        """``/i/v1/analytics/events`` of PostHog's."""
        return await self._take(request, _POSTHOG_V1, bearer_key(request.headers) or "")

    async def post_segment(self, request: Request) -> Response:
        """``/v1/track`` and the like of Segment's."""
        return await self._take(request, _SEGMENT, _basic_user(request))

    async def post_mixpanel(self, request: Request) -> Response:
        """``/track``, ``/import``, ``/engage`` and ``/groups`` of Mixpanel's."""
        user = _basic_user(request)
        # Others than write keys are accounts and secrets of Mixpanel's; then the events have the token.
        secret = user if user is not None and user.startswith("sh_w_") else None
        return await self._take(request, _MIXPANEL, secret)

    async def post_flags(self, request: Request) -> Response:
        """``/flags`` and ``/decide`` of PostHog's: there are none."""
        wants_config = request.query_params.get("config") in {"1", "true"}
        return await self._say(
            request, lambda token: flags_answer(self._new_id(), token if wants_config else None)
        )

    async def post_recording(self, request: Request) -> Response:
        """``/s`` of PostHog's: recordings of screens are taken and dropped."""
        return await self._say(request, lambda _token: {"status": 1})

    async def get_config(self, request: Request) -> Response:
        """``/array/<token>/config`` of PostHog's."""
        token: str = request.path_params["token"]
        admitted = self._admission.admit(request, posthog.SOURCE, token)
        if isinstance(admitted, Refused):
            return _refuse(_POSTHOG, admitted)
        return _json(200, config_of(token))

    async def get_settings(self, request: Request) -> Response:
        """``/v1/projects/<key>/settings`` of Segment's."""
        secret: str = request.path_params["key"]
        admitted = self._admission.admit(request, segment.SOURCE, secret)
        if isinstance(admitted, Refused):
            return _refuse(_SEGMENT, admitted)
        return _json(200, settings_of(secret, request.url.scheme, request.url.netloc))

    async def _say(self, request: Request, answer: Callable[[str], dict[str, Any]]) -> Response:
        """Answer a request of PostHog's that carries no events, once its key is known to be good."""

        async def say(asked: VendorRequest) -> Response:
            opened = await self._beside(asked, lambda: posthog.open_posthog(asked))
            secret = _only(opened.secrets)
            admitted = self._admission.admit(request, posthog.SOURCE, secret)
            if secret is None or isinstance(admitted, Refused):
                return _refuse(_POSTHOG, admitted if isinstance(admitted, Refused) else _STRANGER)
            return _json(200, answer(secret))

        return await self._with_body(request, _POSTHOG, None, say)

    async def _take(self, request: Request, protocol: Protocol, secret: str | None) -> Response:
        """Take a request's events into the log.

        Args:
            request: of the SDK.
            protocol: that it speaks.
            secret: the key that a header names; ``None`` where the body names it.
        """
        if secret is not None:
            admitted = self._admission.admit(request, protocol.source, secret)
            if isinstance(admitted, Refused):
                return _refuse(protocol, admitted)

        async def take(asked: VendorRequest) -> Response:
            try:
                opened = await self._beside(asked, lambda: protocol.open(asked))
            except FrameError as error:
                return await self._keep(request, protocol, asked, secret, error)
            return await self._take_events(request, protocol, asked, opened, secret or _only(opened.secrets))

        return await self._with_body(request, protocol, secret, take)

    async def _with_body(
        self,
        request: Request,
        protocol: Protocol,
        secret: str | None,
        act: Callable[[VendorRequest], Awaitable[Response]],
    ) -> Response:
        """Read a request's body, within the strangers' budget where no header names a key, and act on it."""
        refused = self._admission.fullness(protocol.source)
        if refused is not None:
            return _refuse(protocol, refused)
        held = []

        def hold(size: int) -> None:
            self._strangers.take(size)
            held.append(size)

        try:
            # Some SDKs make smaller batches once they read that one is too large.
            body = await read_body(
                request, self._body_bytes, hold if secret is None else None, discard=4 * self._body_bytes
            )
            return await act(
                VendorRequest(
                    path=request.url.path,
                    query=dict(request.query_params),
                    headers=dict(request.headers),
                    body=body,
                    now=self._now(),
                    limit=self._body_bytes,
                    is_known=self._admission.is_known,
                    has_key=secret is not None,
                )
            )
        except BodyError as error:
            headers = {"Connection": "close"} | (RETRY_AFTER if error.status == 503 else {})
            return _refuse(protocol, Refused(error.status, error.code, error.message, headers))
        except FrameError as error:
            return _refuse(protocol, Refused(400, error.code.value, error.message))
        except UnknownKeyError:
            return _refuse(protocol, _STRANGER)
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody reads it.
        finally:
            self._strangers.give_back(sum(held))

    async def _take_events(
        self, request: Request, protocol: Protocol, asked: VendorRequest, opened: Opened, secret: str | None
    ) -> Response:
        key = self._admission.admit(request, opened.source, secret)
        if secret is None or isinstance(key, Refused):
            return _refuse(protocol, key if isinstance(key, Refused) else _STRANGER)
        project_id = key.project_id
        parts = await self._beside(
            asked, lambda: judge_request(opened, project_id, self._limits, self._new_id, secret)
        )
        stored = await self._store(request, key, opened.source, parts)
        if stored.retries and not (opened.answers_retries and stored.accepted):
            return _refuse(protocol, _NOT_CONFIRMED)
        answer = opened.answer(stored)
        return _json(answer.status, answer.body)

    async def _keep(
        self,
        request: Request,
        protocol: Protocol,
        asked: VendorRequest,
        secret: str | None,
        error: FrameError,
    ) -> Response:
        """Keep a body that cannot be read for people to look at, if it can be told whose it is."""
        if secret is None:
            secret = _only(frozenset(filter(self._admission.is_known, write_keys_in(asked.body))))
        key = self._admission.admit(request, protocol.source, secret)
        if secret is None or isinstance(key, Refused):
            # A body that is empty or damaged may still be anybody's; without a key it is nobody's.
            return _refuse(protocol, key if isinstance(key, Refused) else _STRANGER)
        kept = kept_frame(asked.body.replace(secret.encode(), HIDDEN_KEY.encode()), error)
        stored = await self._store(request, key, protocol.source, [Part(0, kept)])
        if stored.retries:
            return _refuse(protocol, _NOT_CONFIRMED)
        # Some SDKs make smaller batches of it then.
        status = 413 if error.code is RejectReason.BATCH_TOO_LARGE else 400
        return _refuse(protocol, Refused(status, error.code.value, error.message))

    async def _store(self, request: Request, key: Key, source: str, parts: list[Part]) -> Stored:
        """Store the events of a request, and tell what became of them once nothing is under way."""
        self._admission.count(key, sum(len(part.batch.events) + len(part.batch.rejected) for part in parts))
        peer = peer_of(request)
        pending = [self._intake.submit(key.project_id, source, peer, part.batch) for part in parts]
        accepted = 0
        results: list[Verdict] = []
        is_durable = True
        for part, one in zip(parts, pending, strict=True):
            await one.done
            outcome = self._intake.outcome(one)
            accepted += outcome.accepted
            is_durable = is_durable and outcome.is_durable
            results += (replace(verdict, index=part.first + verdict.index) for verdict in outcome.results)
        return Stored(accepted, results, retries=not is_durable)

    async def _beside(self, asked: VendorRequest, work: Callable[[], T]) -> T:
        """Do what a large body makes long beside the event loop, for few requests at once."""
        is_plain = asked.body[:1] in {b"{", b"["}
        if len(asked.body) < (_LARGE if is_plain else _LARGE_PACKED):
            return work()
        async with self._decoding:
            return await asyncio.to_thread(work)


_STRANGER = Refused(401, Refusal.UNAUTHORISED, "the request must name one write key, and it must be live")
_NOT_CONFIRMED = Refused(
    503, Refusal.UNAVAILABLE, "the event log did not confirm; send the events again", RETRY_AFTER
)


def _basic_user(request: Request) -> str | None:
    """Return the user of ``Authorization: Basic …``, empty where it is damaged; ``None`` if there is none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _only(secrets: frozenset[str]) -> str | None:
    """Return the one key that a request names; ``None`` for none or several."""
    return next(iter(secrets)) if len(secrets) == 1 else None


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    if body is None:
        return Response(status_code=status, headers=headers)
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def _refuse(protocol: Protocol, refused: Refused) -> Response:
    metrics.FRAMES_REFUSED.labels(protocol.source, str(refused.code)).inc()
    return _json(refused.status, protocol.refuse(str(refused.code), refused.message), refused.headers)
