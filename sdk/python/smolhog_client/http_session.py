"""Batches over HTTP, for networks that let no WebSocket through."""

import asyncio

import msgspec

from smolhog_client.endpoint import Endpoint
from smolhog_client.errors import GatewayRefusedError, Unauthorized
from smolhog_client.frames import HttpAnswer, Limits, decode_answer, encode_batch
from smolhog_client.http_post import Answer, HttpPoster
from smolhog_client.outlet import Outlet
from smolhog_client.queued import Batch
from smolhog_client.stream_session import first_failure
from smolhog_client.worker import Worker

_POSTERS = 4
"""Requests at once. More would help only over long distances."""
_PAUSE = 1.0
"""Seconds, where the gateway asks for one and does not say how long."""


class HttpSession:
    """Sends the outlet's batches over HTTP until something fails, or until a period is over.

    Args:
        endpoint: where to.
        outlet: where the batches come from.
        for_ever: do not end after ``endpoint.http_period``.
    """

    def __init__(self, endpoint: Endpoint, outlet: Outlet, *, for_ever: bool) -> None:
        self._endpoint = endpoint
        self._outlet = outlet
        self._for_ever = for_ever
        self._limits = Limits()
        self._posters = [
            HttpPoster(
                endpoint.batch_url,
                {"Authorization": f"Bearer {endpoint.write_key}", "User-Agent": endpoint.sdk},
                endpoint.ack_timeout,
                endpoint.proxy,
            )
            for _ in range(_POSTERS)
        ]

    def file_descriptors(self) -> list[int]:
        """Tell which sockets are open, for a forked child to let go of."""
        return [number for poster in self._posters for number in poster.file_descriptors()]

    async def run(self) -> None:
        """Deliver; returns when it is time to try a WebSocket again.

        Raises:
            OSError: the network, or something between that answers in the gateway's place.
            AckOverdueError: the gateway acknowledges nothing.
            GatewayRefusedError: the gateway will not take what we send, now or later.
        """
        workers = [Worker("smolhog-http") for _ in self._posters]
        try:
            await self._knock(self._posters[0], workers[0])
            await self._deliver_for_a_period(workers)
        finally:
            for poster, worker in zip(self._posters, workers, strict=True):
                poster.abort()
                worker.stop(poster.close)

    async def _deliver_for_a_period(self, workers: list[Worker]) -> None:
        period = asyncio.timeout(None if self._for_ever else self._endpoint.http_period)
        try:
            async with period:
                await first_failure(*map(self._deliver, self._posters, workers))
        except TimeoutError:
            if not period.expired():
                raise

    async def _knock(self, poster: HttpPoster, worker: Worker) -> None:
        """Ask with an empty batch whether the gateway is there and knows the key."""
        body = encode_batch("b0", self._outlet.clocks.now(), ())
        async with asyncio.timeout(self._endpoint.open_timeout):
            answer = await worker.call(lambda: poster.post(body))
        said = _read(answer)
        if answer.status == 503:
            self._outlet.pause(answer.retry_after or _PAUSE)
        elif answer.status != 200:
            raise _refusal(answer.status, said)
        self._outlet.welcome(self._limits)

    async def _deliver(self, poster: HttpPoster, worker: Worker) -> None:
        while True:
            batch = await self._outlet.next_batch()
            body = encode_batch(batch.batch_id, self._outlet.clocks.now(), batch.bodies)
            self._handle(batch, await worker.call(lambda body=body: poster.post(body)))  # type: ignore[misc]

    def _handle(self, batch: Batch, answer: Answer) -> None:
        said = _read(answer)
        if answer.status == 200:
            self._outlet.acknowledge(batch.batch_id, said.results)
        elif answer.status == 503:
            # Some may be stored; sent again under their ids they count once.
            self._outlet.pause(answer.retry_after or _PAUSE)
            self._outlet.give_back([batch.batch_id])
        elif answer.status == 413 and len(batch.events) > 1:
            self._limits = Limits(max(batch.size // 2, 1024), max(len(batch.events) // 2, 1))
            self._outlet.give_back([batch.batch_id])
            self._outlet.welcome(self._limits)
        elif answer.status in (400, 413, 415):
            self._outlet.refuse(batch.batch_id, said.code, said.message)
        else:
            raise _refusal(answer.status, said)


def _read(answer: Answer) -> HttpAnswer:
    """Read what the gateway says.

    Raises:
        ConnectionError: it is not the gateway that speaks, or it cannot answer now.
    """
    if answer.status == 200 or (400 <= answer.status < 500 and answer.status != 408) or answer.status == 503:
        try:
            said = decode_answer(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConnectionError(f"answered {answer.status}, and not by a gateway") from error
        if answer.status == 200 or said.code:
            return said
    raise ConnectionError(f"answered {answer.status}")


def _refusal(status: int, said: HttpAnswer) -> GatewayRefusedError:
    if status in (401, 403):
        return Unauthorized(said.code, said.message)
    return GatewayRefusedError(said.code, f"{said.message}: HTTP status {status}")
