"""Bodies on their way through the door: from the client as they come, to the client as it takes them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import structlog
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from gateway.http import ABORT

SILENCE = 60.0
"""Seconds without a byte, or in which none is taken, after which a client counts as gone."""
SLICE = 256 * 1024
"""Bytes that are given to the connection at once. TLS keeps what the client does not take yet twice."""
LEAST = 1024
"""Bytes a second, over so long, below which a client that drips does: it would hold its place for ever."""

log = structlog.get_logger()


class GoneError(Exception):
    """The client left before the end of its body."""


async def coming(receive: Any) -> AsyncIterator[bytes]:
    """The body of a request. Raises GoneError."""
    clock, came, waited = asyncio.get_running_loop().time, 0, 0.0
    while True:
        begun = clock()
        try:
            async with asyncio.timeout(SILENCE):
                message = await receive()
        except TimeoutError:
            raise GoneError("the client is silent") from None
        if message["type"] == "http.disconnect":
            raise GoneError("the client left")
        body, more = message.get("body", b""), message.get("more_body", False)
        came, waited = came + len(body), waited + clock() - begun
        if more and waited > SILENCE:
            if came < LEAST * waited:
                raise GoneError("the client drips")
            came, waited = 0, 0.0
        if body:
            yield body
        if not more:
            return


class Going(ASGIResponse):
    """A response whose body is made as the client takes it, and no further when it leaves."""

    def __init__(self, status: int, headers: Mapping[str, str], body: AsyncGenerator[bytes, None]) -> None:
        super().__init__(media_type=headers["content-type"])
        self._status = status
        self._head = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        self._pieces = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it. What the body raises breaks the connection off: half an answer is out."""
        sending = asyncio.create_task(self._send(send), name="body")
        leaving = asyncio.create_task(_left(receive), name="client")
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except TimeoutError:
            log.info("response_cut", reason="the client takes nothing")
            abort: Any = scope.get(ABORT)
            if abort is not None:
                abort()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._pieces.aclose()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._head})
        async for piece in self._pieces:
            for at in range(0, len(piece), SLICE):
                async with asyncio.timeout(SILENCE):
                    await send({"type": "http.response.body", "body": piece[at : at + SLICE], "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Headers(ASGIResponse):
    """The answer to HEAD: what the body would be is said, and none is sent."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(media_type=headers["content-type"])
        self._head = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Serve it."""
        await send({"type": "http.response.start", "status": 200, "headers": self._head})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
