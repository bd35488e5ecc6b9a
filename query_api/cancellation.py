"""Who asked may go away; then nobody needs the answer any more."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

_T = TypeVar("_T")


async def unless_gone(receive: Receive, answering: Awaitable[_T]) -> _T:
    """Return what ``answering`` returns, or cancel it when the client goes away before.

    Args:
        receive: of the request, whose body was read.
        answering: makes the answer; what it asks the stores ends with it, see :meth:`query_api.columns.Columns.rows`.

    Raises:
        starlette.requests.ClientDisconnect: the client has gone.
    """
    answer = asyncio.ensure_future(answering)
    departure = asyncio.ensure_future(_departure(receive))
    try:
        await asyncio.wait({answer, departure}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        for task in (answer, departure):
            task.cancel()
        await asyncio.wait({answer, departure})


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
